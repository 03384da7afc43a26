#include "ngdsp/waveform/pulse.h"

#include <cmath>

#include "ngdsp/base/db.h"

namespace ngdsp {

double rrc_pulse(double t, double a) {
  if (std::abs(t) < 1e-9) return 1.0 + a * (4.0 / kPi - 1.0);
  if (std::abs(std::abs(4.0 * a * t) - 1.0) < 1e-9) {
    return a / std::sqrt(2.0) *
           ((1.0 + 2.0 / kPi) * std::sin(kPi / (4.0 * a)) + (1.0 - 2.0 / kPi) * std::cos(kPi / (4.0 * a)));
  }
  return (std::sin(kPi * t * (1.0 - a)) + 4.0 * a * t * std::cos(kPi * t * (1.0 + a))) /
         (kPi * t * (1.0 - 16.0 * a * a * t * t));
}

double rc_pulse(double t, double a) {
  const double sinc = std::abs(t) < 1e-9 ? 1.0 : std::sin(kPi * t) / (kPi * t);
  const double d = 1.0 - 4.0 * a * a * t * t;
  if (std::abs(d) < 1e-9) return kPi / 4.0 * sinc;
  return sinc * std::cos(kPi * a * t) / d;
}

double rrc_spectrum(double f, double a) {
  const double x = std::abs(f), low = (1.0 - a) / 2.0, high = (1.0 + a) / 2.0;
  if (x <= low) return 1.0;
  if (x >= high) return 0.0;
  return std::cos(kPi / (2.0 * a) * (x - low));
}

}  // namespace ngdsp
