// A radio that overruns, loses packets and is late when the test says so.
#include "device/radio.h"

#include <gtest/gtest.h>

#include <deque>

#include "device/buffered_source.h"
#include "scripted_source.h"

namespace ngdevice {
namespace {

using ngdsp::cf32;
using ngdsp::Span;

constexpr double kRateHz = 1e6;
constexpr std::int64_t kStartTicks = 1'700'000'000'000'000;  // at 1 MS/s: 2023

StreamInfo radio_info() {
  StreamInfo info;
  info.device = "uhd:fake";
  info.sample_rate_hz = kRateHz;
  return info;
}

/// Packets of 400 samples, real part n for sample n of the stream; what happens before each as scripted.
class FakeReceiver : public RadioReceiver {
 public:
  struct Step {
    RadioEvent event = RadioEvent::kNone;
    std::int64_t missing = 0;
    bool timed = true;
  };
  explicit FakeReceiver(std::deque<Step> steps, std::optional<std::int64_t>* started = nullptr)
      : steps_(std::move(steps)), started_(started) {}
  const StreamInfo& info() const override { return info_; }
  void start(std::optional<std::int64_t> ticks) override {
    if (started_) *started_ = ticks;
  }
  RadioPacket receive(Span<cf32> out, double) override {
    if (steps_.empty()) return {0, RadioEvent::kGone, std::nullopt};
    const Step step = steps_.front();
    steps_.pop_front();
    position_ += step.missing;
    RadioPacket packet{0, step.event, std::nullopt};
    if (step.event != RadioEvent::kNone) return packet;
    packet.count = std::min<std::size_t>(400, out.size());
    if (step.timed) packet.ticks = kStartTicks + position_;
    for (std::size_t i = 0; i < packet.count; ++i) out[i] = {static_cast<float>(position_++), -1};
    return packet;
  }

 private:
  std::deque<Step> steps_;
  std::optional<std::int64_t>* started_;
  StreamInfo info_ = radio_info();
  std::int64_t position_ = 0;
};

constexpr FakeReceiver::Step kSamples{};

TEST(RadioSource, AnOverrunIsAGapAsLongAsTheTimesSay) {
  auto radio = std::make_unique<FakeReceiver>(std::deque<FakeReceiver::Step>{
      kSamples, {RadioEvent::kOverflow, 12'345, true}, {RadioEvent::kTimeout, 0, true}, kSamples, kSamples});
  const auto source = make_radio_source<float>(std::move(radio), std::nullopt);
  const Followed all = follow(*source);
  EXPECT_EQ(all.samples, 1200U);
  EXPECT_EQ(all.gaps, 1U);
  EXPECT_EQ(all.missing, 12'345U);
  EXPECT_TRUE(all.in_place);
  EXPECT_EQ(all.error, "uhd:fake: the radio stopped sending samples");
  const StreamCounters counters = source->counters();
  EXPECT_EQ(counters.overruns, 1U);
  EXPECT_EQ(counters.missing_samples, 12'345U);
  EXPECT_EQ(source->sample0_time_ns(), kStartTicks * 1000);
}

TEST(RadioSource, APacketLostWithoutAWordIsAGapToo) {
  auto radio = std::make_unique<FakeReceiver>(std::deque<FakeReceiver::Step>{
      kSamples, {RadioEvent::kNone, 400, true}, {RadioEvent::kBad, 400, true}, kSamples});
  const auto source = make_radio_source<float>(std::move(radio), std::nullopt);
  const Followed all = follow(*source);
  EXPECT_EQ(all.gaps, 2U);
  EXPECT_EQ(all.missing, 800U);
  EXPECT_TRUE(all.in_place);
  EXPECT_EQ(source->counters().refused, 1U);
}

TEST(RadioSource, WithoutTimesOrWithOnesThatStepBackTheLengthIsUnknown) {
  auto radio =
      std::make_unique<FakeReceiver>(std::deque<FakeReceiver::Step>{{RadioEvent::kNone, 0, false},
                                                                    {RadioEvent::kOverflow, 5, true},
                                                                    {RadioEvent::kNone, 0, false},
                                                                    kSamples,
                                                                    {RadioEvent::kNone, -700, true}});
  const auto source = make_radio_source<float>(std::move(radio), std::nullopt);
  const Followed all = follow(*source);
  EXPECT_EQ(all.gaps, 2U);
  EXPECT_EQ(all.missing, 0U);
  EXPECT_EQ(all.samples, 1600U);
}

// 2023-11-14T22:13:20.000001500Z is 1.5 samples after a whole second at 1 MS/s.
TEST(RadioSource, TheStartIsHandedOverInSamples) {
  std::optional<std::int64_t> started;
  make_radio_source<cf32>(std::make_unique<FakeReceiver>(std::deque<FakeReceiver::Step>{}, &started),
                          1'700'000'000'000'001'499);
  EXPECT_EQ(started, kStartTicks + 1);
  auto late = make_radio_source<cf32>(
      std::make_unique<FakeReceiver>(std::deque<FakeReceiver::Step>{{RadioEvent::kLate, 0, true}}), 1);
  std::vector<cf32> out(10);
  EXPECT_NE(late->read(Span<cf32>(out)).error().find("had passed"), std::string::npos);
}

/// A radio that takes 100 samples at a time and reports one underrun and one late packet.
class FakeTransmitter : public RadioTransmitter {
 public:
  struct Seen {
    std::vector<cf32> samples;
    std::vector<std::int64_t> times;
    bool ended = false;
  };
  explicit FakeTransmitter(Seen& seen, std::size_t most = 100) : seen_(seen), most_(most) {}
  const StreamInfo& info() const override { return info_; }
  std::int64_t now_ticks() override { return kStartTicks; }
  std::size_t send(Span<const cf32> in, std::optional<std::int64_t> ticks, bool last, double) override {
    const std::size_t count = std::min(most_, in.size());
    seen_.samples.insert(seen_.samples.end(), in.begin(), in.begin() + count);
    if (ticks) seen_.times.push_back(*ticks);
    seen_.ended = seen_.ended || last;
    return count;
  }
  RadioReport report(double) override { return std::exchange(report_, {}); }

 private:
  Seen& seen_;
  std::size_t most_;
  StreamInfo info_ = radio_info();
  RadioReport report_{1, 1};
};

TEST(RadioSink, SendsAllSamplesOnceFromItsStartOn) {
  FakeTransmitter::Seen seen;
  const auto sink =
      make_radio_sink<float>(std::make_unique<FakeTransmitter>(seen), 1'700'000'001'000'000'000);
  std::vector<float> samples(1234);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<float>(i);
  EXPECT_FALSE(sink->write(Span<const float>(samples)));
  EXPECT_FALSE(sink->write(Span<const float>(samples)));
  EXPECT_FALSE(sink->drain());
  ASSERT_EQ(seen.samples.size(), 2468U);
  EXPECT_EQ(seen.samples[1234 + 700], cf32(700, 0));
  EXPECT_EQ(seen.times, std::vector<std::int64_t>{kStartTicks + 1'000'000});
  EXPECT_TRUE(seen.ended);
  EXPECT_EQ(sink->counters().underruns, 1U);
  EXPECT_EQ(sink->counters().late, 1U);
  EXPECT_EQ(sink->sample0_time_ns(), 1'700'000'001'000'000'000);
}

TEST(RadioSink, ARadioThatTakesNothingIsAnError) {
  FakeTransmitter::Seen seen;
  const auto sink = make_radio_sink<cf32>(std::make_unique<FakeTransmitter>(seen, 0), std::nullopt);
  const std::vector<cf32> samples(10);
  const auto error = sink->write(Span<const cf32>(samples));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->text, "uhd:fake: the radio takes no more samples");
}

}  // namespace
}  // namespace ngdevice
