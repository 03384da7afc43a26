#include "ngdsp/channel/ringing.h"

#include <cmath>

#include "channel/field_check.h"
#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"

namespace ngdsp {

std::string RingingConfig::validate(const std::string& name) const {
  FieldCheck check(name + ".");
  check.range("rate_hz", rate_hz, 0.01, 1e5, "Hz");
  check.range("ring_hz", ring_hz, 1, 1e9, "Hz");
  check.range("decay_s", decay_s, 1e-6, 0.1, "s");
  check.range("level_db", level_db, -40, 100, "dB");
  return check.error();
}

Ringing::Ringing(const RingingConfig& config, const NoiseBand& band, std::uint64_t seed)
    : gap_samples_(band.sample_rate_hz / config.rate_hz),
      decay_rate_(1 / (config.decay_s * band.sample_rate_hz)),
      amplitude_(std::sqrt(from_db(config.level_db))),
      center_(band.center_hz / band.sample_rate_hz),
      held_(band.holds(config.ring_hz)) {
  next_ = Rng(seed).uniform() * gap_samples_;
  decay_ =
      std::polar(std::exp(-decay_rate_), 2 * kPi * (config.ring_hz - band.center_hz) / band.sample_rate_hz);
}

void Ringing::add(Span<const double>, Span<cf32> wave) {
  if (!held_) return;
  for (cf32& x : wave) {
    ring_ *= decay_;
    for (; next_ <= static_cast<double>(sample_); next_ += gap_samples_) {
      // Fraction of a sample since the onset; the sine begins at zero, the envelope turns with the centre.
      const double since = static_cast<double>(sample_) - next_, turned = center_ * next_;
      ring_ += std::polar(amplitude_ * std::exp(-decay_rate_ * since),
                          std::arg(decay_) * since - kPi / 2 - 2 * kPi * (turned - std::floor(turned)));
    }
    x += cf32(ring_);
    ++sample_;
  }
}

}  // namespace ngdsp
