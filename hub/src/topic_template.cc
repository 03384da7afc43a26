#include "topic_template.h"

#include <algorithm>
#include <array>
#include <utility>

#include "delivery_text.h"

namespace ngplc::hub {
namespace {

using ngwire::Result;

// Filled in it stays below what MQTT carries, and below the 200 levels that mosquitto takes.
constexpr std::size_t kMostBytes = 256;

constexpr std::array<std::pair<std::string_view, std::string TopicValues::*>, 5> kPlaceholders = {
    {{"hub", &TopicValues::hub},
     {"device", &TopicValues::device},
     {"kind", &TopicValues::kind},
     {"register", &TopicValues::obis},
     {"unit", &TopicValues::unit}}};

}  // namespace

Result<TopicTemplate> TopicTemplate::parse(std::string_view text) {
  using R = Result<TopicTemplate>;
  if (text.size() > kMostBytes) return R::failure("expected at most 256 bytes");
  // Brokers hang up on control characters.
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }))
    return R::failure("expected printable ASCII");
  if (text.find_first_of("+#") != std::string_view::npos) return R::failure("expected no wildcard + or #");
  if (text.starts_with('$')) return R::failure("expected no $ at the start, which is the broker's own");
  if (("/" + std::string(text) + "/").find("//") != std::string::npos)
    return R::failure("expected no empty level");
  TopicTemplate out;
  while (!text.empty()) {
    const std::size_t open = std::min(text.find_first_of("{}"), text.size());
    if (open > 0) out.pieces_.push_back({std::string(text.substr(0, open))});
    text.remove_prefix(open);
    if (text.empty()) break;
    const std::size_t close = text.find_first_of("{}", 1);
    if (text.front() == '}' || close == std::string_view::npos || text[close] == '{')
      return R::failure("expected a } for each {");
    const std::string_view name = text.substr(1, close - 1);
    const auto known = std::find_if(kPlaceholders.begin(), kPlaceholders.end(),
                                    [&](const auto& placeholder) { return placeholder.first == name; });
    if (known == kPlaceholders.end())
      return R::failure("expected {hub}, {device}, {kind}, {register} or {unit}, found '{" +
                        std::string(name) + "}'");
    out.pieces_.push_back({"", known->second});
    text.remove_prefix(close + 1);
  }
  // Else a message would fall on another's topic, and a retained one take its place.
  if (!out.names(&TopicValues::device) || !out.names(&TopicValues::kind))
    return R::failure("expected {device} and {kind} in it");
  if (out.names(&TopicValues::unit) && !out.by_register())
    return R::failure("expected {unit} with {register}");
  return out;
}

std::string TopicTemplate::fill(const TopicValues& values) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    if (piece.value == nullptr) {
      out += piece.text;
    } else {
      const std::string& value = values.*piece.value;
      out += value.empty() ? "_" : topic_level(value);
    }
  }
  return out;
}

bool TopicTemplate::names(Field value) const {
  return std::any_of(pieces_.begin(), pieces_.end(),
                     [value](const Piece& piece) { return piece.value == value; });
}

}  // namespace ngplc::hub
