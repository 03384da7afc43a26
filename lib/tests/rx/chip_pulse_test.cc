#include "ngdsp/rx/chip_pulse.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/rx/fingers.h"
#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

constexpr double kRolloff = 0.2;
constexpr int kMiddle = 1024, kTapsAChip = 2;

// A notch 9 % of the band wide, a fifth of the chip rate above the carrier, and its images at other chip
// rates.
std::vector<cf32> notch() {
  std::vector<cf32> taps(2 * kMiddle);
  for (int n = -200; n <= 200; ++n) {
    const double x = kPi * 0.09 * n;
    const double hole = n == 0 ? 1 : std::sin(x) / x * (0.5 + 0.5 * std::cos(kPi * n / 200));
    taps[static_cast<std::size_t>(kMiddle + kTapsAChip * n)] -=
        static_cast<float>(0.1 * hole) * cf32(std::polar(1.0, 2 * kPi * 0.2 * n));
  }
  taps[kMiddle] = 1;
  return taps;
}

TEST(ChipPulse, IsTheRaisedCosineBehindTheFilter) {
  ChipPulse pulse(kRolloff);
  EXPECT_TRUE(pulse.plain());
  for (const double t : {-15.9, -2.0, -0.001, 0.0, 0.3, 3.0, 16.0})
    EXPECT_NEAR(std::abs(pulse.at(t) - rc_pulse(t, kRolloff)), 0, 1e-5) << t;
  EXPECT_EQ(pulse.at(16.1), cf64());
  const std::vector<cf32> taps = notch();
  pulse.set_filter(taps);
  for (const double t : {-3.25, -0.5, 0.0, 0.7, 5.1}) {
    cf64 sum;
    for (int n = -200; n <= 200; ++n)
      sum += cf64(taps[static_cast<std::size_t>(kMiddle + kTapsAChip * n)]) * rc_pulse(t - n, kRolloff);
    EXPECT_NEAR(std::abs(pulse.at(t) - sum), 0, 3e-3) << t;
    EXPECT_NEAR(std::abs(pulse.at(-t) - std::conj(pulse.at(t))), 0, 1e-3) << t;
  }
  pulse.set_filter({});
  EXPECT_TRUE(pulse.plain());
}

// What the filter makes of one path is one path.
TEST(ChipPulse, OnePathStaysOne) {
  ChipPulse pulse(kRolloff);
  pulse.set_filter(notch());
  std::vector<cf64> response(kDelays);
  for (std::size_t d = 0; d < kDelays; ++d)
    response[d] = 100.0 * cf64(0.6, 0.8) * pulse.at(kFirstDelay + kDelayStep * static_cast<double>(d) - 0.3);
  std::vector<cf64> left = response;
  std::vector<Finger> fingers;
  find_fingers(left, 100, 10, pulse, fingers);
  EXPECT_EQ(fingers.size(), 1U);
  fit_fingers(response, 100, pulse, fingers);
  EXPECT_NEAR(fingers.front().delay_chips, 0.3, 0.02);
  EXPECT_NEAR(std::abs(fingers.front().gain - cf64(0.6, 0.8)), 0, 0.02);
  left = response;
  find_fingers(left, 100, 10, ChipPulse(kRolloff), fingers);
  EXPECT_GT(fingers.size(), 2U);
}

}  // namespace
}  // namespace ngdsp
