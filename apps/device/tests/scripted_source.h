// A device that gives what a test says, with rising samples: sample n of the stream is n.
#pragma once

#include <deque>
#include <memory>

#include "device/stream.h"

namespace ngdevice {

class ScriptedSource : public SampleSource<float> {
 public:
  static constexpr double kRateHz = 1000;
  static constexpr std::int64_t kStartNs = 1'700'000'000'000'000'000;

  /// A step is samples given, after `missing` lost ones.
  struct Step {
    std::size_t count = 0;
    std::uint64_t missing = 0;
  };
  explicit ScriptedSource(std::deque<Step> steps) : steps_(std::move(steps)) {
    info_.device = "scripted";
    info_.sample_rate_hz = kRateHz;
  }
  ngdsp::Result<Chunk> read(ngdsp::Span<float> out) override {
    if (steps_.empty()) return Chunk{0, false, 0, true};
    Step& step = steps_.front();
    Chunk chunk{std::min(step.count, out.size()), step.missing > 0, step.missing, false};
    position_ += step.missing;
    step.missing = 0;
    for (std::size_t i = 0; i < chunk.count; ++i) out[i] = static_cast<float>(position_++);
    step.count -= chunk.count;
    if (step.count == 0) steps_.pop_front();
    return chunk;
  }
  const StreamInfo& info() const override { return info_; }
  std::int64_t sample0_time_ns() const override { return kStartNs; }
  StreamCounters counters() const override { return {}; }

 private:
  std::deque<Step> steps_;
  StreamInfo info_;
  std::uint64_t position_ = 0;
};

/// Reads to the end and checks that every sample stands where gaps say it does. Returns how many came.
struct Followed {
  std::uint64_t samples = 0, missing = 0, gaps = 0;
  bool in_place = true;
  std::string error;
};
template <typename Source>
Followed follow(Source& source, std::uint64_t first = 0, std::size_t block = 777) {
  Followed all;
  std::vector<float> samples(block);
  for (bool more = true; more;) {
    const auto got = source.read(ngdsp::Span<float>(samples));
    if (!got) {
      all.error = got.error();
      break;
    }
    all.gaps += got->gap;
    all.missing += got->missing;
    for (std::size_t i = 0; i < got->count; ++i)
      all.in_place = all.in_place && samples[i] == static_cast<float>(first + all.samples + all.missing + i);
    all.samples += got->count;
    more = !got->ended;
  }
  return all;
}

}  // namespace ngdevice
