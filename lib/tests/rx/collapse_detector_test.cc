#include "ngdsp/rx/collapse_detector.h"

#include <gtest/gtest.h>

#include <random>

#include "ngdsp/rx/silence_orders.h"

namespace ngdsp {
namespace {

constexpr double kLength = 16384, kStep = 2048, kBits = 128;

// Frame lengths, at most `most`, after which the detector's answer is `wanted`; Poisson counts of so many
// frames of 16 bytes a frame length.
double until(CollapseDetector& detector, bool wanted, double lost, double decoded, double most,
             std::mt19937& rng) {
  std::poisson_distribution<int> lose(lost * kStep / kLength + 1e-12),
      decode(decoded * kStep / kLength + 1e-12);
  for (double at = 0; at < most; at += kStep / kLength) {
    if (detector.collapsed() == wanted) return at;
    detector.step(kStep, kBits * lose(rng), kBits * decode(rng));
  }
  return most;
}

// Lost and decoded a frame length, as measured: noise alone; 1.0 and 1.6 bit/chip; 2.0 with two levels; a
// line on which 0.1 bit/chip can never be decoded. Below the reference of 16 frames the sum is above x with
// at most exp(-a x), r (exp(a) - 1) = 16 a for r lost a length: a = 0.44 for r = 12.8, 5e-8 at the barrier of
// 38; 10 000 frame lengths of each.
TEST(CollapseDetector, NeverWithoutCollapse) {
  std::mt19937 rng(1);
  for (const auto& [lost, decoded] :
       {std::pair{0.5, 0.0}, {2.2, 125.0}, {3.4, 195.0}, {17.0, 230.0}, {12.8, 0.0}}) {
    CollapseDetector detector(kLength, 0);
    EXPECT_EQ(until(detector, true, lost, decoded, 10000, rng), 10000) << lost;
    EXPECT_EQ(detector.collapses(), 0U);
  }
}

// Measured in collapse at 1.3, 1.6 and 2.0: the sum grows by 53, 38 and 16.6 a frame length and needs 38.4,
// so 0.7, 1.0 and 2.3; its deviation after 2.3 is 8.7, twice of that later it is as far in 98 of 100. And a
// line that runs again (200 out a length) or falls silent is not collapsed after 0.2 and 2.4.
TEST(CollapseDetector, FindsCollapseAndItsEnd) {
  std::mt19937 rng(2);
  for (const auto& [lost, decoded, most] : {std::tuple{77.0, 8.0, 1.5}, {54.0, 0.3, 2.0}, {32.6, 0.0, 5.5}}) {
    for (int i = 0; i < 200; ++i) {
      CollapseDetector detector(kLength, 0);
      EXPECT_LT(until(detector, true, lost, decoded, 20, rng), most) << lost;
      EXPECT_EQ(detector.collapses(), 1U);
      CollapseDetector silent = detector;
      EXPECT_LT(until(detector, false, 20, 200, 20, rng), 0.6);
      EXPECT_LE(until(silent, false, 0, 0, 20, rng), 2.5);
    }
  }
}

TEST(CollapseDetector, StaysBetweenTheBarriers) {
  CollapseDetector detector(kLength, 0.1);
  for (int i = 0; i < 100; ++i) detector.step(kStep, 1e6, 0);
  EXPECT_EQ(detector.level(), CollapseDetector::kBarrier);
  EXPECT_EQ(detector.collapses(), 1U);
  detector.step(kStep, 0, 0);
  EXPECT_NEAR(detector.level(), 0.3 - 0.225 / 8, 1e-12);  // reference and noise
  EXPECT_TRUE(detector.collapsed());
  detector.step(kStep, 1e6, 0);
  EXPECT_EQ(detector.collapses(), 1U);  // never ended in between
  detector.step(kStep, 0, 1e6);
  EXPECT_EQ(detector.level(), 0);
  EXPECT_FALSE(detector.collapsed());
  detector.step(kStep, 1e6, 0);
  EXPECT_EQ(detector.collapses(), 2U);
}

TEST(SilenceOrders, WaitsLongerEachTime) {
  SilenceOrders orders(8);
  std::vector<double> given;
  for (double t = 0; t < 600; t += 0.125)
    if (orders.due(t, t >= 20)) given.push_back(t);
  EXPECT_EQ(given, (std::vector<double>{20, 28, 44, 76, 140, 268, 396, 524}));
  // Running in between, but not for long: no sooner.
  EXPECT_FALSE(orders.due(610, false));
  EXPECT_FALSE(orders.due(615, true));
  // Running for 32 frame lengths: the next collapse is as the first one.
  EXPECT_FALSE(orders.due(648, false));
  EXPECT_FALSE(orders.due(651, true));  // the last order was at 524
  EXPECT_TRUE(orders.due(652, true));
  EXPECT_FALSE(orders.due(659, true));
  EXPECT_TRUE(orders.due(660, true));
}

}  // namespace
}  // namespace ngdsp
