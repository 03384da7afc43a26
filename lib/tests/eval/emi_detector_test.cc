// The detectors against CISPR 16-1-1: sines, the pulse response, noise.
#include "ngdsp/eval/emi_detector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

/// What pulses of area 1 Vs read `rate_hz` times a second (0: one alone) behind a Gaussian filter. Envelope
/// of such a filter's impulse response: 2 A integral of H = 1.0645 B 2 A at its highest.
EmiReading pulses(const EmiBand& band, double rate_hz) {
  const double step_s = 0.02 / band.bandwidth_hz;
  const EmiDetector detector(band, step_s);
  EmiDetector::State state;
  const double duration_s = rate_hz > 0 ? std::max(4.0, 6 / rate_hz) : 3.0, first_s = 0.05;
  const double highest = 2 * band.bandwidth_hz / 2 * std::sqrt(kPi / std::log(2.0));
  for (double t = 0; t < duration_s; t += step_s) {
    const double from = t - first_s;
    const double x = rate_hz > 0 ? from - std::round(from * rate_hz) / rate_hz : from;
    const double e = highest * std::exp(-std::pow(kPi * band.bandwidth_hz * x, 2) / (4 * std::log(2.0)));
    detector.step(state, static_cast<float>(e));
  }
  return detector.reading(state);
}

double dbuv(double volts) { return 20 * std::log10(volts * 1e6); }

TEST(EmiDetector, SineReadsItsRmsOnAll) {
  for (const EmiBand& band : {kEmiBandA, kEmiBandB}) {
    const EmiDetector detector(band, 0.1 / band.bandwidth_hz);
    EmiDetector::State state;
    for (int i = 0; i < static_cast<int>(6 * 10 * band.bandwidth_hz); ++i) detector.step(state, 2.0F);
    const EmiReading r = detector.reading(state);
    EXPECT_NEAR(r.peak, std::sqrt(2.0), 1e-6);
    EXPECT_NEAR(r.quasi_peak, std::sqrt(2.0), 1e-2);
    EXPECT_NEAR(r.average, std::sqrt(2.0), 1e-3);
  }
}

// CISPR 16-1-1, absolute calibration: pulses of 13.5 uVs 25 times a second (band A) and of 0.316 uVs 100
// times (band B) read 66 dBuV, within 1.5 dB.
TEST(EmiDetector, AbsolutePulseCalibration) {
  EXPECT_NEAR(dbuv(13.5e-6 * pulses(kEmiBandA, 25).quasi_peak), 66, 1.5);
  EXPECT_NEAR(dbuv(0.316e-6 * pulses(kEmiBandB, 100).quasi_peak), 66, 1.5);
}

// CISPR 16-1-1, response to repeated pulses: how much higher a pulse must be for the same reading, with the
// standard's tolerances.
struct PulseRow {
  double rate_hz, relative_db, tolerance_db;
};

void expect_rows(const EmiBand& band, double reference_hz, const std::vector<PulseRow>& rows) {
  const double reference = pulses(band, reference_hz).quasi_peak;
  for (const PulseRow& row : rows) {
    const double relative = 20 * std::log10(reference / pulses(band, row.rate_hz).quasi_peak);
    EXPECT_NEAR(relative, row.relative_db, row.tolerance_db) << band.letter << " at " << row.rate_hz << " Hz";
  }
}

TEST(EmiDetector, PulseResponseOfBandA) {
  expect_rows(kEmiBandA, 25,
              {{100, -4.0, 1.0},
               {60, -3.0, 1.0},
               {10, 4.0, 1.0},
               {5, 7.5, 1.5},
               {2, 13.0, 2.0},
               {1, 17.0, 2.0},
               {0, 19.0, 2.0}});
}

TEST(EmiDetector, PulseResponseOfBandB) {
  expect_rows(
      kEmiBandB, 100,
      {{1000, -4.5, 1.0}, {20, 6.5, 1.0}, {10, 10.0, 1.5}, {2, 20.5, 2.0}, {1, 22.5, 2.0}, {0, 23.5, 2.0}});
}

// White noise: its envelope is Rayleigh, the mean of that over the rms reading of a sine of the same power
// sqrt(pi)/2 = -1.05 dB; the peak of n independent values sqrt(ln n), and quasi-peak lies between.
TEST(EmiDetector, NoiseReadsAverageBelowRmsAndPeakAbove) {
  const double step_s = 1e-3;  // far enough apart to be independent enough in 200 Hz
  const EmiDetector detector(kEmiBandA, step_s);
  EmiDetector::State state;
  Rng rng(1);
  const int count = 30000;
  for (int i = 0; i < count; ++i) {
    const double a = rng.normal(), b = rng.normal();
    detector.step(state, static_cast<float>(std::sqrt(a * a + b * b)));
  }
  // rms of the sine of the same power: 1. The meter wanders by 1/sqrt(2 T_meter/step) = 6 %, its largest
  // deflection of 30 s lies some 3 of these above the mean: up to 1.7 dB.
  const EmiReading r = detector.reading(state);
  EXPECT_GT(to_db(r.average * r.average), -1.05);
  EXPECT_LT(to_db(r.average * r.average), -1.05 + 1.7);
  EXPECT_NEAR(to_db(r.peak * r.peak), to_db(std::log(count)), 2.0);
  EXPECT_GT(r.quasi_peak, r.average);
  EXPECT_LT(r.quasi_peak, r.peak);
}

}  // namespace
}  // namespace ngdsp
