// Any text may be offered as a profile file: it is refused with a reason, or the profile it gives is valid.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "ngdsp/waveform/profile.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(size == 0 ? "" : reinterpret_cast<const char*>(data), size);
  const auto profile = ngdsp::parse_profile(text, "fuzz.toml");
  if (profile ? !profile->validate().empty() : profile.error().empty()) {
    std::abort();
  }
  return 0;
}
