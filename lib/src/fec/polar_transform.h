// The polar transform of up to 64 bits held in one word.
#pragma once

#include <cstdint>

namespace ngdsp {

/// x = u F^(kron 6) over GF(2), bit i of the word is item i. A shorter vector in the low bits, zeros above,
/// is transformed by the same steps. The transform is its own inverse.
constexpr std::uint64_t polar_transform_word(std::uint64_t u) {
  u ^= (u >> 1) & 0x5555555555555555U;
  u ^= (u >> 2) & 0x3333333333333333U;
  u ^= (u >> 4) & 0x0F0F0F0F0F0F0F0FU;
  u ^= (u >> 8) & 0x00FF00FF00FF00FFU;
  u ^= (u >> 16) & 0x0000FFFF0000FFFFU;
  u ^= (u >> 32) & 0x00000000FFFFFFFFU;
  return u;
}

}  // namespace ngdsp
