// What of a frame's paths changes with the mains.
#pragma once

#include <vector>

#include "ngdsp/rx/canceller.h"
#include "ngdsp/rx/chip_pulse.h"
#include "ngdsp/rx/frame_estimator.h"
#include "ngdsp/rx/mains_tracker.h"

namespace ngdsp {

/// Loads switch at the same places of every half cycle of the mains, and the paths with them: beside its
/// mean, which is in the FrameEstimate, path l has
///
///     sum_m a_lm exp(j 2 pi m f t),  m = -2, -1, 1, 2,  f twice the frequency of the mains,
///
/// six sevenths of the power that a switch puts beside the mean where it is on for 0.3 of the time. a follows
/// by weighted least squares from correlations over a millisecond of what is left of the frame. Those that
/// stand out of the noise are taken out too. One object a thread.
class ChangingPaths {
 public:
  ChangingPaths(double rolloff, double chip_rate_hz) : pulse_(rolloff), chip_rate_hz_(chip_rate_hz) {}
  /// That the chips are filtered with.
  void set_filter(const std::vector<cf32>& taps) { pulse_.set_filter(taps); }

  /// `frame` was taken out of `chips`; returns whether its paths change for sure. `mains`: of its frequency
  /// where it is locked, else of 50 or 60 Hz +-1 %, whichever shows more.
  bool take_out(ChipBuffer& chips, Canceller& canceller, const SplitSequence& replica,
                const FrameEstimate& frame, const MainsTracker& mains);

 private:
  void correlate_pieces(const ChipBuffer& chips, const FrameEstimate& frame, const SplitSequence& replica,
                        const Finger& finger, std::vector<cf64>& out) const;
  std::vector<cf64> harmonics(const std::vector<cf64>& pieces, double turns, int most) const;
  double turns_of(const MainsTracker& mains, const std::vector<cf64>& pieces) const;

  ChipPulse pulse_;
  double chip_rate_hz_;
  std::size_t piece_chips_ = 0;
  std::vector<double> time_;  // of the middle of every piece against the frame's reference
  std::vector<cf64> shared_;  // by piece: chips that it counts for
};

}  // namespace ngdsp
