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

TEST(ChipBuffer, PowerOfNothingIsNothing) {
  const ChipBuffer chips(7);
  EXPECT_EQ(chips.effective_power(0, 16384), 0);
  EXPECT_EQ(chips.mean_power(0, 16384), 0);
}

}  // namespace
}  // namespace ngdsp
