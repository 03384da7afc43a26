// Raw samples on a pipe, such as standard input.
#pragma once

#include "ngdsp/io/raw_reader.h"
#include "stream.h"

namespace ngdevice {

template <typename Sample>
class PipeSource : public SampleSource<Sample> {
 public:
  PipeSource(int file_descriptor, ngdsp::SampleFormat format, const std::string& name, double sample_rate_hz)
      : reader_(file_descriptor, format, name) {
    info_.device = name;
    info_.sample_rate_hz = sample_rate_hz;
    info_.time_source = "system";
  }
  ngdsp::Result<Chunk> read(ngdsp::Span<Sample> out) override {
    const auto got = reader_.read(out);
    if (!got) return ngdsp::Error{got.error()};
    counters_.samples += *got;
    return Chunk{*got, false, 0, *got == 0};
  }
  const StreamInfo& info() const override { return info_; }
  std::int64_t sample0_time_ns() const override { return opened_ns_; }
  /// One thread: a pipe waits for its reader.
  StreamCounters counters() const override {
    StreamCounters counters = counters_;
    counters.nonfinite_samples = reader_.non_finite();
    return counters;
  }

 private:
  ngdsp::RawReader reader_;
  StreamInfo info_;
  StreamCounters counters_;
  std::int64_t opened_ns_ = system_time_ns();
};

}  // namespace ngdevice
