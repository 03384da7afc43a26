#include "ngdsp/channel/mains_bursts.h"

#include <gtest/gtest.h>

#include "ngdsp/base/db.h"
#include "noise_parts.h"

namespace ngdsp {
namespace {

struct Burst {
  double begin, length;  // samples
  float excess;
};

std::vector<Burst> runs_of(const std::vector<float>& v) {
  std::vector<Burst> runs;
  for (std::size_t k = 1; k < v.size(); ++k) {
    if (v[k] > 0 && v[k - 1] == 0) runs.push_back({static_cast<double>(k), 0, v[k]});
    if (v[k] > 0 && !runs.empty()) runs.back().length += 1;
  }
  return runs;
}

TEST(MainsBursts, TwiceACycleAtTheirPhase) {
  BurstConfig c;
  c.share = 0.1;
  c.phase_deg = 90;
  MainsBursts bursts(c, 50, 1);
  const std::vector<float> v = variance_of(bursts, steady_turns(50, 100000, 200000));  // 2000 samples a cycle
  const std::vector<Burst> runs = runs_of(v);
  ASSERT_EQ(runs.size(), 200U);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    EXPECT_NEAR(runs[i].begin, 450 + 1000.0 * static_cast<double>(i), 1)
        << i;  // centred at a quarter of a cycle
    EXPECT_NEAR(runs[i].length, 100, 1);
    EXPECT_FLOAT_EQ(runs[i].excess, 99);
  }
}

TEST(MainsBursts, ShareAndNumberACycle) {
  for (const int per_cycle : {1, 2, 6})
    for (const double share : {0.02, 0.2, 0.9}) {
      BurstConfig c;
      c.share = share;
      c.per_cycle = per_cycle;
      MainsBursts bursts(c, 60, 1);
      const std::vector<float> v = variance_of(bursts, steady_turns(60, 60000, 60000));
      double on = 0;
      for (const float x : v) on += x > 0;
      EXPECT_NEAR(on / 60000, share, 1e-2 * share + per_cycle * 1e-3);
      EXPECT_NEAR(static_cast<double>(runs_of(v).size()), 60.0 * per_cycle, 1);
    }
}

// 4000 bursts: a spread is known to sqrt(1/8000) = 1.1 % of itself, five deviations 5.6 %; the sampling of
// edges adds 1/sqrt(12) samples to 20 (0.1 %).
TEST(MainsBursts, JitterOfEdgesAndLevels) {
  BurstConfig c;
  c.share = 0.2;
  c.jitter_s = 0.0002;
  c.level_jitter_db = 4;
  c.level_db = 30;
  MainsBursts bursts(c, 50, 5);
  constexpr double kRate = 100000;
  const std::vector<Burst> runs = runs_of(variance_of(bursts, steady_turns(50, kRate, 4000000)));
  ASSERT_NEAR(static_cast<double>(runs.size()), 4000, 1);
  double edge = 0, level = 0;
  for (std::size_t i = 1; i < runs.size(); ++i) {
    const double nominal = std::round((runs[i].begin - 400) / 1000) * 1000 + 400;
    edge += std::pow((runs[i].begin - nominal) / kRate, 2);
    level += std::pow(to_db(static_cast<double>(runs[i].excess) + 1) - 30, 2);
  }
  EXPECT_NEAR(std::sqrt(edge / static_cast<double>(runs.size())) / 0.0002, 1, 0.06);
  EXPECT_NEAR(std::sqrt(level / static_cast<double>(runs.size())) / 4, 1, 0.06);
}

TEST(MainsBursts, BlocksDoNotMatter) {
  BurstConfig c;
  c.jitter_s = 0.0003;
  c.level_jitter_db = 3;
  const auto turns = steady_turns(50, 48000, 48000);
  MainsBursts a(c, 50, 5), b(c, 50, 5), other(c, 50, 6);
  const auto whole = variance_of(a, turns);
  EXPECT_EQ(whole, variance_of(b, turns, 37));
  EXPECT_NE(whole, variance_of(other, turns));
}

}  // namespace
}  // namespace ngdsp
