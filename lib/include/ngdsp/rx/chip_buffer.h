// The received stream as four chip-rate streams a quarter chip apart.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "ngdsp/base/types.h"

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

/// Matched-filter output at four samples a chip, kept as four "planes" of one sample a chip: plane k holds
/// the times n + k/4 chips. A plane is stored in `lanes`, one for each residue of the chip number; with as
/// many lanes as a symbol has chips, the i-th chips of successive symbols lie in a row and so do the loops
/// that despread. Real and imaginary parts are kept apart. Chips are numbered from the start of the stream;
/// old ones are forgotten.
class ChipBuffer {
 public:
  static constexpr int kPlanes = 4;

  explicit ChipBuffer(int lanes = 1) : lanes_(lanes) {
    for (auto& plane : planes_) plane.resize(static_cast<std::size_t>(lanes));
  }

  int lanes() const { return lanes_; }
  std::int64_t begin() const { return begin_; }
  std::int64_t end() const { return end_; }

  /// Appends whole chips: samples.size() is a multiple of 4.
  void append(Span<const cf32> samples);
  /// Forgets chips before `chip`.
  void discard_before(std::int64_t chip);
  /// Empty, and the next chip is number 0.
  void restart();

  /// Mean of |r|^2 over about `count` samples a chip apart from about time `chip` on: whole rows of lanes()
  /// chips of the planes either side, linear between them. A frame's power depends on where in its chips it
  /// is sampled (by up to half the roll-off), so power is to be asked for where symbols are read.
  double mean_power(double chip, std::size_t count) const;
  /// Power of even noise that would weigh on a frame like what lies from about time `chip` on: the harmonic
  /// mean over stretches of some hundred chips, because a receiver weights by 1/power. What a clean end gains
  /// is seen in it, what the crowded end loses hardly.
  double effective_power(double chip, std::size_t count) const;
  /// To be called after samples from chip `first` up to `last` were changed: there are sums of power by row.
  void refresh_power(std::int64_t first, std::int64_t last);

  /// Where `chip` of plane k is; chip + n lanes follows n places later. 0 <= chip.
  float* re(int plane, LanePosition p) { return lane(plane, p).re.data() + (p.row - first_row_); }
  float* im(int plane, LanePosition p) { return lane(plane, p).im.data() + (p.row - first_row_); }
  const float* re(int plane, LanePosition p) const { return lane(plane, p).re.data() + (p.row - first_row_); }
  const float* im(int plane, LanePosition p) const { return lane(plane, p).im.data() + (p.row - first_row_); }
  const float* re(int plane, std::int64_t chip) const { return re(plane, LanePosition(chip, lanes_)); }
  const float* im(int plane, std::int64_t chip) const { return im(plane, LanePosition(chip, lanes_)); }

 private:
  // Rows whose power is kept as one sum, so that long stretches are a few of them.
  static constexpr std::size_t kGroupRows = 64;
  double plane_power(int plane, std::int64_t chip, std::size_t count) const;
  struct Lane {
    std::vector<float> re, im;
  };
  Lane& lane(int plane, LanePosition p) { return planes_[plane][static_cast<std::size_t>(p.lane)]; }
  const Lane& lane(int plane, LanePosition p) const {
    return planes_[plane][static_cast<std::size_t>(p.lane)];
  }

  int lanes_;
  std::vector<Lane> planes_[kPlanes];
  std::vector<float> row_power_[kPlanes], group_power_[kPlanes];
  std::int64_t begin_ = 0, end_ = 0, first_row_ = 0;
};

}  // namespace ngdsp
