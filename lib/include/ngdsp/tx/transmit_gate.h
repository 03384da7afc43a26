// When a node may begin a frame while a silence order holds (docs/waveform.md, "Silence order").
#pragma once

#include "ngdsp/base/rng.h"

namespace ngdsp {

/// Keeps the last silence order. Times are in any one unit, those of the node's own clock.
class TransmitGate {
 public:
  /// Frames that were held back begin within so many times the length of the silence after its end: 3 % more
  /// traffic, half of what a frame length of Poisson traffic varies by itself.
  static constexpr double kSpread = 32;

  /// From `from` on no frame begins for `length` >= 0. The last order holds, even where it is shorter.
  void order(double from, double length) { from_ = from, length_ = length; }
  bool silent(double at) const { return at >= from_ && at < from_ + length_; }
  /// When a frame wanted at `at` may begin: then, or, during a silence, uniformly spread after its end. A
  /// frame whose time has come asks anew, another order may have been given. Draws only when the frame is
  /// held back.
  double begin(double at, Rng& rng) const {
    return silent(at) ? from_ + length_ * (1 + kSpread * rng.uniform()) : at;
  }

 private:
  double from_ = 0, length_ = 0;
};

}  // namespace ngdsp
