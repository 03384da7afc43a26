#include "reading_message.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

namespace ngplc::hub {
namespace {

using ngwire::Result;
using nlohmann::json;

constexpr std::size_t kMostBody = 64 * 1024;  // thirty times the longest that hubs send
constexpr std::size_t kMostName = 64;         // of hubs, as in hub.toml
constexpr std::size_t kMostText = 64;
constexpr std::size_t kMostDigits = 40;  // 19 of an int64, as many zeros of an exponent, sign and point
constexpr std::int64_t kLatestMs = std::numeric_limits<std::int64_t>::max() / 1'000'000;

// The first thing that is wrong stays.
class Fields {
 public:
  void complain(const std::string& field, const std::string& expected) {
    if (wrong_.empty()) wrong_ = field + ": expected " + expected;
  }
  std::int64_t integer(const json& object, const char* key, std::int64_t high) {
    const auto it = object.find(key);
    // What does not fit 64 bits is a float to the parser, what does not fit a signed one an unsigned.
    if (it == object.end() || !it->is_number_integer() ||
        (it->is_number_unsigned() && it->get<std::uint64_t>() > static_cast<std::uint64_t>(high)) ||
        (!it->is_number_unsigned() && it->get<std::int64_t>() < 0)) {
      complain(key, "an integer from 0 to " + std::to_string(high));
      return 0;
    }
    return it->get<std::int64_t>();
  }
  std::string text(const json& object, const char* key) {
    const auto it = object.find(key);
    const std::string* value = it == object.end() ? nullptr : it->get_ptr<const std::string*>();
    if (value == nullptr || value->size() > kMostText ||
        std::any_of(value->begin(), value->end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
      complain(key, "text of at most 64 bytes");
      return "";
    }
    return *value;
  }
  std::string decimal(const json& object, const char* key) {
    std::string value = text(object, key);
    std::string_view rest = value;
    if (!rest.empty() && rest.front() == '-') rest.remove_prefix(1);
    const auto digits = [&rest] {
      const std::size_t count = std::min(rest.find_first_not_of("0123456789"), rest.size());
      rest.remove_prefix(count);
      return count > 0;
    };
    bool good = value.size() <= kMostDigits && digits();
    if (good && !rest.empty() && rest.front() == '.') {
      rest.remove_prefix(1);
      good = digits();
    }
    if (!good || !rest.empty()) complain(key, "a decimal");
    return value;
  }
  bool flag(const json& object, const char* key) {
    const auto it = object.find(key);
    if (it == object.end()) return false;
    if (!it->is_boolean()) complain(key, "true or false");
    return it->is_boolean() && it->get<bool>();
  }
  const std::string& wrong() const { return wrong_; }

 private:
  std::string wrong_;
};

std::vector<std::string_view> split(std::string_view subject) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at <= subject.size();) {
    const std::size_t end = std::min(subject.find('.', at), subject.size());
    out.push_back(subject.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

bool is_hub(std::string_view name) {
  return !name.empty() && name.size() <= kMostName &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
}

bool parse_device(std::string_view text, std::uint32_t& out) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out, 16);
  return text.size() == 8 && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

}  // namespace

Result<std::vector<ReadingRow>> parse_reading_message(std::string_view subject, std::string_view body) {
  using R = Result<std::vector<ReadingRow>>;
  const auto levels = split(subject);
  ReadingRow common;
  if (levels.size() != 4 || levels[0] != "plc" || levels[3] != "reading" || !is_hub(levels[1]) ||
      !parse_device(levels[2], common.device))
    return R::failure("subject: expected plc.<hub>.<dev>.reading");
  common.hub = levels[1];
  if (body.size() > kMostBody) return R::failure("body: expected at most 64 KiB");
  const json root = json::parse(body, nullptr, false);
  if (!root.is_object()) return R::failure("body: expected a JSON object");
  Fields fields;
  if (fields.text(root, "dev") != levels[2]) fields.complain("dev", "the device of the subject");
  common.time_ms = fields.integer(root, "ts", kLatestMs);
  common.epoch =
      static_cast<std::uint32_t>(fields.integer(root, "epoch", std::numeric_limits<std::uint32_t>::max()));
  common.counter =
      static_cast<std::uint32_t>(fields.integer(root, "fcnt", std::numeric_limits<std::uint32_t>::max()));
  common.late = fields.flag(root, "late");
  const auto values = root.find("values");
  if (values == root.end() || !values->is_array() || values->empty()) {
    fields.complain("values", "a list of one or more");
    return R::failure(fields.wrong());
  }
  std::vector<ReadingRow> rows;
  for (const json& value : *values) {
    if (!value.is_object()) {
      fields.complain("values", "objects");
      break;
    }
    ReadingRow& row = rows.emplace_back(common);
    row.obis = fields.text(value, "obis");
    if (row.obis.empty()) fields.complain("obis", "a register");
    row.unit = fields.text(value, "u");
    row.value = fields.decimal(value, "v");
    row.total = value.contains("total") ? fields.decimal(value, "total") : row.value;
    // The table has no place for a doubt, and hubs send none.
    if (fields.text(value, "q") != "ok") fields.complain("q", "ok");
  }
  if (!fields.wrong().empty()) return R::failure(fields.wrong());
  return rows;
}

}  // namespace ngplc::hub
