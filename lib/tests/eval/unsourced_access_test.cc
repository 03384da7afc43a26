#include "ngdsp/eval/unsourced_access.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

UnsourcedConfig config(int senders, double ebn0_db, int trials) {
  UnsourcedConfig c;
  c.scheme = UnsourcedScheme::for_load(senders);
  c.scheme.sequence_bits = 11;  // a small code book: the tests run under sanitizers too
  c.senders = senders;
  c.ebn0_db = ebn0_db;
  c.trials = trials;
  c.threads = 1;
  c.seed = 2;
  return c;
}

UnsourcedPoint measure(const UnsourcedConfig& c) {
  const auto r = measure_unsourced_access(c);
  EXPECT_TRUE(static_cast<bool>(r)) << r.error();
  return r ? *r : UnsourcedPoint{};
}

// 5 dB: 5 dB above what one sender needs for an error of 0.05, far below 1e-6 by the slope of the code.
TEST(UnsourcedAccess, FindsAllAtHighSnr) {
  for (const int senders : {1, 8}) {
    const UnsourcedPoint p = measure(config(senders, 5, 3));
    EXPECT_EQ(p.users, 3U * static_cast<unsigned>(senders));
    EXPECT_EQ(p.missed, 0U);
    EXPECT_EQ(p.false_messages, 0U);
    EXPECT_EQ(p.pupe, 0);
  }
}

TEST(UnsourcedAccess, PowerLevelsAreDecodedToo) {
  UnsourcedConfig c = config(10, 8, 2);
  c.scheme.power_levels = 8;
  c.scheme.power_spread_db = 6;
  const UnsourcedPoint p = measure(c);
  EXPECT_EQ(p.missed + p.false_messages, 0U);
}

// At -15 dB nothing can be found: every message is missed, PUPE is 1, and noise gives no messages.
TEST(UnsourcedAccess, CountsWhatIsMissed) {
  const UnsourcedPoint p = measure(config(5, -15, 4));
  EXPECT_EQ(p.users, 20U);
  EXPECT_EQ(p.missed, 20U);
  EXPECT_EQ(p.false_messages, 0U);
  EXPECT_EQ(p.pupe, 1);
  EXPECT_GT(p.pupe_low, 0.8);
}

// Noise alone: whatever comes out is false. 0 in 4500 frames (docs/unsourced_access.md) is at most 1e-3 a
// frame with 95 % confidence: ten frames fail by chance less than once in a hundred seeds, and this seed is
// fixed.
TEST(UnsourcedAccess, NoiseAloneGivesNoMessage) {
  UnsourcedConfig c = config(0, 1, 10);
  const UnsourcedPoint p = measure(c);
  EXPECT_EQ(p.users, 0U);
  EXPECT_EQ(p.missed, 0U);
  EXPECT_EQ(p.false_messages, 0U);
  EXPECT_EQ(p.pupe, 0);
}

// A receiver whose output is compared with other messages than those sent finds only false ones.
TEST(UnsourcedAccess, CountsFalseMessages) {
  const std::vector<UnsourcedMessage> sent{UnsourcedMessage{1}, UnsourcedMessage{2}, UnsourcedMessage{3}};
  const std::vector<UnsourcedMessage> heard{UnsourcedMessage{3}, UnsourcedMessage{9}, UnsourcedMessage{8}};
  const UnsourcedCount count = count_messages(sent, heard);
  EXPECT_EQ(count.missed, 2U);
  EXPECT_EQ(count.false_messages, 2U);
  const UnsourcedCount twice = count_messages(sent, {UnsourcedMessage{1}, UnsourcedMessage{1}});
  EXPECT_EQ(twice.missed, 2U);
  EXPECT_EQ(twice.false_messages, 1U);
}

TEST(UnsourcedAccess, TheSameForAnyNumberOfThreads) {
  UnsourcedConfig c = config(6, -0.3, 8);
  const UnsourcedPoint one = measure(c);
  c.threads = 3;
  const UnsourcedPoint three = measure(c);
  EXPECT_EQ(one.missed, three.missed);
  EXPECT_EQ(one.false_messages, three.false_messages);
  EXPECT_EQ(one.passes, three.passes);
  EXPECT_EQ(one.decodes, three.decodes);
  c.seed = 3;
  const UnsourcedPoint other = measure(c);
  EXPECT_NE(one.decodes, other.decodes);
}

TEST(UnsourcedAccess, RefusesBadConfig) {
  const auto text = [](auto change) {
    UnsourcedConfig c;
    change(c);
    const auto r = measure_unsourced_access(c);
    return r ? std::string() : r.error();
  };
  EXPECT_NE(text([](UnsourcedConfig& c) { c.senders = -1; }).find("senders is -1"), std::string::npos);
  EXPECT_NE(text([](UnsourcedConfig& c) { c.senders = 1000000; }).find("senders"), std::string::npos);
  EXPECT_NE(text([](UnsourcedConfig& c) { c.trials = 0; }).find("trials is 0"), std::string::npos);
  EXPECT_NE(text([](UnsourcedConfig& c) { c.threads = -2; }).find("threads is -2"), std::string::npos);
  EXPECT_NE(text([](UnsourcedConfig& c) { c.max_list = 12; }).find("max_list is 12"), std::string::npos);
  EXPECT_NE(text([](UnsourcedConfig& c) { c.scheme.code_bits = 100; }).find("code_bits"), std::string::npos);
  EXPECT_NE(
      text([](UnsourcedConfig& c) { c.ebn0_db = std::numeric_limits<double>::quiet_NaN(); }).find("ebn0_db"),
      std::string::npos);
}

TEST(UnsourcedReceiver, BadSamplesAreNoMessages) {
  const auto code = UnsourcedCode::create(config(1, 1, 1).scheme);
  ASSERT_TRUE(code) << code.error();
  UnsourcedReceiver receiver(*code, {});
  EXPECT_TRUE(receiver.decode(std::vector<float>(100)).empty());
  std::vector<float> samples(30000, std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(receiver.decode(samples).empty());
  samples.assign(30000, std::numeric_limits<float>::infinity());
  EXPECT_TRUE(receiver.decode(samples).empty());
  samples.assign(30000, 0.0F);
  EXPECT_TRUE(receiver.decode(samples).empty());
  samples.assign(30000, 1e30F);
  EXPECT_TRUE(receiver.decode(samples).empty());
}

// ln PUPE is a line: 0.1 at 1 dB and 0.001 at 2 dB give 0.01 at 1.5 dB.
TEST(UnsourcedSearch, InterpolatesTheLogarithm) {
  UnsourcedPoint low, high;
  low.ebn0_db = 1, low.pupe = 0.1, low.users = 1000;
  high.ebn0_db = 2, high.pupe = 0.001, high.users = 1000;
  EXPECT_NEAR(interpolate_required_ebn0_db(low, high, 0.01), 1.5, 1e-9);
}

TEST(UnsourcedSearch, FindsTheCrossingFromBothSides) {
  for (const double truth : {-1.3, 0.37, 6.2}) {
    for (const double start : {-1.0, 1.0, 9.0}) {
      UnsourcedConfig c;
      c.ebn0_db = start;
      const auto found = search_required_ebn0(c, 0.05, [truth](double ebn0_db) -> Result<UnsourcedPoint> {
        UnsourcedPoint p;
        p.ebn0_db = ebn0_db;
        p.users = 100000;
        p.pupe = std::min(1.0, 0.05 * std::exp(-3 * (ebn0_db - truth)));
        return p;
      });
      ASSERT_TRUE(found) << found.error();
      EXPECT_NEAR(*found, truth, 0.06);  // below half a PUPE of 1 the curve bends inside the last 0.05 dB
    }
  }
  const auto never =
      search_required_ebn0({}, 0.05, [](double) -> Result<UnsourcedPoint> { return UnsourcedPoint{}; });
  EXPECT_FALSE(never);
  const auto fails =
      search_required_ebn0({}, 0.05, [](double) -> Result<UnsourcedPoint> { return Error{"broken"}; });
  ASSERT_FALSE(fails);
  EXPECT_EQ(fails.error(), "broken");
}

}  // namespace
}  // namespace ngdsp
