#include "ngdsp/rx/chip_pulse.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/rx/noise_filter.h"
#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

constexpr int kReach = 16;     // chips either side
constexpr double kSteps = 64;  // a chip, linear between
constexpr int kStepsATap = 32;
constexpr int kPulseTaps = 24;  // either side, 12 chips: the raised cosine is 50 dB down there
static_assert(kStepsATap * static_cast<int>(NoiseFilter::kSamples) == static_cast<int>(kSteps));

}  // namespace

void ChipPulse::set_filter(const std::vector<cf32>& taps) {
  table_.clear();
  if (taps.empty()) return;
  constexpr int kMiddle = kPulseTaps * kStepsATap;
  std::vector<double> pulse;
  for (int i = -kMiddle; i <= kMiddle; ++i) pulse.push_back(rc_pulse(i / kSteps, rolloff_));
  const auto middle = static_cast<int>(taps.size() / 2);
  constexpr int kReachSteps = kReach * static_cast<int>(kSteps);
  for (int i = -kReachSteps; i <= kReachSteps + 1; ++i) {
    const int nearest = static_cast<int>(std::floor(static_cast<double>(i) / kStepsATap));
    cf64 sum;
    for (int n = nearest - kPulseTaps + 1; n <= nearest + kPulseTaps; ++n)
      sum += cf64(taps[static_cast<std::size_t>(middle + n)]) *
             pulse[static_cast<std::size_t>(i - n * kStepsATap + kMiddle)];
    table_.push_back(sum);
  }
}

double ChipPulse::plain_at(double t_chips) const { return rc_pulse(t_chips, rolloff_); }

cf64 ChipPulse::at(double t_chips) const {
  if (plain()) return plain_at(t_chips);
  if (std::abs(t_chips) > kReach) return 0;
  const double x = (t_chips + kReach) * kSteps;
  const auto k = static_cast<std::size_t>(x);
  return table_[k] + (x - static_cast<double>(k)) * (table_[k + 1] - table_[k]);
}

}  // namespace ngdsp
