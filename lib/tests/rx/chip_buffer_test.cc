#include "ngdsp/rx/chip_buffer.h"

#include <gtest/gtest.h>

#include <random>

namespace ngdsp {
namespace {

// Complex noise of so much power a stretch of 448 chips, four samples a chip.
ChipBuffer noise(const std::vector<double>& powers) {
  ChipBuffer chips(7);
  std::mt19937 rng(1);
  std::normal_distribution<float> gauss;
  for (const double power : powers) {
    std::vector<cf32> samples(4 * 448);
    const auto a = static_cast<float>(std::sqrt(power / 2));
    for (cf32& x : samples) x = a * cf32(gauss(rng), gauss(rng));
    chips.append(samples);
  }
  return chips;
}

TEST(ChipBuffer, EffectivePowerIsTheHarmonicMeanOverStretches) {
  const std::vector<double> powers = {1, 1, 2, 4, 8, 10, 10, 10};
  const ChipBuffer chips = noise(powers);
  double inverse = 0, mean = 0;
  for (const double p : powers) inverse += 1 / p / 8, mean += p / 8;
  // 448 chips of noise have a power that scatters by 1/sqrt 448, eight of them by 1.7 %.
  EXPECT_NEAR(chips.effective_power(0, 8 * 448) * inverse, 1, 0.07);
  EXPECT_NEAR(chips.mean_power(0, 8 * 448) / mean, 1, 0.1);
  EXPECT_NEAR(chips.effective_power(5 * 448, 3 * 448) / 10, 1, 0.12);
}

TEST(ChipBuffer, EffectivePowerOfEvenNoiseIsItsMean) {
  const ChipBuffer chips = noise(std::vector<double>(40, 3.0));
  EXPECT_NEAR(chips.effective_power(100.5, 16384) / chips.mean_power(100.5, 16384), 1, 0.02);
  // Less than two stretches have no harmonic mean but that of their own.
  EXPECT_EQ(chips.effective_power(100, 300), chips.mean_power(100, 300));
}

TEST(ChipBuffer, EffectivePowerHoldsStillWhileOldChipsAreForgotten) {
  ChipBuffer chips = noise({1, 1, 1, 1, 1, 1, 1, 1, 2, 5, 9, 3});
  const double before = chips.effective_power(3700, 1500);
  chips.discard_before(3600);
  EXPECT_EQ(chips.effective_power(3700, 1500), before);
}

// The receiver looks again only where this says so: what lies outside must have kept its power to the bit.
TEST(ChipBuffer, OutsideOfWhatChangedPowersStay) {
  constexpr std::int64_t kFrom = 4000, kTo = 4100;
  for (const bool weighted : {false, true}) {
    ChipBuffer chips = noise(std::vector<double>(30, 1.0));
    // The first weight that is not 1 touches every chip.
    if (weighted) chips.set_weights(13000, std::vector<float>{0.5F});
    const ChipRange all = chips.take_changed();
    EXPECT_LE(all.first, 0);
    EXPECT_GE(all.last, 30 * 448);
    const auto read = [&chips](std::int64_t chip) {
      const auto t = static_cast<double>(chip) + 0.4;
      return std::pair(chips.mean_power(t, 900), chips.effective_power(t, 900));
    };
    std::vector<std::pair<double, double>> before;
    for (std::int64_t chip = 0; chip < 12000; chip += 10) before.push_back(read(chip));
    EXPECT_TRUE(chips.take_changed().empty());
    if (weighted) {
      chips.set_weights(kFrom, std::vector<float>(static_cast<std::size_t>(kTo - kFrom), 0.5F));
    } else {
      for (std::int64_t chip = kFrom; chip < kTo; ++chip)
        for (int k = 0; k < ChipBuffer::kPlanes; ++k) *chips.sample_re(k, LanePosition(chip, 7)) += 3;
      chips.drawn(kFrom, kTo);
    }
    const ChipRange changed = chips.take_changed();
    int kept = 0, moved = 0;
    for (std::int64_t chip = 0; chip < 12000; chip += 10) {
      const bool same = read(chip) == before[static_cast<std::size_t>(chip / 10)];
      if (!changed.meets(static_cast<double>(chip), 900)) {
        EXPECT_TRUE(same) << chip;
        ++kept;
      } else {
        moved += !same;
      }
    }
    EXPECT_GT(kept, 700);
    EXPECT_GT(moved, 80);
    EXPECT_TRUE(chips.take_changed().empty());
  }
}

// A line above a white background, a fifth of the chips in bursts.
std::shared_ptr<NoiseFilter> line_filter() {
  NoiseShape shape;
  shape.background.assign(NoiseShape::kBins, 1.0);
  shape.all = shape.background;
  for (std::size_t k = 100; k < 104; ++k) shape.all[k] = 300;
  return std::make_shared<NoiseFilter>(shape, 0.2);
}
std::vector<float> burst_weights(std::size_t count) {
  std::vector<float> weights(count, 1.0F);
  for (std::size_t i = 0; i < count; ++i)
    if (i % 500 < 100) weights[i] = 0.01F;
  return weights;
}

// Weights that are tried show in powers() as if they were set, and leave psi to set_weights(), which makes of
// the window at hand what it makes of chips that were not separated.
TEST(ChipBuffer, TriedWeightsShowInPowersAlone) {
  constexpr std::int64_t kFirst = 3500, kLast = 6000;
  constexpr auto kCount = static_cast<std::size_t>(kLast - kFirst);
  ChipBuffer tried = noise(std::vector<double>(20, 1.0)), set = noise(std::vector<double>(20, 1.0));
  tried.set_filter(line_filter());
  set.set_filter(line_filter());
  const std::vector<float> weights = burst_weights(kCount);
  const auto powers = [](const ChipBuffer& chips) {
    std::vector<float> power(kCount);
    chips.powers(kFirst, Span<float>(power));
    return power;
  };
  const std::vector<float> before = powers(tried);
  const float psi = *tried.re(0, 4000);
  tried.try_weights(kFirst, weights);
  EXPECT_EQ(powers(tried), before);
  tried.separate(kFirst, kLast);
  tried.separate(kFirst, weights);
  EXPECT_EQ(*tried.re(0, 4000), psi);
  set.set_weights(kFirst, weights);
  const std::vector<float> by_trial = powers(tried), by_setting = powers(set);
  double change = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    // Lines are solved for to 1 % of the noise, here and there in other windows.
    ASSERT_NEAR(by_trial[i], by_setting[i], 0.01F * (1 + by_setting[i])) << i;
    change = std::max(change, static_cast<double>(std::abs(by_trial[i] - before[i])));
  }
  EXPECT_GT(change, 0.1);
  tried.set_weights(kFirst, weights);
  for (std::int64_t chip = kFirst - ChipBuffer::kFilterReach; chip < kLast + ChipBuffer::kFilterReach; ++chip)
    ASSERT_NEAR(*tried.re(1, chip), *set.re(1, chip), 0.02F) << chip;
  // Even weights set in their place leave nothing of them.
  ChipBuffer even = noise(std::vector<double>(20, 1.0));
  even.set_filter(line_filter());
  tried.set_weights(kFirst, std::vector<float>(kCount, 1.0F));
  EXPECT_EQ(tried.mean_weight(kFirst, kCount), 1);
  for (std::int64_t chip = kFirst; chip < kLast; ++chip)
    ASSERT_NEAR(*tried.re(0, chip), *even.re(0, chip), 1e-4F) << chip;
}

TEST(ChipBuffer, SettlesWhatLiesBefore) {
  constexpr std::int64_t kEarly = 3000, kLate = 9000, kBetween = 6000;
  const auto draw = [](ChipBuffer& chips) {
    for (const std::int64_t chip : {kEarly, kLate}) {
      for (int k = 0; k < ChipBuffer::kPlanes; ++k)
        *chips.sample_re(k, LanePosition(chip, chips.lanes())) += 10;
      chips.drawn(chip, chip + 1);
    }
  };
  ChipBuffer fresh = noise(std::vector<double>(30, 1.0)), chips = noise(std::vector<double>(30, 1.0));
  draw(fresh);
  fresh.set_filter(line_filter());
  chips.set_filter(line_filter());
  const float unsettled = *chips.re(0, kLate);
  draw(chips);
  EXPECT_GT(std::abs(*fresh.re(0, kLate) - unsettled), 1);
  chips.settle_before(kBetween);
  EXPECT_NEAR(*chips.re(0, kEarly), *fresh.re(0, kEarly), 1e-3F);
  EXPECT_EQ(*chips.re(0, kLate), unsettled);
  chips.settle_before(chips.end());
  EXPECT_NEAR(*chips.re(0, kLate), *fresh.re(0, kLate), 1e-3F);
}

TEST(ChipRange, Meets) {
  ChipRange r;
  EXPECT_TRUE(r.empty());
  EXPECT_FALSE(r.meets(-1e9, 2000000000));
  r.widen({100, 200});
  r.widen({});
  EXPECT_EQ(r.first, 100);
  EXPECT_EQ(r.last, 200);
  EXPECT_TRUE(r.meets(199.9, 10));
  EXPECT_FALSE(r.meets(200, 10));
  EXPECT_FALSE(r.meets(90, 10));
  EXPECT_TRUE(r.meets(90.5, 10));
  r.widen({50, 60});
  EXPECT_EQ(r.first, 50);
  EXPECT_EQ(r.last, 200);
}

TEST(ChipBuffer, PowerOfNothingIsNothing) {
  const ChipBuffer chips(7);
  EXPECT_EQ(chips.effective_power(0, 16384), 0);
  EXPECT_EQ(chips.mean_power(0, 16384), 0);
}

}  // namespace
}  // namespace ngdsp
