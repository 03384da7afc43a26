#include "ngdsp/channel/noise_colour.h"

#include <gtest/gtest.h>

#include "ngdsp/base/rng.h"
#include "spectrum.h"

namespace ngdsp {
namespace {

NoiseBand radio() {
  NoiseBand band;
  band.real = false;
  band.center_hz = 60000;
  return band;
}

ColourConfig slope(double db) {
  ColourConfig c;
  c.slope_db = db;
  return c;
}

ColourConfig exponential() {
  ColourConfig c;
  c.floor = 0.01;
  c.rise = 10;
  c.decay_hz = 9000;
  return c;
}

ColourConfig table() {
  ColourConfig c;
  c.table = {{7000, 36}, {97000, 0}};
  return c;
}

TEST(Colour, ShapesAreTheirFormulas) {
  const NoiseBand band;
  const Colour s(slope(20), band), e(exponential(), band), t(table(), band);
  EXPECT_NEAR(to_db(s.density(39000) / s.density(87000)), 20, 1e-9);
  EXPECT_NEAR(to_db(s.density(63000) / s.density(87000)), 10, 1e-9);
  EXPECT_EQ(s.density(10), s.density(39000));
  EXPECT_NEAR(e.density(20000) / e.density(50000),
              (0.01 + 10 * std::exp(-20 / 9.0)) / (0.01 + 10 * std::exp(-50 / 9.0)), 1e-9);
  EXPECT_NEAR(to_db(t.density(7000) / t.density(52000)), 18, 1e-9);
  EXPECT_EQ(t.density(100), t.density(7000));
  EXPECT_EQ(t.density(97000), t.density(1e6));
}

TEST(Colour, MeanInTheBandIsOne) {
  const NoiseBand band;
  for (const ColourConfig& c : {slope(20), exponential(), table(), ColourConfig{}}) {
    const Colour colour(c, band);
    double sum = 0;
    for (int i = 0; i < 4800; ++i) sum += colour.density(39005 + 10.0 * i);
    EXPECT_NEAR(sum / 4800, 1, 1e-3);
  }
}

// 1000 windows of Welch deviate by 3.2 % in each bin, five deviations 0.7 dB; 0.5 dB for what the window and
// the length of the taps blur.
template <typename Sample>
void expect_spectrum(const ColourConfig& config, const NoiseBand& band) {
  constexpr std::size_t kSize = 1024;
  const Colour colour(config, band);
  ColourFilter<Sample> filter(colour_taps(colour, band));
  std::vector<Sample> x(kSize * 500 + 8192);
  Rng rng(5);
  rng.add_noise(Span<Sample>(x), 1.0);
  filter.process(x);
  x.erase(x.begin(), x.begin() + 8192);
  const std::vector<double> density = welch(x, kSize);
  for (std::size_t i = 4; i < kSize; ++i) {
    const double turns = static_cast<double>(i) / kSize;
    if (band.real && turns > 0.49) break;
    if (!band.real && std::abs(turns - 0.5) < 0.1) continue;  // the cliff between both ends of the spectrum
    const double hz = band.center_hz + (turns < 0.5 ? turns : turns - 1) * band.sample_rate_hz;
    ASSERT_NEAR(to_db(density[i] / colour.density(hz)), 0, 1.2) << hz;
  }
}

TEST(ColourFilter, MakesTheSpectrum) {
  for (const ColourConfig& c : {slope(20), slope(-13), exponential(), table()}) {
    expect_spectrum<float>(c, NoiseBand{});
    expect_spectrum<cf32>(c, radio());
  }
}

// What is coloured keeps its place: nine tenths of the energy of the taps lie in the first two chips.
TEST(ColourFilter, TapsBeginAtOnce) {
  const NoiseBand band;
  for (const ColourConfig& c : {slope(20), exponential(), table()}) {
    const std::vector<cf32> taps = colour_taps(Colour(c, band), band);
    double sum = 0, first = 0;
    for (std::size_t i = 0; i < taps.size(); ++i) {
      sum += static_cast<double>(std::norm(taps[i]));
      if (i < 8) first += static_cast<double>(std::norm(taps[i]));
    }
    EXPECT_GT(first / sum, 0.9);
  }
}

TEST(ColourFilter, BlocksDoNotMatter) {
  const NoiseBand band;
  const std::vector<cf32> taps = colour_taps(Colour(slope(20), band), band);
  std::vector<float> whole(5000);
  Rng rng(9);
  rng.add_noise(Span<float>(whole), 1.0);
  std::vector<float> parts = whole;
  ColourFilter<float>(taps).process(Span<float>(whole));
  ColourFilter<float> filter(taps);
  for (std::size_t at = 0, n = 1; at < parts.size(); at += n, n += 13) {
    n = std::min(n, parts.size() - at);
    filter.process(Span<float>(parts).subspan(at, n));
  }
  EXPECT_EQ(whole, parts);
}

}  // namespace
}  // namespace ngdsp
