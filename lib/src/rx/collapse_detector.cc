#include "ngdsp/rx/collapse_detector.h"

#include <algorithm>

namespace ngdsp {

void CollapseDetector::step(double chips, double lost_bits, double decoded_bits) {
  const double change = (lost_bits - decoded_bits - reference_ * chips) / frame_chips_;
  level_ = std::clamp(level_ + change, 0.0, kBarrier);
  if (!collapsed_ && level_ == kBarrier) ++collapses_;
  if (level_ == kBarrier) collapsed_ = true;
  if (level_ == 0) collapsed_ = false;
}

}  // namespace ngdsp
