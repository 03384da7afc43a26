#include "ngdsp/fec/polar.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

std::uint64_t fnv1a(const std::vector<int>& values) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const int value : values) {
    for (int shift = 0; shift < 32; shift += 8) {
      hash = (hash ^ ((static_cast<std::uint32_t>(value) >> shift) & 0xFFU)) * 0x100000001B3U;
    }
  }
  return hash;
}

std::vector<std::uint8_t> random_bits(int count, Rng& rng) {
  std::vector<std::uint8_t> bits(static_cast<std::size_t>(count));
  for (auto& bit : bits) bit = static_cast<std::uint8_t>(rng.below(2));
  return bits;
}

// The codes of the air interface at the design SNR measured best for list 32, and at the default.
const struct {
  int block_bits, info_bits;
  double design_ebn0_db;
  std::uint64_t hash;
} kUsed[] = {
    {512, 152, -1, 0x714b2139dd83112eU},  {1024, 152, -1, 0x734f8bf63266ca7fU},
    {2048, 152, -1, 0xc6d1296be8323885U}, {4096, 280, -1, 0x72c5d1e838e2eaefU},
    {8192, 536, 0, 0xafb65f1edd498fceU},  {512, 152, 2, 0xd6371deeacbaaefcU},
    {1024, 152, 2, 0x41b8114bbc9f51e8U},  {2048, 152, 2, 0xf39d156bbb63614dU},
    {4096, 280, 2, 0xf1fb060dbe3de351U},  {8192, 536, 2, 0x9889d751778a80e4U},
};

// Both ends of a link must agree on the positions: a changed hash is a changed air interface.
TEST(PolarCode, PositionsAreFixed) {
  for (const auto& k : kUsed) {
    const PolarCode code(k.block_bits, k.info_bits, k.design_ebn0_db);
    const std::uint64_t hash = fnv1a(code.info_positions());
    EXPECT_EQ(hash, k.hash) << std::hex << hash << std::dec << " for " << k.block_bits << ' '
                            << k.design_ebn0_db;
  }
}

// The margin that makes the positions machine-independent: a change of the design SNR by 1e-7 dB moves every
// reliability by far more than the rounding of any mathematical library, and must not move a position.
TEST(PolarCode, PositionsDoNotHangOnRounding) {
  for (const auto& k : kUsed) {
    const auto positions = PolarCode(k.block_bits, k.info_bits, k.design_ebn0_db).info_positions();
    EXPECT_EQ(positions, PolarCode(k.block_bits, k.info_bits, k.design_ebn0_db + 1e-7).info_positions());
    EXPECT_EQ(positions, PolarCode(k.block_bits, k.info_bits, k.design_ebn0_db - 1e-7).info_positions());
  }
}

TEST(PolarCode, FrozenSetIsConsistentAndMonotone) {
  for (int size = 64; size <= 16384; size *= 2) {
    for (const int info : {1, size / 16 + 24, size / 2, size - 1}) {
      const PolarCode code(size, info);
      ASSERT_EQ(code.info_positions().size(), static_cast<std::size_t>(info));
      for (const int position : code.info_positions()) {
        ASSERT_EQ(code.frozen()[static_cast<std::size_t>(position)], 0);
        // Partial order of bit channels: setting one more index bit never makes a channel worse (Mori, Tanaka
        // 2009).
        for (int bit = 1; bit < size; bit *= 2) {
          ASSERT_EQ(code.frozen()[static_cast<std::size_t>(position | bit)], 0) << size << ' ' << info;
        }
      }
    }
  }
}

// u: information bits in order, and at a frozen position the sum of the information bits before it whose
// position leaves the same remainder by 5. x = u F^(kron n) by its definition: x[i] is the sum of u[j] over
// all j whose index bits contain those of i.
TEST(PolarCode, EncodeMatchesDefinition) {
  Rng rng(11);
  for (const int size : {64, 128, 512}) {
    const PolarCode code(size, size / 3);
    const auto info = random_bits(code.info_bits(), rng);
    std::vector<std::uint8_t> u(static_cast<std::size_t>(size), 0), x(u);
    for (std::size_t i = 0; i < info.size(); ++i)
      u[static_cast<std::size_t>(code.info_positions()[i])] = info[i];
    for (std::size_t i = 0; i < u.size(); ++i) {
      if (code.frozen()[i] == 0) continue;
      for (std::size_t j = i % 5; j < i; j += 5) {
        if (code.frozen()[j] == 0) u[i] = static_cast<std::uint8_t>(u[i] ^ u[j]);
      }
    }
    code.encode(info, x);
    for (std::size_t i = 0; i < u.size(); ++i) {
      std::uint8_t expected = 0;
      for (std::size_t j = 0; j < u.size(); ++j) {
        if ((i & j) == i) expected = static_cast<std::uint8_t>(expected ^ u[j]);
      }
      ASSERT_EQ(x[i], expected) << size << ' ' << i;
    }
  }
}

TEST(PolarCode, EncodeIsLinear) {
  Rng rng(12);
  const PolarCode code(8192, 536);
  const auto a = random_bits(536, rng), b = random_bits(536, rng);
  auto c = a;
  for (std::size_t i = 0; i < c.size(); ++i) c[i] = static_cast<std::uint8_t>(a[i] ^ b[i]);
  std::vector<std::uint8_t> xa(8192), xb(8192), xc(8192);
  code.encode(a, xa);
  code.encode(b, xb);
  code.encode(c, xc);
  for (std::size_t i = 0; i < xc.size(); ++i) ASSERT_EQ(xc[i], xa[i] ^ xb[i]);
}

TEST(PolarCode, RefusesImpossibleSizes) {
  EXPECT_THROW(PolarCode(100, 50), std::invalid_argument);
  EXPECT_THROW(PolarCode(32, 8), std::invalid_argument);
  EXPECT_THROW(PolarCode(32768, 8), std::invalid_argument);
  EXPECT_THROW(PolarCode(64, 0), std::invalid_argument);
  EXPECT_THROW(PolarCode(64, 64), std::invalid_argument);
}

}  // namespace
}  // namespace ngdsp
