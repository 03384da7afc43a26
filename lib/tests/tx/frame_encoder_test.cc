#include "ngdsp/tx/frame_encoder.h"

#include <gtest/gtest.h>

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

TEST(FrameEncoder, HeadIsTheSequenceAndTheRestIsTurnedByTheSymbols) {
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
      int negative = 0;
      for (std::size_t n = 0; n < chips.size(); ++n) {
        const float d = n < 2048 ? 1.0F : symbols[(n - 2048) / 7];
        ASSERT_EQ(chips[n], plain[n] * d) << name << ' ' << q << ' ' << n;
        ASSERT_NEAR(std::norm(chips[n]), 1.0F, 1e-6F);
        negative += d < 0;
      }
      EXPECT_GT(negative, 0);
    }
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
