// Where in its cycle the mains is.
#pragma once

#include <cstdint>
#include <string>

#include "ngdsp/base/rng.h"
#include "ngdsp/base/types.h"

namespace ngdsp {

/// The mains frequency wanders as an Ornstein-Uhlenbeck process around its nominal value,
///   df = -(f - f0)/tau dt + s sqrt(2/tau) dW,
/// which grid control makes of load changes. Defaults: as measured on a recorded European 50 Hz waveform, see
/// docs/mains_channel.md.
struct MainsConfig {
  double frequency_hz = 50;    ///< f0: 50, 60, 16.7; 0 = no mains (DC), else 10 ... 400
  double deviation_hz = 0.02;  ///< s, standard deviation of the frequency, 0 ... 1
  double correlation_s = 30;   ///< tau, 0.1 ... 1e5

  std::string validate() const;
};

/// The phase of successive samples, continuous, drawn at its start. Any block lengths give the same phases.
class MainsPhase {
 public:
  MainsPhase(const MainsConfig& config, double sample_rate_hz, std::uint64_t seed);

  /// The next samples, in turns: whole turns count cycles. Without mains the phase stands still.
  void next(Span<double> turns);
  double frequency_hz() const { return frequency_hz_; }

 private:
  void step();

  MainsConfig config_;
  double sample_rate_hz_;
  std::uint64_t step_samples_, left_ = 0;  // frequency is constant for a step
  double keep_, kick_hz_;
  double frequency_hz_, turns_;
  Rng rng_;
};

}  // namespace ngdsp
