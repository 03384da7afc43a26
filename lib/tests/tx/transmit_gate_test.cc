#include "ngdsp/tx/transmit_gate.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ngdsp {
namespace {

TEST(TransmitGate, HoldsBackOnlyDuringTheSilence) {
  Rng rng(1), untouched(1);
  TransmitGate gate;
  EXPECT_EQ(gate.begin(0, rng), 0);
  EXPECT_EQ(gate.begin(5, rng), 5);
  gate.order(10, 2);
  for (const double at : {0.0, 9.999, 12.0, 40.0}) EXPECT_EQ(gate.begin(at, rng), at);
  EXPECT_EQ(rng.next(), untouched.next());  // nothing was drawn
  for (const double at : {10.0, 11.0, 11.999}) {
    const double begin = gate.begin(at, rng);
    EXPECT_GE(begin, 12);
    EXPECT_LT(begin, 12 + 32 * 2);
  }
  gate.order(20, 0);
  EXPECT_EQ(gate.begin(11, rng), 11);
  EXPECT_EQ(gate.begin(20, rng), 20);
}

// 1000 frames uniform over 32: mean 16, standard deviation 32/sqrt(12 n) = 0.29; in each quarter 250,
// deviation 14; five of each.
TEST(TransmitGate, SpreadsEvenly) {
  Rng rng(7);
  TransmitGate gate;
  gate.order(3, 1);
  double sum = 0;
  int quarters[4] = {};
  for (int i = 0; i < 1000; ++i) {
    const double after = gate.begin(3 + i / 1000.0, rng) - 4;
    ASSERT_TRUE(after >= 0 && after < 32);
    sum += after;
    ++quarters[static_cast<int>(after / 8)];
  }
  EXPECT_NEAR(sum / 1000, 16, 1.5);
  for (const int n : quarters) EXPECT_NEAR(n, 250, 70);
}

}  // namespace
}  // namespace ngdsp
