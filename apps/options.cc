#include "options.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <cstdlib>
#include <iostream>

namespace ngplc_app {
namespace {

/// A whole string as a finite number.
std::optional<double> number(const std::string& text) {
  if (text.empty()) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end != text.c_str() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

}  // namespace

std::optional<po::variables_map> parse_options(const Synopsis& synopsis,
                                               const po::options_description& options,
                                               const po::options_description& hidden,
                                               const po::positional_options_description& positional,
                                               const Arguments& args) {
  po::options_description visible;
  visible.add(options).add_options()("help,h", "this text");
  po::options_description all;
  all.add(visible).add(hidden);
  using namespace po::command_line_style;
  const int style = allow_long | long_allow_adjacent | long_allow_next | allow_short | short_allow_next |
                    allow_dash_for_short;
  po::variables_map values;
  const auto parsed = po::command_line_parser(args).options(all).positional(positional).style(style).run();
  for (const auto& option : parsed.options) {
    if (option.string_key == "help") {
      std::cout << "Usage: ngplc " << synopsis.command << ' ' << synopsis.arguments << "\n\n"
                << synopsis.purpose << "\n\nOptions (default in parentheses):\n"
                << visible;
      return std::nullopt;
    }
  }
  po::store(parsed, values);
  po::notify(values);
  return values;
}

double in_range(const std::string& option, double value, double low, double high, const std::string& unit) {
  if (!(value >= low && value <= high)) {
    throw UsageError(fmt::format("--{} is {:g}, expected {:g} to {:g}{}{}", option, value, low, high,
                                 unit.empty() ? "" : " ", unit));
  }
  return value;
}

std::vector<double> parse_values(const std::string& option, const std::string& text) {
  constexpr std::size_t kMost = 1000;
  const auto wrong = [&] {
    return UsageError(
        fmt::format("--{} is \"{}\", expected LO:STEP:HI, a list A,B,C or one number", option, text));
  };
  std::vector<double> values;
  const auto range = split(text, ':');
  if (range.size() == 3) {
    const auto low = number(range[0]), step = number(range[1]), high = number(range[2]);
    if (!low || !step || !high || *step <= 0 || *high < *low || (*high - *low) / *step >= kMost)
      throw wrong();
    const auto steps = static_cast<int>(std::floor((*high - *low) / *step + 1e-9));
    for (int i = 0; i <= steps; ++i) values.push_back(*low + i * *step);
    return values;
  }
  for (const std::string& part : split(text, ',')) {
    const auto value = number(part);
    if (!value || values.size() >= kMost) throw wrong();
    values.push_back(*value);
  }
  return values;
}

std::vector<std::uint8_t> parse_hex(const std::string& option, const std::string& text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::vector<std::uint8_t> bytes;
  bool good = !text.empty() && text.size() % 2 == 0;
  for (std::size_t i = 0; good && i < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    good = high >= 0 && low >= 0;
    if (good) bytes.push_back(static_cast<std::uint8_t>(16 * high + low));
  }
  if (!good)
    throw UsageError(
        fmt::format("--{} is \"{}\", expected an even number of hexadecimal digits", option, text));
  return bytes;
}

std::string to_hex(ngdsp::Span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::vector<double> parse_at_list(const std::string& option, const std::string& text, std::size_t count,
                                  const std::string& form) {
  std::vector<double> values;
  for (const std::string& part : split(text, '@')) {
    if (const auto value = number(part)) values.push_back(*value);
  }
  if (values.size() != count || split(text, '@').size() != count) {
    throw UsageError(fmt::format("--{} is \"{}\", expected {}", option, text, form));
  }
  return values;
}

std::optional<ngdsp::Profile> option_profile(const std::string& name_or_path) {
  auto profile = ngdsp::load_profile(name_or_path);
  if (profile) return *profile;
  const bool is_file = name_or_path.size() > 5 && name_or_path.ends_with(".toml");
  if (!is_file) throw UsageError("--profile: " + profile.error());
  spdlog::error("{}", profile.error());
  return std::nullopt;
}

}  // namespace ngplc_app
