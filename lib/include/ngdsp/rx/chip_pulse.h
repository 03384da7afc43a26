// What a chip of a frame looks like to a correlator.
#pragma once

#include <vector>

#include "ngdsp/base/types.h"

namespace ngdsp {

/// p(t) = sum g[n] rc(t - n/2), rc the raised cosine, g the taps of a NoiseFilter, g[-n] = g[n]*. A path of
/// gain 1 gives a correlator that is t chips late p(t) a chip, and what noise is left in two correlators t
/// chips apart correlates by p(t), where g is 1/S.
class ChipPulse {
 public:
  explicit ChipPulse(double rolloff);
  /// As NoiseFilter::taps() has them; empty: none.
  void set_filter(const std::vector<cf32>& taps);

  /// Without a filter it is real.
  bool plain() const { return filtered_.empty(); }
  /// Of rc; -16 ... 16 chips, 0 beyond, as is at().
  double plain_at(double t_chips) const;
  cf64 at(double t_chips) const;

 private:
  double rolloff_;
  std::vector<double> plain_;
  std::vector<cf64> filtered_;
};

}  // namespace ngdsp
