#include "ngdsp/channel/noise_level.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "ngdsp/base/rng.h"
#include "ngdsp/rx/front_end.h"

namespace ngdsp {
namespace {

// Behind the front end a chip of a signal of power 1 has amplitude 1, so noise of a wanted E_c/N0 has
// variance N0/E_c there. Samples a whole chip apart are independent (the matched filter's autocorrelation is
// zero there), |x|^2 of each is exponential: the mean of n has deviation 1/sqrt n of itself; five are
// allowed.
TEST(NoiseLevel, GivesTheWantedChipEnergyBehindTheFrontEnd) {
  for (const Profile& p : shipped_profiles()) {
    for (const double ec_n0 : {0.02, 1.0}) {
      const double variance = noise_variance(p, p.sample_rate_hz, 1.0, ec_n0);
      const double ratio = p.sample_rate_hz / p.chip_rate_hz;
      std::vector<cf32> x(static_cast<std::size_t>(20000 * ratio));
      Rng rng(11);
      if (p.real) {
        std::vector<float> real(x.size());
        rng.add_noise(Span<float>(real), std::sqrt(variance));
        x.assign(real.begin(), real.end());
      } else {
        rng.add_noise(Span<cf32>(x), variance);
      }
      Result<FrontEnd> front_end = FrontEnd::create(p, p.sample_rate_hz, p.carrier_hz - p.center_hz);
      ASSERT_TRUE(static_cast<bool>(front_end)) << front_end.error();
      std::vector<cf32> y;
      const auto sink = [&](Span<const cf32> block) { y.insert(y.end(), block.begin(), block.end()); };
      front_end->process(x, sink);
      double sum = 0, count = 0;
      for (std::size_t i = 64 * 4; i < std::min<std::size_t>(y.size(), 19900 * 4); i += 4, ++count)
        sum += static_cast<double>(std::norm(y[i]));
      ASSERT_GT(count, 5000) << p.name;
      EXPECT_NEAR(sum / count, 1 / ec_n0, 5 / ec_n0 / std::sqrt(count)) << p.name;
    }
  }
}

TEST(NoiseLevel, ScalesWithPowerAndRate) {
  const Profile p;
  EXPECT_DOUBLE_EQ(noise_variance(p, 192000, 1, 1), 2.0);  // real: half of fs/Rc = 4
  EXPECT_DOUBLE_EQ(noise_variance(p, 192000, 3, 0.5), 12.0);
  EXPECT_DOUBLE_EQ(noise_variance(*find_profile("srd433"), 500000, 1, 1), 4.0);
}

}  // namespace
}  // namespace ngdsp
