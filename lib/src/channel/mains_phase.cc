#include "ngdsp/channel/mains_phase.h"

#include <algorithm>
#include <cmath>

#include "channel/field_check.h"

namespace ngdsp {
namespace {

constexpr double kStepsPerSecond = 100;  // far faster than the frequency changes

}  // namespace

std::string MainsConfig::validate() const {
  FieldCheck check("mains.");
  if (frequency_hz != 0) check.range("frequency_hz", frequency_hz, 10, 400, "Hz, or 0 without mains");
  check.range("deviation_hz", deviation_hz, 0, 1, "Hz");
  check.range("correlation_s", correlation_s, 0.1, 1e5, "s");
  return check.error();
}

MainsPhase::MainsPhase(const MainsConfig& config, double sample_rate_hz, std::uint64_t seed)
    : config_(config),
      sample_rate_hz_(sample_rate_hz),
      step_samples_(static_cast<std::uint64_t>(std::max(1.0, std::round(sample_rate_hz / kStepsPerSecond)))),
      rng_(seed) {
  const double step_s = static_cast<double>(step_samples_) / sample_rate_hz;
  keep_ = std::exp(-step_s / config.correlation_s);
  kick_hz_ = config.deviation_hz * std::sqrt(1 - keep_ * keep_);
  turns_ = rng_.uniform();
  frequency_hz_ = config.frequency_hz + config.deviation_hz * rng_.normal();
  left_ = step_samples_;
}

void MainsPhase::step() {
  frequency_hz_ =
      config_.frequency_hz + keep_ * (frequency_hz_ - config_.frequency_hz) + kick_hz_ * rng_.normal();
  left_ = step_samples_;
}

void MainsPhase::next(Span<double> turns) {
  for (double& t : turns) {
    t = turns_;
    if (config_.frequency_hz == 0) continue;
    if (left_ == 0) step();
    --left_;
    turns_ += frequency_hz_ / sample_rate_hz_;
  }
}

}  // namespace ngdsp
