#include "ngdsp/channel/carrier.h"

#include <algorithm>
#include <cmath>

#include "channel/field_check.h"
#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

constexpr std::uint64_t kKeys = 1;  // the generators of symbols and of keys

}  // namespace

std::string CarrierConfig::validate(const std::string& name) const {
  FieldCheck check(name + ".");
  check.range("frequency_hz", frequency_hz, 1, 1e11, "Hz");
  check.range("level_db", level_db, -40, 100, "dB");
  if (width_hz != 0) check.range("width_hz", width_hz, 10, 1e6, "Hz, or 0 for a tone");
  check.range("on_share", on_share, 0.01, 1, "of the time");
  check.range("key_s", key_s, 1e-4, 1e4, "s");
  check.range("am_depth", am_depth, 0, 1);
  check.range("am_hz", am_hz, 10, 1e5, "Hz");
  check.require(am_depth == 0 || width_hz == 0, "am_depth", "expected 0 where width_hz is set");
  return check.error();
}

Carrier::Carrier(const CarrierConfig& config, const NoiseBand& band, std::uint64_t seed)
    : config_(config),
      held_(band.holds(config.frequency_hz)),
      step_((config.frequency_hz - band.center_hz) / band.sample_rate_hz),
      amplitude_(std::sqrt(from_db(config.level_db) / (1 + config.am_depth * config.am_depth))),
      symbol_rate_((config.width_hz > 0 ? config.width_hz : 2 * config.am_hz) / band.sample_rate_hz),
      seed_(seed) {
  Rng rng(seed);
  phase_ = rng.uniform();
  start_ = rng.uniform() * config.key_s * symbol_rate_ * band.sample_rate_hz;
  at_ = static_cast<std::int64_t>(start_);
  now_ = symbol(at_);
  next_ = symbol(at_ + 1);
}

Carrier::Symbol Carrier::symbol(std::int64_t index) const {
  Rng rng = Rng::stream(seed_, 2 * static_cast<std::uint64_t>(index));
  Symbol s{1.0, rng.normal()};
  if (config_.width_hz > 0) s.value = std::polar(1.0, kPi / 2 * (rng.below(4) + 0.5));
  if (config_.on_share < 1) {
    const double rate_hz = config_.width_hz > 0 ? config_.width_hz : 2 * config_.am_hz;
    const auto key = static_cast<std::uint64_t>(static_cast<double>(index) / (rate_hz * config_.key_s));
    if (Rng::stream(seed_, 2 * key + kKeys).uniform() >= config_.on_share) s.value = 0;
  }
  return s;
}

void Carrier::add(Span<const double>, Span<cf32> wave) {
  if (!held_) return;
  const bool steady = config_.width_hz == 0;
  for (cf32& x : wave) {
    const auto k = static_cast<double>(sample_++);
    const double time = start_ + k * symbol_rate_;
    if (const auto at = static_cast<std::int64_t>(time); at != at_) {
      now_ = at == at_ + 1 ? next_ : symbol(at);
      next_ = symbol(at + 1);
      at_ = at;
    }
    const double fade = kPi / 2 * (time - static_cast<double>(at_));
    const double out = std::cos(fade), in = std::sin(fade);
    // Data fades with constant mean power; a tone that stays on keeps its amplitude.
    cf64 value =
        steady ? now_.value * (out * out) + next_.value * (in * in) : now_.value * out + next_.value * in;
    if (config_.am_depth > 0)
      value *= std::max(0.0, 1 + config_.am_depth * (now_.audio * out + next_.audio * in));
    const double turns = phase_ + step_ * k;
    x += cf32(value * std::polar(amplitude_, 2 * kPi * (turns - std::floor(turns))));
  }
}

}  // namespace ngdsp
