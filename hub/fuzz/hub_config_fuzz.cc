// hub.toml: a valid config or one line that says what is wrong.
#include <cstdlib>

#include "config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = ngplc::hub::parse_config({reinterpret_cast<const char*>(data), size}, "hub.toml");
  if (config) {
    if (!config->validate().empty()) std::abort();
  } else if (config.error().empty() || config.error().find('\n') != std::string::npos) {
    std::abort();
  }
  return 0;
}
