#include "ngdsp/eval/access_count.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ngdsp {
namespace {

// A frame lasts 1000 samples, a second; a block is 20 samples, so that a bin of delays is one.
AccessCountConfig config() {
  AccessCountConfig c;
  c.frame_samples = 1000;
  c.sample_rate_hz = 1000;
  c.block_samples = 20;
  return c;
}

SentFrame frame(double start, double ebn0_db = 10) {
  SentFrame f;
  f.start_samples = start;
  f.end_samples = start + 1000;
  f.ebn0_db = ebn0_db;
  return f;
}

TEST(LossBins, SettlesWhereEveryLaterBinIsGood) {
  LossBins none(0, 10);
  EXPECT_FALSE(none.settled_after(0.1));
  LossBins bins(100, 10);
  bins.add(99.9, true);  // before the origin
  bins.add(100, true);   // bin 0: 1 of 1 lost
  for (int i = 0; i < 9; ++i) bins.add(115, false);
  bins.add(119.9, true);  // bin 1: 1 of 10
  bins.add(135, false);   // bin 3; nothing in 2
  EXPECT_EQ(bins.settled_after(0.1), 1.0);
  EXPECT_EQ(bins.settled_after(0.09), 2.0);
  EXPECT_EQ(bins.settled_after(1), 0.0);
  bins.add(145, true);
  EXPECT_FALSE(bins.settled_after(0.1));
  EXPECT_EQ(bins.settled_after(1), 0.0);
}

// At a loss of 1e-3 a bin of 250 loses 0.25 on average: three or more of them in 2.2e-3 of all bins, four in
// 1.3e-4. A bin of 10 loses one in 1e-2, two in 5e-5.
TEST(LossBins, ChanceIsWhatALossOfOneInAThousandExplains) {
  const auto after = [](int offered, int lost) {
    LossBins bins(0, 1);
    for (int i = 0; i < offered; ++i) bins.add(0.5, i < lost);
    bins.add(1.5, false);
    return bins.chance_after(1e-3);
  };
  EXPECT_EQ(after(250, 0), 0.0);
  EXPECT_EQ(after(250, 3), 0.0);
  EXPECT_EQ(after(250, 4), 1.0);
  EXPECT_EQ(after(10, 1), 0.0);
  EXPECT_EQ(after(10, 2), 1.0);
  EXPECT_FALSE(LossBins(0, 1).chance_after(1e-3));
}

TEST(AccessCount, MatchesReceptionsToFrames) {
  AccessCount count(config());
  for (int i = 0; i < 10; ++i) count.sent(frame(2000 + 100 * i, i < 4 ? 3 : 5));
  EXPECT_EQ(count.eligible(), 10U);
  EXPECT_EQ(count.last_eligible_end(), 3900);
  // Out of order; 1 and 8 are lost.
  for (const std::uint64_t i : {3U, 0U, 2U, 9U, 4U, 5U, 7U, 6U})
    count.received(i, 3000 + 100 * static_cast<double>(i) + 50, 0, 20);
  count.received(3, 5000, -10, 99);            // again
  count.received(std::nullopt, 5000, 30, 99);  // never sent
  count.received(std::nullopt, 5000, 30, 99);
  const AccessTotals t = count.finish(10000);
  EXPECT_EQ(t.offered, 10U);
  EXPECT_EQ(t.decoded, 8U);
  EXPECT_EQ(t.strong_offered, 6U);
  EXPECT_EQ(t.strong_decoded, 5U);
  EXPECT_EQ(t.duplicates, 1U);
  EXPECT_EQ(t.false_frames, 2U);
  EXPECT_NEAR(t.residual, 1, 1e-12);
  EXPECT_NEAR(t.cancellation_db, 20, 1e-12);
  EXPECT_NEAR(t.delay_s_median, 0.05, 1e-3);
  EXPECT_NEAR(t.delay_s_99, 0.05, 1e-3);
  EXPECT_FALSE(t.recovered_after_frames);
}

TEST(AccessCount, QuantilesAndMeans) {
  AccessCount count(config());
  for (int i = 0; i < 100; ++i) count.sent(frame(2000 + i));
  // Delays of 1 ... 100 samples; residuals of 0 and 10 dB, one that is no number counts as nothing.
  for (std::uint64_t i = 0; i < 100; ++i)
    count.received(i, 3001 + 2 * static_cast<double>(i),
                   i == 0       ? std::nan("")
                   : i % 2 == 0 ? 0
                                : 10,
                   i == 0 ? std::nan("") : 7);
  const AccessTotals t = count.finish(1e6);
  EXPECT_NEAR(t.delay_s_median, 0.050, 0.0011);
  EXPECT_NEAR(t.delay_s_99, 0.099, 0.0011);
  EXPECT_NEAR(t.residual, (49 * 1 + 50 * 10) / 100.0, 1e-9);
  EXPECT_NEAR(t.cancellation_db, 6.93, 1e-9);
}

TEST(AccessCount, FramesAtTheEdgesOfTheStreamAreLeftOut) {
  AccessCount count(config());
  count.sent(frame(1999.9));        // 0: too early
  count.sent(frame(2000));          // 1: just in
  count.sent(frame(6000));          // 2: ends exactly three before the end
  count.sent(frame(6000.1));        // 3: too late
  EXPECT_EQ(count.eligible(), 3U);  // were the stream to go on
  for (const std::uint64_t i : {0U, 1U, 2U, 3U}) count.received(i, 8000, 0, 0);
  const AccessTotals t = count.finish(10000);
  EXPECT_EQ(t.offered, 2U);
  EXPECT_EQ(t.decoded, 2U);
  EXPECT_EQ(t.duplicates, 0U);
  EXPECT_EQ(t.false_frames, 0U);
}

TEST(AccessCount, OnlyTheFirstSoMany) {
  AccessCountConfig c = config();
  c.most = 3;
  AccessCount count(c);
  for (int i = 0; i < 6; ++i) count.sent(frame(1000 + 1000 * i));  // the first is too early
  EXPECT_EQ(count.eligible(), 3U);
  EXPECT_EQ(count.last_eligible_end(), 5000);
  count.received(1, 3100, 0, 0);
  count.received(5, 7100, 0, 0);
  const AccessTotals t = count.finish(1e5);
  EXPECT_EQ(t.offered, 3U);
  EXPECT_EQ(t.decoded, 1U);
}

// 64 frame durations after its end a frame's fate is settled: what comes later is too late.
TEST(AccessCount, SettlesWhatIsLongOver) {
  AccessCount count(config());
  count.sent(frame(2000));
  count.sent(frame(3000));
  count.sent(frame(4000));
  count.received(1, 4100, 0, 0);
  count.settle(3000 + 64000);  // not yet
  count.received(0, 3000 + 64000, 0, 0);
  count.settle(5000 + 63000);
  count.received(0, 5000 + 63000, 0, 0);
  count.received(1, 5000 + 63000, 0, 0);
  count.received(2, 5000 + 63000, 0, 0);
  count.settle(1e6);
  const AccessTotals t = count.finish(1e6);
  EXPECT_EQ(t.offered, 3U);
  EXPECT_EQ(t.decoded, 3U);
  EXPECT_EQ(t.duplicates, 2U);
}

TEST(AccessCount, SettlingInBetweenChangesNothing) {
  const auto run = [](bool settle) {
    AccessCount count(config());
    for (int i = 0; i < 2000; ++i) {
      count.sent(frame(100.0 * i, i % 7));
      if (i >= 20 && i % 3 != 0) count.received(static_cast<std::uint64_t>(i - 20), 100.0 * i, i % 5, i % 4);
      if (settle) count.settle(100.0 * i);
    }
    return count.finish(200000);
  };
  const AccessTotals a = run(false), b = run(true);
  EXPECT_GT(a.decoded, 1000U);
  EXPECT_EQ(a.offered, b.offered);
  EXPECT_EQ(a.decoded, b.decoded);
  EXPECT_EQ(a.strong_offered, b.strong_offered);
  EXPECT_EQ(a.strong_decoded, b.strong_decoded);
  EXPECT_EQ(a.residual, b.residual);
  EXPECT_EQ(a.cancellation_db, b.cancellation_db);
  EXPECT_EQ(a.delay_s_median, b.delay_s_median);
  EXPECT_EQ(a.delay_s_99, b.delay_s_99);
  EXPECT_EQ(a.locked_after_frames, b.locked_after_frames);
}

// Forty frames a duration. Until 5 durations after the warm-up none is heard, then all: locked after 5. A
// disturbance ends at 20; of the next three durations four frames of forty each are lost, which is as much as
// a lock allows and more than chance: recovered after 3.
TEST(AccessCount, LockAndRecovery) {
  AccessCountConfig c = config();
  c.recovery_frames = 20;
  AccessCount count(c);
  for (int i = 0; i < 1600; ++i) count.sent(frame(25.0 * i));
  for (int i = 0; i < 1600; ++i) {
    const bool heard = i >= 280 && !(i >= 800 && i < 920 && i % 10 == 0);
    if (heard) count.received(static_cast<std::uint64_t>(i), 25.0 * i + 1100, 0, 0);
  }
  const AccessTotals t = count.finish(50000);
  EXPECT_EQ(t.locked_after_frames, 5.0);
  EXPECT_EQ(t.recovered_after_frames, 3.0);
  ASSERT_GE(t.recovery.size(), 4U);
  EXPECT_EQ(t.recovery[2].offered, 40U);
  EXPECT_EQ(t.recovery[2].lost, 4U);
  EXPECT_EQ(t.recovery[3].lost, 0U);
}

// Segments of 2 and 3 s in turn, a frame every 0.1 s, the first two seconds not counted; lost is the first
// half second of every second segment.
TEST(AccessCount, LossOfSegments) {
  AccessCountConfig c = config();
  c.segment_samples = {2000, 3000};
  AccessCount count(c);
  for (int i = 0; i < 200; ++i) count.sent(frame(100.0 * i));
  for (std::uint64_t i = 0; i < 200; ++i)
    if (i % 50 < 20 || i % 50 >= 25) count.received(i, 100.0 * static_cast<double>(i) + 1100, 0, 0);
  const AccessTotals t = count.finish(100000);
  ASSERT_EQ(t.segments.size(), 2U);
  ASSERT_EQ(t.segments[0].since_change.size(), 4U);
  ASSERT_EQ(t.segments[1].since_change.size(), 6U);
  for (const LossBin& bin : t.segments[0].since_change) EXPECT_EQ(bin.offered, 15U);
  for (const LossBin& bin : t.segments[1].since_change) EXPECT_EQ(bin.offered, 20U);
  EXPECT_EQ(t.segments[1].since_change[0].lost, 20U);
  EXPECT_EQ(t.segments[1].since_change[1].lost, 0U);
  ASSERT_EQ(t.segments[0].rounds.size(), 4U);
  EXPECT_EQ(t.segments[0].rounds[0].offered, 0U);
  EXPECT_EQ(t.segments[0].rounds[1].offered, 20U);
  ASSERT_EQ(t.segments[1].rounds.size(), 4U);
  for (const LossBin& bin : t.segments[1].rounds) {
    EXPECT_EQ(bin.offered, 30U);
    EXPECT_EQ(bin.lost, 5U);
  }
}

TEST(AccessCount, NothingSentOrHeard) {
  AccessCount empty(config());
  const AccessTotals none = empty.finish(10000);
  EXPECT_EQ(none.offered, 0U);
  EXPECT_TRUE(std::isnan(none.residual));
  EXPECT_TRUE(std::isnan(none.delay_s_median));
  EXPECT_FALSE(none.locked_after_frames);
  AccessCount deaf(config());
  deaf.sent(frame(3000));
  const AccessTotals t = deaf.finish(10000);
  EXPECT_EQ(t.offered, 1U);
  EXPECT_EQ(t.decoded, 0U);
  EXPECT_TRUE(std::isnan(t.cancellation_db));
  EXPECT_TRUE(std::isnan(t.delay_s_99));
  EXPECT_FALSE(t.locked_after_frames);
}

}  // namespace
}  // namespace ngdsp
