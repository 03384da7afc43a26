#include "ngdsp/tx/frame_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "ngdsp/base/rng.h"
#include "ngdsp/fec/interleaver.h"
#include "ngdsp/fec/polar_decoder.h"
#include "ngdsp/waveform/sequence.h"

namespace ngdsp {
namespace {

std::vector<std::uint8_t> random_payload(int bytes, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::uint8_t> payload(static_cast<std::size_t>(bytes));
  for (auto& b : payload) b = static_cast<std::uint8_t>(rng.below(256));
  return payload;
}

TEST(FrameEncoder, PreambleInTheMiddleAndTheRestTurnedByTheSymbols) {
  const std::size_t preamble_at[] = {7168, 14336, 28672};  // chips before it: 7 N/2
  for (const char* name : {"cenelec-a", "srd433"}) {
    const FrameEncoder encoder(*find_profile(name));
    const Profile& p = encoder.profile();
    for (int q = 0; q < p.sequence_count(); ++q) {
      const PayloadClass& c = p.class_of(q);
      const auto payload = random_payload(c.payload_bytes, static_cast<std::uint64_t>(q));
      const std::vector<cf32> chips = encoder.encode(payload, q);
      const std::vector<cf32> plain = gold_chips(sequence_seed(p.sequence_family, q), p.frame_chips(c));
      std::vector<float> symbols;
      encoder.encode_symbols(payload, q, symbols);
      ASSERT_EQ(chips.size(), plain.size());
      ASSERT_EQ(encoder.sequence(q), plain);
      ASSERT_EQ(symbols.size(), static_cast<std::size_t>(c.code_bits));
      const std::size_t start = preamble_at[c.payload_bytes / 32];  // 16, 32, 64
      EXPECT_EQ(p.preamble_start(c), static_cast<int>(start));
      int negative = 0;
      for (std::size_t n = 0; n < chips.size(); ++n) {
        const bool preamble = n >= start && n < start + 2048;
        const float d = preamble ? 1.0F : symbols[(n < start ? n : n - 2048) / 7];
        ASSERT_EQ(chips[n], plain[n] * d) << name << ' ' << q << ' ' << n;
        ASSERT_NEAR(std::norm(chips[n]), 1.0F, 1e-6F);
        negative += d < 0;
      }
      EXPECT_GT(negative, 0);
    }
  }
}

// What the receiver searches for is what is sent, at its place, whatever the payload.
TEST(FrameEncoder, PreambleIsTheUnmodulatedPartOfTheSequence) {
  for (const Profile& p : shipped_profiles()) {
    const FrameEncoder encoder(p);
    for (int q = 0; q < p.sequence_count(); ++q) {
      const PayloadClass& c = p.class_of(q);
      const auto start = static_cast<std::ptrdiff_t>(p.preamble_start(c));
      const Span<const cf32> preamble = encoder.preamble(q);
      ASSERT_EQ(preamble.size(), static_cast<std::size_t>(p.preamble_chips)) << p.name << ' ' << q;
      EXPECT_TRUE(std::equal(preamble.begin(), preamble.end(), encoder.sequence(q).begin() + start));
      for (const std::uint64_t seed : {1U, 2U}) {
        const std::vector<cf32> chips = encoder.encode(random_payload(c.payload_bytes, seed), q);
        EXPECT_TRUE(std::equal(preamble.begin(), preamble.end(), chips.begin() + start));
        // As many symbols before as behind it.
        EXPECT_EQ(static_cast<std::size_t>(2 * start + p.preamble_chips), chips.size());
      }
    }
  }
  EXPECT_THROW(FrameEncoder{Profile{}}.preamble(8), std::out_of_range);
}

// The smallest legal frame: 32 symbols of one chip, 64 chips, 32 symbols.
TEST(FrameEncoder, LayoutFollowsTheProfile) {
  Profile p;
  p.preamble_chips = 64;
  p.spreading_factor = 1;
  p.classes = {{1, 64, 1, -1}};
  ASSERT_EQ(p.validate(), "");
  const FrameEncoder encoder(p);
  const auto payload = random_payload(1, 3);
  const std::vector<cf32> chips = encoder.encode(payload, 0);
  std::vector<float> symbols;
  encoder.encode_symbols(payload, 0, symbols);
  ASSERT_EQ(chips.size(), 128U);
  for (std::size_t n = 0; n < chips.size(); ++n) {
    const float d = n < 32 ? symbols[n] : (n < 96 ? 1.0F : symbols[n - 64]);
    EXPECT_EQ(chips[n], encoder.sequence(0)[n] * d) << n;
  }
}

// Soft symbols without noise, put back in the order of the code, decode to the payload: bit 0 is +1.
TEST(FrameEncoder, SymbolsDecode) {
  const FrameEncoder encoder{Profile{}};
  for (int q : {0, 3, 4, 7}) {
    const PayloadClass& c = encoder.profile().class_of(q);
    const auto payload = random_payload(c.payload_bytes, 100 + static_cast<std::uint64_t>(q));
    std::vector<float> symbols;
    encoder.encode_symbols(payload, q, symbols);
    const Interleaver interleaver(c.code_bits);
    std::vector<float> llr(symbols.size());
    for (std::size_t m = 0; m < symbols.size(); ++m)
      llr[static_cast<std::size_t>(interleaver[static_cast<int>(m)])] = symbols[m];
    std::vector<std::uint8_t> out(payload.size());
    const PolarDecodeResult r = PolarDecoder(frame_code(c), 1).decode(llr, out);
    EXPECT_TRUE(r.crc_ok) << q;
    EXPECT_EQ(r.path_metric, 0) << q;
    EXPECT_EQ(out, payload) << q;
  }
}

TEST(FrameEncoder, RefusesAPayloadOfAnotherClass) {
  const FrameEncoder encoder{Profile{}};
  EXPECT_THROW(encoder.encode(random_payload(15, 1), 0), std::invalid_argument);
  EXPECT_THROW(encoder.encode(random_payload(16, 1), 4), std::invalid_argument);
  EXPECT_THROW(encoder.encode(random_payload(16, 1), 8), std::out_of_range);
  EXPECT_THROW(encoder.encode(random_payload(16, 1), -1), std::out_of_range);
}

// Whitening is the spreading itself: a constant payload gives a frame as noise-like as any. The mean of n
// unit chips has power 1/n exponentially distributed: 20/n is exceeded with probability 2e-9.
TEST(FrameEncoder, ConstantPayloadLeavesNoLine) {
  const FrameEncoder encoder{Profile{}};
  for (const std::uint8_t byte : {0x00, 0xFF}) {
    const auto chips = encoder.encode(std::vector<std::uint8_t>(64, byte), 6);
    cf64 sum;
    for (const cf32& c : chips) sum += cf64(c);
    EXPECT_LT(std::norm(sum) / static_cast<double>(chips.size()), 20);
  }
}

}  // namespace
}  // namespace ngdsp
