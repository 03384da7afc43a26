// Normal equations.
#pragma once

#include <vector>

#include "ngdsp/base/types.h"

namespace ngdsp {

// Solves a x = b in place, a Hermitian and positive, n x n by rows, by Gauss without pivots. Value: double or
// cf64.
template <typename Value>
void solve(std::vector<Value>& a, std::vector<cf64>& b) {
  const std::size_t n = b.size();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = i + 1; k < n; ++k) {
      const Value f = a[k * n + i] / a[i * n + i];
      for (std::size_t j = i; j < n; ++j) a[k * n + j] -= f * a[i * n + j];
      b[k] -= f * b[i];
    }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t j = i + 1; j < n; ++j) b[i] -= a[i * n + j] * b[j];
    b[i] /= a[i * n + i];
  }
}

}  // namespace ngdsp
