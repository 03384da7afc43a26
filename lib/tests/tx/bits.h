// Bits of chips and symbols packed to bytes, and their digests: how docs/waveform.md writes known answers.
#pragma once

#include <openssl/sha.h>

#include <cstdint>
#include <string>
#include <vector>

#include "ngdsp/base/types.h"

namespace ngdsp {

/// Most significant bit first; the last byte is filled with zeros.
inline std::vector<std::uint8_t> pack_bits(const std::vector<std::uint8_t>& bits) {
  std::vector<std::uint8_t> bytes((bits.size() + 7) / 8);
  for (std::size_t i = 0; i < bits.size(); ++i)
    if (bits[i]) bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] | (0x80U >> (i % 8)));
  return bytes;
}

/// Two bits a chip, real part first, 1 = negative.
inline std::vector<std::uint8_t> chip_bits(Span<const cf32> chips) {
  std::vector<std::uint8_t> bits;
  for (const cf32& c : chips) {
    bits.push_back(c.real() < 0);
    bits.push_back(c.imag() < 0);
  }
  return bits;
}

inline std::string hex(const std::uint8_t* data, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += "0123456789abcdef"[data[i] >> 4];
    text += "0123456789abcdef"[data[i] & 15];
  }
  return text;
}

inline std::string sha256(const std::vector<std::uint8_t>& bytes) {
  std::uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(bytes.data(), bytes.size(), digest);
  return hex(digest, sizeof digest);
}

}  // namespace ngdsp
