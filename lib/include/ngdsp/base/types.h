// Sample types and a minimal span for headers that C++17 code includes.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace ngdsp {

using cf32 = std::complex<float>;
using cf64 = std::complex<double>;

/// A view of contiguous items: what std::span is in C++20, for headers that stay C++17.
template <typename T>
class Span {
 public:
  constexpr Span() = default;
  constexpr Span(T* data, std::size_t size) : data_(data), size_(size) {}
  template <typename C,
            typename = std::enable_if_t<std::is_convertible_v<decltype(std::declval<C&>().data()), T*>>>
  constexpr Span(C& c) : data_(c.data()), size_(c.size()) {}  // NOLINT: implicit, as std::span
  template <typename C,
            typename = std::enable_if_t<std::is_convertible_v<decltype(std::declval<const C&>().data()), T*>>>
  constexpr Span(const C& c) : data_(c.data()), size_(c.size()) {}  // NOLINT

  constexpr T* data() const { return data_; }
  constexpr std::size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr T& operator[](std::size_t i) const { return data_[i]; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size_; }
  constexpr Span subspan(std::size_t offset, std::size_t count) const { return {data_ + offset, count}; }
  constexpr Span subspan(std::size_t offset) const { return {data_ + offset, size_ - offset}; }
  constexpr Span first(std::size_t count) const { return {data_, count}; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace ngdsp
