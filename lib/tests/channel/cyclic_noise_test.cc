#include "ngdsp/channel/cyclic_noise.h"

#include <gtest/gtest.h>

#include "ngdsp/base/db.h"
#include "noise_parts.h"

namespace ngdsp {
namespace {

TEST(CyclicNoise, VarianceIsTheFormula) {
  CyclicConfig c;
  c.level_db = to_db(7);
  c.phase_deg = -6;
  c.exponent = 1.91;
  CyclicNoise noise(c);
  const auto turns = steady_turns(50, 48000, 9600);
  const std::vector<float> v = variance_of(noise, turns);
  for (std::size_t k = 0; k < v.size(); k += 7)
    ASSERT_NEAR(v[k], 6 * std::pow(std::abs(std::sin(2 * kPi * (turns[k] - 6.0 / 360))), 1.91), 1e-5) << k;
}

// The mean of |sin|^n over a cycle is Gamma((n+1)/2) / (sqrt(pi) Gamma(n/2+1)).
TEST(CyclicNoise, NeedleAndHillHaveTheirMean) {
  for (const double n : {0.0, 1.0, 1.91, 12.0, 1.57e5}) {
    CyclicConfig c;
    c.level_db = to_db(2);
    c.exponent = n;
    CyclicNoise noise(c);
    const std::vector<float> v = variance_of(noise, steady_turns(50, 5e6, 100000));
    double mean = 0;
    for (const float x : v) mean += static_cast<double>(x) / static_cast<double>(v.size());
    const double expected = std::exp(std::lgamma((n + 1) / 2) - std::lgamma(n / 2 + 1)) / std::sqrt(kPi);
    EXPECT_NEAR(mean / expected, 1, 1e-3) << n;
  }
}

}  // namespace
}  // namespace ngdsp
