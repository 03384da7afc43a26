// What every chip of the received stream counts for.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "ngdsp/rx/burst_model.h"
#include "ngdsp/rx/chip_buffer.h"

namespace ngdsp {

/// Variance of the noise in a chip, 1 for the background: for measurements of what not knowing it costs.
using KnownVariance = std::function<double(std::int64_t chip)>;

/// Sets the weights of a ChipBuffer: what a BurstModel makes of the power of its chips, over that of the
/// quieter ones around them. So weights tell bursts apart from what lies between, not how the floor moves,
/// whether that is noise or frames: blocks know that by their power. Frames hide bursts: where they were
/// taken out, weights are learned again.
class NoiseWeights {
 public:
  /// Looked at on either side of what is learned; so many of the last are learned anew with those that
  /// follow. A step of the receiver and twice this fit in one window of a NoiseFilter.
  static constexpr std::int64_t kBesideChips = 240;

  static constexpr double kLearnAgainPower = 0.25;

  explicit NoiseWeights(KnownVariance known = {}) : known_(std::move(known)) {}

  /// Of new chips, all before `end`; the last ones anew, now that it is known what follows them. `noise`: of
  /// a chip where no frames are, 0 where that is not known. Bursts ring through the notches of a filter; what
  /// does is told apart where it is not hidden by frames.
  void learn(ChipBuffer& chips, std::int64_t end, double noise = 0);
  /// Of stretches whose power fell to less than `share` of what it was when their weights were learned.
  void learn_again(ChipBuffer& chips, double share = kLearnAgainPower);
  /// Of such of them as have chips in common with `where`.
  void learn_again(ChipBuffer& chips, ChipRange where, double share);
  /// Of all between two chips, too: a strong frame was taken out, which began and ended like a burst.
  void learn_again(ChipBuffer& chips, std::int64_t first, std::int64_t last);
  /// For a new stream.
  void restart();

  void report(NoiseReport& out) const;
  std::uint64_t weighted_chips() const { return weighted_chips_; }  ///< whose weight was not 1, each time
  std::uint64_t learned_again_chips() const { return again_chips_; }

 private:
  struct Stretch {
    std::int64_t first, last;
    double power;  // when it was learned
  };
  // hiding: a floor under chips that hides what rings.
  void weigh(ChipBuffer& chips, std::int64_t first, std::int64_t last, double hiding);
  void weigh_piece(ChipBuffer& chips, std::int64_t first, std::int64_t last, double hiding);
  double read_powers(const ChipBuffer& chips, std::int64_t from, std::size_t count);
  bool even_out(Span<float> weights);

  KnownVariance known_;
  BurstModel model_;
  std::int64_t end_ = 0;
  std::uint64_t weighted_chips_ = 0, again_chips_ = 0;
  float usual_gain_ = 0;  // of SNR by the weights
  std::deque<Stretch> stretches_;
  std::vector<float> power_, sorted_, weights_;
};

}  // namespace ngdsp
