#include "ngdsp/channel/changing_noise.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ngdsp/base/db.h"

namespace ngdsp {

template <typename Sample>
Result<ChangingNoise<Sample>> ChangingNoise<Sample>::create(const Scenario& scenario, const NoiseBand& band,
                                                            std::uint64_t seed) {
  if (std::string e = scenario.validate(); !e.empty()) return Error{e};
  ChangingNoise changing;
  const auto append = [&](Scenario steady, std::uint64_t samples, double gain) -> Status {
    steady.mains = scenario.mains;
    Result<LineNoise<Sample>> noise = LineNoise<Sample>::create(steady, band, seed);
    if (!noise) return Error{noise.error()};
    changing.segments_.push_back({std::move(*noise), samples, gain});
    return std::nullopt;
  };
  if (scenario.segments.empty()) {
    if (const Status wrong = append(scenario, std::numeric_limits<std::uint64_t>::max(), 1)) return *wrong;
  }
  for (const NoiseSegment& s : scenario.segments) {
    const double samples = std::max(1.0, std::round(s.seconds * band.sample_rate_hz));
    if (const Status wrong = append(s.noise, static_cast<std::uint64_t>(samples), from_db(s.level_db)))
      return *wrong;
  }
  changing.restart(seed);
  return changing;
}

template <typename Sample>
void ChangingNoise<Sample>::restart(std::uint64_t seed) {
  segments_[0].noise.restart(seed);
  now_ = 0;
  left_ = segments_[0].samples;
  seeds_ = Rng(seed);
}

template <typename Sample>
void ChangingNoise<Sample>::add(Span<const double> turns, Span<Sample> x, double power) {
  variance_.clear();
  wave_.clear();
  while (variance_.size() < x.size()) {
    if (left_ == 0) {
      now_ = (now_ + 1) % segments_.size();
      left_ = segments_[now_].samples;
      segments_[now_].noise.restart(seeds_.next());
    }
    const std::size_t at = variance_.size(),
                      n = static_cast<std::size_t>(std::min<std::uint64_t>(x.size() - at, left_));
    Segment& s = segments_[now_];
    s.noise.add(turns.subspan(at, n), x.subspan(at, n), s.gain * power);
    for (const float v : s.noise.variance()) variance_.push_back(static_cast<float>(s.gain) * v);
    for (const cf32 w : s.noise.wave()) wave_.push_back(static_cast<float>(std::sqrt(s.gain)) * w);
    left_ -= n;
  }
}

template class ChangingNoise<float>;
template class ChangingNoise<cf32>;

}  // namespace ngdsp
