#include "ngdsp/fec/interleaver.h"

#include <stdexcept>
#include <string>

namespace ngdsp {

Interleaver::Interleaver(int size) {
  if (size < 64 || size > 16384 || (size & (size - 1)) != 0) {
    throw std::invalid_argument("interleaver: size is " + std::to_string(size) +
                                ", expected a power of two from 64 to 16384");
  }
  int log2_size = 0;
  while ((1 << log2_size) < size) ++log2_size;
  const int h = (log2_size + 1) / 2;
  const std::uint64_t n = static_cast<std::uint64_t>(size);
  const std::uint64_t f1 = (1U << h) - 1, f2 = 2U << h;
  code_bit_of_symbol_.resize(n);
  for (std::uint64_t m = 0; m < n; ++m)
    code_bit_of_symbol_[m] = static_cast<int>((f1 * m + f2 * m * m) & (n - 1));
}

}  // namespace ngdsp
