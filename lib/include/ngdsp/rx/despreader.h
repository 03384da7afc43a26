// Symbols from chips.
#pragma once

#include <cstdint>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/rx/chip_buffer.h"

namespace ngdsp {

/// A spreading sequence, conjugated, real and imaginary parts apart, turned by a carrier offset where there
/// is one.
struct SplitSequence {
  std::vector<float> re, im;
  SplitSequence() = default;
  explicit SplitSequence(Span<const cf32> chips);
  /// conj(chips[n]) exp(-j 2 pi turns n).
  void assign_turned(const SplitSequence& from, double turns_per_chip, std::size_t count);
};

/// Symbols, real and imaginary parts apart.
struct SplitSymbols {
  std::vector<float> re, im;
  void resize(std::size_t n) {
    re.resize(n);
    im.resize(n);
  }
};

/// y[m] = sum_{i < sf} r(t + m sf + i) conj(c[first_chip + m sf + i]), m < count; r between the quarter-chip
/// planes by linear interpolation, which costs no SNR at four samples a chip (the response is flat to 0.9 dB
/// in band). The chips from floor(t) to ceil(t) + count sf lie in the buffer; sf * count <= 8192.
void despread(const ChipBuffer& chips, double t, const SplitSequence& sequence, std::size_t first_chip,
              int sf, std::size_t count, float* y_re, float* y_im);

/// sum_{i < count} r(t + i) conj(c[first_chip + i]).
cf64 correlate(const ChipBuffer& chips, double t, const SplitSequence& sequence, std::size_t first_chip,
               std::size_t count);

/// Mean of |r|^2 over `count` chips from `chip` on.
double mean_power(const ChipBuffer& chips, std::int64_t chip, std::size_t count);

}  // namespace ngdsp
