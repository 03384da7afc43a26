#include "ngdsp/channel/receiver_input.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

// Amplitude of a sine behind a section, after it has settled.
double response(Biquad section, double hz, double fs) {
  double re = 0, im = 0;
  const int settle = 20000, n = 40000;
  for (int k = 0; k < settle + n; ++k) {
    const double turn = 2 * kPi * hz / fs * k, y = section.step(std::cos(turn));
    if (k >= settle) re += y * std::cos(turn) * 2 / n, im += y * std::sin(turn) * 2 / n;
  }
  return std::hypot(re, im);
}

// Butterworth of order 2: 1/sqrt(1 + (tan/tan)^4) with the bilinear transform's warping.
TEST(Biquad, IsButterworth) {
  constexpr double kFs = 200000, kEdge = 20000;
  for (const double hz : {2000.0, 10000.0, 20000.0, 40000.0, 80000.0}) {
    const double ratio = std::tan(kPi * hz / kFs) / std::tan(kPi * kEdge / kFs);
    EXPECT_NEAR(response(Biquad::lowpass(kEdge, kFs), hz, kFs), 1 / std::sqrt(1 + std::pow(ratio, 4)), 1e-3)
        << hz;
    EXPECT_NEAR(response(Biquad::highpass(kEdge, kFs), hz, kFs), 1 / std::sqrt(1 + std::pow(ratio, -4)), 1e-3)
        << hz;
  }
}

TEST(Quantise, HasItsLevels) {
  EXPECT_FLOAT_EQ(quantise(0.1F, 1, 1), 0.5F);
  EXPECT_FLOAT_EQ(quantise(-7, 1, 1), -0.5F);
  EXPECT_FLOAT_EQ(quantise(0.26F, 3, 1), 0.375F);
  EXPECT_FLOAT_EQ(quantise(9, 8, 2), 2 - 2 / 256.0F);
}

// Uniform samples: the error is uniform over a step, its power step^2/12 within 5 sqrt(0.8/1e5) = 1.4 %.
TEST(Quantise, ErrorIsUniformOverAStep) {
  for (const int bits : {1, 4, 8, 12}) {
    Rng rng(1);
    double error = 0;
    for (int k = 0; k < 100000; ++k) {
      const auto x = static_cast<float>(rng.uniform(-1, 1));
      error += std::pow(static_cast<double>(quantise(x, bits, 1) - x), 2) / 100000;
    }
    EXPECT_NEAR(error * 12 / std::pow(2 / std::exp2(bits), 2), 1, 0.014) << bits;
  }
}

TEST(GainControl, BringsAToneToItsLevel) {
  InputConfig c;
  c.agc = true;
  for (const double amplitude : {0.01, 1.0, 30.0}) {
    ReceiverInput<cf32> input(c, 10000, 1.0);
    std::vector<cf32> x(20000, cf32(static_cast<float>(amplitude), 0));
    input.process(x);
    EXPECT_NEAR(to_db(static_cast<double>(std::norm(x.back()))), -12, 0.01);
  }
}

// Up within its attack, down within its release: after a step of the power p to q, the state is off by 1/e of
// it.
TEST(GainControl, AttackAndRelease) {
  InputConfig c;
  c.agc = true;
  c.agc_attack_s = 0.01;
  c.agc_release_s = 0.1;
  constexpr double kFs = 10000;
  GainControl gain(c, kFs, 1.0);
  for (int k = 0; k < 100; ++k) gain.follow(101);
  EXPECT_NEAR(from_db(-12) / (gain.gain() * gain.gain()), 101 - 100 / std::exp(1), 0.5);
  for (int k = 0; k < 100000; ++k) gain.follow(101);
  for (int k = 0; k < 1000; ++k) gain.follow(1);
  EXPECT_NEAR(from_db(-12) / (gain.gain() * gain.gain()), 1 + 100 / std::exp(1), 0.5);
}

TEST(ReceiverInput, BlocksDoNotMatter) {
  InputConfig c;
  c.highpass_hz = 5000;
  c.lowpass_hz = 90000;
  c.agc = true;
  c.adc_bits = 8;
  std::vector<float> whole(5000);
  Rng rng(1);
  rng.add_noise(Span<float>(whole), 3.0);
  std::vector<float> parts = whole;
  ReceiverInput<float>(c, 192000, 1).process(Span<float>(whole));
  ReceiverInput<float> input(c, 192000, 1);
  for (std::size_t at = 0; at < parts.size(); at += 50) input.process(Span<float>(parts).subspan(at, 50));
  EXPECT_EQ(whole, parts);
}

TEST(ReceiverInput, FullScaleIsCountedFromTheBackground) {
  InputConfig c;
  c.adc_bits = 12;
  c.adc_full_scale_db = 20;
  ReceiverInput<float> input(c, 192000, 4.0);
  std::vector<float> x{1e6F, -1e6F, 5.0F};
  input.process(x);
  EXPECT_NEAR(x[0], 20, 0.01);
  EXPECT_NEAR(x[1], -20, 0.01);
  EXPECT_NEAR(x[2], 5, 0.01);
}

}  // namespace
}  // namespace ngdsp
