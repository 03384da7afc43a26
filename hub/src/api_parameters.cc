#include "api_parameters.h"

#include <charconv>

#include "api_query.h"

namespace ngplc::hub {

const std::string* Parameters::take(const std::string& name) {
  const std::string* found = nullptr;
  for (const auto& [key, value] : query_) {
    if (key != name) continue;
    if (found != nullptr) complain(name + ": given twice");
    found = &value;
    ++taken_;
  }
  return found;
}

std::int64_t Parameters::integer(const std::string& name, std::int64_t low, std::int64_t high,
                                 std::int64_t absent) {
  const std::string* value = take(name);
  if (value == nullptr) return absent;
  std::int64_t out = 0;
  if (!parse_integer(*value, low, high, out))
    complain(name + ": expected an integer from " + std::to_string(low) + " to " + std::to_string(high));
  return out;
}

std::int64_t Parameters::device() {
  const std::string* value = take("device");
  if (value == nullptr) return -1;
  std::uint32_t out = 0;
  const char* end = value->data() + value->size();
  const auto parsed = std::from_chars(value->data(), end, out, 16);
  if (value->size() > 8 || parsed.ec != std::errc() || parsed.ptr != end)
    complain("device: expected an address of 1 to 8 hexadecimal digits");
  return out;
}

std::string Parameters::text(const std::string& name) {
  const std::string* value = take(name);
  if (value == nullptr) return "";
  bool printable = value->size() <= 64;
  for (const char c : *value) printable = printable && c >= 0x20 && c < 0x7f;
  if (!printable) complain(name + ": expected at most 64 printable characters");
  return printable ? *value : "";
}

std::string Parameters::wrong() {
  if (taken_ != query_.size()) complain("unknown parameter");
  return wrong_;
}

}  // namespace ngplc::hub
