#include "obis.h"

#include <charconv>
#include <cstdint>

namespace ngplc::hub {

bool is_obis(std::string_view text) {
  constexpr std::ptrdiff_t kMostDigits = 3;
  for (const char before : {'\0', '-', ':', '.', '.'}) {
    if (before != '\0') {
      if (text.empty() || text.front() != before) return false;
      text.remove_prefix(1);
    }
    std::uint8_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::ptrdiff_t digits = parsed.ptr - text.data();
    if (parsed.ec != std::errc() || digits > kMostDigits) return false;
    text.remove_prefix(static_cast<std::size_t>(digits));
  }
  return text.empty();
}

}  // namespace ngplc::hub
