#include "ngdsp/rx/chip_pulse.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/rx/noise_filter.h"
#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

constexpr int kReach = 16;           // chips either side
constexpr double kSteps = 64;        // a chip, linear between: an error 80 dB below the peak
constexpr double kPlainSteps = 256;  // 104 dB
constexpr int kStepsATap = 32;
constexpr int kPulseTaps = 24;  // either side, 12 chips: the raised cosine is 50 dB down there
static_assert(kStepsATap * static_cast<int>(NoiseFilter::kSamples) == static_cast<int>(kSteps));

template <typename Value>
Value interpolate(const std::vector<Value>& table, double steps, double t) {
  if (std::abs(t) > kReach) return 0;
  const double x = (t + kReach) * steps;
  const auto k = static_cast<std::size_t>(x);
  return table[k] + (x - static_cast<double>(k)) * (table[k + 1] - table[k]);
}

}  // namespace

ChipPulse::ChipPulse(double rolloff) : rolloff_(rolloff) {
  constexpr int kReachSteps = kReach * static_cast<int>(kPlainSteps);
  for (int i = -kReachSteps; i <= kReachSteps + 1; ++i) plain_.push_back(rc_pulse(i / kPlainSteps, rolloff));
}

void ChipPulse::set_filter(const std::vector<cf32>& taps) {
  filtered_.clear();
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
    filtered_.push_back(sum);
  }
}

double ChipPulse::plain_at(double t_chips) const { return interpolate(plain_, kPlainSteps, t_chips); }

cf64 ChipPulse::at(double t_chips) const {
  return plain() ? plain_at(t_chips) : interpolate(filtered_, kSteps, t_chips);
}

}  // namespace ngdsp
