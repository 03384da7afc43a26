// Noise that has a waveform: carriers, converters, ringing.
#include <gtest/gtest.h>

#include "ngdsp/base/db.h"
#include "ngdsp/channel/carrier.h"
#include "ngdsp/channel/converter_comb.h"
#include "ngdsp/channel/ringing.h"
#include "noise_parts.h"
#include "spectrum.h"

namespace ngdsp {
namespace {

constexpr double kRate = 192000;

NoiseBand complex_band() {
  NoiseBand band;
  band.real = false;
  band.center_hz = 60000;
  return band;
}

// Power within +-reach of a frequency.
double power_near(const std::vector<cf32>& x, double offset_hz, double reach_hz) {
  constexpr std::size_t kSize = 8192;
  const std::vector<double> density = welch(x, kSize);
  double sum = 0;
  for (std::size_t i = 0; i < kSize; ++i) {
    const double hz = std::remainder(static_cast<double>(i) / kSize - offset_hz / kRate, 1.0) * kRate;
    if (std::abs(hz) <= reach_hz) sum += density[i] / kSize;
  }
  return sum;
}

TEST(Carrier, ToneHasItsLevelAndFrequency) {
  CarrierConfig c;
  c.frequency_hz = 61234.5;
  c.level_db = 30;
  for (const NoiseBand& band : {NoiseBand{}, complex_band()}) {
    Carrier tone(c, band, 1);
    const auto x = wave_of(tone, std::vector<double>(100000));
    for (std::size_t k = 1; k < x.size(); k += 1009) {
      ASSERT_NEAR(static_cast<double>(std::norm(x[k])) / 1000, 1, 1e-4);
      const auto step = static_cast<double>(std::arg(x[k] * std::conj(x[k - 1])));
      ASSERT_NEAR(std::remainder(step / (2 * kPi) - (61234.5 - band.center_hz) / kRate, 1.0), 0, 1e-6);
    }
  }
}

TEST(Carrier, OutsideTheSamplesIsLeftOut) {
  CarrierConfig c;
  c.frequency_hz = 97000;
  Carrier tone(c, NoiseBand{}, 1);
  EXPECT_EQ(mean_power(wave_of(tone, std::vector<double>(1000))), 0);
}

// 100 s of 20 ms keys: the share of 5000 deviates by sqrt(0.21/5000) = 0.65 %; 2000 symbols a second keep
// their mean power. 2 kHz hold more than nine tenths of it.
TEST(Carrier, KeyedDataHasItsShareAndWidth) {
  CarrierConfig c;
  c.frequency_hz = 70000;
  c.level_db = 20;
  c.width_hz = 2000;
  c.on_share = 0.7;
  Carrier carrier(c, NoiseBand{}, 2);
  const auto x = wave_of(carrier, std::vector<double>(static_cast<std::size_t>(100 * kRate)));
  EXPECT_NEAR(mean_power(x) / 100, 0.7, 5 * 0.0065 + 0.01);
  EXPECT_GT(power_near(x, 70000, 1000 + 24) / mean_power(x), 0.9);
  EXPECT_LT(power_near(x, 70000, 500) / mean_power(x), 0.9);
}

TEST(Carrier, BroadcastKeepsItsPower) {
  CarrierConfig c;
  c.frequency_hz = 63000;
  c.level_db = 10;
  c.am_depth = 0.3;
  Carrier carrier(c, NoiseBand{}, 3);
  const auto x = wave_of(carrier, std::vector<double>(static_cast<std::size_t>(20 * kRate)));
  // 180000 values of the modulation: 2 x 0.3 / sqrt(180000) = 0.14 %.
  EXPECT_NEAR(mean_power(x) / 10, 1, 5 * 0.002);
  // All but the carrier lies in the sidebands: 0.09 of 1.09.
  EXPECT_NEAR(power_near(x, 63000, 50) / mean_power(x), 1 / 1.09, 0.01);
}

TEST(ConverterComb, LinesFallAsAsked) {
  CombConfig c;
  c.first = 4;
  c.last = 12;  // 100, 110 and 120 kHz cannot be held
  c.level_db = 20;
  c.rolloff_db_per_decade = 40;
  ConverterComb comb(c, NoiseBand{}, 1);
  const auto x = wave_of(comb, std::vector<double>(200000));
  for (int h = 4; h <= 9; ++h)
    EXPECT_NEAR(to_db(power_near(x, 10000.0 * h, 200)), 20 - 40 * std::log10(h / 4.0), 0.01) << h;
  EXPECT_LT(power_near(x, 76000, 200), 1e-6);    // where 116 kHz would be an image of 120 kHz
  EXPECT_LT(power_near(x, -40000, 3000), 1e-6);  // nothing on the other side
}

TEST(ConverterComb, SweepsTwiceAMainsCycle) {
  CombConfig c;
  c.fundamental_hz = 58500;
  c.last = 1;
  c.sweep_hz = 3000;
  ConverterComb comb(c, NoiseBand{}, 1);
  const auto turns = steady_turns(50, kRate, 40000);
  const auto x = wave_of(comb, turns);
  for (std::size_t k = 1; k < x.size(); k += 101) {
    const double hz = static_cast<double>(std::arg(x[k] * std::conj(x[k - 1]))) / (2 * kPi) * kRate;
    ASSERT_NEAR(std::remainder(hz - (58500 + 1500 * std::cos(4 * kPi * turns[k - 1])), kRate), 0, 1) << k;
  }
}

// 2 s of 1 ms memory are worth 2000 draws for the mean and 2000 for the variance (relative sqrt(2/2000) = 3.2
// %).
TEST(ConverterComb, JitterWandersTheFrequency) {
  CombConfig c;
  c.fundamental_hz = 20000;
  c.last = 1;
  c.jitter_hz = 100;
  ConverterComb comb(c, NoiseBand{}, 1);
  const auto x = wave_of(comb, std::vector<double>(static_cast<std::size_t>(2 * kRate)));
  double sum = 0, squares = 0;
  for (std::size_t k = 1; k < x.size(); ++k) {
    const double hz = static_cast<double>(std::arg(x[k] * std::conj(x[k - 1]))) / (2 * kPi) * kRate - 20000;
    sum += hz, squares += hz * hz;
  }
  const auto n = static_cast<double>(x.size());
  EXPECT_NEAR(sum / n, 0, 5 * 100 / std::sqrt(1000));
  EXPECT_NEAR(squares / n / 1e4, 1, 5 * 0.032 + 0.02);
}

TEST(Ringing, IsADampedSine) {
  RingingConfig c;
  c.rate_hz = 100;
  c.ring_hz = 65000;
  c.decay_s = 100e-6;
  c.level_db = 20;
  for (const NoiseBand& band : {NoiseBand{}, complex_band()}) {
    Ringing ringing(c, band, 4);
    const auto x = wave_of(ringing, std::vector<double>(static_cast<std::size_t>(kRate)));
    std::size_t onsets = 0;
    for (std::size_t k = 1; k + 1 < x.size(); ++k) {
      if (std::abs(x[k]) < 4 || std::abs(x[k - 1]) > 1) continue;
      ++onsets;
      EXPECT_LE(std::abs(x[k]), 10.001);  // amplitude 10, at most a sample after the onset
      EXPECT_GE(std::abs(x[k]), 10 * std::exp(-1 / (kRate * 100e-6)) - 0.01);
      EXPECT_NEAR(std::abs(x[k + 1] / x[k]), std::exp(-1 / (kRate * 100e-6)), 1e-4);
      EXPECT_NEAR(std::remainder(static_cast<double>(std::arg(x[k + 1] / x[k])) / (2 * kPi) -
                                     (65000 - band.center_hz) / kRate,
                                 1.0),
                  0, 1e-5);
    }
    EXPECT_NEAR(static_cast<double>(onsets), 100, 1);
  }
}

// The real signal, seen at any rate and around any centre, begins as sin(0): sqrt(2) Re of a real rendering
// is the sine itself.
TEST(Ringing, BeginsAsASine) {
  RingingConfig c;
  c.rate_hz = 10;
  c.ring_hz = 1000;
  c.decay_s = 0.05;
  c.level_db = 0;
  Ringing ringing(c, NoiseBand{}, 4);
  const auto x = wave_of(ringing, std::vector<double>(40000));
  std::size_t k = 0;
  while (x[k] == cf32{}) ++k;
  EXPECT_NEAR(x[k].real(), 0, 2 * kPi * 1000 / kRate);
  EXPECT_NEAR(x[k + 48].real(), 1, 0.01);  // a quarter of a period later
}

template <typename Source, typename Config>
void expect_streaming(const Config& config) {
  const auto turns = steady_turns(50, kRate, 50000);
  Source a(config, NoiseBand{}, 5), b(config, NoiseBand{}, 5), other(config, NoiseBand{}, 6);
  const auto whole = wave_of(a, turns);
  EXPECT_EQ(whole, wave_of(b, turns, 37));
  EXPECT_NE(whole, wave_of(other, turns));
}

TEST(WaveSources, BlocksDoNotMatterSeedsDo) {
  CarrierConfig keyed, broadcast;
  keyed.width_hz = 1500;
  keyed.on_share = 0.5;
  keyed.key_s = 0.003;
  broadcast.am_depth = 0.4;
  CombConfig comb;
  comb.sweep_hz = 500;
  comb.jitter_hz = 30;
  RingingConfig ringing;
  expect_streaming<Carrier>(CarrierConfig{});
  expect_streaming<Carrier>(keyed);
  expect_streaming<Carrier>(broadcast);
  expect_streaming<ConverterComb>(comb);
  expect_streaming<Ringing>(ringing);
}

}  // namespace
}  // namespace ngdsp
