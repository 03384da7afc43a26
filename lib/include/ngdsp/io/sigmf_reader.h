// Reads a SigMF recording in blocks of any size; the file is never held in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "ngdsp/base/error.h"
#include "ngdsp/base/types.h"
#include "ngdsp/io/sigmf.h"

namespace ngdsp {

struct SigmfReaderOptions {
  bool check_hash = true;  ///< read the whole file once at open() and compare core:sha512 when given
  bool tolerate_partial_sample =
      false;  ///< drop the bytes after the last whole sample instead of refusing the file
};

/// Errors name the file, the field and what was expected. One thread at a time.
class SigmfReader {
 public:
  /// Opens the recording `path` names (meta file, data file or stem) and checks it: metadata as
  /// parse_sigmf_meta(), data file present, its size a multiple of the sample size, its hash, captures and
  /// annotations inside it.
  static Result<SigmfReader> open(const std::string& path, SigmfReaderOptions options = {});
  ~SigmfReader();
  SigmfReader(SigmfReader&&) noexcept;
  SigmfReader& operator=(SigmfReader&&) noexcept;

  const SigmfMeta& meta() const;
  const std::string& meta_path() const;
  const std::string& data_path() const;
  /// Whole samples in the data file.
  std::uint64_t samples() const;
  /// Index of the sample the next read() starts with.
  std::uint64_t position() const;

  /// Fills `out` as far as the file goes and returns the number of samples; 0 at the end. Error: a complex
  /// recording read as real, a file that shrank, a disk that fails.
  Result<std::size_t> read(Span<float> out);
  /// The same; a real recording gets zero imaginary parts.
  Result<std::size_t> read(Span<cf32> out);
  /// Continues at sample `index`, at most samples().
  Status seek(std::uint64_t index);

  /// Samples so far that were NaN or infinite and were replaced by 0.
  std::uint64_t non_finite() const;

 private:
  struct Impl;
  explicit SigmfReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngdsp
