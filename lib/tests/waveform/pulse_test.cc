#include "ngdsp/waveform/pulse.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

// Sums at 8 points a chip are exact integrals of a pulse limited to one chip rate either side, but for the
// ends: p falls as 1/(4 pi a t^2), so what p^2 leaves beyond +-400 chips is 2/(48 pi^2 a^2 400^3) < 3e-8 at a
// = 0.05.
constexpr int kReach = 400, kPoints = 8;

double autocorrelation(double lag, double rolloff) {
  double sum = 0;
  for (int i = -kReach * kPoints; i <= kReach * kPoints; ++i) {
    const double t = static_cast<double>(i) / kPoints;
    sum += rrc_pulse(t - lag / 2, rolloff) * rrc_pulse(t + lag / 2, rolloff);
  }
  return sum / kPoints;
}

TEST(Pulse, UnitEnergyAndRaisedCosineAutocorrelation) {
  for (const double a : {0.05, 1.0 / 6.0, 0.5, 1.0}) {
    EXPECT_NEAR(autocorrelation(0, a), 1.0, 1e-6) << a;
    for (const double lag : {0.25, 0.5, 1.0, 1.3, 2.0, 3.7, 10.0})
      EXPECT_NEAR(autocorrelation(lag, a), rc_pulse(lag, a), 1e-6) << a << ' ' << lag;
  }
}

TEST(Pulse, RaisedCosineIsZeroAtOtherChips) {
  for (const double a : {0.05, 1.0 / 6.0, 0.5, 1.0}) {
    EXPECT_DOUBLE_EQ(rc_pulse(0, a), 1.0);
    for (int n = 1; n < 20; ++n) EXPECT_NEAR(rc_pulse(n, a), 0, 1e-12) << a << ' ' << n;
  }
}

// The formula has three removable singularities; the value there must be the limit.
TEST(Pulse, IsSmoothAtItsSingularities) {
  for (const double a : {0.05, 1.0 / 6.0, 0.5, 1.0})
    for (const double t : {0.0, 1 / (4 * a), -1 / (4 * a)})
      EXPECT_NEAR(rrc_pulse(t, a), (rrc_pulse(t - 1e-5, a) + rrc_pulse(t + 1e-5, a)) / 2, 1e-7)
          << a << ' ' << t;
  for (const double a : {0.3, 1.0 / 6.0})
    EXPECT_NEAR(rc_pulse(1 / (2 * a), a),
                (rc_pulse(1 / (2 * a) - 1e-5, a) + rc_pulse(1 / (2 * a) + 1e-5, a)) / 2, 1e-7);
}

// The Fourier transform of p cut at +-400 chips errs by less than 2 * 1/(4 pi a 400) = 2.4e-3 at a = 1/6.
TEST(Pulse, SpectrumIsTheTransformOfThePulse) {
  for (const double a : {1.0 / 6.0, 0.5, 1.0})
    for (const double f : {0.0, 0.2, (1 - a) / 2, 0.5, 0.55, (1 + a) / 2, 1.2}) {
      double sum = 0;
      for (int i = -kReach * kPoints; i <= kReach * kPoints; ++i) {
        const double t = static_cast<double>(i) / kPoints;
        sum += rrc_pulse(t, a) * std::cos(2 * kPi * f * t);
      }
      EXPECT_NEAR(sum / kPoints, rrc_spectrum(f, a), 2.4e-3) << a << ' ' << f;
      EXPECT_EQ(rrc_spectrum(f, a), rrc_spectrum(-f, a));
    }
  EXPECT_NEAR(rrc_spectrum(0.5, 0.25), std::sqrt(0.5), 1e-12);
}

}  // namespace
}  // namespace ngdsp
