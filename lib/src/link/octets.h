// Numbers in bytes, most significant first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ngwire {

inline std::uint64_t load_number(const std::uint8_t* at, std::size_t bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < bytes; ++i) number = number << 8U | at[i];
  return number;
}

inline void store_number(std::uint8_t* at, std::uint64_t number, std::size_t bytes) {
  for (std::size_t i = bytes; i-- > 0; number >>= 8U) at[i] = static_cast<std::uint8_t>(number);
}

inline void append_number(std::vector<std::uint8_t>& to, std::uint64_t number, std::size_t bytes) {
  to.resize(to.size() + bytes);
  store_number(to.data() + to.size() - bytes, number, bytes);
}

}  // namespace ngwire
