// Sixteen floats at once; the compiler makes of them what the instruction set has. For the loops that it does
// not keep in registers by itself.
#pragma once

#include <cstring>

namespace ngdsp {

using Vector = float __attribute__((vector_size(64)));

inline __attribute__((always_inline)) void load(const float* from, Vector& x) {
  std::memcpy(&x, from, sizeof x);
}

}  // namespace ngdsp
