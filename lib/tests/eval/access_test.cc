#include "ngdsp/eval/access.h"

#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

namespace ngdsp {
namespace {

AccessConfig config(double load, std::uint64_t frames, std::uint64_t seed = 1) {
  AccessConfig c;
  c.traffic.load = load;
  c.traffic.seed = seed;
  c.frames = frames;
  return c;
}

AccessPoint measure(const AccessConfig& c) {
  const auto point = measure_access(c);
  EXPECT_TRUE(static_cast<bool>(point)) << point.error();
  return point ? *point : AccessPoint{};
}

void expect_same(const AccessPoint& a, const AccessPoint& b) {
  EXPECT_EQ(a.offered, b.offered);
  EXPECT_EQ(a.decoded, b.decoded);
  EXPECT_EQ(a.false_frames, b.false_frames);
  EXPECT_EQ(a.duplicates, b.duplicates);
  // Transforms are planned by measuring: sums may be taken in another order.
  EXPECT_NEAR(a.residual, b.residual, 1e-4 * a.residual);
  EXPECT_NEAR(a.cancellation_db, b.cancellation_db, 1e-3);
  EXPECT_EQ(a.delay_s_median, b.delay_s_median);
  EXPECT_EQ(a.delay_s_99, b.delay_s_99);
  EXPECT_EQ(a.seconds, b.seconds);
}

// Load 0.02: 7.5 frames a second of 0.34 s each, 2.6 at a time. At 10 dB noise alone fails none, and two of
// the same sequence within a chip or so of each other are not to be expected among 20.
TEST(Access, LightLoadDecodesEverything) {
  AccessConfig c = config(0.02, 20);
  c.traffic.clock_ppm = 50;
  c.traffic.levels = TransmitLevels(std::vector<TransmitLevel>{{0, 0.5}, {-3, 0.5}});
  const AccessPoint p = measure(c);
  EXPECT_EQ(p.offered, 20U);
  EXPECT_EQ(p.decoded, 20U);
  EXPECT_EQ(p.loss, 0);
  EXPECT_EQ(p.loss_low, 0);
  EXPECT_NEAR(p.loss_high, 0.1684, 1e-4);  // 1 - 0.025^(1/20)
  EXPECT_EQ(p.loss_above_4db, 0);
  EXPECT_EQ(p.false_frames, 0U);
  EXPECT_EQ(p.duplicates, 0U);
  EXPECT_GT(p.delay_s_median, 0);
  EXPECT_GE(p.delay_s_99, p.delay_s_median);
  EXPECT_LT(p.delay_s_99, 1);
  EXPECT_GT(p.cpu_per_channel_s, 0);
  EXPECT_GT(p.residual, 0);
  EXPECT_FALSE(p.locked_after_frames);
  EXPECT_FALSE(p.recovered_after_frames);
}

TEST(Access, OtherProfileAndPayload) {
  AccessConfig c = config(0.03, 3);
  c.traffic.profile = *find_profile("fcc");
  c.traffic.payload_bytes = 32;
  const AccessPoint p = measure(c);
  EXPECT_EQ(p.offered, 3U);
  EXPECT_EQ(p.decoded, 3U);
}

// -5 dB is below what any code can do (-1.59 dB): there is nothing to take means of.
TEST(Access, NothingBelowTheShannonLimit) {
  AccessConfig c = config(0.02, 5);
  c.traffic.ebn0_db = -5;
  const AccessPoint p = measure(c);
  EXPECT_EQ(p.offered, 5U);
  EXPECT_EQ(p.decoded, 0U);
  EXPECT_EQ(p.loss, 1);
  EXPECT_EQ(p.loss_high, 1);
  EXPECT_EQ(p.false_frames, 0U);
  EXPECT_TRUE(std::isnan(p.loss_above_4db));
  EXPECT_TRUE(std::isnan(p.residual));
  EXPECT_TRUE(std::isnan(p.delay_s_median));
}

// Times in frame durations of 16384 chips. Traffic is under way when the receiver is switched on; during the
// burst nothing can be heard, and from its end on everything is.
TEST(Access, ColdStartAndBurst) {
  AccessConfig c = config(0.03, 0);
  c.seconds = 16 * 16384 / 48000.0;
  c.cold_start = true;
  c.traffic.burst = NoiseBurst{4, 3, 40};
  const AccessPoint p = measure(c);
  EXPECT_NEAR(p.seconds, c.seconds, 1e-5);
  EXPECT_GE(p.offered, 20U);
  EXPECT_LE(p.offered, 80U);
  EXPECT_GT(p.loss, 0.1);
  EXPECT_LT(p.loss, 0.7);
  ASSERT_TRUE(p.locked_after_frames);
  EXPECT_GE(*p.locked_after_frames, 6);
  EXPECT_LE(*p.locked_after_frames, 7);
  ASSERT_TRUE(p.recovered_after_frames);
  EXPECT_EQ(*p.recovered_after_frames, 0);
}

// A load at which some are lost, so that there is something to differ in.
TEST(Access, SameSeedSamePointOnAnyThreads) {
  std::vector<AccessConfig> runs;
  for (const std::uint64_t seed : {1U, 2U, 1U}) {
    runs.push_back(config(0.2, 0, seed));
    runs.back().seconds = 2.2;
    runs.back().traffic.ebn0_db = 3.5;
  }
  const auto measure_all = [&](int threads) {
    std::vector<AccessPoint> points;
    double done = 0;
    const Status failure = measure_access(
        runs, threads,
        [&](std::size_t i, const AccessPoint& p) {
          EXPECT_EQ(i, points.size());
          points.push_back(p);
        },
        [&](double part) {
          EXPECT_GE(part, done);
          done = part;
        });
    EXPECT_FALSE(failure);
    EXPECT_NEAR(done, 1, 1e-9);
    return points;
  };
  const auto one = measure_all(1), three = measure_all(3);
  ASSERT_EQ(one.size(), 3U);
  ASSERT_EQ(three.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) expect_same(one[i], three[i]);
  expect_same(one[0], one[2]);
  EXPECT_TRUE(one[0].offered != one[1].offered || one[0].decoded != one[1].decoded);
}

// 1.5 bit/chip of equal powers at 10 dB: a receiver switched on amid it decodes next to nothing for good (1
// and 8 of 1100 in two runs). Candidates are given up 1.5 frame lengths after their end, so the collapse
// shows from frame length 2.5 on and is certain at about 4; it ends with the silence, of one frame length.
TEST(Access, SilenceOrderMendsACollapse) {
  AccessConfig c = config(1.5, 1000, 3);
  c.cold_start = true;
  c.traffic.clock_ppm = 50;
  const AccessPoint alone = measure(c);
  EXPECT_LT(alone.decoded, 70U);
  EXPECT_EQ(alone.collapses, 1U);
  EXPECT_GT(alone.collapsed_frames, 1.5);
  EXPECT_TRUE(alone.orders.empty());
  EXPECT_EQ(alone.deferred, 0U);

  c.silence = SilenceConfig{};
  const AccessPoint ordered = measure(c);
  ASSERT_EQ(ordered.orders.size(), 1U);
  EXPECT_GT(ordered.orders.front(), 2.5);
  EXPECT_LT(ordered.orders.front(), 5.5);
  EXPECT_EQ(ordered.collapses, 1U);
  EXPECT_LT(ordered.collapsed_frames, 2);
  // 192 frames a frame length: five deviations of the Poisson process.
  EXPECT_NEAR(static_cast<double>(ordered.deferred), 192, 69);
  ASSERT_TRUE(ordered.locked_after_frames);
  EXPECT_LE(*ordered.locked_after_frames, 4);
  EXPECT_GT(ordered.decoded, 550U);  // nearly all that began after the order
  EXPECT_EQ(ordered.false_frames, 0U);
}

// Where nothing collapses nothing is ordered, and whether somebody would order makes no difference.
TEST(Access, NoOrderWithoutCollapse) {
  AccessConfig c = config(0.3, 100, 2);
  c.traffic.clock_ppm = 50;
  const AccessPoint alone = measure(c);
  c.silence = SilenceConfig{};
  const AccessPoint ordered = measure(c);
  EXPECT_TRUE(ordered.orders.empty());
  EXPECT_EQ(ordered.collapses, 0U);
  EXPECT_EQ(ordered.collapsed_frames, 0);
  EXPECT_EQ(ordered.deferred, 0U);
  EXPECT_EQ(ordered.offered, alone.offered);
  EXPECT_EQ(ordered.decoded, alone.decoded);
}

TEST(Access, RefusesWhatMakesNoSenseBeforeAnythingHasRun) {
  const auto refused = [](const AccessConfig& bad, const char* part) {
    bool ran = false;
    const Status failure =
        measure_access({config(0.02, 1), bad}, 1, [&](std::size_t, const AccessPoint&) { ran = true; });
    ASSERT_TRUE(failure) << part;
    EXPECT_NE(failure->text.find(part), std::string::npos) << failure->text;
    EXPECT_FALSE(ran);
    EXPECT_FALSE(static_cast<bool>(measure_access(bad)));
  };
  refused(config(0, 1), "load");
  refused(config(1, 0), "one of seconds and frames");
  AccessConfig c = config(1, 1);
  c.seconds = 10;
  refused(c, "one of seconds and frames");
  c.frames = 0;
  c.seconds = 2.04;  // six frame durations are 2.048 s
  refused(c, "2.048");
  c.seconds = std::nan("");
  refused(c, "seconds");
  c = config(1, 1);
  c.traffic.sample_rate_hz = 50000;
  refused(c, "sample rate");
  for (const auto& [frames, delay, obeying] :
       {std::tuple{0.0, 0.0, 1.0}, {33.0, 0.0, 1.0}, {1.0, -1.0, 1.0}, {1.0, 101.0, 1.0}, {1.0, 0.0, 1.1}}) {
    c = config(1, 1);
    c.silence = SilenceConfig{frames, delay};
    c.traffic.obeying = obeying;
    refused(c, obeying > 1 ? "obeying" : "silence");
  }
  EXPECT_FALSE(measure_access({}, 1, {}));
}

}  // namespace
}  // namespace ngdsp
