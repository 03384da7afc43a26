#include "ngdsp/waveform/sequence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "ngdsp/waveform/profile.h"

namespace ngdsp {
namespace {

// The Gold sequence by its two recurrences on whole arrays: no shift register.
std::vector<int> gold_bits(std::uint32_t seed, std::size_t count) {
  const std::size_t total = 1600 + count + 31;
  std::vector<int> x1(total), x2(total), g(count);
  x1[0] = 1;
  for (std::size_t i = 0; i < 31; ++i) x2[i] = static_cast<int>((seed >> i) & 1);
  for (std::size_t n = 0; n + 31 < total; ++n) {
    x1[n + 31] = (x1[n + 3] + x1[n]) % 2;
    x2[n + 31] = (x2[n + 3] + x2[n + 2] + x2[n + 1] + x2[n]) % 2;
  }
  for (std::size_t n = 0; n < count; ++n) g[n] = (x1[n + 1600] + x2[n + 1600]) % 2;
  return g;
}

std::string first_bits_hex(const std::vector<cf32>& chips, std::size_t count) {
  std::string bits, hex;
  for (std::size_t n = 0; n < count; ++n) {
    bits += chips[n].real() < 0 ? '1' : '0';
    bits += chips[n].imag() < 0 ? '1' : '0';
  }
  for (std::size_t i = 0; i + 4 <= bits.size(); i += 4)
    hex += "0123456789abcdef"[std::stoi(bits.substr(i, 4), nullptr, 2)];
  return hex;
}

TEST(ShiftRegister, MaximumLengthSequenceOfDegree9) {
  // s[n] = s[n-5] ^ s[n-9]: bits 9-5 and 9-9 of the feedback; s[0] ... s[8] = 1 0000 1000.
  ShiftRegister r(9, 0x11, 0b000100001);
  std::vector<int> s(1200);
  for (int& bit : s) bit = r.next();
  std::string text;
  for (std::size_t i = 0; i < 30; ++i) text += static_cast<char>('0' + s[i]);
  EXPECT_EQ(text, "100001000110000100111001010101");
  for (std::size_t n = 9; n < s.size(); ++n) ASSERT_EQ(s[n], s[n - 5] ^ s[n - 9]);
  int period = 0;
  for (int p = 1; p <= 600 && period == 0; ++p)
    if (std::equal(s.begin(), s.begin() + 511, s.begin() + p)) period = p;
  EXPECT_EQ(period, 511);
  int ones = 0;
  for (std::size_t i = 0; i < 511; ++i) ones += s[i];
  EXPECT_EQ(ones, 256);  // 2^8: an m-sequence has one more one than zeros
}

TEST(Sequence, MatchesIndependentRecurrence) {
  for (const std::uint32_t seed : {1U, 0x101U, 0x504U, 0x5A5A5A5U, 0x0FFFFF10U}) {
    const auto chips = gold_chips(seed, 5000);
    const auto bits = gold_bits(seed, 10000);
    ASSERT_EQ(chips.size(), 5000U);
    const float a = std::sqrt(0.5F);
    for (std::size_t n = 0; n < chips.size(); ++n) {
      ASSERT_FLOAT_EQ(chips[n].real(), bits[2 * n] ? -a : a) << seed << ' ' << n;
      ASSERT_FLOAT_EQ(chips[n].imag(), bits[2 * n + 1] ? -a : a) << seed << ' ' << n;
    }
  }
}

// docs/waveform.md, "Known answers": the first 32 chips of every shipped sequence.
TEST(Sequence, KnownAnswers) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> expected = {
      {"cenelec-a",
       {"8584048b71c0adee", "05c88c0c76c752b4", "05519d0278c8ac00", "45eec84ff544ad19", "4577d941fb4b53ad",
        "c53b51c6fc4cacf7", "c5a240c8f2435243", "65fdea6e348552cf"}},
      {"cenelec-a-low",
       {"4100808b86b7d5e4", "c14c080c81b02abe", "c1d519028fbfd40a", "816a4c4f0233d513", "81f35d410c3c2ba7",
        "01bfd5c60b3bd4fd", "0126c4c805342a49", "a1796e6ec3f22ac5"}},
      {"fcc",
       {"c6078774dced85e8", "464b0ff3dbea7ab2", "46d21efdd5e58406", "066d4bb05869851f", "06f45abe56667bab",
        "86b8d239516184f1", "8621c3375f6e7a45", "267e699199a87ac9"}},
      {"srd433", {"2342c28bfd0c69e1", "a30e4a0cfa0b96bb", "a3975b02f404680f", "e3280e4f79886916"}},
      {"srd868", {"a445c574a75639ed", "24094df3a051c6b7", "24905cfdae5e3803", "642f09b023d2391a"}},
  };
  ASSERT_EQ(expected.size(), shipped_profiles().size());
  for (const auto& [name, words] : expected) {
    const Result<Profile> p = find_profile(name);
    ASSERT_TRUE(static_cast<bool>(p)) << name;
    ASSERT_EQ(static_cast<std::size_t>(p->sequence_count()), words.size()) << name;
    for (int q = 0; q < p->sequence_count(); ++q)
      EXPECT_EQ(first_bits_hex(gold_chips(sequence_seed(p->sequence_family, q), 32), 32),
                words[static_cast<std::size_t>(q)])
          << name << ' ' << q;
  }
}

TEST(Sequence, SeedsOfAllFamiliesDiffer) {
  EXPECT_EQ(sequence_seed(1, 0), 0x101U);
  EXPECT_EQ(sequence_seed(5, 3), 0x504U);
  // 8 classes of 16 sequences are the most a profile has: the next family must not be reached.
  EXPECT_LT(sequence_seed(7, 127), sequence_seed(8, 0));
  EXPECT_LT(sequence_seed((1U << 20) - 1, 127), 1U << 31);
}

// Two unrelated sequences of L unit chips correlate with |r|^2 exponential of mean L, at every lag. Of the
// 28 pairs and 201 lags, 5628 values, P(any > 20 L) = 5628 exp(-20) = 1e-5.
TEST(Sequence, PreamblesOfAProfileDoNotCorrelate) {
  constexpr int kLength = 2048;
  const Profile p;
  std::vector<std::vector<cf32>> s;
  for (int q = 0; q < 8; ++q) {
    const int start = p.preamble_start(p.class_of(q));
    const std::vector<cf32> chips = gold_chips(sequence_seed(1, q), start + kLength);
    s.emplace_back(chips.begin() + start, chips.end());
  }
  double worst = 0;
  for (std::size_t a = 0; a < s.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      for (int lag = -100; lag <= 100; ++lag) {
        cf32 sum;
        for (int n = std::max(0, -lag); n < std::min(kLength, kLength - lag); ++n)
          sum += s[a][static_cast<std::size_t>(n)] * std::conj(s[b][static_cast<std::size_t>(n + lag)]);
        worst = std::max(worst, static_cast<double>(std::norm(sum)) / kLength);
      }
  EXPECT_LT(worst, 20);
}

}  // namespace
}  // namespace ngdsp
