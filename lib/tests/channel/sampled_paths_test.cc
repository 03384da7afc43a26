#include "ngdsp/channel/sampled_paths.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/channel/impairments.h"

namespace ngdsp {
namespace {

std::vector<float> tone(double turns_a_sample, double phase_rad, std::size_t samples, double from = 0) {
  std::vector<float> x(samples);
  for (std::size_t k = 0; k < samples; ++k)
    x[k] =
        static_cast<float>(std::cos(2 * kPi * turns_a_sample * (static_cast<double>(k) + from) + phase_rad));
  return x;
}

// 0.01 dB of a sine are 0.12 % of its amplitude.
TEST(Hilbert, MakesSineOfCosine) {
  for (const double f : {0.03, 0.18, 0.33, 0.47}) {
    const std::vector<float> y = hilbert(tone(f, 0, 1000)), sine = tone(f, -kPi / 2, 1000);
    for (std::size_t k = 100; k < 900; ++k) ASSERT_NEAR(y[k], sine[k], 1.2e-3) << f;
  }
}

// A path delays and turns a tone, real or complex, by samples whole or not, with a clock of its own.
TEST(SampledPaths, DelayAndTurn) {
  const double f = 0.3;
  for (const double delay_chips : {1.5, 1.37}) {
    for (const double ppm : {0.0, 150.0}) {
      const std::vector<Tap> taps = {{-3, delay_chips, 0.8}};
      const std::vector<float> x = tone(f, 0, 3000);
      std::vector<float> y(2000);
      add_sampled_paths(Span<const float>(x), 500.25, ppm, taps, 4, 0.5, Span<float>(y));
      std::vector<cf32> cx(3000), cy(2000);
      const std::vector<float> quadrature = tone(f, -kPi / 2, 3000);
      for (std::size_t k = 0; k < cx.size(); ++k) cx[k] = {x[k], quadrature[k]};
      add_sampled_paths(Span<const cf32>(cx), 500.25, ppm, taps, 4, 0.5, Span<cf32>(cy));
      for (std::size_t k = 0; k < y.size(); ++k) {
        const double t = 500.25 + static_cast<double>(k) * (1 + ppm * 1e-6) - 4 * delay_chips;
        const double angle = 2 * kPi * f * t + 0.8;
        ASSERT_NEAR(y[k], 0.5 * std::cos(angle), 2e-3) << k;
        ASSERT_NEAR(cy[k].imag(), 0.5 * std::sin(angle), 2e-3) << k;
      }
    }
  }
}

TEST(SampledPaths, PiecesDoNotMatter) {
  Rng rng(2);
  std::vector<float> x(4000), whole(2000), parts(2000);
  rng.add_noise(Span<float>(x), 1);
  const std::vector<Tap> taps = {{0, 0, 0}, {-3, 2.25, 1}, {-6, 16, -2}};
  add_sampled_paths(Span<const float>(x), 500, 0, taps, 4, 1, Span<float>(whole));
  constexpr std::size_t kBefore = 64 + kPathMargin;
  for (std::size_t at = 0; at < 2000; at += 400)
    add_sampled_paths(Span<const float>(x).subspan(500 + at - kBefore, kBefore + 400 + kPathMargin), kBefore,
                      0, taps, 4, 1, Span<float>(parts).subspan(at, 400));
  for (std::size_t k = 0; k < whole.size(); ++k) ASSERT_NEAR(whole[k], parts[k], 1e-5) << k;
}

TEST(SampledPaths, NoTapsIsOnePathAndOutsideIsSilence) {
  const std::vector<float> x = {1, 2, 3};
  std::vector<float> y(6, 10);
  add_sampled_paths(Span<const float>(x), -2, 0, {}, 4, 2, Span<float>(y));
  EXPECT_EQ(y, (std::vector<float>{10, 10, 12, 14, 16, 10}));
}

}  // namespace
}  // namespace ngdsp
