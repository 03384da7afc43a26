#include "ngdsp/eval/unsourced_code.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

UnsourcedScheme small_scheme() {
  UnsourcedScheme s;
  s.sequence_bits = 10;
  return s;
}

UnsourcedMessage random_message(Rng& rng, int bits) {
  UnsourcedMessage m{};
  for (int i = 0; i < bits; ++i) {
    if (rng.below(2) != 0) m[static_cast<std::size_t>(i) / 8] |= static_cast<std::uint8_t>(0x80U >> (i % 8));
  }
  return m;
}

TEST(UnsourcedCode, MeanPowerOfTheLevelsIsOne) {
  for (const double load : {1.0, 100.0, 150.0, 200.0, 250.0, 300.0, 500.0}) {
    const UnsourcedScheme scheme = UnsourcedScheme::for_load(load);
    const auto code = UnsourcedCode::create(scheme);
    ASSERT_TRUE(code) << code.error();
    double sum = 0, strongest = 0, weakest = 1e9;
    for (int j = 0; j < scheme.sequences(); ++j) {
      sum += static_cast<double>(code->power(j));
      strongest = std::max<double>(strongest, code->power(j));
      weakest = std::min<double>(weakest, code->power(j));
    }
    EXPECT_NEAR(sum / scheme.sequences(), 1, 1e-5) << load;
    EXPECT_NEAR(to_db(strongest / weakest), scheme.power_spread_db, 1e-4) << load;
  }
}

// A frame of one sender has the energy spread_chips * code_bits * power * scale^2 exactly: every chip is +-1.
TEST(UnsourcedCode, EnergyIsTheSequencesPower) {
  UnsourcedScheme scheme = small_scheme();
  scheme.power_levels = 4;
  scheme.power_spread_db = 6;
  const auto code = UnsourcedCode::create(scheme);
  ASSERT_TRUE(code) << code.error();
  Rng rng(3);
  for (int i = 0; i < 20; ++i) {
    const UnsourcedMessage m = random_message(rng, scheme.message_bits);
    std::vector<float> samples(static_cast<std::size_t>(scheme.channel_uses), 0.0F);
    code->add_signal(m, 0.5, samples);
    double energy = 0;
    for (const float x : samples) energy += static_cast<double>(x) * static_cast<double>(x);
    const double expected = 0.25 * scheme.spread_chips() * scheme.code_bits *
                            static_cast<double>(code->power(code->sequence_of(m)));
    EXPECT_NEAR(energy / expected, 1, 1e-5);
  }
}

// Code words differ in about half of their signs, also those of one data word under two sequences.
TEST(UnsourcedCode, CodeWordsOfOneDataWordDiffer) {
  const auto code = UnsourcedCode::create(small_scheme());
  ASSERT_TRUE(code) << code.error();
  const UnsourcedMessage zero{};
  UnsourcedMessage other{};
  other[0] = 0x80;  // another sequence, the same data
  std::vector<float> a(256), b(256);
  code->code_word(zero, a);
  code->code_word(other, b);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i] * b[i]);
  EXPECT_LT(std::abs(sum), 6 * 16);  // six standard deviations of 256 random signs
}

TEST(UnsourcedCode, CheckAcceptsWhatTheEncoderMakes) {
  Rng rng(5);
  for (const int crc : {6, 8, 11, 12, 16}) {
    UnsourcedScheme scheme = small_scheme();
    scheme.crc_bits = crc;
    const auto code = UnsourcedCode::create(scheme);
    ASSERT_TRUE(code) << code.error();
    const auto bits = static_cast<std::size_t>(scheme.polar_bits());
    int passed = 0;
    constexpr int kTries = 20000;
    for (int i = 0; i < kTries; ++i) {
      std::vector<std::uint8_t> info((bits + 7) / 8);
      for (std::size_t b = 0; b < bits; ++b) {
        if (rng.below(2) != 0) info[b / 8] |= static_cast<std::uint8_t>(0x80U >> (b % 8));
      }
      passed += code->check(info.data()) ? 1 : 0;
    }
    // Binomial with p = 2^-crc: mean kTries 2^-crc, six standard deviations and one more for the rare ones.
    const double mean = kTries * std::ldexp(1.0, -crc);
    EXPECT_NEAR(passed, mean, 6 * std::sqrt(mean) + 3) << crc;
  }
}

TEST(UnsourcedCode, RefusesWhatCannotBeBuilt) {
  const auto text = [](auto change) {
    UnsourcedScheme s;
    change(s);
    const auto code = UnsourcedCode::create(s);
    return code ? std::string() : code.error();
  };
  EXPECT_EQ(text([](UnsourcedScheme&) {}), "");
  EXPECT_NE(text([](UnsourcedScheme& s) { s.sequence_bits = 30; }).find("sequence_bits is 30"),
            std::string::npos);
  EXPECT_NE(text([](UnsourcedScheme& s) { s.code_bits = 200; }).find("code_bits is 200"), std::string::npos);
  EXPECT_NE(text([](UnsourcedScheme& s) { s.code_bits = 64; }).find("code_bits is 64"), std::string::npos);
  EXPECT_NE(text([](UnsourcedScheme& s) { s.crc_bits = 7; }).find("crc_bits is 7"), std::string::npos);
  EXPECT_NE(text([](UnsourcedScheme& s) { s.message_bits = 5; }).find("message_bits is 5"),
            std::string::npos);
  EXPECT_NE(text([](UnsourcedScheme& s) { s.channel_uses = 300; }).find("channel_uses is 300"),
            std::string::npos);
  EXPECT_NE(text([](UnsourcedScheme& s) { s.power_levels = 3; }).find("power_levels is 3"),
            std::string::npos);
  EXPECT_NE(text([](UnsourcedScheme& s) { s.power_spread_db = -1; }).find("power_spread_db"),
            std::string::npos);
  EXPECT_NE(text([](UnsourcedScheme& s) {
              s.design_ebn0_db = std::numeric_limits<double>::quiet_NaN();
            }).find("design_ebn0_db"),
            std::string::npos);
}

}  // namespace
}  // namespace ngdsp
