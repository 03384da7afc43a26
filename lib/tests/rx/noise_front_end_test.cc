#include "ngdsp/rx/noise_front_end.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

const Profile& profile() {
  static const Profile p = *load_profile("cenelec-a");
  return p;
}

NoiseFrontEnd front_end() {
  return std::move(*NoiseFrontEnd::create(profile(), profile().sample_rate_hz, profile().carrier_hz));
}

// Real noise, ten times as high for 2 ms of 20.
std::vector<cf32> bursts(double seconds) {
  std::vector<cf32> x(static_cast<std::size_t>(seconds * profile().sample_rate_hz));
  Rng rng(1);
  for (std::size_t n = 0; n < x.size(); ++n)
    x[n] = static_cast<float>((n % 3840 < 384 ? 1 : 0.1) * rng.normal());
  return x;
}

std::vector<float> weights(NoiseFrontEnd& noise, Span<const cf32> x, std::size_t piece) {
  std::vector<float> all;
  const auto keep = [&all](Span<const float> w) { all.insert(all.end(), w.begin(), w.end()); };
  for (std::size_t n = 0; n < x.size(); n += piece)
    noise.process(x.subspan(n, std::min(piece, x.size() - n)), keep);
  noise.flush(keep);
  return all;
}

TEST(NoiseFrontEnd, WeighsEveryChipOnceWhateverThePieces) {
  const std::vector<cf32> x = bursts(0.4);
  NoiseFrontEnd noise = front_end();
  const std::vector<float> whole = weights(noise, x, x.size());
  EXPECT_GE(whole.size(), x.size() / 4);
  EXPECT_EQ(whole, weights(noise, x, 100));  // flushed it is as new
}

TEST(NoiseFrontEnd, BurstsCountByTheirPower) {
  NoiseFrontEnd noise = front_end();
  const std::vector<float> w = weights(noise, bursts(2), 4096);
  double within = 0, beside = 0;
  int in = 0, out = 0;
  for (std::size_t chip = 48000; chip < 96000; ++chip) {
    const std::size_t at = chip % 960;  // pulses reach over the ends of a burst
    if (at > 10 && at < 86) within += static_cast<double>(w[chip]), ++in;
    if (at > 110 && at < 940) beside += static_cast<double>(w[chip]), ++out;
  }
  EXPECT_NEAR(to_db(within / in), -20, 1.5);
  EXPECT_NEAR(to_db(beside / out), 0, 0.7);
}

TEST(NoiseFrontEnd, WeightsComeNoLaterThanItSays) {
  NoiseFrontEnd noise = front_end();
  const std::vector<cf32> x = bursts(0.5);
  std::int64_t known = 0;
  for (std::size_t n = 0; n < x.size(); n += 4) {
    noise.process(Span<const cf32>(x).subspan(n, 4),
                  [&known](Span<const float> w) { known += static_cast<std::int64_t>(w.size()); });
    ASSERT_GE(known, static_cast<std::int64_t>(n / 4) + 1 - noise.delay_chips());
  }
}

// One bin is 46.9 Hz. A tone of 0.05 in real noise of 0.1 a sample: 0.00125 over 0.01/96000 a Hz, in a Hann
// window of a block and half one either side (3/8 of its energy in its middle bin at best) some 30 dB.
TEST(NoiseFrontEnd, SpectrumShowsALine) {
  NoiseFrontEnd noise = front_end();
  EXPECT_TRUE(noise.spectrum().density().empty());
  std::vector<cf32> x(192000);
  Rng rng(2);
  for (std::size_t n = 0; n < x.size(); ++n)
    x[n] = static_cast<float>(0.1 * rng.normal() +
                              0.05 * std::cos(2 * kPi * 70200 / 192000 * static_cast<double>(n)));
  noise.process(x, [](Span<const float>) {});
  const std::vector<float> s = noise.spectrum().density();
  ASSERT_EQ(s.size(), 1024U);
  const auto peak = static_cast<double>(std::max_element(s.begin(), s.end()) - s.begin());
  EXPECT_NEAR(profile().carrier_hz + (peak / 1024 - 0.5) * profile().chip_rate_hz, 70200, 48000.0 / 1024);
  EXPECT_GT(*std::max_element(s.begin(), s.end()), 100);
  EXPECT_EQ(s[0], 1);
  const NoiseReport report = noise.report();
  ASSERT_EQ(report.lines.size(), 1U);
  EXPECT_STREQ(report.noise_class(), "lines");
}

}  // namespace
}  // namespace ngdsp
