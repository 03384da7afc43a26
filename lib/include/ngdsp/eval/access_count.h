// Keeps count of sent and received frames of an access experiment.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "ngdsp/eval/traffic.h"

namespace ngdsp {

struct LossBin {
  std::uint32_t offered = 0, lost = 0;
};

/// Loss over time, in bins of one frame duration by the beginning of the frame.
class LossBins {
 public:
  /// Frames that begin before `origin_samples` are left out.
  LossBins(double origin_samples, double frame_samples) : origin_(origin_samples), width_(frame_samples) {}
  void add(double start_samples, bool lost);
  /// The first bin from which on the loss stays at or below `limit` in every bin; none when the last bin,
  /// too, is above it, or there is no bin.
  std::optional<double> settled_after(double limit) const;
  /// The same for bins that lose no more than a loss of `rate` explains: Poisson, one bin in a thousand
  /// more.
  std::optional<double> chance_after(double rate) const;
  const std::vector<LossBin>& bins() const { return bins_; }

 private:
  template <typename Good>
  std::optional<double> good_from(Good good) const;
  double origin_, width_;
  std::vector<LossBin> bins_;
};

/// Of the frames that begin in one segment of a scenario.
struct SegmentLoss {
  std::vector<LossBin> since_change;  ///< by half seconds from the segment's beginning to that of the frame
  std::vector<LossBin> rounds;        ///< by how often the segment was there before
};

struct AccessCountConfig {
  double frame_samples = 0;
  double sample_rate_hz = 0;
  double block_samples = 0;             ///< delays are known to about this
  double warm_up_frames = 2;            ///< frames that begin earlier are not counted
  double cool_down_frames = 3;          ///< nor are those that end less than this before the end
  std::uint64_t most = 0;               ///< only the first so many; 0 = all
  double recovery_frames = -1;          ///< losses per bin are kept from here on too; < 0: not
  std::vector<double> segment_samples;  ///< of the scenario's segments, in turn; none: not kept apart
  double strong_db = 4;                 ///< E_b/N0 above which a loss counts as one of strong frames
};

struct AccessTotals {
  std::uint64_t offered = 0, decoded = 0;
  std::uint64_t strong_offered = 0, strong_decoded = 0;
  std::uint64_t false_frames = 0, duplicates = 0;  ///< over the whole stream
  double residual = 0;                             ///< means over decoded frames; NaN when there are none
  double cancellation_db = 0;
  double delay_s_median = 0, delay_s_99 = 0;
  std::optional<double> locked_after_frames, recovered_after_frames;
  std::vector<LossBin> recovery;  ///< by frame duration from recovery_frames on
  std::vector<SegmentLoss> segments;
};

/// sent() in order of the frames' indices 0, 1, 2 ..., before they can be received; received() at any time
/// later. A frame's fate is settled 64 frame durations after its end or at finish(), whichever is first;
/// memory is what is in between, and a few bytes a frame duration.
class AccessCount {
 public:
  explicit AccessCount(const AccessCountConfig& config);

  void sent(const SentFrame& frame);
  /// A frame came out when `fed_samples` of the stream had gone in; `index` none: its payload was never sent.
  void received(std::optional<std::uint64_t> index, double fed_samples, double residual_db,
                double cancellation_db);
  /// Settles what is over for long.
  void settle(double fed_samples);
  /// Counted frames among those sent so far, were the stream to go on.
  std::uint64_t eligible() const { return eligible_; }
  double last_eligible_end() const { return last_eligible_end_; }
  AccessTotals finish(double end_samples);

 private:
  struct Fate {
    float ebn0_db = 0;
    bool received = false;
    double start = 0, end = 0, delay = 0, residual = 0, cancellation_db = 0;
  };
  void retire(const Fate& fate);
  bool eligible(double start) const;
  double delay_quantile(double q) const;
  void add_to_segment(const Fate& fate);

  AccessCountConfig config_;
  AccessTotals totals_;
  std::deque<Fate> fates_;
  std::uint64_t first_ = 0;     // index of fates_.front()
  std::uint64_t eligible_ = 0;  // sent and counted if the stream goes on
  double last_eligible_end_ = 0;
  double residual_sum_ = 0, cancellation_sum_ = 0;
  std::vector<std::uint32_t> delays_;  // counts, a bin is 1/20 of a block
  LossBins bins_;
  LossBins recovery_;
  struct SegmentBins {
    LossBins since_change, rounds;
  };
  std::vector<SegmentBins> segments_;
};

}  // namespace ngdsp
