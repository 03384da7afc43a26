// Strict parameters of a request that is not for a page of a list.
#pragma once

#include <cstdint>
#include <string>

#include "http_server.h"

namespace ngplc::hub {

/// A parameter that nobody asked for, comes twice, or is out of range makes wrong() say which.
class Parameters {
 public:
  explicit Parameters(const HttpRequest& request) : query_(request.query) {}

  /// A decimal integer in low..high; `absent` when it is not there.
  std::int64_t integer(const std::string& name, std::int64_t low, std::int64_t high, std::int64_t absent);
  /// An address of 1 to 8 hexadecimal digits; -1 when it is not there.
  std::int64_t device();
  /// Printable ASCII of at most 64 characters; empty when it is not there.
  std::string text(const std::string& name);
  /// Empty, or one line. After all parameters were taken.
  std::string wrong();

 private:
  // Null when it is not there.
  const std::string* take(const std::string& name);
  void complain(const std::string& what) {
    if (wrong_.empty()) wrong_ = what;
  }
  const std::vector<std::pair<std::string, std::string>>& query_;
  std::size_t taken_ = 0;
  std::string wrong_;
};

}  // namespace ngplc::hub
