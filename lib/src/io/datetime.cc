#include "ngdsp/io/datetime.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace ngdsp {
namespace {

/// Takes exactly `count` digits off the front; -1 when they are not digits.
int take_digits(std::string_view& text, int count) {
  int value = 0;
  for (int i = 0; i < count; ++i) {
    if (text.empty() || text.front() < '0' || text.front() > '9') {
      return -1;
    }
    value = value * 10 + (text.front() - '0');
    text.remove_prefix(1);
  }
  return value;
}
bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

}  // namespace

Result<std::int64_t> parse_datetime_ns(std::string_view text) {
  const Error error{"\"" + std::string(text.substr(0, 40)) +
                    "\", expected a UTC time such as 2026-01-31T12:34:56.789Z"};
  const int year = take_digits(text, 4);
  const bool dash1 = take(text, '-');
  const int month = take_digits(text, 2);
  const bool dash2 = take(text, '-');
  const int day = take_digits(text, 2);
  const bool t = take(text, 'T');
  const int hour = take_digits(text, 2);
  const bool colon1 = take(text, ':');
  const int minute = take_digits(text, 2);
  const bool colon2 = take(text, ':');
  const int second = take_digits(text, 2);
  if (!dash1 || !dash2 || !t || !colon1 || !colon2 || year < 1970 || year > 2261 || month < 1 || day < 1 ||
      hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
    return error;
  }
  std::int64_t fraction_ns = 0;
  if (take(text, '.')) {
    std::int64_t weight = 100'000'000;
    const std::size_t before = text.size();
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      fraction_ns += (text.front() - '0') * weight;
      weight /= 10;
      text.remove_prefix(1);
    }
    if (text.size() == before) {
      return error;
    }
  }
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (text != "Z" || !date.ok()) {
    return error;
  }
  const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  return ((days * 24 + hour) * 60 + minute) * 60'000'000'000 + second * 1'000'000'000LL + fraction_ns;
}

std::string format_datetime(std::int64_t unix_ns) {
  const std::int64_t seconds = unix_ns / 1'000'000'000;
  const std::chrono::sys_seconds time{std::chrono::seconds{seconds}};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%09dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
                static_cast<int>(unix_ns % 1'000'000'000));
  return text.data();
}

}  // namespace ngdsp
