// Sixteen floats at once; the compiler makes of them what the instruction set has. For the loops that it does
// not keep in registers by itself.
#pragma once

#include <cstddef>
#include <cstring>

namespace ngdsp {

using Vector = float __attribute__((vector_size(64)));

constexpr std::size_t kVectorWidth = sizeof(Vector) / sizeof(float);

inline __attribute__((always_inline)) void load(const float* from, Vector& x) {
  std::memcpy(&x, from, sizeof x);
}

/// The first n <= kVectorWidth, the others 0.
inline __attribute__((always_inline)) void load_some(const float* from, std::size_t n, Vector& x) {
  if (n == kVectorWidth) return load(from, x);
  x = Vector{};
  std::memcpy(&x, from, n * sizeof(float));
}

}  // namespace ngdsp
