// Any text may be offered as a grid: it is refused with a reason, or it is valid and its voltages are finite.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "ngdsp/channel/grid.h"
#include "ngdsp/channel/grid_network.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(size == 0 ? "" : reinterpret_cast<const char*>(data), size);
  const auto grid = ngdsp::parse_grid(text, "fuzz.toml");
  if (!grid) {
    if (grid.error().empty()) std::abort();
    return 0;
  }
  if (!grid->validate().empty()) std::abort();
  const ngdsp::GridNetwork network(*grid);
  for (int state = 0; state < network.states(); ++state)
    for (const auto& z : network.impedances(63e3, state))
      if (!std::isfinite(z.real()) || !std::isfinite(z.imag())) std::abort();
  return 0;
}
