// Binary shift-register sequences and the complex pseudo-noise chips made of them.
#pragma once

#include <cstdint>
#include <vector>

#include "ngdsp/base/types.h"

namespace ngdsp {

/// Fibonacci shift register over GF(2): s[n] = XOR of s[n - t] over the taps t. Holds s[n] ... s[n + degree -
/// 1].
class ShiftRegister {
 public:
  /// degree 2 ... 63; bit i of `state` is s[i]; bit (degree - t) of `feedback` selects tap t, so that
  /// s[n + degree] = XOR of s[n + i] over the set bits i of `feedback`.
  ShiftRegister(int degree, std::uint64_t feedback, std::uint64_t state)
      : degree_(degree), feedback_(feedback), state_(state) {}

  /// s[n], then n advances.
  int next() {
    const int out = static_cast<int>(state_ & 1);
    const auto in = static_cast<std::uint64_t>(__builtin_parityll(state_ & feedback_));
    state_ = (state_ >> 1) | (in << (degree_ - 1));
    return out;
  }

 private:
  int degree_;
  std::uint64_t feedback_, state_;
};

/// c_init of sequence q of a profile: family * 2^8 + q + 1, below 2^31.
std::uint32_t sequence_seed(std::uint32_t family, int q);

/// The first `chips` chips of a sequence: QPSK, c[n] = ((1 - 2 g[2n]) + j (1 - 2 g[2n+1])) / sqrt(2), where g
/// is the length-31 Gold sequence of 3GPP TS 38.211, 5.2.1: x1[n+31] = x1[n+3] + x1[n], x1 = 1, 0, 0, ...;
/// x2[n+31] = x2[n+3] + x2[n+2] + x2[n+1] + x2[n], x2[i] = bit i of `seed`; g[n] = x1[n+1600] + x2[n+1600].
std::vector<cf32> gold_chips(std::uint32_t seed, int chips);

}  // namespace ngdsp
