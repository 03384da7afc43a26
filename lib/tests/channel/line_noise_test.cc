#include "ngdsp/channel/line_noise.h"

#include <gtest/gtest.h>

#include "ngdsp/base/db.h"
#include "ngdsp/channel/noise_level.h"
#include "noise_parts.h"
#include "spectrum.h"

namespace ngdsp {
namespace {

NoiseBand complex_band() {
  NoiseBand band;
  band.real = false;
  band.center_hz = 60000;
  return band;
}

// One of everything.
Scenario busy() {
  Scenario s;
  s.background.slope_db = 12;
  s.cyclic.resize(1);
  s.cyclic[0].slope_db = 5;
  s.bursts.resize(2);
  s.bursts[0].jitter_s = 0.0002;
  s.bursts[1].slope_db = 12;
  s.impulses.resize(2);
  s.impulses[0].mean_gap_s = 0.003;
  s.impulses[1].class_a = 0.2;
  s.ringing.resize(1);
  s.carriers.resize(1);
  s.combs.resize(1);
  return s;
}

template <typename Sample>
std::vector<Sample> noise_of(const Scenario& s, const NoiseBand& band, std::size_t samples,
                             std::uint64_t seed, std::size_t block) {
  auto noise = LineNoise<Sample>::create(s, band, seed);
  EXPECT_TRUE(static_cast<bool>(noise)) << noise.error();
  MainsPhase mains(s.mains, band.sample_rate_hz, seed);
  std::vector<Sample> x(samples);
  for (std::size_t at = 0; at < samples; at += block) {
    const std::size_t n = std::min(block, samples - at);
    std::vector<double> turns(n);
    mains.next(Span<double>(turns));
    noise->add(Span<const double>(turns), Span<Sample>(x).subspan(at, n), 1.0);
  }
  return x;
}

TEST(LineNoise, DefaultIsWhiteNoiseOfTheKnownLevel) {
  const Profile p;
  const NoiseBand band = noise_band(p, 192000);
  EXPECT_DOUBLE_EQ(band.white_variance(), noise_variance(p, 192000, 1, 1));
  EXPECT_DOUBLE_EQ(complex_band().white_variance(), 4);
  const auto x = noise_of<float>(Scenario{}, band, 200000, 1, 200000);
  double power = 0;
  for (const float v : x) power += static_cast<double>(v) * static_cast<double>(v) / 200000;
  EXPECT_NEAR(power / band.white_variance(), 1, 5 * std::sqrt(2.0 / 200000));
}

TEST(LineNoise, BlocksDoNotMatterSeedsDo) {
  const Scenario s = busy();
  const auto whole = noise_of<float>(s, NoiseBand{}, 60000, 3, 60000);
  EXPECT_EQ(whole, noise_of<float>(s, NoiseBand{}, 60000, 3, 997));
  EXPECT_NE(whole, noise_of<float>(s, NoiseBand{}, 60000, 4, 60000));
  EXPECT_EQ(noise_of<cf32>(s, complex_band(), 60000, 3, 60000),
            noise_of<cf32>(s, complex_band(), 60000, 3, 31));
}

TEST(LineNoise, RestartIsAsNew) {
  const Scenario s = busy();
  auto noise = LineNoise<float>::create(s, NoiseBand{}, 9);
  const auto turns = steady_turns(50, 192000, 5000);
  std::vector<float> first(5000), second(5000);
  noise->add(Span<const double>(turns), Span<float>(first), 1.0);
  noise->restart(9);
  noise->add(Span<const double>(turns), Span<float>(second), 1.0);
  EXPECT_EQ(first, second);
}

// Without colour the truth is exact: what is left without the waveforms, over its variance, is white of
// variance 1. 2e5 samples: 0.32 %, five deviations; its fourth moment 3 deviates by sqrt(96/n).
TEST(LineNoise, TruthLeavesWhiteNoise) {
  Scenario s = busy();
  s.background.slope_db = s.cyclic[0].slope_db = s.bursts[1].slope_db = 0;
  auto noise = LineNoise<float>::create(s, NoiseBand{}, 9);
  const auto turns = steady_turns(50, 192000, 200000);
  std::vector<float> x(turns.size());
  noise->add(Span<const double>(turns), Span<float>(x), 4.0);
  double square = 0, fourth = 0, plain = 0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    const double rest = static_cast<double>(x[k] / 2 - std::sqrt(2.0F) * noise->wave()[k].real());
    const double z = rest * rest / (static_cast<double>(noise->variance()[k]) * NoiseBand{}.white_variance());
    square += z, fourth += z * z, plain += rest * rest;
  }
  const auto n = static_cast<double>(x.size());
  EXPECT_NEAR(square / n, 1, 5 * std::sqrt(2 / n) + 1e-3);
  EXPECT_NEAR(fourth / n, 3, 5 * std::sqrt(96 / n) + 1e-2);
  EXPECT_GT(plain / n / NoiseBand{}.white_variance(), 10);  // the bursts were there
}

// A tone of +20 dB against the background in the band, in the samples themselves.
TEST(LineNoise, LevelsCompareWithTheBackgroundInTheBand) {
  Scenario s;
  s.carriers.resize(1);
  s.carriers[0].frequency_hz = 63000;
  s.carriers[0].level_db = 20;
  for (const bool real : {true, false}) {
    const NoiseBand band = real ? NoiseBand{} : complex_band();
    constexpr std::size_t kSize = 1024, kSamples = kSize * 200;
    std::vector<double> density = real ? welch(noise_of<float>(s, band, kSamples, 1, kSamples), kSize)
                                       : welch(noise_of<cf32>(s, band, kSamples, 1, kSamples), kSize);
    double tone = 0, background = 0;
    for (std::size_t i = 0; i < kSize; ++i) {
      const double hz =
          band.center_hz + (static_cast<double>(i) / kSize - (i > kSize / 2 ? 1 : 0)) * band.sample_rate_hz;
      if (hz < band.low_hz() || hz > band.high_hz()) continue;
      (std::abs(hz - 63000) < 1000 ? tone : background) += density[i] / kSize * (real ? 2 : 1);
    }
    EXPECT_NEAR(to_db(tone), 20, 0.1);
    EXPECT_NEAR(background, 1 - 2000 / 48000.0, 5 / std::sqrt(kSamples / 4.0) + 0.01);
  }
}

TEST(LineNoise, ColouredBackgroundKeepsItsBandPower) {
  Scenario s;
  s.background.slope_db = 20;
  const auto x = noise_of<float>(s, NoiseBand{}, 1024 * 300, 1, 5000);
  const std::vector<double> density = welch(x, 1024);
  double sum = 0;
  for (std::size_t i = 208; i < 464; ++i) sum += 2 * density[i] / 1024;
  EXPECT_NEAR(sum, 1, 0.05);  // 76800 samples in the band, weighted towards one end: 1 %
  EXPECT_NEAR(to_db(density[215] / density[457]), 20 * 242.0 / 256, 2.0);
}

}  // namespace
}  // namespace ngdsp
