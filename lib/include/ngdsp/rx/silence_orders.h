// When to order silence on a line that has collapsed.
#pragma once

#include <algorithm>

namespace ngdsp {

/// Orders at once when the line collapses, and again while it stays so, each time after waiting twice as
/// long: silence mends only a collapse, and what is not one (frames nobody can decode) must not be silenced
/// for ever. A line that ran for as long as held-back frames may take to be sent begins anew. Times are in
/// frame lengths.
class SilenceOrders {
 public:
  static constexpr double kLongestWait = 128, kRunning = 32;

  /// `first_wait` > 0: from the first order to the next, more than an order takes to be heard and to work.
  explicit SilenceOrders(double first_wait = 8) : first_wait_(first_wait), wait_(first_wait) {}

  /// True when silence is to be ordered at `now`, which does not go back.
  bool due(double now, bool collapsed) {
    if (collapsed) {
      running_since_ = now;
    } else if (now - running_since_ >= kRunning) {
      wait_ = first_wait_;
    }
    if (!collapsed || now < next_) return false;
    next_ = now + wait_;
    wait_ = std::min(2 * wait_, kLongestWait);
    return true;
  }

 private:
  double first_wait_, wait_;
  double next_ = 0, running_since_ = 0;
};

}  // namespace ngdsp
