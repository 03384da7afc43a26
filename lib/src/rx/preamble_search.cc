#include "rx/preamble_search.h"

#include <algorithm>

namespace ngdsp {

void inverse_energies(const cf32* chips, std::size_t count, std::size_t length, std::size_t phases,
                      float* inverse) {
  // By running sum in double: no drift over a block.
  double energy = 0, block_energy = 0;
  for (std::size_t i = 0; i < count; ++i) block_energy += static_cast<double>(std::norm(chips[i]));
  const double least = std::max(1e-9 * block_energy, 1e-30);
  for (std::size_t i = 0; i < length; ++i) energy += static_cast<double>(std::norm(chips[i]));
  for (std::size_t i = 0; i < phases; ++i) {
    inverse[i] = energy > least ? static_cast<float>(1.0 / energy) : 0.0F;
    if (i + 1 < phases)
      energy = std::max(0.0, energy + static_cast<double>(std::norm(chips[i + length])) -
                                 static_cast<double>(std::norm(chips[i])));
  }
}

}  // namespace ngdsp
