// Random-access experiments: unslotted traffic of many nodes into one streaming receiver.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "ngdsp/eval/access_count.h"
#include "ngdsp/eval/traffic.h"

namespace ngdsp {

/// The receiver's collapse detector closes the loop: silence is ordered while the line is collapsed (see
/// SilenceOrders). Times are in durations of one frame.
struct SilenceConfig {
  double frames = 1;        ///< of an order, above 0, to 32
  double delay_frames = 0;  ///< from the receiver's finding to the silence, 0 ... 100
};

/// One run: one stream, one seed. The receiver is switched on at sample 0; disturbances of the traffic are
/// counted from there.
struct AccessConfig {
  TrafficConfig traffic;
  double seconds = 0;        ///< length of the stream; 0: as long as `frames` need
  std::uint64_t frames = 0;  ///< counted frames; one of the two is set
  bool cold_start =
      false;  ///< traffic is under way when the receiver is switched on; else both begin together
  double detection_threshold = 0;  ///< of the receiver; 0 = its default
  double vetting_threshold = 0;
  std::optional<SilenceConfig> silence;  ///< none: nobody orders

  /// Empty, or one line naming the field.
  std::string validate() const;
};

/// What came out. Counted ("offered") are frames that begin at least two frame durations after the stream's
/// begin (cold start: any time after it) and end at least three before its end.
struct AccessPoint {
  std::uint64_t offered = 0, decoded = 0;
  double loss = 0, loss_low = 0, loss_high = 0;  ///< 95 % Clopper-Pearson interval
  double loss_above_4db = 0;                     ///< among frames received with E_b/N0 > 4 dB; NaN: none
  std::uint64_t false_frames = 0;                ///< came out, were never sent; over the whole stream
  std::uint64_t duplicates = 0;                  ///< came out again
  double residual = 0;         ///< mean power left under a decoded frame over the noise; NaN: none
  double cancellation_db = 0;  ///< mean
  double delay_s_median = 0, delay_s_99 = 0;  ///< stream time from a frame's end to its delivery
  double cpu_per_channel_s = 0;               ///< seconds of CPU in the receiver for a second of stream
  std::optional<double> locked_after_frames;  ///< cold start: frame durations until the loss of every later
                                              ///< frame duration is at most 10 %; none: never
  /// Frame durations from the end of the last disturbance until every later one loses no more than a loss
  /// of 1e-3 explains; none: never.
  std::optional<double> recovered_after_frames;
  std::vector<LossBin> recovery;  ///< after the last disturbance, by frame duration in which a frame begins
  std::vector<SegmentLoss> segments;  ///< of the scenario, in turn
  double seconds = 0;                 ///< of stream
  std::uint64_t collapses = 0;        ///< found by the receiver
  double collapsed_frames = 0;        ///< frame durations collapsed
  std::vector<double> orders;         ///< when silence was ordered, frame durations
  std::uint64_t deferred = 0;         ///< frames held back by them
};

/// Runs one stream on the calling thread. `progress` gets the done part, 0 ... 1.
Result<AccessPoint> measure_access(const AccessConfig& config,
                                   const std::function<void(double)>& progress = {});

/// Runs several, each on one thread, `threads` at a time (0 = all cores). `on_point(i, point)` is called in
/// order of `runs`, `progress` with the done part of all, both from any thread but never at once. Errors: an
/// invalid config, before anything has run.
Status measure_access(const std::vector<AccessConfig>& runs, int threads,
                      const std::function<void(std::size_t, const AccessPoint&)>& on_point,
                      const std::function<void(double)>& progress = {});

}  // namespace ngdsp
