#include "ngdsp/eval/false_frames.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ngdsp/eval/packet_error.h"

namespace ngdsp {
namespace {

// The same noise as measure_false_alarms draws: every candidate that reaches the decoder is looked at.
TEST(NoisePaths, EveryDecodeOfTheReceiver) {
  constexpr double kSeconds = 10;  // about 8 decodes
  const auto r = measure_noise_paths(Profile{}, kSeconds, 3, 1);
  ASSERT_TRUE(static_cast<bool>(r)) << r.error();
  const auto alarms = measure_false_alarms(Profile{}, kSeconds, 3, 1);
  ASSERT_TRUE(static_cast<bool>(alarms)) << alarms.error();
  ASSERT_EQ(r->classes.size(), 3U);
  std::uint64_t decodes = 0;
  for (const NoisePathClass& c : r->classes) {
    decodes += c.decodes;
    double paths = 0;
    for (const NoisePath& p : c.drawn) {
      EXPECT_TRUE(p.paths == 8 || p.paths == 32 || p.paths == 128) << p.paths;
      EXPECT_LT(p.decode, c.decodes);
      EXPECT_GT(p.excess, -(8 * c.payload_bytes + 24) * std::log(2.0));  // a metric is positive
      EXPECT_LT(p.excess, 60);
      paths += p.paths;
    }
    EXPECT_EQ(paths, c.paths);
  }
  EXPECT_EQ(decodes, alarms->decodes);
  EXPECT_GT(decodes, 0U);
}

TEST(NoisePaths, RateFromPaths) {
  NoisePathClass c;
  c.drawn = {{0, 128, 1, 10.0}, {0, 32, 1, 9.0}, {1, 8, 1, 12.0}, {2, 128, 1, 1.0}};
  const double unit = 365.25 * 86400 / 3600 / 16777216.0;  // an hour of noise
  const YearlyRate r = false_frames_a_year(c, 3600, 9);
  EXPECT_NEAR(r.mean, 168 * unit, 1e-12);
  EXPECT_NEAR(r.deviation, std::sqrt(160.0 * 160 + 8 * 8) * unit, 1e-12);
  EXPECT_EQ(r.candidates, 2U);
  EXPECT_EQ(false_frames_a_year(c, 3600, 12.5).mean, 0);
}

TEST(NoisePaths, RefusesWhatItCannotDo) {
  EXPECT_FALSE(static_cast<bool>(measure_noise_paths(Profile{}, 0, 1)));
  EXPECT_FALSE(static_cast<bool>(measure_noise_paths(Profile{}, std::nan(""), 1)));
  const auto radio = measure_noise_paths(*find_profile("srd433"), 1, 1);
  ASSERT_FALSE(static_cast<bool>(radio));
  EXPECT_NE(radio.error().find("carrier bins"), std::string::npos) << radio.error();
}

}  // namespace
}  // namespace ngdsp
