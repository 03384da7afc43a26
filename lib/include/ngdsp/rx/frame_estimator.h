// What a decoded frame, all its chips known, tells of its path.
#pragma once

#include <memory>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/rx/fingers.h"
#include "ngdsp/rx/frame_reader.h"
#include "ngdsp/rx/vetter.h"

namespace ngdsp {

class StraightFrame;

/// A factor that varies along a frame: values[k] at its chip first_chip + k step_chips, linear between,
/// constant beyond both ends. Without values it is 1.
struct FrameGain {
  double first_chip = 0, step_chips = 1;
  std::vector<cf32> values;

  /// At `count` chips from `chip` on, `step` apart, by parts.
  void along(double chip, double step, std::size_t count, float* re, float* im) const;
};

/// A decoded frame and its channel: chip n of its replica arrives by finger l delay_l after its timing says,
/// with gain_l exp(j 2 pi turns (n - timing.reference)).
struct FrameEstimate {
  int sequence = 0;
  FrameTiming timing;  ///< of the strongest path, whose delay is 0
  double turns = 0;    ///< carrier left beside that of the replica, cycles a chip
  double base_hz = 0;  ///< carrier the replica is turned by
  std::vector<Finger> fingers;
  std::vector<Finger> rest;  ///< of strong frames: what the fingers leave of the response, on half chips
  FrameGain gain;            ///< of strong frames, and where lines change with the mains, on all of them
  double metric = 0;  ///< |weighted correlation with all chips|^2 over its noise: E_frame/N0 of a true frame

  double amplitude() const;                                  ///< all paths together
  FrameHypothesis hypothesis(const Profile& profile) const;  ///< what it says of timing, clock and carrier
  double delay_spread_chips() const;
};

/// Estimates by weighted least squares on all chips: carrier from the periodogram of block correlations,
/// then timing and paths from the response to the whole frame. One object a thread.
class FrameEstimator {
 public:
  FrameEstimator(const FrameEncoder& encoder, const OffsetRange& range);
  ~FrameEstimator();
  /// That the chips are filtered with.
  void set_filter(const std::vector<cf32>& taps) { pulse_.set_filter(taps); }

  /// The frame as sent, for estimate() and Canceller, with its carrier in it where that turns fast; valid
  /// until the next call.
  const SplitSequence& replica(const FrameHypothesis& h, const std::vector<float>& symbols);

  /// `first_chip`: of the strongest path, to a quarter chip or so.
  void estimate(const ChipBuffer& chips, const FrameHypothesis& h, double first_chip,
                const SplitSequence& replica, FrameEstimate& out);
  /// The same for a frame that was taken out of `chips`: estimated from what is left of it and what `frame`
  /// says was taken. `replica`: turned by its base_hz. For frames without `rest`; leaves no `gain`.
  void estimate_again(const ChipBuffer& chips, const SplitSequence& replica, FrameEstimate& frame);
  /// Energy of the last estimated frame that the chips still hold, piece by piece so that no wrong phase
  /// hides it, against that of the estimate: how deep it was cancelled, dB. What noise alone would hold is
  /// taken off; at most what one nat of it allows.
  double cancellation_db(const ChipBuffer& chips, const FrameEstimate& frame, const SplitSequence& replica);

 private:
  double coherent_energy(const std::vector<cf64>& pieces) const;
  struct Piece {
    double time, weight;
    double chips;  // that it counts for
    std::size_t count;
  };
  void correlate_pieces(const ChipBuffer& chips, FrameTiming t, const SplitSequence& replica,
                        std::vector<cf64>& out) const;
  cf64 sum(const std::vector<cf64>& pieces, double turns) const;
  void respond(const ChipBuffer& chips, const FrameEstimate& at, const SplitSequence& replica);
  void estimate_from(const ChipBuffer& chips, const FrameHypothesis& h, double first_chip,
                     const SplitSequence& replica, FrameEstimate& out);
  cf64 taken_response(double delay) const;

  FrameReader reader_;
  OffsetRange range_;
  ChipPulse pulse_;
  SplitSequence replica_;
  std::unique_ptr<StraightFrame> straight_;
  std::vector<Piece> pieces_;
  std::vector<double> weights_;
  std::vector<cf64> correlations_, response_, halves_, left_;
  FrameEstimate taken_;  // what was taken out of the chips and counts as there; no fingers: nothing
  double energy_ = 0;    // of the last estimated frame, over its noise
};

}  // namespace ngdsp
