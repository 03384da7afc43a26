#include "ngdsp/channel/converter_comb.h"

#include <cmath>

#include "channel/field_check.h"
#include "ngdsp/base/db.h"

namespace ngdsp {

std::string CombConfig::validate(const std::string& name) const {
  FieldCheck check(name + ".");
  check.range("fundamental_hz", fundamental_hz, 10, 1e6, "Hz");
  check.range("first", first, 1, 1000);
  check.range("last", last, first, first + 99.0);
  check.range("level_db", level_db, -40, 100, "dB");
  check.range("rolloff_db_per_decade", rolloff_db_per_decade, 0, 100, "dB");
  check.range("sweep_hz", sweep_hz, 0, fundamental_hz, "Hz");
  check.range("jitter_hz", jitter_hz, 0, fundamental_hz / 10, "Hz");
  check.range("jitter_correlation_s", jitter_correlation_s, 1e-5, 100, "s");
  return check.error();
}

ConverterComb::ConverterComb(const CombConfig& config, const NoiseBand& band, std::uint64_t seed)
    : config_(config), band_(band), rng_(seed) {
  keep_ = std::exp(-1 / (config.jitter_correlation_s * band.sample_rate_hz));
  kick_hz_ = config.jitter_hz * std::sqrt(1 - keep_ * keep_);
  wander_hz_ = config.jitter_hz * rng_.normal();
  phase_ = rng_.uniform();
  const double reach_hz = config.sweep_hz / 2 + 4 * config.jitter_hz;
  for (int h = config.first; h <= config.last; ++h) {
    const double phase = rng_.uniform();
    if (!band.holds(h * (config.fundamental_hz - reach_hz)) ||
        !band.holds(h * (config.fundamental_hz + reach_hz)))
      continue;
    const double level_db =
        config.level_db - config.rolloff_db_per_decade * std::log10(static_cast<double>(h) / config.first);
    lines_.push_back({h, std::sqrt(from_db(level_db)), phase});
  }
}

void ConverterComb::add(Span<const double> turns, Span<cf32> wave) {
  if (lines_.empty()) return;
  for (std::size_t k = 0; k < wave.size(); ++k, ++sample_) {
    const double shift = band_.center_hz / band_.sample_rate_hz * static_cast<double>(sample_);
    cf64 sum = 0;
    for (const Line& line : lines_) {
      const double at = line.harmonic * phase_ + line.phase - shift;
      sum += std::polar(line.amplitude, 2 * kPi * (at - std::floor(at)));
    }
    wave[k] += cf32(sum);
    double hz = config_.fundamental_hz;
    if (config_.sweep_hz > 0)
      hz += config_.sweep_hz / 2 * std::cos(4 * kPi * (turns[k] - std::floor(turns[k])));
    if (config_.jitter_hz > 0) {
      wander_hz_ = keep_ * wander_hz_ + kick_hz_ * rng_.normal();
      hz += wander_hz_;
    }
    phase_ += hz / band_.sample_rate_hz;
    phase_ -= std::floor(phase_);
  }
}

}  // namespace ngdsp
