// What the plain model leaves of a strong frame, estimated and taken out too.
#pragma once

#include <memory>
#include <vector>

#include "ngdsp/rx/canceller.h"
#include "ngdsp/rx/frame_estimator.h"

namespace ngdsp {

/// A few paths and a constant gain describe a frame to 25 or 30 dB. Where more of it is left than noise, the
/// residual is fitted again: by a response on half chips, and by a gain that varies along the frame where
/// that shows in the residual. A parameter costs one nat of noise, so this is for frames whose chips stand
/// near or above the noise. One object a thread.
class StrongFrame {
 public:
  StrongFrame();
  ~StrongFrame();

  /// E_c/N0 from which the few nats of the response are worth it: what a plain estimate leaves, -25 dB, is as
  /// much there.
  static constexpr double kLeastChipEcN0 = 0.5;

  /// `frame` was taken out of `chips`, where a chip looks like `pulse`; what is left of it follows, and is
  /// noted in `frame`.
  void take_out_rest(ChipBuffer& chips, const ChipPulse& pulse, Canceller& canceller,
                     const SplitSequence& replica, FrameEstimate& frame);

 private:
  void take_out_response(ChipBuffer& chips, const ChipPulse& pulse, Canceller& canceller,
                         const SplitSequence& replica, FrameEstimate& frame);
  void take_out_gain(ChipBuffer& chips, Canceller& canceller, const SplitSequence& replica,
                     FrameEstimate& frame);

  struct Work;
  std::unique_ptr<Work> work_;
};

}  // namespace ngdsp
