// Any text may be offered as a Touchstone file: it is refused with a reason, or all its numbers are finite.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ngdsp/io/touchstone.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto port =
      ngdsp::parse_s2p({size == 0 ? "" : reinterpret_cast<const char*>(data), size}, "fuzz.s2p");
  if (!port) {
    if (port.error().empty()) std::abort();
    return 0;
  }
  if (port->points.empty() || !(port->reference_ohm > 0)) std::abort();
  for (const auto& p : port->points) {
    for (const auto& s : {p.s11, p.s21, p.s12, p.s22})
      if (!std::isfinite(p.frequency_hz) || !std::isfinite(s.real()) || !std::isfinite(s.imag()))
        std::abort();
  }
  return 0;
}
