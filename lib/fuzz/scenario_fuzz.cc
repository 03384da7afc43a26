// Any text may be offered as a scenario file: it is refused with a reason in one line, or the scenario it
// gives is valid.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "ngdsp/channel/scenario.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(size == 0 ? "" : reinterpret_cast<const char*>(data), size);
  const auto scenario = ngdsp::parse_scenario(text, "fuzz.toml");
  if (scenario ? !scenario->validate().empty() : scenario.error().empty()) {
    std::abort();
  }
  return 0;
}
