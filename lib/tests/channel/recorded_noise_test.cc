#include "ngdsp/channel/recorded_noise.h"

#include <gtest/gtest.h>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "noise_parts.h"
#include "spectrum.h"

namespace ngdsp {
namespace {

RecordingConfig recording(double sample_rate_hz, double center_hz, bool real, std::size_t samples) {
  auto r = std::make_shared<Recording>();
  r->sample_rate_hz = sample_rate_hz;
  r->center_hz = center_hz;
  r->real = real;
  r->samples.resize(samples);
  Rng rng(3);
  for (cf32& x : r->samples)
    x = {static_cast<float>(rng.normal()), real ? 0.0F : static_cast<float>(rng.normal())};
  RecordingConfig c;
  c.file = "noise";
  c.recording = r;
  return c;
}

// White noise of variance 1: the band of 48 kHz holds a part of it, known to 1/sqrt(samples in the band).
TEST(RecordedNoise, PowerInTheBand) {
  const NoiseBand band;
  EXPECT_NEAR(in_band_power(*recording(192000, 0, true, 1 << 18).recording, band), 0.5,
              0.5 * 5 / std::sqrt(65536));
  EXPECT_NEAR(in_band_power(*recording(192000, 63000, false, 1 << 18).recording, band), 0.5,
              0.5 * 5 / std::sqrt(65536));
  EXPECT_EQ(in_band_power(*recording(20000, 157000, false, 1 << 16).recording, band), 0);
}

TEST(RecordedNoise, OfTheSameRateIsPlayedAsItIs) {
  const RecordingConfig c = recording(192000, 0, true, 5000);
  const auto played = prepare_recording(c, NoiseBand{});
  ASSERT_TRUE(static_cast<bool>(played)) << played.error();
  RecordedNoise noise(*played, NoiseBand{}, 1);
  const auto x = wave_of(noise, std::vector<double>(12000));
  const auto& r = c.recording->samples;
  std::size_t start = 0;
  const float gain = x[5000] == cf32{} ? 1 : std::abs(x[0]) / std::abs(x[5000]);
  EXPECT_FLOAT_EQ(gain, 1);  // repeated
  for (; start < r.size(); ++start)
    if (std::abs(x[1] * r[start] - x[0] * r[(start + 1) % r.size()]) < 1e-5F &&
        std::abs(x[7] * r[start] - x[0] * r[(start + 7) % r.size()]) < 1e-5F)
      break;
  ASSERT_LT(start, r.size());
  for (std::size_t k = 0; k < x.size(); k += 11)
    ASSERT_NEAR(std::abs(x[k] * r[start] - x[0] * r[(start + k) % r.size()]), 0, 1e-4) << k;
}

// From rates below and above: in-band power as asked (white noise of 2e5 samples: 1 %), flat to 0.5 dB in the
// middle of what both rates hold (200 windows: 7 %, three bins beside each other 6 %, five deviations 1.2
// dB).
TEST(RecordedNoise, IsResampledAndScaled) {
  struct Case {
    double rate_hz, center_hz;
    bool real;
  };
  for (const Case& q : {Case{250000, 0, true}, Case{480000, 0, true}, Case{100000, 63000, false}}) {
    RecordingConfig c = recording(q.rate_hz, q.center_hz, q.real, 200000);
    c.level_db = 12;
    const NoiseBand band;
    const auto played = prepare_recording(c, band);
    ASSERT_TRUE(static_cast<bool>(played)) << played.error();
    RecordedNoise noise(*played, band, 1);
    const auto wave = wave_of(noise, std::vector<double>(102400));
    std::vector<float> x;
    for (const cf32& w : wave) x.push_back(std::sqrt(2.0F) * w.real());
    const std::vector<double> density = welch(x, 1024);
    double sum = 0;
    for (std::size_t i = 208; i < 464; ++i) {  // 39 to 87 kHz
      sum += 2 * density[i] / 1024;
      ASSERT_NEAR(to_db((density[i - 1] + density[i] + density[i + 1]) / 3 * 48000 / 96000), 12, 1.7)
          << q.rate_hz << ' ' << i;
    }
    EXPECT_NEAR(to_db(sum), 12, 0.3) << q.rate_hz;
  }
}

TEST(RecordedNoise, WhatCannotBeUsedIsAnError) {
  const auto text = [](const RecordingConfig& c, const NoiseBand& band) {
    const auto noise = prepare_recording(c, band);
    return noise ? std::string() : noise.error();
  };
  NoiseBand radio;
  radio.real = false;
  RecordingConfig none;
  none.file = "x";
  EXPECT_NE(text(none, NoiseBand{}).find("has not been read"), std::string::npos);
  EXPECT_NE(text(recording(20000, 157000, false, 9000), NoiseBand{}).find("no power"), std::string::npos);
  EXPECT_NE(text(recording(192000, 0, true, 9000), radio).find("expected complex"), std::string::npos);
  EXPECT_NE(text(recording(192000, 0, true, 0), NoiseBand{}).find("no samples"), std::string::npos);
}

TEST(RecordedNoise, BlocksDoNotMatter) {
  const RecordingConfig c = recording(250000, 0, true, 3000);
  const auto played = prepare_recording(c, NoiseBand{});
  ASSERT_TRUE(static_cast<bool>(played)) << played.error();
  RecordedNoise a(*played, NoiseBand{}, 1), b(*played, NoiseBand{}, 1), other(*played, NoiseBand{}, 2);
  const std::vector<double> turns(9000);
  const auto whole = wave_of(a, turns);
  EXPECT_EQ(whole, wave_of(b, turns, 41));
  EXPECT_NE(whole, wave_of(other, turns));
}

}  // namespace
}  // namespace ngdsp
