#include "ngdsp/fec/crc.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

std::uint32_t crc_of(std::string_view text) {
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  return crc24(bytes);
}

TEST(Crc24, GoldenValues) {
  EXPECT_EQ(crc_of(""), 0xB704CEU);           // the preset
  EXPECT_EQ(crc_of("123456789"), 0x21CF02U);  // check value of CRC-24/OPENPGP in the RevEng catalogue
  EXPECT_NE(crc24(std::vector<std::uint8_t>(16, 0)), 0U);  // the all-zero word is not a code word
}

TEST(Crc24, AppendedCrcLeavesZero) {
  Rng rng(3);
  for (const std::size_t size : {1U, 16U, 32U, 64U, 255U}) {
    std::vector<std::uint8_t> bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.below(256));
    const std::uint32_t crc = crc24(bytes);
    for (int shift = 16; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<std::uint8_t>((crc >> shift) & 0xFF));
    EXPECT_EQ(crc24(bytes), 0U) << size;
  }
}

// Any burst of up to 24 bits changes the remainder: the generator has a constant term.
TEST(Crc24, DetectsEveryBurstOf24Bits) {
  std::vector<std::uint8_t> bytes(16, 0x5A);
  const std::uint32_t good = crc24(bytes);
  Rng rng(4);
  for (std::uint32_t start = 0; start + 24 <= 128; ++start) {
    for (int trial = 0; trial < 20; ++trial) {
      const std::uint32_t burst = 1U + rng.below((1U << 24) - 1);
      auto changed = bytes;
      for (std::uint32_t bit = 0; bit < 24; ++bit) {
        if (((burst >> bit) & 1U) == 0) continue;
        const std::uint32_t at = start + bit;
        changed[at / 8] = static_cast<std::uint8_t>(changed[at / 8] ^ (0x80U >> (at % 8)));
      }
      ASSERT_NE(crc24(changed), good);
    }
  }
}

}  // namespace
}  // namespace ngdsp
