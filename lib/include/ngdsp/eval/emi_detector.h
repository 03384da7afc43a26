// What a CISPR 16-1-1 measuring receiver shows for the envelope at its intermediate frequency.
#pragma once

namespace ngdsp {

/// A frequency range of the standard with its filter and time constants (CISPR 16-1-1, table of the
/// quasi-peak receiver's characteristics).
struct EmiBand {
  char letter;
  double low_hz, high_hz;
  double bandwidth_hz;                    ///< of the filter, between its 6 dB points
  double charge_s, discharge_s, meter_s;  ///< electrical charge and discharge, critically damped meter
};

/// 9 to 150 kHz; the scan goes down to 3 kHz with it, where EN 50065-1 begins.
inline constexpr EmiBand kEmiBandA = {'A', 9e3, 150e3, 200, 45e-3, 500e-3, 160e-3};
/// 150 kHz to 30 MHz.
inline constexpr EmiBand kEmiBandB = {'B', 150e3, 30e6, 9e3, 1e-3, 160e-3, 160e-3};

/// Three readings at one frequency, each the rms value of the sine that would read the same; a steady sine
/// reads the same on all.
struct EmiReading {
  double peak = 0, quasi_peak = 0, average = 0;
};

/// Peak, quasi-peak and average detector of one band, fed with envelopes a fixed time apart. One object
/// serves any number of frequencies, each with a State of its own.
///
/// Quasi-peak: a sine of amplitude e charges a capacitor at voltage v through a diode and a resistor, which
/// conduct while the sine is above v, and another resistor discharges it:
///   dv/dt = (k/pi) (sqrt(e^2 - v^2) - v acos(v/e)) [e > v] - v/T_discharge,
/// where k makes v reach 1 - 1/e of its final value T_charge after a sine begins; then the meter,
/// 1/(1 + s T_meter)^2, of which the largest deflection is read. Average: the mean of e through the same
/// meter, its largest deflection. Both start at rest: what lasts less than a second is read too low.
class EmiDetector {
 public:
  struct State {
    float peak = 0, capacitor = 0;
    double quasi_peak_meter[2] = {}, average_meter[2] = {};  // in single precision they stall 0.1 % short
    double quasi_peak = 0, average = 0;
  };

  /// `step_s`: time between envelopes, at most a tenth of 1/bandwidth.
  EmiDetector(const EmiBand& band, double step_s);

  /// One envelope: the amplitude (not rms) of the filtered sine.
  void step(State& state, float envelope) const;
  EmiReading reading(const State& state) const;

 private:
  float charge_ = 0, discharge_ = 0;  // per step
  double meter_ = 0;
  double sine_ = 1;  // quasi-peak of a steady sine of amplitude 1
};

}  // namespace ngdsp
