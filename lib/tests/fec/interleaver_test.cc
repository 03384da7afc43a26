#include "ngdsp/fec/interleaver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <vector>

namespace ngdsp {
namespace {

int cyclic(int difference, int size) {
  const int d = std::abs(difference) % size;
  return std::min(d, size - d);
}

TEST(Interleaver, IsAPermutation) {
  for (int size = 64; size <= 16384; size *= 2) {
    const Interleaver interleaver(size);
    ASSERT_EQ(interleaver.size(), size);
    std::vector<int> seen(static_cast<std::size_t>(size), 0);
    for (int m = 0; m < size; ++m) ++seen.at(static_cast<std::size_t>(interleaver[m]));
    EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; })) << size;
  }
}

// By hand from (f1 m + f2 m^2) mod N.
TEST(Interleaver, KnownAnswers) {
  const Interleaver short_one(64);  // 7 m + 16 m^2
  EXPECT_EQ(short_one[0], 0);
  EXPECT_EQ(short_one[1], 23);
  EXPECT_EQ(short_one[2], 14);  // 14 + 64
  EXPECT_EQ(short_one[3], 37);  // 21 + 144 = 165
  EXPECT_EQ(short_one[63], 9);  // -7 + 16
  const Interleaver air(2048);  // 63 m + 128 m^2
  EXPECT_EQ(air[0], 0);
  EXPECT_EQ(air[1], 191);
  EXPECT_EQ(air[2], 638);            // 126 + 512
  EXPECT_EQ(air[100], 156);          // 6300 + 1280000 = 1286300 = 628 * 2048 + 156
  EXPECT_EQ(air[2047], 65);          // -63 + 128
  const Interleaver longest(16384);  // 127 m + 256 m^2
  EXPECT_EQ(longest[3], 2685);       // 381 + 2304
  EXPECT_EQ(longest[16383], 129);
}

TEST(Interleaver, SpreadIsTwoToTheH) {
  for (int size = 64, n = 6; size <= 16384; size *= 2, ++n) {
    const Interleaver interleaver(size);
    const int expected = 1 << ((n + 1) / 2);
    int spread = size;
    for (int d = 1; d < expected + 1; ++d) {
      for (int m = 0; m < size; ++m) {
        spread = std::min(spread, d + cyclic(interleaver[(m + d) % size] - interleaver[m], size));
      }
    }
    EXPECT_EQ(spread, expected) << size;
  }
}

TEST(Interleaver, RefusesOtherSizes) {
  for (const int size : {0, 32, 65, 1000, 32768, -64})
    EXPECT_THROW(Interleaver{size}, std::invalid_argument) << size;
}

}  // namespace
}  // namespace ngdsp
