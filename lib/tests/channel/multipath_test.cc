#include "ngdsp/channel/multipath.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/waveform/sequence.h"

namespace ngdsp {
namespace {

TEST(ParseTaps, ReadsGainDelayAndPhase) {
  const auto taps = parse_taps("0@0,-6@0.7@120,-10@2.3");
  ASSERT_TRUE(static_cast<bool>(taps)) << taps.error();
  ASSERT_EQ(taps->size(), 3U);
  EXPECT_EQ((*taps)[0].gain_db, 0);
  EXPECT_EQ((*taps)[1].gain_db, -6);
  EXPECT_EQ((*taps)[1].delay_chips, 0.7);
  EXPECT_DOUBLE_EQ((*taps)[1].phase_rad, 2 * kPi / 3);
  EXPECT_EQ((*taps)[2].delay_chips, 2.3);
  EXPECT_EQ((*taps)[2].phase_rad, 0);
}

TEST(ParseTaps, RefusesBadInput) {
  for (const char* bad : {"", "abc", "1", "0@", "@0", "0:0", "0@0@", "0@0@10@3", "0@0x", "0@0,,1@1", ",0@0",
                          "nan@0", "0@nan", "0@0@inf", "-61@0", "61@0", "0@-0.1", "0@64.1", "1e999@0"}) {
    const auto taps = parse_taps(bad);
    EXPECT_FALSE(static_cast<bool>(taps)) << '"' << bad << '"';
  }
  const auto named = parse_taps("0@0,5@x");
  ASSERT_FALSE(static_cast<bool>(named));
  EXPECT_NE(named.error().find("\"5@x\""), std::string::npos) << named.error();
  std::string many = "0@0";
  for (int i = 1; i < 32; ++i) many += ",0@1";
  EXPECT_TRUE(static_cast<bool>(parse_taps(many)));
  const auto too_many = parse_taps(many + ",0@1");
  ASSERT_FALSE(static_cast<bool>(too_many));
  EXPECT_NE(too_many.error().find("33"), std::string::npos);
}

// Paths whole chips apart of a random sequence are uncorrelated to 1/sqrt(4000): their powers add to the
// power of one path within a few times 2 * 0.7 * 0.3 / 63 = 0.7 %.
TEST(Multipath, PowersSumToOne) {
  const Profile p = *find_profile("srd433");
  const Modulator m(p);
  const auto chips = gold_chips(3, 4000);
  Arrival a;
  a.start_samples = 100;
  std::vector<cf32> one(17000), many(17000), none(17000);
  m.add(chips, a, Span<cf32>(one));
  add_multipath(m, chips, a, {}, p.chip_rate_hz, Span<cf32>(none));
  EXPECT_EQ(one, none);
  add_multipath(m, chips, a, {{-3, 0, 0}, {-6, 3, 1}, {-12, 9, 2}}, p.chip_rate_hz, Span<cf32>(many));
  double e1 = 0, e2 = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    e1 += static_cast<double>(std::norm(one[i]));
    e2 += static_cast<double>(std::norm(many[i]));
  }
  EXPECT_NEAR(e2 / e1, 1, 0.03);
}

// Taps whole chips apart are rendered as one filter: it gives what the paths give one by one, real carrier,
// offset and all. Delays in the frame's clock are off by 9 chips x 40 ppm.
TEST(Multipath, TapsWholeChipsApartAreTheSameOnesAlone) {
  const Profile p;
  const Modulator m(p);
  const auto chips = gold_chips(3, 2000);
  Arrival a;
  a.start_samples = 100.3;
  a.phase_rad = 0.4;
  a.clock_ppm = 40;
  a.carrier_offset_hz = 300;
  const std::vector<Tap> taps = {{0, 2.5, 0.3}, {-3, 0, -1}, {-6, 9.5, 2}, {-4, 5, 1}, {-9, 0.5, 0}};
  std::vector<float> together(9000), alone(9000);
  add_multipath(m, chips, a, taps, p.chip_rate_hz, Span<float>(together));
  double power = 0;
  for (const Tap& t : taps) power += from_db(t.gain_db);
  for (const Tap& t : taps) {
    Arrival one = a;
    one.amplitude = std::sqrt(from_db(t.gain_db) / power);
    one.start_samples += t.delay_chips * m.sample_rate_hz() / p.chip_rate_hz;
    one.phase_rad += t.phase_rad;
    m.add(chips, one, Span<float>(alone));
  }
  double error = 0, sum = 0;
  for (std::size_t i = 0; i < alone.size(); ++i) {
    error += std::pow(static_cast<double>(alone[i]) - static_cast<double>(together[i]), 2);
    sum += std::pow(static_cast<double>(alone[i]), 2);
  }
  EXPECT_LT(to_db(error / sum), -55);
}

TEST(Multipath, OneTapIsADelayAndATurn) {
  const Profile p = *find_profile("srd433");
  const Modulator m(p);
  const auto chips = gold_chips(3, 100);
  Arrival a;
  a.start_samples = 100;
  std::vector<cf32> plain(1000), tap(1000);
  m.add(chips, a, Span<cf32>(plain));
  add_multipath(m, chips, a, {{-20, 2.5, 1.0}}, p.chip_rate_hz, Span<cf32>(tap));  // 2.5 chips are 10 samples
  const auto turn = std::polar(1.0F, 1.0F);
  for (std::size_t i = 0; i + 10 < plain.size(); ++i)
    ASSERT_NEAR(std::abs(plain[i] * turn - tap[i + 10]), 0, 2e-6);
}

}  // namespace
}  // namespace ngdsp
