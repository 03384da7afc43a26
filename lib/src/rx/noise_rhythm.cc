#include "ngdsp/rx/noise_rhythm.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

constexpr double kStepSeconds = 0.5e-3;  // of 1 ms harmonics of bursts alias onto each other
constexpr float kLeastPower = 1e-30F;

}  // namespace

NoiseRhythm::NoiseRhythm(double chip_rate_hz)
    : chip_rate_hz_(chip_rate_hz),
      step_chips_(static_cast<std::size_t>(std::max(1L, std::lround(kStepSeconds * chip_rate_hz)))),
      tracker_(static_cast<double>(step_chips_) / chip_rate_hz) {}

void NoiseRhythm::restart() {
  tracker_.restart();
  next_ = 0;
}

double NoiseRhythm::next_chip() const {
  // A chip is the mean of its four planes.
  constexpr double kMiddle = 0.5 * (ChipBuffer::kPlanes - 1) / ChipBuffer::kPlanes;
  return static_cast<double>(next_) + 0.5 * static_cast<double>(step_chips_ - 1) + kMiddle;
}

std::optional<MainsClock> NoiseRhythm::clock() const {
  if (!tracker_.locked()) return std::nullopt;
  return MainsClock{next_chip(), tracker_.turns(), tracker_.frequency_hz() / chip_rate_hz_, tracker_.locks()};
}

void NoiseRhythm::learn(const ChipBuffer& chips, std::int64_t end) {
  next_ = std::max(next_, chips.begin());
  const std::size_t steps = end > next_ ? static_cast<std::size_t>(end - next_) / step_chips_ : 0;
  if (steps == 0) return;
  power_.resize(steps * step_chips_);
  level_.resize(steps);
  chips.powers(next_, power_);
  for (std::size_t i = 0; i < steps; ++i) {
    const auto first = power_.begin() + static_cast<std::ptrdiff_t>(i * step_chips_);
    const float sum = std::accumulate(first, first + static_cast<std::ptrdiff_t>(step_chips_), kLeastPower);
    level_[i] = std::log(sum / static_cast<float>(step_chips_));
  }
  next_ += static_cast<std::int64_t>(power_.size());
  tracker_.process(level_);
}

void NoiseRhythm::report(NoiseReport& out) const {
  out.mains.locked = tracker_.locked();
  if (!out.mains.locked) return;
  out.mains.frequency_hz = tracker_.frequency_hz();
  out.mains.profile_db = tracker_.profile();
  const double mean = std::accumulate(out.mains.profile_db.begin(), out.mains.profile_db.end(), 0.0) /
                      static_cast<double>(out.mains.profile_db.size());
  for (double& level : out.mains.profile_db) level = (level - mean) * to_db(std::exp(1.0));
}

}  // namespace ngdsp
