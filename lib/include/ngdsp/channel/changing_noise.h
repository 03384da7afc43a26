// Noise whose kind changes with time: the segments of a scenario, one after the other.
#pragma once

#include "ngdsp/channel/line_noise.h"

namespace ngdsp {

/// The noise of a scenario: LineNoise for each segment in turn, from the first on, after the last the first
/// again; a scenario without segments is one without end. What comes again is drawn anew. The same seed gives
/// the same samples for any lengths of blocks.
template <typename Sample>
class ChangingNoise {
 public:
  /// Errors: an invalid scenario, those of LineNoise.
  static Result<ChangingNoise> create(const Scenario& scenario, const NoiseBand& band, std::uint64_t seed);
  /// As new with this seed.
  void restart(std::uint64_t seed);
  /// Adds the next x.size() samples. `turns` is their mains phase, `power` is N0 times the chip rate, N0 that
  /// of a segment of 0 dB.
  void add(Span<const double> turns, Span<Sample> x, double power);
  /// Of the samples added last, see LineNoise; over N0 as above.
  Span<const float> variance() const { return variance_; }
  Span<const cf32> wave() const { return wave_; }

 private:
  struct Segment {
    LineNoise<Sample> noise;
    std::uint64_t samples;
    double gain;  // of powers
  };

  std::vector<Segment> segments_;
  std::size_t now_ = 0;
  std::uint64_t left_ = 0;  // samples of the segment
  Rng seeds_{0};
  std::vector<float> variance_;
  std::vector<cf32> wave_;
};

extern template class ChangingNoise<float>;
extern template class ChangingNoise<cf32>;

}  // namespace ngdsp
