// A SigMF recording as a stream: as fast as it is read, or at its own speed, as if it came from a device.
#pragma once

#include <memory>

#include "ngdsp/io/sigmf_reader.h"
#include "shared_counters.h"
#include "stream.h"

namespace ngdevice {

/// Captures after the first are gaps; where core:global_index says how many samples are missing they are
/// counted.
template <typename Sample>
class FileSource : public SampleSource<Sample> {
 public:
  FileSource(ngdsp::SigmfReader reader, bool realtime);

  ngdsp::Result<Chunk> read(ngdsp::Span<Sample> out) override;
  const StreamInfo& info() const override { return info_; }
  std::int64_t sample0_time_ns() const override { return sample0_time_ns_; }
  StreamCounters counters() const override { return counters_.get(); }

 private:
  Chunk begin_capture();

  ngdsp::SigmfReader reader_;
  StreamInfo info_;
  bool realtime_;
  std::size_t capture_ = 1;  ///< the next one that begins with a gap
  std::int64_t sample0_time_ns_ = 0, begin_ns_ = 0;
  SharedCounters counters_;
};

/// Opened and checked against the rate expected, played at its own speed.
template <typename Sample>
ngdsp::Result<std::unique_ptr<SampleSource<Sample>>> open_file_source(const DeviceSettings& settings,
                                                                      const std::string& path);

}  // namespace ngdevice
