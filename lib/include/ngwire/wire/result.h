// A value or the reason why there is none.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace ngwire {

/// Holds either a value or one line of text that says what was wrong. Never both, never neither.
template <class T>
class Result {
 public:
  Result(T value)
      : value_(std::move(value)) {}  // NOLINT: implicit on purpose, so that `return value;` reads well

  /// A failed result. `reason` is one line without a final full stop.
  static Result failure(std::string reason) {
    Result result;
    result.error_ = std::move(reason);
    return result;
  }

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }

  /// The value. Only when ok().
  T& value() { return *value_; }
  const T& value() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

  /// The reason. Empty when ok().
  const std::string& error() const { return error_; }

 private:
  Result() = default;
  std::optional<T> value_;
  std::string error_;
};

}  // namespace ngwire
