#include "file_device.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace ngdevice {

using ngdsp::cf32;
using ngdsp::Error;
using ngdsp::Result;
using ngdsp::Span;

template <typename Sample>
FileSource<Sample>::FileSource(ngdsp::SigmfReader reader, bool realtime)
    : reader_(std::move(reader)), realtime_(realtime) {
  const auto& meta = reader_.meta();
  info_ = {.device = reader_.meta_path(),
           .hardware = meta.hardware.empty() ? "recording" : meta.hardware,
           .sample_rate_hz = meta.sample_rate_hz,
           .frequency_hz = meta.frequency_hz(),
           .time_source = "unknown"};
  if (const auto start = meta.start_time_ns()) {
    sample0_time_ns_ = *start;
    info_.time_source = "sigmf";
  }
  while (capture_ < meta.captures.size() && meta.captures[capture_].sample_start == 0) ++capture_;
}

/// The gap before the capture that begins here.
template <typename Sample>
Chunk FileSource<Sample>::begin_capture() {
  const auto& now = reader_.meta().captures[capture_];
  const auto& before = reader_.meta().captures[capture_ - 1];
  ++capture_;
  std::uint64_t missing = 0;
  if (now.global_index && before.global_index) {
    const std::uint64_t length = now.sample_start - before.sample_start;
    if (*now.global_index >= *before.global_index && *now.global_index - *before.global_index >= length)
      missing = *now.global_index - *before.global_index - length;
  }
  Chunk chunk;
  mark_gap(chunk, missing);
  return chunk;
}

template <typename Sample>
Result<Chunk> FileSource<Sample>::read(Span<Sample> out) {
  const auto& captures = reader_.meta().captures;
  Chunk chunk;
  if (capture_ < captures.size() && reader_.position() == captures[capture_].sample_start &&
      reader_.position() < reader_.samples())
    chunk = begin_capture();
  const std::uint64_t end = capture_ < captures.size() ? captures[capture_].sample_start : reader_.samples();
  std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), end - reader_.position()));
  if (realtime_) {
    if (begin_ns_ == 0) begin_ns_ = system_time_ns();
    // What a device would have by now; at least what fills a message of one.
    want = std::min(want, std::max<std::size_t>(1, static_cast<std::size_t>(info_.sample_rate_hz * 0.02)));
    const std::int64_t due_ns =
        begin_ns_ + samples_to_ns(static_cast<double>(reader_.position() + want), info_.sample_rate_hz);
    std::this_thread::sleep_for(std::chrono::nanoseconds(due_ns - system_time_ns()));
  }
  const std::uint64_t defects = reader_.non_finite();
  const auto got = reader_.read(out.first(want));
  if (!got) return Error{got.error()};
  chunk.count = *got;
  chunk.ended = reader_.position() >= reader_.samples();
  counters_.change([&](StreamCounters& c) {
    c.samples += chunk.count;
    c.gaps += chunk.gap;
    c.missing_samples += chunk.missing;
    c.nonfinite_samples += reader_.non_finite() - defects;
  });
  return chunk;
}

template <typename Sample>
Result<std::unique_ptr<SampleSource<Sample>>> open_file_source(const DeviceSettings& settings,
                                                               const std::string& path) {
  auto reader = ngdsp::SigmfReader::open(path);
  if (!reader) return Error{reader.error()};
  const auto& meta = reader->meta();
  if (meta.sample_rate_hz != settings.sample_rate_hz) {
    return Error{fmt::format("{}: core:sample_rate is {:g}, expected {:g}", reader->meta_path(),
                             meta.sample_rate_hz, settings.sample_rate_hz)};
  }
  if (ngdsp::is_complex(meta.format) != std::is_same_v<Sample, cf32>) {
    return Error{fmt::format("{}: core:datatype is {}, expected {} samples", reader->meta_path(),
                             ngdsp::sample_format_name(meta.format),
                             std::is_same_v<Sample, cf32> ? "complex" : "real")};
  }
  return std::unique_ptr<SampleSource<Sample>>(
      std::make_unique<FileSource<Sample>>(std::move(*reader), true));
}

template class FileSource<float>;
template class FileSource<cf32>;
template Result<std::unique_ptr<SampleSource<float>>> open_file_source<float>(const DeviceSettings&,
                                                                              const std::string&);
template Result<std::unique_ptr<SampleSource<cf32>>> open_file_source<cf32>(const DeviceSettings&,
                                                                            const std::string&);

}  // namespace ngdevice
