// Faults of a line near full load: transmit levels of 0 and -6 dB, 1.8 payload bits a chip, mean 10 dB.
#include <gtest/gtest.h>

#include "ngdsp/eval/access.h"
#include "spoilt_line.h"

namespace ngdsp {
namespace {

TrafficConfig full_load() {
  TrafficConfig c = traffic_of(1.8, 1);
  c.levels = TransmitLevels(std::vector<TransmitLevel>{{0, 0.5}, {-6, 0.5}});
  return c;
}

// Such a line locks out of full traffic within a frame length; ten are asked for.
void expect_recovery(const TrafficConfig& traffic) {
  AccessConfig c;
  c.traffic = traffic;
  c.frames = 5600;
  const auto point = measure_access(c);
  ASSERT_TRUE(static_cast<bool>(point)) << point.error();
  ASSERT_TRUE(point->recovered_after_frames);
  EXPECT_LE(*point->recovered_after_frames, 10);
  EXPECT_EQ(point->false_frames, 0U);
  EXPECT_EQ(point->duplicates, 0U);
}

TEST(ReceiverFaultsSlow, RecoversFromANoiseBurst) {
  TrafficConfig c = full_load();
  c.burst = NoiseBurst{10, 1.5, 20};
  expect_recovery(c);
}

TEST(ReceiverFaultsSlow, RecoversFromMoreThanTheLineHolds) {
  TrafficConfig c = full_load();
  c.overload = LoadStep{10, 2, 4};
  expect_recovery(c);
}

// When the line locks again, everything that waited becomes decodable at once: the budget is spent.
TEST(ReceiverFaultsSlow, WorkStaysBoundedWhenTheLineLocksAgain) {
  TrafficConfig c = full_load();
  c.seed = 11;
  c.overload = LoadStep{2.5, 2, 4};
  EXPECT_GT(expect_bounded_work(SpoiltLine(9, c)), 0U);
}

}  // namespace
}  // namespace ngdsp
