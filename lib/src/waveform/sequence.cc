#include "ngdsp/waveform/sequence.h"

#include <cmath>

namespace ngdsp {

std::uint32_t sequence_seed(std::uint32_t family, int q) {
  return (family << 8) + static_cast<std::uint32_t>(q) + 1;
}

std::vector<cf32> gold_chips(std::uint32_t seed, int chips) {
  ShiftRegister x1(31, 0x9, 1), x2(31, 0xF, seed & 0x7FFFFFFF);
  for (int i = 0; i < 1600; ++i) {
    x1.next();
    x2.next();
  }
  const float a = std::sqrt(0.5F);
  const auto level = [&] { return (x1.next() ^ x2.next()) ? -a : a; };
  std::vector<cf32> c(static_cast<std::size_t>(chips));
  for (cf32& chip : c) {
    const float re = level();
    chip = {re, level()};
  }
  return c;
}

}  // namespace ngdsp
