#include "ngdsp/base/rng.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

namespace ngdsp {
namespace {

// Made by a separate implementation from the papers' pseudo-code; seed 0 is also what other libraries that
// seed xoshiro256++ through SplitMix64 give (5987356902031041503, 7051070477665621255, ...).
TEST(Rng, KnownAnswers) {
  Rng zero(0);
  for (const std::uint64_t x :
       {0x53175d61490b23dfU, 0x61da6f3dc380d507U, 0x5c0fdf91ec9a7bfcU, 0x02eebf8c3bbe5e1aU})
    EXPECT_EQ(zero.next(), x);
  Rng other(42);
  for (const std::uint64_t x :
       {0xd0764d4f4476689fU, 0x519e4174576f3791U, 0xfbe07cfb0c24ed8cU, 0xb37d9f600cd835b8U})
    EXPECT_EQ(other.next(), x);
  EXPECT_EQ(Rng::stream(1, 0).next(), 0xc68bb811f588f93fU);
  Rng stream = Rng::stream(1, 7);
  EXPECT_EQ(stream.next(), 0xea48bf1bca77e488U);
  EXPECT_EQ(stream.next(), 0x8e30b3d7acf1b31cU);
}

TEST(Rng, UniformIsTheTop53Bits) {
  Rng a(0), b(0);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.uniform(), std::ldexp(static_cast<double>(b.next() >> 11), -53));
  Rng c(3);
  for (int i = 0; i < 10000; ++i) {
    const double x = c.uniform(-2, 5);
    ASSERT_GE(x, -2);
    ASSERT_LT(x, 5);
  }
}

// Bounds are five standard deviations of the sample moments of n = 2^20 values:
// mean 1/sqrt n, variance sqrt(2/n), third moment sqrt(15/n), fourth moment sqrt(96/n).
TEST(Rng, NormalMoments) {
  constexpr int n = 1 << 20;
  Rng rng(5);
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0, lag = 0, before = 0;
  for (int i = 0; i < n; ++i) {
    const double x = rng.normal();
    m1 += x;
    m2 += x * x;
    m3 += x * x * x;
    m4 += x * x * x * x;
    lag += x * before;
    before = x;
  }
  const double s = 5 / std::sqrt(static_cast<double>(n));
  EXPECT_NEAR(m1 / n, 0, s);
  EXPECT_NEAR(m2 / n, 1, s * std::sqrt(2.0));
  EXPECT_NEAR(m3 / n, 0, s * std::sqrt(15.0));
  EXPECT_NEAR(m4 / n, 3, s * std::sqrt(96.0));
  EXPECT_NEAR(lag / n, 0, s);
}

// Chi-square of 10 classes has mean 9 and standard deviation sqrt 18; 5 of them above is 30.
TEST(Rng, BelowIsUniform) {
  Rng rng(6);
  std::array<int, 10> count{};
  constexpr int n = 100000;
  for (int i = 0; i < n; ++i) {
    const auto x = rng.below(10);
    ASSERT_LT(x, 10U);
    ++count[x];
  }
  double chi = 0;
  for (const int c : count) chi += (c - n / 10.0) * (c - n / 10.0) / (n / 10.0);
  EXPECT_LT(chi, 30);
  EXPECT_EQ(rng.below(1), 0U);
}

// add_noise adds, and `variance` of complex noise counts both parts. Five deviations of n = 100 000: 2.2 % of
// the variance (real), 1.6 % (complex).
TEST(Rng, NoiseHasTheVarianceAsked) {
  constexpr std::size_t n = 100000;
  std::vector<float> real(n, 10.0F);
  Rng rng(7);
  rng.add_noise(Span<float>(real), 3.0);
  double sum = 0;
  for (const float x : real) sum += (static_cast<double>(x) - 10) * (static_cast<double>(x) - 10);
  EXPECT_NEAR(sum / n, 9.0, 9.0 * 0.022);

  std::vector<cf32> complex(n, cf32(1, -2));
  rng.add_noise(Span<cf32>(complex), 4.0);
  double re = 0, im = 0, cross = 0;
  for (const cf32& x : complex) {
    const double a = static_cast<double>(x.real()) - 1, b = static_cast<double>(x.imag()) + 2;
    re += a * a;
    im += b * b;
    cross += a * b;
  }
  EXPECT_NEAR(re / n, 2.0, 2.0 * 0.022);
  EXPECT_NEAR(im / n, 2.0, 2.0 * 0.022);
  EXPECT_NEAR(cross / n, 0.0, 2.0 * 5 / std::sqrt(static_cast<double>(n)));
}

TEST(Rng, StreamsDoNotRepeatEachOther) {
  Rng a = Rng::stream(1, 0), b = Rng::stream(1, 1), c = Rng::stream(2, 0);
  int same = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto x = a.next(), y = b.next(), z = c.next();
    same += x == y || y == z || x == z;
  }
  EXPECT_EQ(same, 0);
}

}  // namespace
}  // namespace ngdsp
