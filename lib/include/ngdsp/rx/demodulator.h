// From a hypothesis to soft code bits.
#pragma once

#include <memory>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/rx/fingers.h"
#include "ngdsp/rx/frame_planes.h"
#include "ngdsp/rx/frame_reader.h"
#include "ngdsp/rx/vetter.h"

namespace ngdsp {

class StraightFrame;

/// Model: r(t) = sum_l g_l sum_n d[n] p(t - ...) + noise of variance s_b^2 in block b; d[n] known in the
/// preamble, +-1 times known afterwards. One unknown clock offset drives both the drift of the chips and the
/// carrier. One object a thread.
class Demodulator {
 public:
  Demodulator(const FrameEncoder& encoder, const OffsetRange& range);
  ~Demodulator();
  /// That the chips are filtered with.
  void set_filter(const std::vector<cf32>& taps) { pulse_.set_filter(taps); }

  /// Refines the hypothesis over the whole frame, finds the paths, combines them and writes the LLRs of the
  /// symbols in order of transmission: 4 Re(sum_l g_l* y_l)/s_b^2 (positive: +1). Returns the fingers, the
  /// strongest of the preamble first.
  const std::vector<Finger>& demodulate(const ChipBuffer& chips, FrameHypothesis& hypothesis,
                                        std::vector<float>& llr);

 private:
  void find_paths(const ChipBuffer& chips, const FrameHypothesis& h, const SplitSequence& s);
  void read_paths(const ChipBuffer& chips, const FrameHypothesis& h, double clock, double turns,
                  const SplitSequence& s);
  void weigh_paths(double phase);
  PhaseFit fit(int q, double turns) const;
  PhaseFit fit_near(int q, double turns, double reach) const;

  FrameReader reader_;
  OffsetRange range_;
  ChipPulse pulse_;
  std::vector<double> nominal_a2_;
  SplitSequence preamble_;
  std::unique_ptr<StraightFrame> straight_;
  FramePlanes planes_;  // of the strongest path
  std::vector<cf64> halves_, response_;
  std::vector<Finger> fingers_;
  struct Path {
    std::vector<FrameBlock> preamble;
    SplitSymbols symbols;
  };
  std::vector<Path> paths_;  // of the fingers, the carrier taken out
  std::vector<FrameBlock> blocks_;
  SplitSymbols sum_, turn_;
  std::vector<float> soft_;
};

}  // namespace ngdsp
