// Gaussian noise whose variance breathes with the mains.
#pragma once

#include "ngdsp/channel/noise_source.h"

namespace ngdsp {

/// One term of the cyclostationary model, variance (10^(level_db/10) - 1) |sin(2 pi phase + theta)|^n in N0;
/// the term of n = 0 is the background. M. Katayama, T. Yamazato, H. Okada, "A mathematical model of noise in
/// narrowband power line communication systems", IEEE JSAC 24 (7), 2006.
struct CyclicConfig {
  double level_db = 10;  ///< of the peak, 0 ... 80
  double phase_deg = 0;  ///< theta, degrees of the mains, +-360
  double exponent = 2;   ///< n: 2 a hill as wide as half a cycle, 1e5 a needle of 0.3 degrees; 0 ... 1e7
  double slope_db = 0;   ///< how much stronger the lower edge of the band is than the upper, +-60

  std::string validate(const std::string& name) const;
};

class CyclicNoise : public VarianceSource {
 public:
  explicit CyclicNoise(const CyclicConfig& config);
  void add(Span<const double> turns, Span<float> variance) override;

 private:
  CyclicConfig config_;
  double excess_;
};

}  // namespace ngdsp
