// The received stream as four chip-rate streams a quarter chip apart.
#pragma once

#include <algorithm>
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
  void append(Span<const cf32> samples) {
    const auto chips = static_cast<std::int64_t>(samples.size() / kPlanes);
    const auto rows = static_cast<std::size_t>((end_ + chips - 1) / lanes_ + 1 - first_row_);
    for (std::size_t k = 0; k < kPlanes; ++k)
      for (Lane& lane : planes_[k]) {
        if (lane.re.size() < rows) lane.re.resize(rows);
        if (lane.im.size() < rows) lane.im.resize(rows);
      }
    LanePosition p(end_, lanes_);
    for (std::int64_t i = 0; i < chips; ++i, ++p)
      for (int k = 0; k < kPlanes; ++k) {
        const cf32 x = samples[static_cast<std::size_t>(i * kPlanes + k)];
        *re(k, p) = x.real();
        *im(k, p) = x.imag();
      }
    end_ += chips;
  }

  /// Forgets chips before `chip`.
  void discard_before(std::int64_t chip) {
    begin_ = std::max(begin_, std::min(chip, end_));
    const std::int64_t dead = begin_ / lanes_ - first_row_;
    const auto rows = static_cast<std::int64_t>(planes_[0][0].re.size());
    if (dead < rows / 2 || dead == 0) return;  // moving only when half is dead: a constant cost per chip
    for (auto& plane : planes_)
      for (Lane& lane : plane) {
        lane.re.erase(lane.re.begin(), lane.re.begin() + dead);
        lane.im.erase(lane.im.begin(), lane.im.begin() + dead);
      }
    first_row_ += dead;
  }

  /// Empty, and the next chip is number 0.
  void restart() {
    for (auto& plane : planes_) std::fill(plane.begin(), plane.end(), Lane{});
    begin_ = end_ = first_row_ = 0;
  }

  /// Where `chip` of plane k is; chip + n lanes follows n places later. 0 <= chip.
  float* re(int plane, LanePosition p) { return lane(plane, p).re.data() + (p.row - first_row_); }
  float* im(int plane, LanePosition p) { return lane(plane, p).im.data() + (p.row - first_row_); }
  const float* re(int plane, LanePosition p) const { return lane(plane, p).re.data() + (p.row - first_row_); }
  const float* im(int plane, LanePosition p) const { return lane(plane, p).im.data() + (p.row - first_row_); }
  const float* re(int plane, std::int64_t chip) const { return re(plane, LanePosition(chip, lanes_)); }
  const float* im(int plane, std::int64_t chip) const { return im(plane, LanePosition(chip, lanes_)); }

 private:
  struct Lane {
    std::vector<float> re, im;
  };
  Lane& lane(int plane, LanePosition p) { return planes_[plane][static_cast<std::size_t>(p.lane)]; }
  const Lane& lane(int plane, LanePosition p) const { return planes_[plane][static_cast<std::size_t>(p.lane)]; }

  int lanes_;
  std::vector<Lane> planes_[kPlanes];
  std::int64_t begin_ = 0, end_ = 0, first_row_ = 0;
};

}  // namespace ngdsp
