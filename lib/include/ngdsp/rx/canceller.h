// Takes a decoded frame out of the stream.
#pragma once

#include <vector>

#include "ngdsp/base/worker_pool.h"
#include "ngdsp/rx/chip_buffer.h"
#include "ngdsp/rx/chip_pulse.h"
#include "ngdsp/rx/despreader.h"
#include "ngdsp/rx/frame_estimator.h"

namespace ngdsp {

/// Adds or takes away what a frame leaves behind the matched filter: in plane k, at chip c,
///   sum_n s[n] exp(j 2 pi turns (n - reference)) g(c + k/4 - t_n),  g(t) = sum_l gain_l rc(t - delay_l),
/// t_n the time of chip n by FrameTiming, rc the raised cosine. Where there is a NoiseFilter, the same with
/// its ChipPulse for rc and times the weights, is added to psi: near enough until ChipBuffer::settle(). The
/// clock's drift moves in steps of a block of rows. One object a thread.
class Canceller {
 public:
  /// The workers share out the frame's chips; the pool lives as long as the canceller.
  explicit Canceller(double rolloff, WorkerPool& workers = WorkerPool::alone());
  /// As NoiseFilter::taps() has them; empty: none.
  void set_filter(const std::vector<cf32>& taps);

  /// `scale` -1 takes the frame out, +1 puts it back. Returns the first chip touched and the one behind the
  /// last.
  struct Extent {
    std::int64_t first, last;
  };
  Extent add(ChipBuffer& chips, const FrameEstimate& frame, const SplitSequence& replica, double scale);
  /// Puts `before` back and takes `after` out, two estimates of one frame, in one pass. The carrier between
  /// them stands still over a block of rows. For estimates without `gain`.
  void replace(ChipBuffer& chips, const FrameEstimate& before, const FrameEstimate& after,
               const SplitSequence& replica);

 private:
  struct Path {
    double delay;
    cf64 gain;
    double slip, turns;  // how delay and phase move along the frame, a chip
  };
  void add_paths(const FrameEstimate& frame, const FrameEstimate& reference, double scale);
  // Pulses end `reach` chips from their middle.
  Extent draw(ChipBuffer& chips, const FrameEstimate& frame, const SplitSequence& replica, int reach);
  Extent draw_behind(bool filter, ChipBuffer& chips, const FrameEstimate& frame, const SplitSequence& replica,
                     int reach);
  // The pulse at whole chips, mirrored, in a row for every phase.
  struct PulseTable {
    std::vector<float> re, im;
  };
  static PulseTable table_of(const ChipPulse& pulse);
  // Adds gain p(-t - m) to tap m < count.
  static void add_pulse(const PulseTable& table, double t, cf64 gain, int count, float* re, float* im);
  WorkerPool* workers_;
  ChipPulse pulse_;
  std::vector<Path> paths_;  // of what is drawn
  PulseTable received_, filtered_;
};

}  // namespace ngdsp
