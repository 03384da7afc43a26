#include "ngdsp/rx/spectrum_tracker.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

constexpr std::int64_t kStep = 2048;
constexpr double kChipRate = 48000;

// A stream of chips, all planes alike, that is learned as it comes.
class Stream {
 public:
  using Signal = std::function<cf32(std::int64_t chip, cf32 noise)>;

  explicit Stream(Signal signal) : signal_(std::move(signal)) {}

  /// How often another filter was wanted in so many steps.
  int run(std::int64_t steps) {
    int changes = 0;
    std::vector<cf32> block(kStep * ChipBuffer::kPlanes);
    for (std::int64_t s = 0; s < steps; ++s) {
      for (std::int64_t i = 0; i < kStep; ++i) {
        const double re = rng_.normal(), im = rng_.normal();
        const cf32 x = signal_(chips.end() + i, {static_cast<float>(std::sqrt(0.5) * re),
                                                 static_cast<float>(std::sqrt(0.5) * im)});
        for (std::size_t k = 0; k < ChipBuffer::kPlanes; ++k)
          block[static_cast<std::size_t>(i) * ChipBuffer::kPlanes + k] = x;
      }
      chips.append(block);
      if (spectrum.learn(chips, chips.end())) {
        chips.set_filter(spectrum.taps());
        ++changes;
      }
      chips.discard_before(chips.end() - 8 * kStep);
    }
    return changes;
  }

  ChipBuffer chips{7};
  SpectrumTracker spectrum;

 private:
  Signal signal_;
  Rng rng_{1};
};

std::int64_t steps_of(double seconds) {
  return static_cast<std::int64_t>(std::ceil(seconds * kChipRate / static_cast<double>(kStep)));
}

cf32 tone(std::int64_t chip, double turns, double level_db) {
  const double phase = turns * static_cast<double>(chip);
  return static_cast<float>(std::sqrt(from_db(level_db))) *
         cf32(std::polar(1.0, 2 * kPi * (phase - std::floor(phase))));
}

TEST(SpectrumTracker, SeesNothingInWhiteNoise) {
  Stream stream([](std::int64_t, cf32 noise) { return noise; });
  EXPECT_EQ(stream.run(steps_of(360)), 0);
}

TEST(SpectrumTracker, SeesNothingInBurstsAndImpulses) {
  Stream stream([](std::int64_t chip, cf32 noise) {
    const bool burst = chip % 480 < 48, impulse = chip % 6151 < 3;
    return noise * (impulse ? 100.0F : burst ? 30.0F : 1.0F);
  });
  EXPECT_EQ(stream.run(steps_of(120)), 0);
}

TEST(SpectrumTracker, FindsAToneWithinTwoSecondsAndLosesIt) {
  const std::int64_t on = steps_of(4) * kStep, off = on + steps_of(4) * kStep;
  Stream stream([on, off](std::int64_t chip, cf32 noise) {
    return noise + (chip >= on && chip < off ? tone(chip, 0.1234, 30) : cf32{});
  });
  EXPECT_EQ(stream.run(steps_of(4)), 0);
  stream.run(steps_of(2));
  ASSERT_FALSE(stream.spectrum.taps().empty());
  // A filter of mean 1 that keeps 98 % of the band leaves noise of 1/0.98, and nothing of the tone.
  const double first = static_cast<double>(stream.chips.begin()) + 1024;
  EXPECT_LT(stream.chips.noise_power(first, 4 * kStep), 1.06);
  stream.run(steps_of(2));
  // From 60 dB over its bin a mean of two seconds takes 28.
  stream.run(steps_of(40));
  EXPECT_NEAR(stream.chips.noise_power(static_cast<double>(stream.chips.begin()), 4 * kStep), 1, 0.05);
}

TEST(SpectrumTracker, ReportsATone) {
  Stream s([](std::int64_t chip, cf32 noise) { return noise + tone(chip, 0.1234, 30); });
  s.run(steps_of(1));
  NoiseReport report;
  s.spectrum.report(report);
  EXPECT_STREQ(report.noise_class(), "lines");
  ASSERT_EQ(report.lines.size(), 1U);
  EXPECT_NEAR(report.lines[0].turns, 0.1234, 1e-3);
  EXPECT_LT(report.lines[0].width, 0.02);
  EXPECT_GT(report.lines[0].over_db, 45);  // 30 dB over the band, 60 over a bin less what the window spreads
  s.spectrum.restart();
  report = {};
  s.spectrum.report(report);
  EXPECT_STREQ(report.noise_class(), "white");
}

TEST(SpectrumTracker, KeepsWhatASlopeLeaves) {
  // Two taps: |1 + 0.8 e^-jwt|^2, 19 dB between its ends; 1/S keeps sum 1/S of the SNR.
  cf32 before{};
  Stream stream([&before](std::int64_t, cf32 noise) {
    const cf32 x = noise + 0.8F * before;
    before = noise;
    return x;
  });
  stream.run(steps_of(4));
  ASSERT_FALSE(stream.spectrum.taps().empty());
  const double first = static_cast<double>(stream.chips.begin()) + 1024;
  // mean of 1/S = 1/(1 - 0.64) = 2.78: noise after the filter of mean 1 is 1/2.78, and 5 % of it for errors.
  EXPECT_NEAR(stream.chips.noise_power(first, 4 * kStep), 0.36, 0.03);
}

// What is taken out of samples is gone from what they were filtered to.
TEST(SpectrumTracker, FilteredChipsFollowTheirSamples) {
  Stream stream([](std::int64_t chip, cf32 noise) { return noise + tone(chip, -0.2, 30); });
  stream.run(8);
  ChipBuffer& chips = stream.chips;
  ASSERT_FALSE(stream.spectrum.taps().empty());
  const std::int64_t first = chips.begin() + 3000, last = first + 4000;
  std::vector<float> before;
  LanePosition p(first, 7);
  for (std::int64_t i = first; i < last; ++i, ++p) before.push_back(*chips.re(1, p));
  for (const float scale : {1.0F, -1.0F}) {
    p = LanePosition(first, 7);
    for (std::int64_t i = first; i < last; ++i, ++p) *chips.sample_re(1, p) += scale;
    chips.refresh(first, last);
  }
  p = LanePosition(first, 7);
  for (std::int64_t i = first; i < last; ++i, ++p)
    ASSERT_NEAR(*chips.re(1, p), before[static_cast<std::size_t>(i - first)], 1e-3);
}

}  // namespace
}  // namespace ngdsp
