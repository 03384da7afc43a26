// CRC-aided polar code: construction and encoder.
#pragma once

#include <cstdint>
#include <vector>

#include "ngdsp/base/types.h"

namespace ngdsp {

/// The information set of a polar code of length N = 2^n with K = info_bits positions.
///
/// Construction: Gaussian approximation of density evolution (Trifonov 2012, eq. 7-10; phi as in Ha, Kim,
/// McLaughlin 2004) at design_ebn0_db for rate info_bits/N, ties broken by the larger index. The result is
/// fixed by known-answer tests because both ends must agree on it.
class PolarCode {
 public:
  /// block_bits: power of two, 64 ... 16384; 1 <= info_bits < block_bits.
  PolarCode(int block_bits, int info_bits, double design_ebn0_db = 2.0);

  int block_bits() const { return block_bits_; }
  int info_bits() const { return info_bits_; }
  /// Ascending positions of u that carry information.
  const std::vector<int>& info_positions() const { return info_positions_; }
  /// frozen()[i] is 1 where u[i] = 0 always.
  const std::vector<std::uint8_t>& frozen() const { return frozen_; }

  /// x = u F^(kron n) over GF(2), F = [1 0; 1 1], natural order (no bit reversal); info has info_bits items
  /// of 0 or 1 placed at info_positions() in ascending order, code gets block_bits items.
  void encode(Span<const std::uint8_t> info, Span<std::uint8_t> code) const;

 private:
  int block_bits_, info_bits_;
  std::vector<int> info_positions_;
  std::vector<std::uint8_t> frozen_;
};

}  // namespace ngdsp
