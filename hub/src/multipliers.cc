#include "multipliers.h"

#include <algorithm>
#include <charconv>

#include "ngwire/link/reading_codec.h"
#include "obis.h"

namespace ngplc::hub {
namespace {

using ngwire::Result;

constexpr std::size_t kMostRegisters = 32;
constexpr std::int64_t kLargest = 1'000'000;
constexpr std::int64_t kLargestMantissa = 999'999;
constexpr std::size_t kMostWhole = 7;  // digits of kLargest
constexpr std::size_t kMostPlaces = 6;
// Half of what 64 bits hold, so that the difference of two products is held as well.
constexpr std::int64_t kEnd = std::int64_t{1} << 62;

bool is_digits(std::string_view text, std::size_t most) {
  return !text.empty() && text.size() <= most &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool parse_factor(std::string_view text, Multiplier& out) {
  const std::size_t point = text.find('.');
  const std::string whole(text.substr(0, point));
  const std::string places(point == std::string_view::npos ? "" : text.substr(point + 1));
  if (!is_digits(whole, kMostWhole) || (point != std::string_view::npos && !is_digits(places, kMostPlaces)))
    return false;
  const std::string digits = whole + places;
  std::int64_t mantissa = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), mantissa);
  std::int64_t largest = kLargest;
  for (std::size_t i = 0; i < places.size(); ++i) largest *= 10;
  if (mantissa == 0 || mantissa > largest) return false;
  out = {mantissa, -static_cast<int>(places.size())};
  for (; out.mantissa % 10 == 0; ++out.exponent) out.mantissa /= 10;
  return out.mantissa <= kLargestMantissa;
}

}  // namespace

std::int64_t Multiplier::times(std::int64_t value) const {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(value, mantissa, &product)) return value < 0 ? -kEnd : kEnd;
  return std::clamp(product, -kEnd, kEnd);
}

std::string add_multiplier(Multipliers& all, const std::string& obis, std::string_view factor) {
  if (!is_obis(obis)) return "multipliers: expected OBIS codes A-B:C.D.E with numbers up to 255";
  Multiplier multiplier;
  if (!parse_factor(factor, multiplier))
    return "multipliers: " + obis +
           ": expected a decimal number from 0.000001 to 1000000 of at most six significant digits";
  if (!all.emplace(obis, multiplier).second) return "multipliers: " + obis + ": expected once";
  if (all.size() > kMostRegisters) return "multipliers: expected at most 32 registers";
  return "";
}

Result<Multipliers> parse_multipliers(std::string_view text) {
  using R = Result<Multipliers>;
  Multipliers all;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(' '));
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) return R::failure("multipliers: expected OBIS=FACTOR");
    const std::string wrong =
        add_multiplier(all, std::string(item.substr(0, equals)), item.substr(equals + 1));
    if (!wrong.empty()) return R::failure(wrong);
    text.remove_prefix(std::min(item.size() + 1, text.size()));
  }
  return all;
}

std::string to_text(const Multiplier& multiplier) {
  return ngwire::decimal_string(multiplier.mantissa, multiplier.exponent);
}

std::string to_text(const Multipliers& all) {
  std::string text;
  for (const auto& [obis, multiplier] : all)
    text += (text.empty() ? "" : " ") + obis + "=" + to_text(multiplier);
  return text;
}

}  // namespace ngplc::hub
