// Bytes written as hexadecimal text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ngwire/link/ccm.h"

namespace ngwire::test {

inline std::vector<std::uint8_t> from_hex(std::string_view text) {
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out.push_back(static_cast<std::uint8_t>(digit(text[i]) << 4U | digit(text[i + 1])));
  return out;
}

inline std::string to_text(const std::uint8_t* data, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    out += "0123456789abcdef"[data[i] >> 4U];
    out += "0123456789abcdef"[data[i] & 15U];
  }
  return out;
}
template <class Bytes>
std::string to_text(const Bytes& bytes) {
  return to_text(bytes.data(), bytes.size());
}

template <class Bytes>
ByteView view(const Bytes& bytes) {
  return {bytes.data(), bytes.size()};
}

}  // namespace ngwire::test
