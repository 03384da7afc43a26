// Writes a SigMF recording: samples as they come, metadata with their hash at the end.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "ngdsp/base/error.h"
#include "ngdsp/base/types.h"
#include "ngdsp/io/sigmf.h"

namespace ngdsp {

/// Both files are written under temporary names (.part) and renamed by close(), data first: a reader never
/// meets half a recording. Without close() nothing is left behind. One thread at a time.
class SigmfWriter {
 public:
  /// Starts the recording `path` names (meta file, data file or stem); `meta` supplies everything but sha512
  /// and dataset, which are the writer's. Errors: metadata that format_sigmf_meta() refuses, a file that
  /// cannot be created.
  static Result<SigmfWriter> create(const std::string& path, SigmfMeta meta);
  ~SigmfWriter();
  SigmfWriter(SigmfWriter&&) noexcept;
  SigmfWriter& operator=(SigmfWriter&&) noexcept;

  /// Appends samples. Errors: real samples for a complex format or the reverse, a full disk.
  Status write(Span<const float> samples);
  Status write(Span<const cf32> samples);
  /// A run of samples begins with the next one written, `sample_start` being the writer's: after a gap, or,
  /// before the first sample, in place of the captures of create().
  void begin_capture(SigmfCapture capture);
  /// Adds an annotation; they are sorted by sample_start at close().
  void annotate(SigmfAnnotation annotation);
  /// Flushes to disk, writes the metadata and gives both files their names. After an error nothing is left
  /// behind.
  Status close();

  /// Samples written so far.
  std::uint64_t samples() const;
  /// What had to be changed to fit the format.
  SampleDefects defects() const;

 private:
  struct Impl;
  explicit SigmfWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngdsp
