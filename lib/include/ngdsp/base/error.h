// Failure as a value: a text that names what was wrong and what was expected.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace ngdsp {

/// One clear line: names the file or field, what was found and what was expected.
struct Error {
  std::string text;
};

/// A value or the reason there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() { return std::get<0>(state_); }
  const T& operator*() const { return std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const std::string& error() const { return std::get<1>(state_).text; }

 private:
  std::variant<T, Error> state_;
};

/// Success, or the reason of a failure.
using Status = std::optional<Error>;

}  // namespace ngdsp
