#include "ngdsp/eval/emission_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

constexpr double kRateHz = 1e6;

std::vector<float> sine(double frequency_hz, double amplitude, double seconds) {
  std::vector<float> x(static_cast<std::size_t>(seconds * kRateHz));
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(
        amplitude * std::cos(2 * kPi * std::fmod(frequency_hz / kRateHz * static_cast<double>(i), 1.0)));
  return x;
}

const EmissionPoint& at(const EmissionScan& scan, double hz) {
  return *std::min_element(scan.points.begin(), scan.points.end(), [hz](const auto& a, const auto& b) {
    return std::abs(a.frequency_hz - hz) < std::abs(b.frequency_hz - hz);
  });
}

EmissionScan scan_of(const std::vector<float>& x) {
  const auto scan = scan_emission({.sample_rate_hz = kRateHz}, Span<const float>(x));
  EXPECT_TRUE(scan) << scan.error();
  return scan ? *scan : EmissionScan{};
}

TEST(EmissionScan, SineReadsItsLevelInBothBands) {
  for (const double hz : {50e3, 300e3}) {
    const EmissionScan scan = scan_of(sine(hz, std::sqrt(2.0), 1.5));
    const EmissionPoint& p = at(scan, hz);
    // 1 V rms is 120 dBuV. The next tuning lies a quarter of a bandwidth away at most: 1.5 dB.
    for (const double level : {p.peak_dbuv, p.quasi_peak_dbuv, p.average_dbuv}) {
      EXPECT_LT(level, 120.05) << hz;
      EXPECT_GT(level, 120 - 1.6) << hz;
    }
    EXPECT_NEAR(scan.rms_dbuv, 120, 0.01);
    EXPECT_NEAR(scan.peak_dbuv, 120, 0.05);
    EXPECT_TRUE(scan.settled);
  }
}

TEST(EmissionScan, FilterIsSixDecibelsDownAtHalfItsBandwidth) {
  const EmissionScan scan = scan_of(sine(50e3, 1, 0.2));
  const double top = at(scan, 50e3).peak_dbuv;
  // H(f) = 2^-(2f/B)^2; tunings lie 100 Hz apart or a little less.
  for (const double offset : {-200.0, -100.0, 100.0, 200.0}) {
    const EmissionPoint& p = at(scan, 50e3 + offset);
    const double off_hz = p.frequency_hz - 50e3, near_hz = at(scan, 50e3).frequency_hz - 50e3;
    const double expected = -20 * std::log10(2.0) * (std::pow(off_hz / 100, 2) - std::pow(near_hz / 100, 2));
    EXPECT_NEAR(p.peak_dbuv - top, expected, 0.1);
  }
  EXPECT_LT(at(scan, 51e3).peak_dbuv - top, -100) << "far off nothing is left";
}

TEST(EmissionScan, PointsCoverEverythingInStepsOfHalfABandwidth) {
  const EmissionScan scan = scan_of(sine(50e3, 1, 0.1));
  for (std::size_t i = 1; i < scan.points.size(); ++i) {
    const double step = scan.points[i].frequency_hz - scan.points[i - 1].frequency_hz;
    EXPECT_GT(step, 0);
    EXPECT_LE(step, scan.points[i].bandwidth_hz / 2 + 1e-6);
  }
  EXPECT_LE(scan.points.front().frequency_hz, 3.1e3);
  EXPECT_GE(scan.points.back().frequency_hz, kRateHz / 2 - 4500);
  EXPECT_FALSE(scan.settled);
}

TEST(EmissionScan, NoiseDensity) {
  std::vector<float> x(static_cast<std::size_t>(kRateHz));
  Rng(3).add_noise(Span<float>(x), 1.0);
  const EmissionScan scan = scan_of(x);
  double low = 0, high = 0, low_count = 0, high_count = 0;
  for (const auto& p : scan.points) {
    (p.bandwidth_hz < 1e3 ? low : high) += from_db(p.density_dbuv_hz);
    ++(p.bandwidth_hz < 1e3 ? low_count : high_count);
    EXPECT_GT(p.peak_dbuv, p.quasi_peak_dbuv);
    EXPECT_GT(p.quasi_peak_dbuv, p.average_dbuv);
  }
  // 1 V^2 over 500 kHz. 150 independent values a second in 200 Hz and 1470 tunings: far within 0.2 dB.
  const double expected = 120 - to_db(kRateHz / 2);
  EXPECT_NEAR(to_db(low / low_count), expected, 0.2);
  EXPECT_NEAR(to_db(high / high_count), expected, 0.2);
}

TEST(EmissionScan, LevelsAreProportional) {
  std::vector<float> x(static_cast<std::size_t>(kRateHz / 4));
  Rng(4).add_noise(Span<float>(x), 0.1);
  const EmissionScan one = scan_of(x);
  for (float& v : x) v *= 10;
  const EmissionScan ten = scan_of(x);
  for (std::size_t i = 0; i < one.points.size(); ++i) {
    EXPECT_NEAR(ten.points[i].peak_dbuv - one.points[i].peak_dbuv, 20, 1e-3);
    EXPECT_NEAR(ten.points[i].quasi_peak_dbuv - one.points[i].quasi_peak_dbuv, 20, 1e-3);
    EXPECT_NEAR(ten.points[i].average_dbuv - one.points[i].average_dbuv, 20, 1e-3);
  }
}

TEST(EmissionScan, BadInput) {
  std::vector<float> x(100000, 0.1F);
  EXPECT_FALSE(scan_emission({.sample_rate_hz = 0}, Span<const float>(x)));
  EXPECT_FALSE(scan_emission({.sample_rate_hz = 5000}, Span<const float>(x)));
  EXPECT_FALSE(scan_emission({.sample_rate_hz = kRateHz}, Span<const float>(x).first(1000)));
  EXPECT_FALSE(scan_emission({.sample_rate_hz = kRateHz}, Span<const float>()));
  x[50000] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(scan_emission({.sample_rate_hz = kRateHz}, Span<const float>(x)));
  const std::vector<float> silence(100000, 0.0F);
  const auto scan = scan_emission({.sample_rate_hz = kRateHz}, Span<const float>(silence));
  ASSERT_TRUE(scan);
  EXPECT_LT(scan->points[100].peak_dbuv, -100);
}

}  // namespace
}  // namespace ngdsp
