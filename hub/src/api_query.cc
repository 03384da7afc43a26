#include "api_query.h"

#include <charconv>
#include <nlohmann/json.hpp>

namespace ngplc::hub {

std::string Query::take(const std::string& name) {
  const std::size_t count = request_.get_param_value_count(name);
  taken_ += count;
  if (count > 1) complain(name + ": given twice");
  return count == 0 ? "" : request_.get_param_value(name);
}

std::int64_t Query::integer(const std::string& name, std::int64_t low, std::int64_t high,
                            std::int64_t absent) {
  const std::string value = take(name);
  if (value.empty() && !request_.has_param(name)) return absent;
  std::int64_t out = 0;
  const char* end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, out);
  if (parsed.ec != std::errc() || parsed.ptr != end || out < low || out > high)
    complain(name + ": expected an integer from " + std::to_string(low) + " to " + std::to_string(high));
  return out;
}

std::int64_t Query::device() {
  const std::string value = take("device");
  if (value.empty() && !request_.has_param("device")) return -1;
  std::uint32_t out = 0;
  const char* end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, out, 16);
  if (value.size() > 8 || parsed.ec != std::errc() || parsed.ptr != end)
    complain("device: expected an address of 1 to 8 hexadecimal digits");
  return out;
}

std::string Query::text(const std::string& name) {
  std::string value = take(name);
  bool printable = value.size() <= 64;
  for (const char c : value) printable = printable && c >= 0x20 && c < 0x7f;
  if (!printable) complain(name + ": expected at most 64 printable characters");
  return printable ? value : "";
}

std::string Query::wrong() {
  if (taken_ != request_.params.size()) complain("unknown parameter");
  return wrong_;
}

void answer_wrong(httplib::Response& response, int status, const std::string& text) {
  response.status = status;
  response.set_content(nlohmann::json{{"error", text}}.dump() + "\n", "application/json");
}

}  // namespace ngplc::hub
