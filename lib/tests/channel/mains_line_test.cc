#include "ngdsp/channel/mains_line.h"

#include <gtest/gtest.h>

#include <cmath>

#include "noise_parts.h"

namespace ngdsp {
namespace {

TEST(LineGains, OthersHoldForTheirShareAroundTheirPhase) {
  LineConfig c;
  c.others.resize(1);
  c.other_share = 0.3;
  c.other_phase_deg = 90;
  c.other_gain_db = -6;
  const auto turns = steady_turns(50, 100000, 20000);  // 1000 samples a half cycle
  std::vector<float> a(turns.size()), b(turns.size());
  line_gains(c, Span<const double>(turns), Span<float>(a), Span<float>(b));
  double share = 0;
  const double other = std::pow(10, -0.3);
  for (std::size_t k = 0; k < a.size(); ++k) {
    share += static_cast<double>(b[k]) / other / static_cast<double>(b.size());
    ASSERT_NEAR(static_cast<double>(a[k]) + static_cast<double>(b[k]) / other, 1, 1e-5);
  }
  EXPECT_NEAR(share, 0.3, 1e-3);
  EXPECT_EQ(a[500], 0);  // a quarter of a cycle
  EXPECT_EQ(a[1000], 1);
  EXPECT_EQ(a[1500], 0);
  EXPECT_NEAR(b[350], other / 2, 0.01);  // the edge
}

TEST(LineGains, GainBreathesTwiceACycle) {
  LineConfig c;
  c.gain_depth = 0.2;
  c.gain_phase_deg = 45;
  const auto turns = steady_turns(50, 48000, 4800);
  std::vector<float> a(turns.size()), b(turns.size());
  line_gains(c, Span<const double>(turns), Span<float>(a), Span<float>(b));
  for (std::size_t k = 0; k < a.size(); ++k) {
    ASSERT_NEAR(a[k], 1 + 0.2 * std::cos(4 * 3.14159265358979 * (turns[k] - 0.125)), 1e-6);
    ASSERT_EQ(b[k], 0);
  }
}

// Two equal paths half a period of the carrier apart cancel in the middle of the band; far apart their powers
// add.
TEST(PathPower, EchoesAddWithTheirPhase) {
  const NoiseBand band;
  EXPECT_EQ(path_power({}, band), 1);
  EXPECT_NEAR(path_power({{-7, 3e-6, 1}}, band), 1, 1e-12);
  EXPECT_NEAR(path_power({{0, 0, 0}, {0, 1e-9, 0}}, band), 2, 1e-6);
  const double half = 3.14159265 * 48000 * 0.5 / 63000;  // turned by so much at the edges of the band
  EXPECT_NEAR(path_power({{0, 0, 0}, {0, 0.5 / 63000, 0}}, band), 1 - std::sin(half) / half, 1e-3);
  EXPECT_NEAR(path_power({{0, 0, 0}, {0, 0, 3.14159265}}, band), 0, 1e-12);
  EXPECT_NEAR(path_power({{0, 0, 0}, {0, 1.0 / 48000, 0}}, band), 1, 1e-9);  // a whole turn over the band
}

TEST(LineConfig, PathsBecomeTaps) {
  const std::vector<Tap> taps = to_taps({{-3, 10e-6, 0.5}}, 48000);
  ASSERT_EQ(taps.size(), 1U);
  EXPECT_EQ(taps[0].gain_db, -3);
  EXPECT_NEAR(taps[0].delay_chips, 0.48, 1e-12);
  EXPECT_EQ(taps[0].phase_rad, 0.5);
}

TEST(LineConfig, DividerIsTheRatioOfImpedances) {
  LineConfig c;
  EXPECT_EQ(c.divider_gain(), 1);
  c.source_ohm = 5;
  c.line_ohm = 1.25;
  EXPECT_DOUBLE_EQ(c.divider_gain(), 0.2);
}

TEST(LineConfig, RangesAreNamed) {
  LineConfig c;
  EXPECT_EQ(c.validate(), "");
  c.others = {{0, 0.1, 0}};
  EXPECT_NE(c.validate().find("line.others: delay"), std::string::npos) << c.validate();
}

}  // namespace
}  // namespace ngdsp
