// One line that names a field, what was found and what was expected.
#pragma once

#include <cstdio>
#include <string>
#include <utility>

namespace ngdsp {

/// Remembers the first complaint about the fields of one table.
class FieldCheck {
 public:
  explicit FieldCheck(std::string prefix) : prefix_(std::move(prefix)) {}

  void range(const char* field, double value, double low, double high, const char* unit = "") {
    if (!error_.empty() || (value >= low && value <= high)) return;
    char text[160];
    std::snprintf(text, sizeof text, " is %g, expected %g to %g%s%s", value, low, high, *unit ? " " : "",
                  unit);
    error_ = prefix_ + field + text;
  }
  void require(bool good, const char* field, const char* expected) {
    if (error_.empty() && !good) error_ = prefix_ + field + ": " + expected;
  }
  const std::string& error() const { return error_; }

 private:
  std::string prefix_, error_;
};

}  // namespace ngdsp
