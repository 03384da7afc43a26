#include "ngdsp/channel/changing_noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "ngdsp/base/db.h"
#include "noise_parts.h"

namespace ngdsp {
namespace {

// Half a second each of white noise, of it 20 dB stronger, and of a tone beside it.
Scenario three_kinds() {
  Scenario s;
  s.segments.resize(3);
  for (NoiseSegment& segment : s.segments) segment.seconds = 0.5;
  s.segments[1].level_db = 20;
  s.segments[2].level_db = -6;
  s.segments[2].noise.carriers.emplace_back().level_db = 10;
  return s;
}

constexpr std::size_t kHalfSecond = 96000;

std::vector<float> noise_of(ChangingNoise<float>& noise, std::size_t count, double power = 1) {
  std::vector<float> x(count);
  noise.add(steady_turns(50, 192000, count), Span<float>(x), power);
  return x;
}

ChangingNoise<float> made(const Scenario& s, std::uint64_t seed) {
  auto noise = ChangingNoise<float>::create(s, NoiseBand{}, seed);
  EXPECT_TRUE(static_cast<bool>(noise)) << noise.error();
  return std::move(*noise);
}

double power_of(const std::vector<float>& x, std::size_t from) {
  double sum = 0;
  for (std::size_t k = from; k < from + kHalfSecond; ++k)
    sum += static_cast<double>(x[k]) * static_cast<double>(x[k]) / kHalfSecond;
  return sum;
}

// White noise has a variance of 2 a sample at N0 Rc = 1 (192 kS/s, 48 kchip/s, real), the tone 10 = 2 x 5.
TEST(ChangingNoise, EverySegmentHasItsLevel) {
  ChangingNoise<float> noise = made(three_kinds(), 1);
  const std::vector<float> x = noise_of(noise, 4 * kHalfSecond, 0.1);
  EXPECT_NEAR(power_of(x, 0), 0.2, 0.005);  // 96000 samples: a standard deviation of 0.5 %
  EXPECT_NEAR(power_of(x, kHalfSecond), 20, 0.5);
  EXPECT_NEAR(power_of(x, 2 * kHalfSecond), (0.2 + 1) * from_db(-6), 0.01);
  EXPECT_NEAR(power_of(x, 3 * kHalfSecond), 0.2, 0.005);
  for (std::size_t k = 0; k < x.size(); k += 1000) {
    const std::size_t segment = k / kHalfSecond % 3;
    EXPECT_NEAR(noise.variance()[k], segment == 1 ? 100 : segment == 2 ? from_db(-6) : 1, 1e-4);
    EXPECT_NEAR(std::norm(noise.wave()[k]), segment == 2 ? 10 * from_db(-6) : 0, 1e-3);
  }
}

TEST(ChangingNoise, BlocksDoNotMatterAndNothingComesAgain) {
  ChangingNoise<float> whole = made(three_kinds(), 2), parts = made(three_kinds(), 2);
  const std::vector<float> x = noise_of(whole, 4 * kHalfSecond);
  std::vector<float> y;
  for (std::size_t n = 1; y.size() < x.size(); n = 3 * n % 70001) {
    const std::vector<float> part = noise_of(parts, std::min(n, x.size() - y.size()));
    y.insert(y.end(), part.begin(), part.end());
  }
  EXPECT_EQ(x, y);
  EXPECT_NE(x[0], x[3 * kHalfSecond]);
  whole.restart(2);
  EXPECT_EQ(noise_of(whole, 1000), std::vector<float>(x.begin(), x.begin() + 1000));
  whole.restart(3);
  EXPECT_NE(noise_of(whole, 1)[0], x[0]);
}

TEST(ChangingNoise, WithoutSegmentsItIsThatOfTheLine) {
  Scenario s;
  s.bursts.emplace_back();
  ChangingNoise<float> changing = made(s, 4);
  auto steady = LineNoise<float>::create(s, NoiseBand{}, 4);
  ASSERT_TRUE(static_cast<bool>(steady));
  std::vector<float> x(5000);
  steady->add(steady_turns(50, 192000, x.size()), Span<float>(x), 1);
  EXPECT_EQ(noise_of(changing, x.size()), x);
}

TEST(ChangingNoise, WhatASegmentCannotBe) {
  Scenario s = three_kinds();
  s.segments[1].noise.recording.emplace().file = "missing";
  EXPECT_FALSE(static_cast<bool>(ChangingNoise<float>::create(s, NoiseBand{}, 1)));
  s = three_kinds();
  s.segments[1].noise.segments.resize(1);
  EXPECT_FALSE(static_cast<bool>(ChangingNoise<float>::create(s, NoiseBand{}, 1)));
}

}  // namespace
}  // namespace ngdsp
