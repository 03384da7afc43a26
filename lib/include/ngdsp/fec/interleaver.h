// Frame-long interleaver of code bits.
#pragma once

#include <cstdint>
#include <vector>

#include "ngdsp/base/types.h"

namespace ngdsp {

/// Quadratic permutation polynomial over Z_N (Sun, Takeshita 2005): symbol m carries code bit
///   pi(m) = (f1 m + f2 m^2) mod N,  N = 2^n, 64 <= N <= 16384,
///   f1 = 2^h - 1,  f2 = 2^(h+1),  h = ceil(n/2).
/// An odd f1 and an even f2 make it a permutation. Its spread, the least |i-j| + |pi(i)-pi(j)| with both
/// distances cyclic, is 2^h: the upper bound sqrt(2N) for odd n, sqrt(N) for even n. (The same as LTE's 7,16
/// and 31,64 for N = 64 and 1024.)
///
///   N    64  128  256  512  1024  2048  4096  8192  16384
///   f1    7   15   15   31    31    63    63   127    127
///   f2   16   32   32   64    64   128   128   256    256
class Interleaver {
 public:
  /// Throws std::invalid_argument unless size is a power of two from 64 to 16384.
  explicit Interleaver(int size);
  int size() const { return static_cast<int>(code_bit_of_symbol_.size()); }
  /// The code bit that symbol m carries.
  int operator[](int symbol) const { return code_bit_of_symbol_[static_cast<std::size_t>(symbol)]; }

 private:
  std::vector<int> code_bit_of_symbol_;
};

}  // namespace ngdsp
