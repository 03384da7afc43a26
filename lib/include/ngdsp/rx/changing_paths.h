// What of a frame's paths changes with the mains.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "ngdsp/rx/canceller.h"
#include "ngdsp/rx/chip_pulse.h"
#include "ngdsp/rx/frame_estimator.h"
#include "ngdsp/rx/noise_rhythm.h"

namespace ngdsp {

/// Loads switch at the same places of every half cycle of the mains, and the paths with them: beside its
/// mean, which is in the FrameEstimate, path l has
///
///     g_l sum_m a_lm exp(j 2 pi m f t),  m = -2, -1, 1, 2,  f twice the frequency of the mains,
///
/// six sevenths of the power that a switch puts beside the mean where it is on for 0.3 of the time. a follows
/// by weighted least squares from correlations over a millisecond of what is left of the frame.
///
/// Frames come over one grid, so where the phase of the mains is known those of late tell what to expect of
/// the next one: mu_m, the mean of a_m against that phase, and P_m = E |a_m - mu_m|^2. Of an a known to a
/// variance V,
///
///     mu + P/(P + V) (a - mu)
///
/// is taken out, which leaves P V/(P + V), all of a term that stands out of the noise by itself, and of
/// frames that are not worth the look mu alone. mu is that of all paths. Without the phase mu and P are 0.
/// One object a thread.
class ChangingPaths {
 public:
  static constexpr std::size_t kTerms = 4;
  /// What is known of a frame's changes.
  struct Known {
    std::array<cf64, kTerms> mean{};     ///< mu_m, which the frame's gain has
    std::array<double, kTerms> power{};  ///< P_m of what is left
    bool looked = false;
  };

  ChangingPaths(double rolloff, double chip_rate_hz) : pulse_(rolloff), chip_rate_hz_(chip_rate_hz) {}
  /// That the chips are filtered with.
  void set_filter(const std::vector<cf32>& taps) { pulse_.set_filter(taps); }
  /// For a new stream.
  void restart();

  /// Before `frame` is taken out: what is to be expected of it, which becomes its `gain`.
  void foresee(FrameEstimate& frame, const std::optional<MainsClock>& clock, Known& known);
  /// `frame` was taken out of `chips`: what else of it changes. `clock` empty: 50 or 60 Hz +-1 %, whichever
  /// shows more. `known`: of this frame, from call to call. Returns whether a term stood out for sure.
  bool take_out(ChipBuffer& chips, Canceller& canceller, const SplitSequence& replica,
                const FrameEstimate& frame, const std::optional<MainsClock>& clock, Known& known);

 private:
  void correlate_pieces(const ChipBuffer& chips, const FrameEstimate& frame, const SplitSequence& replica,
                        const Finger& finger, std::vector<cf64>& out) const;
  std::vector<cf64> harmonics(const std::vector<cf64>& pieces, double turns, int most) const;
  double turns_of(const std::vector<cf64>& pieces) const;
  struct Change {
    cf64 gain;        // a, of one path
    double variance;  // of it
  };
  using Changes = std::array<Change, kTerms>;
  std::vector<Changes> measure(const FrameEstimate& frame, double noise, double turns,
                               const std::vector<std::vector<cf64>>& pieces) const;
  void split(const ChipBuffer& chips, const FrameEstimate& frame, std::size_t count);
  FrameGain gain_of(const FrameEstimate& frame, double turns, cf64 still,
                    const std::array<cf64, kTerms>& changes) const;
  void see(std::size_t term, cf64 change, double variance);
  struct Expected {
    cf64 mean;  // against the phase of the mains
    double power = 0;
  };
  Expected expected(std::size_t term) const;

  ChipPulse pulse_;
  double chip_rate_hz_;
  std::size_t piece_chips_ = 0;
  std::vector<double> time_;  // of the middle of every piece against the frame's reference
  std::vector<cf64> shared_;  // by piece: chips that it counts for
  // Of frames of late, by term, and how much they tell: |a|^2 less its variance; a against the phase.
  struct Seen {
    double power = 0, weight = 0;
    cf64 mean;
    double mean_weight = 0;
  };
  std::array<Seen, kTerms> seen_{};
  std::uint64_t lock_ = 0;   // of the clock that means are of
  std::int64_t frames_ = 0;  // that came
  std::int64_t look_ = 0;    // so many of the next are looked at
};

}  // namespace ngdsp
