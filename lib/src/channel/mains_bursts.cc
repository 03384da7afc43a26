#include "ngdsp/channel/mains_bursts.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "channel/field_check.h"
#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"

namespace ngdsp {

std::string BurstConfig::validate(const std::string& name) const {
  FieldCheck check(name + ".");
  check.range("share", share, 0.001, 0.9, "of the time");
  check.range("level_db", level_db, 0, 80, "dB");
  check.range("phase_deg", phase_deg, -360, 360, "degrees");
  check.range("per_cycle", per_cycle, 1, 6, "bursts a mains cycle");
  check.range("jitter_s", jitter_s, 0, 0.01, "s");
  check.range("level_jitter_db", level_jitter_db, 0, 20, "dB");
  check.range("slope_db", slope_db, -60, 60, "dB");
  return check.error();
}

MainsBursts::MainsBursts(const BurstConfig& config, double mains_hz, std::uint64_t seed)
    : config_(config),
      jitter_(config.jitter_s * mains_hz * config.per_cycle),
      seed_(seed),
      burst_(std::numeric_limits<std::int64_t>::min()) {}

void MainsBursts::draw(std::int64_t burst) {
  burst_ = burst;
  Rng rng = Rng::stream(seed_, static_cast<std::uint64_t>(burst));
  begin_ = std::max(-0.5, -config_.share / 2 + jitter_ * rng.normal());
  end_ = std::min(0.5, config_.share / 2 + jitter_ * rng.normal());
  const double level_db = config_.level_db + config_.level_jitter_db * rng.normal();
  excess_ = static_cast<float>(std::max(0.0, from_db(level_db) - 1));
}

void MainsBursts::add(Span<const double> turns, Span<float> variance) {
  for (std::size_t k = 0; k < turns.size(); ++k) {
    const double at = (turns[k] - config_.phase_deg / 360) * config_.per_cycle;
    const double nearest = std::floor(at + 0.5), offset = at - nearest;
    if (const auto burst = static_cast<std::int64_t>(nearest); burst != burst_) draw(burst);
    if (offset >= begin_ && offset < end_) variance[k] += excess_;
  }
}

}  // namespace ngdsp
