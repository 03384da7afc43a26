#include "ngdsp/channel/random_impulses.h"

#include <gtest/gtest.h>

#include <map>

#include "ngdsp/base/db.h"
#include "noise_parts.h"

namespace ngdsp {
namespace {

// 200 s with a mean gap of 10 ms: Poisson of mean 20000, deviation 141; five.
TEST(RandomImpulses, CountDurationAndLevel) {
  ImpulseConfig c;
  c.mean_gap_s = 0.01;
  c.shortest_s = 20e-6;
  c.longest_s = 150e-6;
  c.level_db = 30;
  constexpr double kRate = 192000;
  RandomImpulses impulses(c, kRate, 1);
  const std::vector<double> turns(static_cast<std::size_t>(200 * kRate));
  const std::vector<float> v = variance_of(impulses, turns);
  EXPECT_NEAR(static_cast<double>(impulses.begun()), 20000, 5 * 141);
  double sum = 0;
  for (const float x : v) sum += static_cast<double>(x);
  // Mean 999 x 85e-6/0.01; a compound Poisson sum deviates by sqrt(n E d^2) = 1.1 x 0.7 % of it.
  EXPECT_NEAR(sum / static_cast<double>(v.size()) / (999 * 0.0085), 1, 5 * 0.008);
  for (const float x : v) ASSERT_NEAR(std::remainder(static_cast<double>(x), 999), 0, 0.1);
}

// Middleton's class A: the number present is Poisson of mean A. 1e6 samples with 100 samples' memory are
// worth 5000 independent ones: the share of state m deviates by sqrt(p/5000).
TEST(RandomImpulses, ClassAStatesArePoisson) {
  ImpulseConfig c;
  c.class_a = 0.35;
  c.gamma = 0.02;
  c.shortest_s = c.longest_s = 100e-6;
  RandomImpulses impulses(c, 1e6, 11);
  const std::vector<double> turns(1000000);
  const std::vector<float> v = variance_of(impulses, turns);
  std::map<long, double> states;
  const double each = 1 / (0.35 * 0.02);
  for (const float x : v) states[std::lround(static_cast<double>(x) / each)] += 1e-6;
  double p = std::exp(-0.35);
  for (long m = 0; m < 4; p *= 0.35 / static_cast<double>(++m))
    EXPECT_NEAR(states[m], p, 5 * std::sqrt(p / 5000)) << m;
}

TEST(RandomImpulses, IsUnderWayAtTheBegin) {
  ImpulseConfig c;
  c.class_a = 2;
  c.shortest_s = c.longest_s = 1;
  int present = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    RandomImpulses impulses(c, 1000, seed);
    present += variance_of(impulses, std::vector<double>(1))[0] > 0;
  }
  EXPECT_NEAR(present, 400 * (1 - std::exp(-2)), 5 * std::sqrt(400 * 0.865 * 0.135));
}

TEST(RandomImpulses, BlocksDoNotMatter) {
  ImpulseConfig c;
  c.mean_gap_s = 0.001;
  c.longest_s = 0.003;
  c.level_spread_db = 5;
  const std::vector<double> turns(100000);
  RandomImpulses a(c, 48000, 5), b(c, 48000, 5), other(c, 48000, 6);
  const auto whole = variance_of(a, turns);
  EXPECT_EQ(whole, variance_of(b, turns, 37));
  EXPECT_NE(whole, variance_of(other, turns));
}

}  // namespace
}  // namespace ngdsp
