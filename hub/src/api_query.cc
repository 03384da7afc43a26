#include "api_query.h"

#include <algorithm>
#include <charconv>

namespace ngplc::hub {
namespace {

using ngwire::Result;
using nlohmann::json;

constexpr std::int64_t kMaxLimit = 1000;
constexpr std::int64_t kMaxMs = INT64_MAX / 1'000'000;
constexpr std::size_t kMaxText = 1024;
constexpr int kMaxDepth = 4;

const char* name_of(json::value_t type) {
  switch (type) {
    case json::value_t::string:
      return "a string";
    case json::value_t::object:
      return "an object";
    default:
      return "an integer";
  }
}

}  // namespace

bool parse_integer(std::string_view text, std::int64_t low, std::int64_t high, std::int64_t& out) {
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, out);
  return !text.empty() && parsed.ec == std::errc() && parsed.ptr == end && out >= low && out <= high;
}

Result<ngwire::Eui> parse_eui(std::string_view text) {
  ngwire::Eui eui = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, eui, 16);
  if (text.size() != 16 || parsed.ec != std::errc() || parsed.ptr != end)
    return Result<ngwire::Eui>::failure("eui: expected 16 hexadecimal digits");
  return eui;
}

Result<Page> parse_page(const Query& query, std::initializer_list<std::string_view> accepted) {
  using R = Result<Page>;
  Page page;
  for (std::size_t i = 0; i < query.size(); ++i) {
    const auto& [key, value] = query[i];
    for (std::size_t k = 0; k < i; ++k) {
      if (query[k].first == key) return R::failure("parameter given twice: expected each once");
    }
    const bool known = key == "limit" || key == "cursor" ||
                       std::find(accepted.begin(), accepted.end(), key) != accepted.end();
    std::int64_t number = 0;
    if (!known) {
      std::string wrong = "unknown parameter: expected limit, cursor";
      for (const std::string_view name : accepted) wrong += ", " + std::string(name);
      return R::failure(wrong);
    }
    if (key == "limit") {
      if (!parse_integer(value, 1, kMaxLimit, page.limit))
        return R::failure("limit: expected an integer from 1 to 1000");
    } else if (key == "cursor") {
      if (!parse_integer(value, 0, INT64_MAX, page.cursor))
        return R::failure("cursor: expected the next_cursor of an answer");
    } else if (key == "since") {
      if (!parse_integer(value, 0, kMaxMs, number)) return R::failure("since: expected Unix milliseconds");
      page.since_ns = number * 1'000'000;
    } else if (key == "until") {
      if (!parse_integer(value, 1, kMaxMs, number)) return R::failure("until: expected Unix milliseconds");
      page.until_ns = number * 1'000'000;
    } else if (key == "device") {
      std::uint32_t device = 0;
      const char* end = value.data() + value.size();
      const auto parsed = std::from_chars(value.data(), end, device, 16);
      if (value.empty() || value.size() > 8 || parsed.ec != std::errc() || parsed.ptr != end)
        return R::failure("device: expected an address of 1 to 8 hexadecimal digits");
      page.device = device;
    } else if (key == "obis" || key == "kind") {
      if (value.empty() || value.size() > 64) return R::failure(key + ": expected 1 to 64 characters");
      page.name = value;
    } else if (key == "order") {
      if (value != "asc" && value != "desc") return R::failure("order: expected asc or desc");
      page.newest_first = value == "desc";
    }
  }
  return page;
}

Result<json> parse_body(std::string_view text, std::initializer_list<Field> fields) {
  using R = Result<json>;
  // A callback that refuses depth keeps the parser from building a deep tree.
  bool deep = false;
  json body = json::parse(
      text,
      [&deep](int depth, json::parse_event_t, json&) {
        deep = deep || depth > kMaxDepth;
        return !deep;
      },
      false);
  if (deep || !body.is_object()) return R::failure("body: expected a JSON object");
  for (const auto& [name, value] : body.items()) {
    const auto field =
        std::find_if(fields.begin(), fields.end(), [&name = name](const Field& f) { return name == f.name; });
    if (field == fields.end()) {
      std::string wrong = "body: unknown member, expected";
      for (const Field& f : fields) wrong += std::string(" ") + f.name;
      return R::failure(wrong);
    }
    const bool is_wanted = field->type == json::value_t::number_integer ? value.is_number_integer()
                                                                        : value.type() == field->type;
    if (!is_wanted) return R::failure(std::string(field->name) + ": expected " + name_of(field->type));
    if (value.is_string() && value.get_ref<const std::string&>().size() > kMaxText)
      return R::failure(std::string(field->name) + ": longer than 1024 bytes");
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))
      return R::failure(std::string(field->name) + ": out of range");
  }
  for (const Field& f : fields) {
    if (f.needed && !body.contains(f.name)) return R::failure(std::string(f.name) + ": missing");
  }
  return body;
}

}  // namespace ngplc::hub
