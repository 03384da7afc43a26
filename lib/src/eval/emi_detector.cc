#include "ngdsp/eval/emi_detector.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

/// Mean of (e cos x - v)+ over a period, times pi: what flows through the diode.
double flow(double e, double v) {
  return e > v ? std::sqrt(e * e - v * v) - v * std::acos(std::clamp(v / e, -1.0, 1.0)) : 0.0;
}

/// Where charge and discharge balance for a sine of amplitude 1.
double balance(double charge, double discharge) {
  double low = 0, high = 1;
  for (int i = 0; i < 60; ++i) {
    const double v = 0.5 * (low + high);
    (charge * flow(1, v) > discharge * v ? low : high) = v;
  }
  return low;
}

/// Seconds until the capacitor holds 1 - 1/e of its final value.
double rise_time(double charge, double discharge) {
  const double goal = (1 - std::exp(-1.0)) * balance(charge, discharge);
  const double dt = 1e-3 / charge;
  double v = 0, t = 0;
  for (; v < goal; t += dt) v += dt * (charge * flow(1, v) - discharge * v);
  return t;
}

}  // namespace

EmiDetector::EmiDetector(const EmiBand& band, double step_s) {
  const double discharge = 1 / band.discharge_s;
  double low = 0.1 / band.charge_s, high = 10 / band.charge_s;
  for (int i = 0; i < 30; ++i) {
    const double charge = std::sqrt(low * high);
    (rise_time(charge, discharge) > band.charge_s ? low : high) = charge;
  }
  charge_ = static_cast<float>(low * step_s);
  discharge_ = static_cast<float>(discharge * step_s);
  meter_ = 1 - std::exp(-step_s / band.meter_s);
  sine_ = balance(low, discharge);
}

void EmiDetector::step(State& s, float e) const {
  s.peak = std::max(s.peak, e);
  const float v = s.capacitor;
  s.capacitor -= discharge_ * v;
  if (e > v) s.capacitor += charge_ * (std::sqrt(e * e - v * v) - v * std::acos(v / e));
  const auto meter = [this](float in, double(&stage)[2], double& largest) {
    stage[0] += meter_ * (static_cast<double>(in) - stage[0]);
    stage[1] += meter_ * (stage[0] - stage[1]);
    largest = std::max(largest, stage[1]);
  };
  meter(s.capacitor, s.quasi_peak_meter, s.quasi_peak);
  meter(e, s.average_meter, s.average);
}

EmiReading EmiDetector::reading(const State& s) const {
  const double rms = 1 / std::sqrt(2.0);
  return {static_cast<double>(s.peak) * rms, s.quasi_peak / sine_ * rms, s.average * rms};
}

}  // namespace ngdsp
