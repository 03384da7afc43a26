// Paths where a response says little about them.
#include "ngdsp/rx/fingers.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

// What lies beyond the last delay, and what is no pulse at all there, is explained in part by the nearest
// delay that is looked at, again and again.
TEST(Fingers, WhatRisesBeyondTheLastDelayIsFoundOnce) {
  constexpr double kRolloff = 0.2, kLength = 1000;
  std::vector<cf64> response(kDelays);
  for (std::size_t d = 0; d < kDelays; ++d) {
    const double t = kFirstDelay + static_cast<double>(d) * kDelayStep;
    response[d] = kLength * rc_pulse(t, kRolloff);
  }
  response[kDelays - 2] = cf64(0, -0.3 * kLength);
  response[kDelays - 1] = cf64(0, -0.6 * kLength);
  std::vector<cf64> left = response;
  std::vector<Finger> fingers;
  find_fingers(left, kLength, 10 * kLength, ChipPulse(kRolloff), fingers);
  ASSERT_GE(fingers.size(), 2U);
  for (std::size_t k = 0; k < fingers.size(); ++k)
    for (std::size_t l = 0; l < k; ++l)
      EXPECT_GT(std::abs(fingers[k].delay_chips - fingers[l].delay_chips), 0.01);
  fit_fingers(response, kLength, ChipPulse(kRolloff), fingers);
  for (const Finger& f : fingers)
    EXPECT_TRUE(std::isfinite(f.delay_chips) && std::isfinite(std::norm(f.gain)));
  EXPECT_NEAR(fingers.front().delay_chips, 0, 0.02);
  EXPECT_NEAR(std::abs(fingers.front().gain - 1.0), 0, 0.05);
}

}  // namespace
}  // namespace ngdsp
