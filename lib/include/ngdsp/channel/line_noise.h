// All the noise of a scenario, and the truth about it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "ngdsp/base/rng.h"
#include "ngdsp/channel/noise_source.h"
#include "ngdsp/channel/scenario.h"

namespace ngdsp {

/// Gaussian noise of the summed variance of all sources, coloured where they ask for it, plus all waveforms.
/// Sample: float or cf32 as NoiseBand::real says. The same seed gives the same samples for any lengths of
/// blocks.
template <typename Sample>
class LineNoise {
 public:
  /// Errors: a recording that is missing, of the wrong kind or without power in the band.
  static Result<LineNoise> create(const Scenario& scenario, const NoiseBand& band, std::uint64_t seed);
  /// As new with this seed; filters are kept.
  void restart(std::uint64_t seed);

  /// Adds the next x.size() samples. `turns` is their mains phase, `power` is N0 times the chip rate.
  void add(Span<const double> turns, Span<Sample> x, double power);

  /// Of the samples added last: the variance of the Gaussian part, as in-band density over N0 (1 = background
  /// alone).
  Span<const float> variance() const { return variance_; }
  /// Of the samples added last: the sum of all waveforms, for a power of 1.
  Span<const cf32> wave() const { return wave_; }
  /// Density of the background over N0.
  double background(double hz) const { return background_.density(hz); }

 private:
  // Sources of one colour share one stream of white noise.
  struct Group {
    ColourConfig colour;
    std::vector<cf32> taps;  // none: white
    std::optional<ColourFilter<Sample>> filter;
    bool background = false;
    std::vector<std::unique_ptr<VarianceSource>> sources;
    Rng rng{0};
  };

  LineNoise(const Scenario& scenario, const NoiseBand& band);
  Group& group_of(const ColourConfig& colour);
  Sample white(Group& group, float variance);

  Scenario scenario_;
  NoiseBand band_;
  Colour background_;
  std::vector<Group> groups_;
  std::optional<PlayedRecording> recording_;
  std::vector<std::unique_ptr<WaveSource>> waves_;
  std::vector<float> variance_, part_;
  std::vector<Sample> samples_;
  std::vector<cf32> wave_;
};

extern template class LineNoise<float>;
extern template class LineNoise<cf32>;

}  // namespace ngdsp
