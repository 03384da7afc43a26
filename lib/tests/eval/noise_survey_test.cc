// Surveys of synthetic recordings whose content is known.
#include "ngdsp/eval/noise_survey.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/channel/impairments.h"
#include "ngdsp/waveform/frame_energy.h"

namespace ngdsp {
namespace {

constexpr double kRateHz = 20000;

std::vector<float> white(double seconds, double sigma, std::uint64_t seed) {
  std::vector<float> x(static_cast<std::size_t>(seconds * kRateHz));
  Rng(seed).add_noise(Span<float>(x), sigma);
  return x;
}

NoiseSurvey survey_of(const std::vector<float>& x, SurveyConfig config = {kRateHz, 0, true, {}}) {
  const std::vector<cf32> complex(x.begin(), x.end());
  const auto survey = survey_noise(Span<const cf32>(complex), config);
  EXPECT_TRUE(survey) << survey.error();
  return survey ? *survey : NoiseSurvey{};
}

TEST(NoiseSurvey, WhiteNoise) {
  const NoiseSurvey s = survey_of(white(20, 0.1, 1));
  EXPECT_EQ(s.noise_class, "white");
  EXPECT_NEAR(s.rms_dbfs, -20, 0.05);
  EXPECT_NEAR(s.kurtosis, 2, 5 * s.kurtosis_error);
  EXPECT_LT(s.impulses_per_s, 0.2) << "0.01 a second are allowed: 0.2 in 20 s, 4 with probability 6e-5";
  EXPECT_FALSE(s.mains.locked);
  EXPECT_EQ(s.occupied_time, 0);
  EXPECT_TRUE(s.spectrum.lines.empty());
  // 0.01 over 10 kHz.
  double mean = 0;
  for (const double d : s.spectrum.mean) mean += d / static_cast<double>(s.spectrum.mean.size());
  EXPECT_NEAR(to_db(mean), -60, 0.1);
}

TEST(NoiseSurvey, ComplexWhiteNoise) {
  std::vector<cf32> x(200000);
  Rng(2).add_noise(Span<cf32>(x), 0.01);
  const auto s = survey_noise(Span<const cf32>(x), {kRateHz, 77500, false, {}});
  ASSERT_TRUE(s);
  EXPECT_EQ(s->noise_class, "white");
  EXPECT_NEAR(s->kurtosis, 2, 5 * s->kurtosis_error);
  EXPECT_NEAR(s->band_low_hz, 67500, 50);
  EXPECT_NEAR(s->band_high_hz, 87500, 50);
}

// kFalseLines = 1e-3 a recording: one in 100 recordings has probability 0.1, three 1.5e-4.
TEST(NoiseSurvey, FalseLinesInNoise) {
  std::size_t lines = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed)
    lines += survey_of(white(2, 0.1, 100 + seed)).spectrum.lines.size();
  EXPECT_LT(lines, 3U);
}

// The same for locks, kFalseLocks = 1e-3.
TEST(NoiseSurvey, FalseLocksInNoise) {
  int locks = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    std::vector<float> power(5000);
    Rng rng(seed);
    for (float& p : power) {
      for (int i = 0; i < 10; ++i) p -= static_cast<float>(std::log(1 - rng.uniform()));
    }
    locks += find_mains_rhythm(Span<const float>(power), 1e-3).locked ? 1 : 0;
  }
  EXPECT_LT(locks, 3);
}

TEST(NoiseSurvey, LinesAreFoundWhereTheyAre) {
  auto x = white(20, 0.1, 3);
  // 3 dB more than the detector's threshold for a bin of 2.44 Hz x 2 (window): see line_threshold_db.
  const double amplitudes[] = {0.003, 0.01, 0.3}, frequencies[] = {1234.5, 3210.0, 7000.3};
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (int l = 0; l < 3; ++l)
      x[i] += static_cast<float>(
          amplitudes[l] *
          std::cos(2 * kPi * std::fmod(frequencies[l] / kRateHz * static_cast<double>(i), 1.0)));
  }
  const NoiseSurvey s = survey_of(x);
  ASSERT_EQ(s.spectrum.lines.size(), 3U);
  for (std::size_t l = 0; l < 3; ++l) {
    EXPECT_NEAR(s.spectrum.lines[l].frequency_hz, frequencies[l], s.spectrum.bin_hz / 2);
    EXPECT_NEAR(s.spectrum.lines[l].level_dbfs, to_db(amplitudes[l] * amplitudes[l] / 2), 1.0);
  }
  EXPECT_EQ(s.noise_class, "narrow-band") << "0.045 of 0.055 is in the lines";
  EXPECT_NEAR(s.kurtosis, 2, 0.05) << "lines are no part of the residual";
}

TEST(NoiseSurvey, ColouredNoise) {
  auto x = white(20, 0.1, 4);
  for (std::size_t i = 1; i < x.size(); ++i) x[i] += 0.8F * x[i - 1];
  const NoiseSurvey s = survey_of(x);
  EXPECT_EQ(s.noise_class, "coloured");
  EXPECT_TRUE(s.spectrum.lines.empty());
  EXPECT_NEAR(s.kurtosis, 2, 5 * s.kurtosis_error);
  // |1 - 0.8 exp(-j w)|^2 between 10 and 90 % of the band: 0.118 to 3.16.
  EXPECT_NEAR(s.floor_spread_db,
              to_db((1.64 + 1.6 * std::cos(0.1 * kPi)) / (1.64 - 1.6 * std::cos(0.1 * kPi))), 0.5);
}

TEST(NoiseSurvey, ImpulsesAreCounted) {
  auto x = white(30, 0.01, 5);
  Rng rng(6);
  add_impulses(Span<float>(x), 5, 1e-3, 0.3, kRateHz, rng);
  const NoiseSurvey s = survey_of(x);
  EXPECT_EQ(s.noise_class, "impulsive");
  EXPECT_NEAR(s.impulses_per_s, 5, 4 * std::sqrt(5 / 30.0)) << "Poisson, four standard deviations";
  EXPECT_GT(s.impulse_power_share, 0.5);
  EXPECT_GT(s.impulse_peak_db, 25) << "29.5 dB above the background on average";
  EXPECT_NEAR(s.impulse_width_s, 1e-3, 0.5e-3);
  EXPECT_TRUE(s.spectrum.lines.empty()) << "impulses make no lines";
}

TEST(NoiseSurvey, RhythmOfTheMainsIsFoundBlind) {
  auto x = white(20, 0.1, 7);
  const double mains_hz = 49.97;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double phase = 2 * kPi * mains_hz * static_cast<double>(i) / kRateHz;
    x[i] *= static_cast<float>(std::sqrt(1 + 0.6 * std::cos(2 * phase)));
  }
  const NoiseSurvey s = survey_of(x);
  EXPECT_TRUE(s.mains.locked);
  EXPECT_NEAR(s.mains.frequency_hz, mains_hz, 0.02) << "a fraction of 1/(2 x 20 s)";
  EXPECT_NEAR(s.mains.depth_db, to_db(1.6 / 0.4), 1.0);
  EXPECT_EQ(s.noise_class, "cyclostationary");
}

// A carrier keyed once a second has rhythms at every whole frequency, 50 and 60 Hz among them.
TEST(NoiseSurvey, OtherRhythmsAreNotTheMains) {
  auto x = white(20, 0.1, 8);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (i % 20000 < 200) x[i] *= 3;
  }
  EXPECT_FALSE(survey_of(x).mains.locked);
}

TEST(NoiseSurvey, NeededLevelMatchesTheChannelsNoise) {
  std::vector<float> x(192000 * 2);
  const Profile p = *find_profile("cenelec-a");
  const double sigma = 0.1;
  Rng(9).add_noise(Span<float>(x), sigma);
  const auto needs = link_needs(survey_of(x, {192000, 0, true, {}}));
  ASSERT_EQ(needs.size(), 6U) << "three classes of cenelec-a and of cenelec-a-low";
  EXPECT_EQ(needs[0].profile, "cenelec-a");
  EXPECT_FALSE(needs[0].moved);
  // 2 sigma^2/fs is the noise's density, and E_c = P/R_c.
  const double ec_n0 = from_db(needs[0].needed_dbfs) / p.chip_rate_hz / (2 * sigma * sigma / 192000);
  EXPECT_NEAR(ebn0_db_from_chip(p, p.classes[0], ec_n0), needs[0].threshold_ebn0_db, 0.1);
  EXPECT_NEAR(needs[0].needed_floor_dbfs, needs[0].needed_dbfs, 0.2)
      << "Gaussian: floor and mean are the same";
}

TEST(NoiseSurvey, SliceMovesTheSliceProfile) {
  const auto needs = link_needs(survey_of(white(10, 0.1, 10)));
  ASSERT_EQ(needs.size(), 3U);
  EXPECT_EQ(needs[0].profile, "cenelec-a-low");
  EXPECT_TRUE(needs[0].moved);
  EXPECT_NEAR(needs[0].carrier_hz, 5000, 50);
}

TEST(NoiseSurvey, AskedBand) {
  auto x = white(20, 0.1, 11);
  const SurveyConfig config{kRateHz, 0, true, std::pair{2000.0, 4000.0}};
  const NoiseSurvey s = survey_of(x, config);
  EXPECT_NEAR(s.bandwidth_hz, 2000, 10);
  EXPECT_NEAR(s.kurtosis, 2, 5 * s.kurtosis_error);
  const std::vector<cf32> complex(x.begin(), x.end());
  EXPECT_FALSE(survey_noise(Span<const cf32>(complex), {kRateHz, 0, true, std::pair{50e3, 60e3}}));
}

TEST(NoiseSurvey, BadInput) {
  std::vector<cf32> x(100);
  EXPECT_FALSE(survey_noise(Span<const cf32>(x), {kRateHz, 0, false, {}}));
  x.resize(100000);
  const auto silent = survey_noise(Span<const cf32>(x), {kRateHz, 0, false, {}});
  ASSERT_FALSE(silent);
  EXPECT_NE(silent.error().find("silent"), std::string::npos);
  Rng(12).add_noise(Span<cf32>(x), 1.0);
  x[77] = {std::numeric_limits<float>::quiet_NaN(), 0};
  EXPECT_FALSE(survey_noise(Span<const cf32>(x), {kRateHz, 0, false, {}}));
}

}  // namespace
}  // namespace ngdsp
