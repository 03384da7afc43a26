#include "ngdsp/channel/mains_phase.h"

#include <gtest/gtest.h>

#include <cmath>

#include "noise_parts.h"

namespace ngdsp {
namespace {

// An Ornstein-Uhlenbeck process of 1 s correlation over 4000 s is worth 2000 independent draws for its mean
// (deviation s/sqrt(2000)) and 4000 for its variance (relative deviation sqrt(2/4000)); five deviations each.
TEST(MainsPhase, FrequencyHasTheModelsMeanSpreadAndMemory) {
  MainsConfig config;
  config.deviation_hz = 0.5;
  config.correlation_s = 1;
  constexpr double kRate = 100;
  MainsPhase mains(config, kRate, 3);
  std::vector<double> turns(400001), hz;
  mains.next(Span<double>(turns));
  for (std::size_t k = 1; k < turns.size(); ++k) hz.push_back((turns[k] - turns[k - 1]) * kRate);
  double mean = 0, spread = 0, second = 0;
  for (const double f : hz) mean += f / static_cast<double>(hz.size());
  for (std::size_t k = 0; k + 100 < hz.size(); ++k) {
    spread += (hz[k] - 50) * (hz[k] - 50);
    second += (hz[k] - 50) * (hz[k + 100] - 50);
  }
  EXPECT_NEAR(mean, 50, 5 * 0.5 / std::sqrt(2000));
  EXPECT_NEAR(spread / static_cast<double>(hz.size()) / 0.25, 1, 5 * std::sqrt(2.0 / 4000));
  EXPECT_NEAR(second / spread, std::exp(-1), 5 * std::sqrt(2.0 / 4000));
}

TEST(MainsPhase, RunsAtItsFrequencyWithoutWander) {
  for (const double hz : {50.0, 60.0, 16.7}) {
    MainsConfig config;
    config.frequency_hz = hz;
    config.deviation_hz = 0;
    MainsPhase mains(config, 48000, 1);
    std::vector<double> turns(480001);
    mains.next(Span<double>(turns));
    EXPECT_NEAR(turns.back() - turns.front(), 10 * hz, 1e-6);
    EXPECT_GE(turns.front(), 0);
    EXPECT_LT(turns.front(), 1);
  }
}

TEST(MainsPhase, StandsStillWithoutMains) {
  MainsConfig config;
  config.frequency_hz = 0;
  MainsPhase mains(config, 48000, 1);
  std::vector<double> turns(100000);
  mains.next(Span<double>(turns));
  EXPECT_EQ(turns.front(), turns.back());
}

TEST(MainsPhase, BlocksDoNotMatterSeedsDo) {
  const MainsConfig config;
  std::vector<double> whole(10000), parts(10000), other(10000);
  MainsPhase(config, 192000, 7).next(Span<double>(whole));
  MainsPhase(config, 192000, 8).next(Span<double>(other));
  MainsPhase mains(config, 192000, 7);
  for (std::size_t at = 0, n = 1; at < parts.size(); at += n, n = n * 3 + 1) {
    n = std::min(n, parts.size() - at);
    mains.next(Span<double>(parts).subspan(at, n));
  }
  EXPECT_EQ(whole, parts);
  EXPECT_NE(whole, other);
}

TEST(MainsPhase, RangesAreNamed) {
  MainsConfig config;
  EXPECT_EQ(config.validate(), "");
  config.frequency_hz = 5;
  EXPECT_NE(config.validate().find("mains.frequency_hz is 5, expected 10 to 400"), std::string::npos);
}

}  // namespace
}  // namespace ngdsp
