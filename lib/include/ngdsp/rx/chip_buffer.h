// The received stream as four chip-rate streams a quarter chip apart.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ngdsp/base/types.h"

namespace ngdsp {

/// Matched-filter output at four samples a chip, kept as four "planes" of one sample a chip: plane k holds
/// the times n + k/4 chips. Every loop over chips then reads memory in a row. Real and imaginary parts are
/// kept apart. Chips are numbered from the start of the stream; old ones are forgotten.
class ChipBuffer {
 public:
  static constexpr int kPlanes = 4;

  std::int64_t begin() const { return first_; }
  std::int64_t end() const { return first_ + static_cast<std::int64_t>(re_[0].size() - head_); }

  /// Appends whole chips: samples.size() is a multiple of 4.
  void append(Span<const cf32> samples) {
    const std::size_t chips = samples.size() / kPlanes;
    for (std::size_t k = 0; k < kPlanes; ++k) {
      const std::size_t old = re_[k].size();
      re_[k].resize(old + chips);
      im_[k].resize(old + chips);
      for (std::size_t i = 0; i < chips; ++i) {
        re_[k][old + i] = samples[i * kPlanes + k].real();
        im_[k][old + i] = samples[i * kPlanes + k].imag();
      }
    }
  }

  /// Forgets chips before `chip`.
  void discard_before(std::int64_t chip) {
    chip = std::min(chip, end());
    if (chip <= first_) return;
    head_ += static_cast<std::size_t>(chip - first_);
    first_ = chip;
    if (head_ < re_[0].size() / 2) return;  // moving only when half is dead keeps the cost per chip constant
    for (std::size_t k = 0; k < kPlanes; ++k) {
      re_[k].erase(re_[k].begin(), re_[k].begin() + static_cast<std::ptrdiff_t>(head_));
      im_[k].erase(im_[k].begin(), im_[k].begin() + static_cast<std::ptrdiff_t>(head_));
    }
    head_ = 0;
  }

  void restart(std::int64_t chip) {
    for (std::size_t k = 0; k < kPlanes; ++k) {
      re_[k].clear();
      im_[k].clear();
    }
    head_ = 0;
    first_ = chip;
  }

  /// Real and imaginary parts of plane k from `chip` on; begin() <= chip.
  const float* re(int plane, std::int64_t chip) const { return at(re_, plane, chip); }
  const float* im(int plane, std::int64_t chip) const { return at(im_, plane, chip); }

 private:
  const float* at(const std::vector<float> (&p)[kPlanes], int plane, std::int64_t chip) const {
    return p[plane].data() + head_ + (chip - first_);
  }
  std::vector<float> re_[kPlanes], im_[kPlanes];
  std::size_t head_ = 0;
  std::int64_t first_ = 0;
};

}  // namespace ngdsp
