// Symbols from chips.
#pragma once

#include <cstdint>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/rx/chip_buffer.h"

namespace ngdsp {

/// A spreading sequence, conjugated, in the lanes of a ChipBuffer.
class SplitSequence {
 public:
  SplitSequence() = default;
  SplitSequence(Span<const cf32> chips, int lanes);

  /// conj(c[n]) exp(-j 2 pi turns n) for first <= n < last; the rest is undefined, but for what was assigned
  /// from the same sequence and turns before.
  void assign_turned(const SplitSequence& from, double turns_per_chip, std::size_t first, std::size_t last);

  /// `count` chips from chip `first` on, a multiple of lanes, with zeros around them: chip n of these is
  /// number n + padding() here.
  void assign_part(const SplitSequence& from, std::size_t first, std::size_t count);

  /// A whole frame as it was sent, conjugated: half of the symbols on as many rows of chips, `preamble_chips`
  /// plain, the other half. Zeros lie around it: its chip n is number n + padding() here.
  void assign_modulated(const SplitSequence& from, std::size_t preamble_chips, Span<const float> symbols);
  std::size_t padding() const { return padding_; }
  std::size_t chips() const { return chips_; }

  int lanes() const { return static_cast<int>(re_.size()); }
  /// Where chip n is; chip n + k lanes follows k places later.
  const float* re(LanePosition p) const { return re_[static_cast<std::size_t>(p.lane)].data() + p.row; }
  const float* im(LanePosition p) const { return im_[static_cast<std::size_t>(p.lane)].data() + p.row; }

 private:
  std::vector<std::vector<float>> re_, im_;
  std::size_t padding_ = 0, chips_ = 0;
};

/// Symbols, real and imaginary parts apart.
struct SplitSymbols {
  std::vector<float> re, im;
  void resize(std::size_t n) {
    re.resize(n);
    im.resize(n);
  }
};

/// Symbols despread at a time: over as many the drift of a clock is taken as constant.
constexpr std::size_t kBlockSymbols = 32;

/// y[m] = sum_{i < sf} r(t + m sf + i) conj(c[first_chip + m sf + i]), m < kBlockSymbols; sf is the number of
/// lanes of both. r between the quarter-chip planes by linear interpolation with its gain, which costs no SNR
/// at four samples a chip (the response is flat to 0.9 dB in band). The chips from floor(t) to ceil(t) +
/// kBlockSymbols sf lie in the buffer.
void despread(const ChipBuffer& chips, double t, const SplitSequence& sequence, std::size_t first_chip,
              float* y_re, float* y_im);

constexpr std::size_t kMostQuarters = 4;
/// The same block at the times (quarter + k)/4, k < count <= kMostQuarters, one behind the other; together,
/// because they share the sequence.
void despread_quarters(const ChipBuffer& chips, std::int64_t quarter, std::size_t count,
                       const SplitSequence& sequence, std::size_t first_chip, float* y_re, float* y_im);

/// sum_{i < count} r(t + i) conj(c[first_chip + i]); as many lanes in both.
cf64 correlate(const ChipBuffer& chips, double t, const SplitSequence& sequence, std::size_t first_chip,
               std::size_t count);

}  // namespace ngdsp
