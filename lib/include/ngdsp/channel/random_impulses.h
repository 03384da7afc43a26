// Impulses of noise at random times.
#pragma once

#include <vector>

#include "ngdsp/base/rng.h"
#include "ngdsp/channel/noise_source.h"

namespace ngdsp {

/// Bursts of Gaussian noise at Poisson times: switching, contacts, commutators. Either every impulse has a
/// level, or Middleton's class A holds: impulses begin at a rate of A / mean duration, last exponentially
/// long, and each adds 1/(A Gamma) N0, so that the number present is Poisson of mean A and the variance is N0
/// (1 + m/(A Gamma)). D. Middleton, "Statistical-physical models of electromagnetic interference", IEEE
/// Trans. EMC 19 (3), 1977.
struct ImpulseConfig {
  double mean_gap_s = 0.1;     ///< between beginnings, 1e-4 ... 1e4; not with class A
  double shortest_s = 100e-6;  ///< duration, uniform between these two, 1e-7 ... 10; class A: mean of both
  double longest_s = 100e-6;
  double level_db = 30;        ///< noise during an impulse over the background, 0 ... 80; not with class A
  double level_spread_db = 0;  ///< of each impulse's level, rms, 0 ... 20; not with class A
  double class_a = 0;          ///< A, mean number of impulses at a time, 1e-4 ... 10; 0 = not class A
  double gamma = 0.1;          ///< Gamma, power of the background over that of all impulses, 1e-6 ... 1e3
  double slope_db = 0;         ///< how much stronger the lower edge of the band is than the upper, +-60

  std::string validate(const std::string& name) const;
};

class RandomImpulses : public VarianceSource {
 public:
  RandomImpulses(const ImpulseConfig& config, double sample_rate_hz, std::uint64_t seed);
  void add(Span<const double> turns, Span<float> variance) override;
  /// Impulses begun so far.
  std::uint64_t begun() const { return begun_; }

 private:
  struct Impulse {
    double end;  // sample time
    float excess;
  };
  void begin(double at);
  void forget_ended(double now);

  ImpulseConfig config_;
  double sample_rate_hz_, gap_samples_, next_;
  std::uint64_t sample_ = 0, begun_ = 0;
  std::vector<Impulse> present_;
  double first_end_ = 0;
  float excess_ = 0;  // of all present
  Rng rng_;
};

}  // namespace ngdsp
