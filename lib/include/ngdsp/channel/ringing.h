// Impulses that ring, repeated at a rate of their own.
#pragma once

#include "ngdsp/channel/noise_source.h"

namespace ngdsp {

/// exp(-t/tau) sin(2 pi f t) from each of equidistant times on: the periodic impulses asynchronous to the
/// mains that switched supplies make. J. A. Cortes et al., "Analysis of the indoor broadband power-line noise
/// scenario", IEEE Trans. EMC 52 (4), 2010 (classes of impulses). What rings outside the samples' range is
/// left out.
struct RingingConfig {
  double rate_hz = 1000;   ///< impulses a second, 0.01 ... 1e5
  double ring_hz = 60000;  ///< f, 1 ... 1e9
  double decay_s = 20e-6;  ///< tau, 1e-6 ... 0.1
  double level_db = 20;    ///< power at the onset over N0 times the chip rate, -40 ... 100

  std::string validate(const std::string& name) const;
};

class Ringing : public WaveSource {
 public:
  Ringing(const RingingConfig& config, const NoiseBand& band, std::uint64_t seed);
  void add(Span<const double> turns, Span<cf32> wave) override;

 private:
  double gap_samples_, next_;  // of the next onset
  cf64 decay_, ring_{};        // a sample's step, the sum of all that rings
  double decay_rate_, amplitude_, center_;
  std::uint64_t sample_ = 0;
  bool held_;
};

}  // namespace ngdsp
