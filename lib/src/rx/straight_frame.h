// A received frame drawn straight: resampled to its own chips, its carrier taken out.
#pragma once

#include <vector>

#include "ngdsp/rx/fingers.h"
#include "ngdsp/rx/frame_reader.h"

namespace ngdsp {

/// Once a frame is straight, its correlation at every delay is one sum over memory in a row.
class StraightFrame {
 public:
  static constexpr std::size_t kHalves = (kDelays + 1) / 2;
  static constexpr int kFirstHalf = static_cast<int>(2 * kFirstDelay);

  /// halves[i] = sum_n w(n) r(t_n + d_i) conj(s[n]) exp(-j 2 pi turns (n - t.reference)), d_i = (first_half +
  /// i)/2 chips within kFirstDelay ... kLastDelay, t_n the time of chip n. `weights`: w, one for each
  /// `piece_chips` chips.
  void respond(const ChipBuffer& chips, FrameTiming t, double turns, const SplitSequence& replica,
               const std::vector<double>& weights, std::size_t piece_chips, int first_half,
               Span<cf64> halves);

 private:
  // r[n] = weight(n) exp(-j 2 pi turns (n - t.reference)) times the chips at the time of chip n, `offset`
  // chips later; kReach chips more on either side.
  void assign(const ChipBuffer& chips, FrameTiming t, double offset, double turns, std::size_t frame_chips,
              const std::vector<double>& weights, std::size_t piece_chips);
  // sums[d] = sum_n r[n + first_delay + d] conj(s[n]) for all d < sums.size(); delays from -kReach to kReach.
  void correlate(const SplitSequence& replica, int first_delay, std::vector<cf64>& sums) const;

  static constexpr int kReach = 16;
  int lanes_ = 1;
  std::size_t padding_ = 0, chips_ = 0;
  std::vector<std::vector<float>> re_, im_;
  std::vector<cf64> sums_;
};

}  // namespace ngdsp
