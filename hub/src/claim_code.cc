#include "claim_code.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace ngplc::hub {
namespace {

using ngwire::Result;

constexpr std::size_t kMaxCode = 512;
constexpr char kGroupSeparator = 0x1d;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool all_digits(std::string_view text) { return std::all_of(text.begin(), text.end(), is_digit); }
bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// GS1 General Specifications, figure 7.8.5-2: identifiers of predefined length, with the identifier itself.
std::size_t predefined_length(std::string_view identifier) {
  constexpr std::array<std::pair<const char*, std::size_t>, 20> lengths = {
      {{"00", 20}, {"01", 16}, {"02", 16}, {"03", 16}, {"04", 18}, {"11", 8}, {"12", 8},
       {"13", 8},  {"14", 8},  {"15", 8},  {"16", 8},  {"17", 8},  {"18", 8}, {"19", 8},
       {"20", 4},  {"31", 10}, {"32", 10}, {"33", 10}, {"34", 10}, {"41", 16}}};
  for (const auto& [prefix, length] : lengths) {
    if (identifier == prefix) return length;
  }
  return 0;
}

// Takes one element into the code; empty, or what is wrong.
std::string take(std::string_view identifier, std::string_view value, ClaimCode& code) {
  if (identifier == "01") {
    if (value.size() != 14 || !all_digits(value)) return "(01): expected 14 digits";
    if (!gtin_checks(value)) return "(01): the check digit is wrong, look at the label again";
    if (!code.gtin.empty()) return "(01): given twice";
    code.gtin = value;
  } else if (identifier == "21") {
    if (value.empty() || value.size() > 20 || !is_printable(value))
      return "(21): expected 1 to 20 characters";
    if (!code.serial.empty()) return "(21): given twice";
    code.serial = value;
  }
  return "";
}

Result<ClaimCode> parse_bracketed(std::string_view text) {
  using R = Result<ClaimCode>;
  ClaimCode code;
  while (!text.empty()) {
    const std::size_t close = text.find(')');
    if (text.front() != '(' || close == std::string_view::npos || close < 3 || close > 5)
      return R::failure("expected (01) and 14 digits, then (21) and the serial number");
    const std::string_view identifier = text.substr(1, close - 1);
    std::size_t end = text.find('(', close);
    if (end == std::string_view::npos) end = text.size();
    std::string_view value = text.substr(close + 1, end - close - 1);
    while (!value.empty() && (value.back() == ' ' || value.back() == kGroupSeparator)) value.remove_suffix(1);
    if (std::string wrong = take(identifier, value, code); !wrong.empty())
      return R::failure(std::move(wrong));
    text.remove_prefix(end);
  }
  return code;
}

Result<ClaimCode> parse_raw(std::string_view text) {
  using R = Result<ClaimCode>;
  ClaimCode code;
  while (!text.empty()) {
    if (text.front() == kGroupSeparator) {
      text.remove_prefix(1);
      continue;
    }
    const std::string_view identifier = text.substr(0, 2);
    if (identifier.size() < 2 || !all_digits(identifier))
      return R::failure("expected 01 and 14 digits, then 21 and the serial number");
    std::size_t length = predefined_length(identifier);
    if (length == 0) length = std::min(text.find(kGroupSeparator), text.size());
    if (length > text.size()) return R::failure("(" + std::string(identifier) + "): too short");
    if (std::string wrong = take(identifier, text.substr(2, length - 2), code); !wrong.empty())
      return R::failure(std::move(wrong));
    text.remove_prefix(length);
  }
  return code;
}

bool parse_hex(std::string_view text, std::size_t digits, std::uint64_t& number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  return text.size() == digits && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

Result<ClaimCode> parse_lora(std::string_view text) {
  using R = Result<ClaimCode>;
  std::vector<std::string_view> fields;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(':', at), text.size());
    fields.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  ClaimCode code;
  std::uint64_t ignored = 0;
  if (fields.size() < 5 || fields[1] != "D0" || !parse_hex(fields[2], 16, ignored) ||
      !parse_hex(fields[3], 16, code.eui) || !parse_hex(fields[4], 8, ignored) || code.eui == 0)
    return R::failure("expected LW:D0:<16 hex digits>:<16 hex digits>:<8 hex digits>");
  for (std::size_t i = 5; i < fields.size(); ++i) {
    if (fields[i].empty() || !is_printable(fields[i])) return R::failure("an extension is empty");
    if (fields[i].front() == 'S') code.serial = fields[i].substr(1);
  }
  return code;
}

}  // namespace

bool gtin_checks(std::string_view gtin) {
  if (gtin.size() != 14 || !all_digits(gtin)) return false;
  int sum = 0;
  for (std::size_t i = 0; i < 13; ++i) sum += (gtin[i] - '0') * (i % 2 == 0 ? 3 : 1);
  return (10 - sum % 10) % 10 == gtin[13] - '0';
}

Result<ClaimCode> parse_claim_code(std::string_view text) {
  using R = Result<ClaimCode>;
  const auto fail = [](const std::string& why) { return R::failure("code: " + why); };
  if (text.size() > kMaxCode) return fail("longer than 512 characters");
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  if (text.size() > 3 && text.front() == ']') text.remove_prefix(3);
  if (text.empty()) return fail("empty");
  auto code = text.substr(0, 3) == "LW:" ? parse_lora(text)
              : text.front() == '('      ? parse_bracketed(text)
                                         : parse_raw(text);
  if (!code) return fail(code.error());
  if (code->eui == 0 && (code->gtin.empty() || code->serial.empty()))
    return fail("expected GTIN (01) and serial number (21)");
  return code;
}

}  // namespace ngplc::hub
