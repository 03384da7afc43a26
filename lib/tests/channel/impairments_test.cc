#include "ngdsp/channel/impairments.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

// A Kaiser window of beta 6 ripples by 60 dB, 1e-3; twice that for the image and the passband together.
TEST(Resample, SineKeepsItsDelayAndClock) {
  constexpr std::size_t n = 4000;
  for (const double f : {0.01, 0.13, 0.4, 0.46})
    for (const double t0 : {0.0, 0.5, -3.37, 120.25})
      for (const double ppm : {-100.0, 0.0, 50.0}) {
        std::vector<float> x(n);
        std::vector<cf32> z(n);
        for (std::size_t k = 0; k < n; ++k) {
          const double angle = 2 * kPi * f * static_cast<double>(k);
          x[k] = static_cast<float>(std::cos(angle));
          z[k] = cf32(static_cast<float>(std::cos(angle)), static_cast<float>(-std::sin(angle)));
        }
        const std::vector<float> y = resample(Span<const float>(x), t0, ppm);
        const std::vector<cf32> w = resample(Span<const cf32>(z), t0, ppm);
        ASSERT_EQ(y.size(), n);
        for (std::size_t k = 200; k < n - 200; ++k) {
          const double angle = 2 * kPi * f * (t0 + static_cast<double>(k) * (1 + ppm * 1e-6));
          ASSERT_NEAR(y[k], std::cos(angle), 2e-3) << f << ' ' << t0 << ' ' << ppm << ' ' << k;
          ASSERT_NEAR(w[k].real(), std::cos(angle), 2e-3);
          ASSERT_NEAR(w[k].imag(), -std::sin(angle), 2e-3);
        }
      }
}

TEST(Resample, EdgesSeeZeros) {
  const std::vector<float> x(200, 1.0F);
  const auto far = resample(Span<const float>(x), 400, 0);
  for (const float v : far) EXPECT_EQ(v, 0.0F);
  EXPECT_TRUE(resample(Span<const float>(), 0, 0).empty());
}

TEST(ShiftCarrier, TurnsFromSampleZero) {
  std::vector<cf32> x(100000, cf32(1, 0));
  shift_carrier(x, 1234.5, 48000);
  for (std::size_t k = 0; k < x.size(); k += 997) {
    const double angle = 2 * kPi * 1234.5 / 48000 * static_cast<double>(k);
    ASSERT_NEAR(std::abs(cf64(x[k]) - std::polar(1.0, angle)), 0, 1e-6) << k;
  }
}

TEST(AddRecording, RepeatsFromTheOffset) {
  std::vector<float> x(7, 1.0F);
  const std::vector<float> noise{1, 2, 3};
  add_recording(Span<float>(x), noise, 2.0, 4);
  EXPECT_EQ(x, (std::vector<float>{5, 7, 3, 5, 7, 3, 5}));
  add_recording(Span<float>(x), {}, 2.0, 4);
  EXPECT_EQ(x[0], 5);
  std::vector<cf32> z(2);
  add_recording(Span<cf32>(z), std::vector<cf32>{{1, 1}}, 0.5, 0);
  EXPECT_EQ(z[1], cf32(0.5F, 0.5F));
}

// Impulses one sample long at 1000 a second in one second at 1 MHz: the samples hit are Poisson of mean 1000,
// less 1000^2/(2e6) = 0.5 that fall on another; five deviations are 158.
TEST(Impulses, CountIsPoisson) {
  Rng rng(21);
  std::vector<float> x(1000000);
  add_impulses(Span<float>(x), 1000, 1e-6, 2.0, 1e6, rng);
  double hits = 0, power = 0;
  std::vector<double> gaps;
  std::size_t last = 0;
  for (std::size_t k = 0; k < x.size(); ++k)
    if (x[k] != 0) {
      ++hits;
      power += static_cast<double>(x[k]) * static_cast<double>(x[k]);
      gaps.push_back(static_cast<double>(k - last));
      last = k;
    }
  EXPECT_NEAR(hits, 999.5, 158);
  // sigma 2: variance 4 with relative deviation sqrt(2/n) = 0.045.
  EXPECT_NEAR(power / hits, 4, 4 * 5 * 0.045);
  // Exponential gaps: their deviation is their mean (relative error of its estimate sqrt(2/n) = 0.045).
  const double mean = std::accumulate(gaps.begin(), gaps.end(), 0.0) / hits;
  double spread = 0;
  for (const double g : gaps) spread += (g - mean) * (g - mean);
  EXPECT_NEAR(std::sqrt(spread / hits) / mean, 1, 5 * 0.045);
}

TEST(Impulses, WidthAndComplexVariance) {
  Rng rng(22);
  std::vector<cf32> x(400000);
  add_impulses(Span<cf32>(x), 100, 50e-6, 3.0, 1e6, rng);  // about 40 of 50 samples
  double hits = 0, power = 0;
  for (const cf32& v : x)
    if (v != cf32{}) ++hits, power += static_cast<double>(std::norm(v));
  // 40 impulses +-5 sqrt 40, 50 samples each; power sigma^2 = 9 over >= 400 samples, deviation 5 %.
  EXPECT_NEAR(hits, 2000, 50 * 32);
  EXPECT_NEAR(power / hits, 9, 9 * 0.25);
  const auto before = x;
  add_impulses(Span<cf32>(x), 0, 50e-6, 3.0, 1e6, rng);
  EXPECT_EQ(x, before);
}

TEST(Clip, LimitsEachPart) {
  std::vector<float> x{-3, -1, 0.5F, 2};
  clip(Span<float>(x), 1);
  EXPECT_EQ(x, (std::vector<float>{-1, -1, 0.5F, 1}));
  std::vector<cf32> z{{3, -0.2F}, {-0.1F, -9}};
  clip(Span<cf32>(z), 0.5F);
  EXPECT_EQ(z, (std::vector<cf32>{{0.5F, -0.2F}, {-0.1F, -0.5F}}));
}

}  // namespace
}  // namespace ngdsp
