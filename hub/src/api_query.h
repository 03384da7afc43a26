// What the resources in files of their own share: strict parameters, and errors as JSON.
#pragma once

#include <httplib.h>

#include <cstdint>
#include <string>

namespace ngplc::hub {

/// The parameters of one request. A parameter that nobody asked for, comes twice, or is out of range makes
/// wrong() say which.
class Query {
 public:
  explicit Query(const httplib::Request& request) : request_(request) {}

  /// A decimal integer in low..high; `absent` when it is not there.
  std::int64_t integer(const std::string& name, std::int64_t low, std::int64_t high, std::int64_t absent);
  /// An address of 1 to 8 hexadecimal digits; -1 when it is not there.
  std::int64_t device();
  /// Printable ASCII of at most 64 characters; empty when it is not there.
  std::string text(const std::string& name);
  /// Empty, or one line. After all parameters were taken.
  std::string wrong();

 private:
  std::string take(const std::string& name);
  void complain(const std::string& what) {
    if (wrong_.empty()) wrong_ = what;
  }
  const httplib::Request& request_;
  std::size_t taken_ = 0;
  std::string wrong_;
};

void answer_wrong(httplib::Response& response, int status, const std::string& text);

}  // namespace ngplc::hub
