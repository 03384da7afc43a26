// The buffer between a device and a receiver that is late.
#include "device/buffered_source.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "scripted_source.h"

namespace ngdevice {
namespace {

BufferedSource<float> buffered(std::deque<ScriptedSource::Step> steps, DeviceSettings settings) {
  return {std::make_unique<ScriptedSource>(std::move(steps)), settings};
}

TEST(BufferedSource, GivesEverySampleInOrderWithTheDevicesGaps) {
  auto source = buffered({{5000, 0}, {1, 0}, {3000, 40}, {20000, 7}}, {.buffer_s = 100});
  const Followed all = follow(source);
  EXPECT_EQ(all.samples, 28001U);
  EXPECT_EQ(all.missing, 47U);
  EXPECT_EQ(all.gaps, 2U);
  EXPECT_TRUE(all.in_place);
  EXPECT_EQ(source.sample0_time_ns(), ScriptedSource::kStartNs);
  EXPECT_EQ(source.counters().overruns, 0U);
}

// The device gives 200 000 samples at once, the buffer holds 20 000: what is read and what is missing are all
// there were, and what is read stands in its place.
TEST(BufferedSource, AFullBufferIsAnOverrunAndAGapOfTheRightLength) {
  auto source = buffered({{200'000, 0}, {0, 0}}, {.buffer_s = 20});
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // let it overrun
  const Followed all = follow(source);
  const StreamCounters counters = source.counters();
  EXPECT_TRUE(all.in_place);
  EXPECT_GE(counters.overruns, 1U);
  EXPECT_EQ(all.samples + counters.missing_samples, 200'000U);
  EXPECT_EQ(counters.samples, all.samples);
  EXPECT_GE(all.samples, 16'384U);
}

TEST(BufferedSource, BeginsAtTheSampleNearestToTheStart) {
  DeviceSettings settings{.buffer_s = 100};
  settings.start_ns = ScriptedSource::kStartNs + 12'345'400'000;  // sample 12345.4 at 1 kS/s
  auto source = buffered({{9000, 0}, {3000, 20}, {9000, 0}}, settings);
  const Followed all = follow(source, 12'345);
  EXPECT_EQ(all.samples, 21'020U - 12'345U);
  EXPECT_EQ(all.gaps, 0U);  // the one before the start is not missed
  EXPECT_TRUE(all.in_place);
  EXPECT_EQ(source.sample0_time_ns(), ScriptedSource::kStartNs + 12'345'000'000);
}

TEST(BufferedSource, AStartInTheFirstGapBeginsBehindIt) {
  DeviceSettings settings{.buffer_s = 100};
  settings.start_ns = ScriptedSource::kStartNs + 9'010'000'000;
  auto source = buffered({{9000, 0}, {3000, 20}}, settings);
  const Followed all = follow(source, 9020);
  EXPECT_EQ(all.samples, 3000U);
  EXPECT_TRUE(all.in_place);
  EXPECT_EQ(source.sample0_time_ns(), ScriptedSource::kStartNs + 9'020'000'000);
}

class FailingSource : public ScriptedSource {
 public:
  FailingSource() : ScriptedSource({{100, 0}}) {}
  ngdsp::Result<Chunk> read(ngdsp::Span<float> out) override {
    if (calls_++ == 0) return ScriptedSource::read(out);
    return ngdsp::Error{"unplugged"};
  }

 private:
  int calls_ = 0;
};

TEST(BufferedSource, WhatCameBeforeAFailureIsGivenFirst) {
  BufferedSource<float> source(std::make_unique<FailingSource>(), {});
  const Followed all = follow(source);
  EXPECT_EQ(all.samples, 100U);
  EXPECT_EQ(all.error, "unplugged");
}

}  // namespace
}  // namespace ngdevice
