#include "ngdsp/fec/crc.h"

#include <array>

namespace ngdsp {
namespace {

constexpr std::uint32_t kGenerator = 0x864CFB;
constexpr std::uint32_t kPreset = 0xB704CE;
constexpr std::uint32_t kMask = 0xFFFFFF;

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t rest = byte << 16;
    for (int bit = 0; bit < 8; ++bit) {
      rest = (rest & 0x800000) ? ((rest << 1) ^ kGenerator) & kMask : rest << 1;
    }
    table[byte] = rest;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> kTable = make_table();

}  // namespace

std::uint32_t crc24(Span<const std::uint8_t> bytes) {
  std::uint32_t rest = kPreset;
  for (const std::uint8_t byte : bytes) {
    rest = ((rest << 8) & kMask) ^ kTable[(rest >> 16) ^ byte];
  }
  return rest;
}

}  // namespace ngdsp
