// The received stream as four chip-rate streams a quarter chip apart, and beside it what each chip counts
// for.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/rx/noise_filter.h"

namespace ngdsp {

/// Chip number n in lanes: row n / lanes of lane n % lanes.
struct LanePosition {
  int lane, lanes;
  std::int64_t row;
  LanePosition(std::int64_t n, int lane_count)
      : lane(static_cast<int>(n % lane_count)), lanes(lane_count), row(n / lane_count) {}
  LanePosition& operator++() {
    if (++lane == lanes) lane = 0, ++row;
    return *this;
  }
};

/// What a sample interpolated linearly, mu of the way between two planes, is to be multiplied with so that
/// its noise has the power it has on the planes: noise a quarter chip apart correlates by sinc(1/4) = 0.9
/// (the roll-off lowers that by 1 % at most). A frame on its right time keeps its amplitude as well.
inline double interpolation_gain(double mu) { return 1 / std::sqrt(1 - 2 * mu * (1 - mu) * (1 - 0.9)); }

/// Chips `first` up to `last`, that one not included; none where last <= first.
struct ChipRange {
  std::int64_t first = 0, last = 0;
  bool empty() const { return last <= first; }
  /// Whether `count` chips from `chip` on have some in common with these.
  bool meets(double chip, std::int64_t count) const {
    return !empty() && chip < static_cast<double>(last) &&
           chip + static_cast<double>(count) > static_cast<double>(first);
  }
  /// The least range that holds both.
  void widen(ChipRange r) {
    if (r.empty()) return;
    first = empty() ? r.first : std::min(first, r.first);
    last = std::max(last, r.last);
  }
};

/// Matched-filter output at four samples a chip, kept as four "planes" of one sample a chip: plane k holds
/// the times n + k/4 chips. A plane is stored in `lanes`, one for each residue of the chip number; with as
/// many lanes as a symbol has chips, the i-th chips of successive symbols lie in a row and so do the loops
/// that despread. Real and imaginary parts are kept apart. Chips are numbered from the start of the stream;
/// old ones are forgotten.
///
/// Samples r are kept as they came, less the frames that were taken out, and never limited or blanked. Beside
/// them goes a weight w a chip, one for its four planes, 1 until it is told: noise may be stronger in some
/// chips than in others, and w is the inverse of its variance, on any scale. Whatever correlates reads
/// psi = w r, or where noise is stronger at some frequencies what a NoiseFilter makes of r and w. What it
/// sums then has the noise sum |psi|^2 and the share sum w of a frame. While every weight held is 1 and there
/// is no filter psi is r, and takes neither memory nor time.
class ChipBuffer {
 public:
  static constexpr int kPlanes = 4;

  static constexpr int kFilterReach = NoiseFilter::kReach;
  /// The planes that hold all of r, half a chip apart: what a NoiseFilter works on.
  static constexpr int kHalf = kPlanes / static_cast<int>(NoiseFilter::kSamples);
  static constexpr int kFilterPlanes[NoiseFilter::kSamples] = {0, kHalf};

  explicit ChipBuffer(int lanes = 1);

  int lanes() const { return lanes_; }
  std::int64_t begin() const { return begin_; }
  std::int64_t end() const { return end_; }

  /// Appends whole chips: samples.size() is a multiple of 4.
  void append(Span<const cf32> samples);
  /// Forgets chips before `chip`.
  void discard_before(std::int64_t chip);
  /// `leaving` sees chips, in order, just before they are forgotten so.
  using Leaving = std::function<void(const ChipBuffer&, ChipRange)>;
  void set_leaving(Leaving leaving) { leaving_ = std::move(leaving); }
  /// Empty, and the next chip is number 0.
  void restart();

  /// Means over about `count` samples a chip apart from about time `chip` on: whole rows of lanes() chips of
  /// the planes either side, linear between them. A frame's power depends on where in its chips it is sampled
  /// (by up to half the roll-off), so power is to be asked for where symbols are read.
  /// Of w.
  double mean_weight(double chip, std::size_t count) const;
  /// sum |psi|^2/sum w: the power in a chip of weight 1.
  double noise_power(double chip, std::size_t count) const;
  /// The power of even noise in which a frame is as hard to see: noise_power/mean_weight.
  double mean_power(double chip, std::size_t count) const;
  /// The same, of a frame that is weighted by 1/noise_power stretch by stretch: the harmonic mean of
  /// mean_power over stretches of some hundred chips. What a clean end gains is seen in it, what the crowded
  /// end loses hardly.
  double effective_power(double chip, std::size_t count) const;

  /// What noise has beyond lines, whitened (NoiseFilter::residual()), without a filter |r|^2, of chips
  /// `first` up to first + power.size(), all held: the mean over their planes, of a filter's over two.
  void powers(std::int64_t first, Span<float> power) const;
  /// Weights of chips `first` up to first + weights.size(), all held.
  void set_weights(std::int64_t first, Span<const float> weights);
  /// Weights for a while, until set_weights() is called for these chips: mean_weight() follows, psi does not.
  void try_weights(std::int64_t first, Span<const float> weights);
  /// For where weights are still to be set: what noise has beyond lines is made anew of chips `first` up to
  /// `last`, at most separable(), and kFilterReach around, as if all counted alike, and then by weights:
  /// powers() follows, psi does not until set_weights() is called for these chips, which is next.
  void separate(std::int64_t first, std::int64_t last);
  void separate(std::int64_t first, Span<const float> weights);
  std::int64_t separable() const { return NoiseFilter::kHopChips - 2 * kFilterReach - 2 * lanes_; }
  /// Null: none.
  void set_filter(std::shared_ptr<NoiseFilter> filter);
  const NoiseFilter* filter() const { return filter_.get(); }
  /// To be called after samples from chip `first` up to `last` were changed: psi and sums by row follow. With
  /// a filter psi is to be changed as well, near enough for now, as its own value takes long to calculate:
  /// settle() does so for chips `first` up to `last`, settle_before() for all before `chip` that was appended
  /// and drawn.
  void drawn(std::int64_t first, std::int64_t last);
  void settle_before(std::int64_t chip);
  void settle(std::int64_t first, std::int64_t last);
  /// What changed since this was asked last: outside of it the powers of any stretch are what they were.
  ChipRange take_changed() { return std::exchange(changed_, {}); }

  /// psi where `chip` of plane k is; chip + n lanes follows n places later. 0 <= chip.
  const float* re(int plane, LanePosition p) const { return at(psi(plane), p).re.data() + index(p); }
  const float* im(int plane, LanePosition p) const { return at(psi(plane), p).im.data() + index(p); }
  const float* re(int plane, std::int64_t chip) const { return re(plane, LanePosition(chip, lanes_)); }
  const float* im(int plane, std::int64_t chip) const { return im(plane, LanePosition(chip, lanes_)); }
  /// w there.
  const float* weight(LanePosition p) const {
    return weights_[static_cast<std::size_t>(p.lane)].data() + index(p);
  }
  /// r there.
  float* sample_re(int plane, LanePosition p) { return at(planes_[plane], p).re.data() + index(p); }
  float* sample_im(int plane, LanePosition p) { return at(planes_[plane], p).im.data() + index(p); }
  const float* sample_re(int plane, LanePosition p) const {
    return at(planes_[plane], p).re.data() + index(p);
  }
  const float* sample_im(int plane, LanePosition p) const {
    return at(planes_[plane], p).im.data() + index(p);
  }
  /// psi there, where there is a filter.
  float* psi_re(int plane, LanePosition p) { return at(psi_[plane], p).re.data() + index(p); }
  float* psi_im(int plane, LanePosition p) { return at(psi_[plane], p).im.data() + index(p); }
  /// The residual there (as powers()); with a filter, of one of kFilterPlanes.
  const float* residual_re(int plane, LanePosition p) const {
    return at(left(plane), p).re.data() + index(p);
  }
  const float* residual_im(int plane, LanePosition p) const {
    return at(left(plane), p).im.data() + index(p);
  }

 private:
  // Rows whose power is kept as one sum, so that long stretches are a few of them.
  static constexpr std::size_t kGroupRows = 64;
  struct Lane {
    std::vector<float> re, im;
  };
  // A sum for every row, and for every group of them.
  struct RowSums {
    std::vector<float> rows, groups;
    void resize(std::size_t n);
    void discard(std::ptrdiff_t dead);
    void refresh_groups(std::size_t from, std::size_t to);
    double sum(std::size_t from, std::size_t to) const;
  };
  struct Rows {
    std::size_t from, to;
  };
  bool even() const { return uneven_end_ <= begin_; }
  bool plain() const { return psi_[0].empty(); }
  const std::vector<Lane>& psi(int plane) const { return plain() ? planes_[plane] : psi_[plane]; }
  // Of one of kFilterPlanes where there is a filter.
  const std::vector<Lane>& left(int plane) const {
    return filter_ ? residual_[plane / kHalf] : planes_[plane];
  }
  template <class Act>
  void each_plane(Act act) {
    for (auto& plane : planes_) act(plane);
    for (auto& plane : residual_) act(plane);
    for (auto& plane : psi_) act(plane);
  }
  void refresh(std::int64_t first, std::int64_t last);
  std::int64_t chip_of(std::size_t row) const {
    return (first_row_ + static_cast<std::int64_t>(row)) * lanes_;
  }
  template <class Act>
  void each_lane(std::int64_t first, std::int64_t last, Act act) const;
  ChipRange held_in_window() const;
  void read_window(std::int64_t from);
  std::vector<float> window_weights() const;
  void keep(const cf32* x, int samples, std::vector<Lane>* planes, Rows rows);
  void keep_residual(Rows rows);
  void keep_psi(Rows rows);
  void filter_rows(Rows rows);
  Rows rows_around(std::int64_t first, std::int64_t last) const;
  void sum_rows(Rows rows);
  void weigh_rows(Rows rows);
  void note_changed(Rows rows);
  Rows rows_of(std::int64_t chip, std::size_t count) const;
  Rows rows_between(std::int64_t first, std::int64_t last) const;
  double mean(const RowSums& sums, Rows rows) const;
  double mean_square(double chip, std::size_t count) const;
  std::ptrdiff_t index(LanePosition p) const { return static_cast<std::ptrdiff_t>(p.row - first_row_); }
  static Lane& at(std::vector<Lane>& lanes, LanePosition p) {
    return lanes[static_cast<std::size_t>(p.lane)];
  }
  static const Lane& at(const std::vector<Lane>& lanes, LanePosition p) {
    return lanes[static_cast<std::size_t>(p.lane)];
  }

  int lanes_;
  std::shared_ptr<NoiseFilter> filter_;
  Leaving leaving_;
  // r, what is left of it without lines where there is a filter, psi where it is not r; else without lanes.
  std::vector<Lane> planes_[kPlanes], residual_[NoiseFilter::kSamples], psi_[kPlanes];
  std::vector<std::vector<float>> weights_;  // by lane
  RowSums power_[kPlanes], weight_;          // of |psi|^2 and w
  std::int64_t begin_ = 0, end_ = 0, first_row_ = 0;
  std::int64_t uneven_end_ = 0;  // behind the last chip whose weight is not 1
  ChipRange changed_, unsettled_;
  ChipRange separated_;      // whose weights are being set, in the filter's window
  std::int64_t window_ = 0;  // first chip of it
};

}  // namespace ngdsp
