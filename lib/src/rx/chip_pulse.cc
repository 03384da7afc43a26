#include "ngdsp/rx/chip_pulse.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

constexpr int kReach = 16;                  // chips either side
constexpr double kSteps = 64;               // a chip, linear between
constexpr std::ptrdiff_t kPulseReach = 12;  // chips: the raised cosine is 50 dB down there

}  // namespace

void ChipPulse::set_filter(const std::vector<cf32>& taps) {
  table_.clear();
  if (taps.empty()) return;
  const auto middle = static_cast<std::ptrdiff_t>(taps.size() / 2);
  for (int i = 0; i <= 2 * kReach * static_cast<int>(kSteps) + 1; ++i) {
    const double t = i / kSteps - kReach;
    const auto nearest = static_cast<std::ptrdiff_t>(std::floor(t));
    cf64 sum;
    for (std::ptrdiff_t n = nearest - kPulseReach; n <= nearest + 1 + kPulseReach; ++n)
      sum +=
          cf64(taps[static_cast<std::size_t>(middle + n)]) * rc_pulse(t - static_cast<double>(n), rolloff_);
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
