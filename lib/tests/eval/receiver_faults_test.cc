// Streams that are spoilt for a while: what a receiver loses is what was spoilt, and no more.
#include <gtest/gtest.h>

#include <limits>

#include "ngdsp/base/db.h"
#include "spoilt_line.h"

namespace ngdsp {
namespace {

constexpr double kLoad = 0.5;  // 64 frames begin in a frame length
constexpr float kNan = std::numeric_limits<float>::quiet_NaN(),
                kInfinite = std::numeric_limits<float>::infinity();

// Outside a fault the odd frame may be lost: at this load and 10 dB only those that begin within a chip of
// another of their sequence, one in 2000.
void expect_unharmed(const SpoiltLine& line, const Outcome& o, double from, double to) {
  const Loss l = loss_within(line, o, from, to);
  EXPECT_GT(l.sent, 32 * (to - from - 1)) << from;
  EXPECT_LE(l.lost, 1U) << "of " << l.sent << " from " << from << " to " << to;
}

// Both sides of a fault, the one after it half a frame length later.
void expect_unharmed_but(const SpoiltLine& line, const Outcome& o, double from, double to) {
  expect_unharmed(line, o, 0, from);
  expect_unharmed(line, o, to + 0.5, static_cast<double>(line.samples.size()) / line.frame);
  EXPECT_EQ(o.twice, 0U);
  EXPECT_TRUE(o.others.empty());
  expect_accounts(o.counters);
}

double amplitude_of(const SpoiltLine& line, double db) { return line.rms() * std::sqrt(2 * from_db(db)); }

TEST(ReceiverFaults, Tone) {
  SpoiltLine line(9.5, traffic_of(kLoad, 1));
  line.add_tone(3.3, 6.3, 61234.5, amplitude_of(line, 20));
  const Outcome o = receive(line);
  expect_unharmed_but(line, o, 3.3, 6.3);
  // 20 dB above all frames together is 27 dB above the noise; a filter is found at once.
  const Loss during = loss_within(line, o, 3.3, 6.3);
  EXPECT_GT(during.sent, 100U);
  EXPECT_LE(during.lost, during.sent / 50);
}

TEST(ReceiverFaults, NoiseBurst) {
  SpoiltLine line(8, traffic_of(kLoad, 2));
  line.rng.add_noise(line.part(3.3, 4.8), 10 * line.rms());
  expect_unharmed_but(line, receive(line), 3.3, 4.8);
}

TEST(ReceiverFaults, JammerThatStaysForTenFrameLengths) {
  SpoiltLine line(16.5, traffic_of(kLoad, 3));
  line.add_tone(3.3, 13.3, 61234.5, amplitude_of(line, 20));
  const Outcome o = receive(line);
  expect_unharmed_but(line, o, 3.3, 13.3);
  EXPECT_EQ(o.counters.budget_dropped, 0U);
}

// The same frame over and over, each beginning where the one before ends.
TEST(ReceiverFaults, OneFrameForEver) {
  SpoiltLine line(10, traffic_of(kLoad, 4));
  const std::vector<std::uint8_t> payload(16, 7);
  std::vector<double> begins;
  for (int k = 0; k < 9; ++k) {
    begins.push_back(1000 + k * line.frame / (1 + 33e-6));
    line.send(payload, 2, begins.back(), 33, k);
  }
  const Outcome o = receive(line);
  expect_unharmed(line, o, 0, 10);
  ASSERT_EQ(o.others.size(), 1U);
  std::vector<double> heard = o.others.begin()->second;
  std::sort(heard.begin(), heard.end());
  ASSERT_EQ(heard.size(), begins.size());
  for (std::size_t k = 0; k < heard.size(); ++k) EXPECT_NEAR(heard[k], begins[k], 4);
}

// Two copies of a frame a chip apart are two paths of one, or one and its duplicate when their clocks differ.
TEST(ReceiverFaults, TwinsAChipApart) {
  for (const double second_ppm : {33.0, -20.0}) {
    SpoiltLine line(8, traffic_of(kLoad, 5));
    constexpr int kTwins = 20;
    for (int k = 0; k < kTwins; ++k) {
      const std::vector<std::uint8_t> payload(16, static_cast<std::uint8_t>(k));
      const double at = 1000 + 22000.3 * k;
      line.send(payload, k % 4, at, 33, k);
      line.send(payload, k % 4, at + 4, second_ppm, 2.5 * k);
    }
    const Outcome o = receive(line);
    expect_unharmed(line, o, 0, 8);
    EXPECT_EQ(o.others.size(), static_cast<std::size_t>(kTwins)) << second_ppm;
    for (const auto& [payload, starts] : o.others) EXPECT_EQ(starts.size(), 1U) << second_ppm;
    expect_accounts(o.counters);
  }
}

// `gone` samples of the line are not fed; the receiver is told where the rest belongs, or not.
Outcome receive_with_gap(const SpoiltLine& line, double from, std::size_t gone, bool told) {
  return receive(line, [&](Receiver& r, Span<const float> samples) {
    const std::size_t cut = line.at(from);
    r.process(samples.first(cut));
    if (told) r.reset_at(cut + gone);
    r.process(samples.subspan(cut + gone));
  });
}

void expect_right_times(const SpoiltLine& line, const Outcome& o) {
  for (std::size_t i = 0; i < line.sent.size(); ++i) {
    if (!std::isnan(o.start[i])) {
      EXPECT_NEAR(o.start[i], line.sent[i].start_samples, 4) << i;
    }
  }
}

// At 10 dB the code has 8 dB to spare, so a frame that lost a tenth at one end is heard.
TEST(ReceiverFaults, ShortGap) {
  const SpoiltLine line(7, traffic_of(kLoad, 6));
  const Outcome o = receive_with_gap(line, 3.3, line.at(0.1) + 3, true);
  expect_unharmed(line, o, 0, 3.4);
  expect_unharmed(line, o, 3.3, 7);
  expect_right_times(line, o);
  EXPECT_EQ(o.counters.gaps, 1U);
  EXPECT_EQ(o.counters.nonfinite_samples, 0U);
  EXPECT_EQ(o.counters.samples, line.samples.size() - line.at(0.1) - 3);
  expect_accounts(o.counters);
}

TEST(ReceiverFaults, LongGap) {
  const SpoiltLine line(10, traffic_of(kLoad, 7));
  const Outcome o = receive_with_gap(line, 3.3, line.at(3) + 3, true);
  expect_unharmed_but(line, o, 3.3, 6.3);
  expect_right_times(line, o);
  const Loss during = loss_within(line, o, 2.9, 6.7);  // beyond what could be heard of a frame
  EXPECT_EQ(during.lost, during.sent);
}

// Nobody said that samples are missing: frames are heard on either side, and the later ones too early.
TEST(ReceiverFaults, UnmarkedGap) {
  const SpoiltLine line(8, traffic_of(kLoad, 8));
  const std::size_t gone = line.at(0.7) + 3;
  const Outcome o = receive_with_gap(line, 3.3, gone, false);
  expect_unharmed_but(line, o, 3.3, 4);
  EXPECT_EQ(o.counters.gaps, 0U);
  for (std::size_t i = 0; i < line.sent.size(); ++i) {
    if (line.sent[i].start_samples > 4 * line.frame && !std::isnan(o.start[i])) {
      EXPECT_NEAR(o.start[i], line.sent[i].start_samples - static_cast<double>(gone), 4);
    }
  }
}

// For a while nothing comes of the line, or what an open input puts out, 60 dB below its noise; a tone 20 dB
// over all frames is on it before and after. Where the line comes back frames are heard at once.
TEST(ReceiverFaults, DeadLine) {
  const struct { double sigma, seconds; } kinds[] = {{0, 4}, {1e-3, 3}};
  for (const auto& kind : kinds) {
    SpoiltLine line(5.3, traffic_of(kLoad, 21));
    line.add_tone(0, 5.3, 61234.5, amplitude_of(line, 20));
    const std::size_t cut = line.at(2.3);
    constexpr double kPieceSeconds = 0.25;
    std::vector<float> dead(48000);
    Rng rng(15);
    const Outcome o = receive(line, [&](Receiver& r, Span<const float> samples) {
      r.process(samples.first(cut));
      for (double s = 0; s < kind.seconds; s += kPieceSeconds) {
        std::fill(dead.begin(), dead.end(), 0.0F);
        rng.add_noise(Span<float>(dead), kind.sigma);
        r.process(Span<const float>(dead));
      }
      r.process(samples.subspan(cut));
    });
    expect_unharmed(line, o, 1, 2.3);
    expect_unharmed(line, o, 2.3, 5.3);
    EXPECT_EQ(o.counters.silent_samples,
              kind.sigma > 0 ? 0U : static_cast<std::uint64_t>(kind.seconds * line.config.rate_hz()));
    EXPECT_EQ(o.twice, 0U);
    EXPECT_TRUE(o.others.empty());
    expect_accounts(o.counters);
  }
}

// The mean of all samples jumps by 60 dB over their power and stays: an impulse of the matched filter's
// length, and nothing afterwards.
TEST(ReceiverFaults, StepOfDirectCurrent) {
  SpoiltLine line(9, traffic_of(kLoad, 16));
  const auto step = static_cast<float>(amplitude_of(line, 60));
  for (float& x : line.part(3.3, 9)) x += step;
  const Outcome o = receive(line);
  expect_unharmed(line, o, 0, 9);
  EXPECT_EQ(o.counters.nonfinite_samples, 0U);
  expect_accounts(o.counters);
}

// Bursts of every mains, 20 dB for a tenth of the time, and impulses where there is none.
TEST(ReceiverFaults, EveryMains) {
  for (const double hz : {60.0, 50.0 / 3, 0.0}) {
    Scenario place;
    place.mains.frequency_hz = hz;
    if (hz > 0)
      place.bursts.emplace_back();
    else
      place.impulses.emplace_back().mean_gap_s = 0.01;
    TrafficConfig config = traffic_of(kLoad, 17);
    config.scenario = std::make_shared<const Scenario>(place);
    const SpoiltLine line(5, config);
    const Outcome o = receive(line);
    expect_unharmed(line, o, 0, 5);
    EXPECT_GT(o.counters.weighted_chips, 0U) << hz;
    expect_accounts(o.counters);
  }
}

// Gaussian signals clipped at a peak 6 and 12 dB above their power, and below: a hard limiter costs 2 dB.
TEST(ReceiverFaults, Saturation) {
  for (const double db : {6.0, 12.0}) {
    SpoiltLine line(7, traffic_of(kLoad, 9));
    const auto full = static_cast<float>(amplitude_of(line, -db));
    std::uint64_t clipped = 0;
    for (float& x : line.part(2.3, 4.3)) {
      clipped += std::abs(x) >= full ? 1 : 0;
      x = std::clamp(x, -full, full);
    }
    const Outcome o = receive(
        line, [](Receiver& r, Span<const float> samples) { r.process(samples); }, static_cast<double>(full));
    expect_unharmed(line, o, 0, 7);
    EXPECT_GE(o.counters.clipped_samples, clipped) << db;
    expect_accounts(o.counters);
  }
}

// No numbers for 0.3 frame lengths. What has its preamble outside and lost a tenth at most is heard.
TEST(ReceiverFaults, BurstsThatAreNoNumbers) {
  SpoiltLine line(6.5, traffic_of(kLoad, 10));
  const float bad[] = {kNan, kInfinite, -kInfinite, 3e38F, -1e12F};
  std::uint64_t count = 0;
  for (float& x : line.part(3.3, 3.6)) x = bad[count++ % 5];
  const Outcome o = receive(line);
  expect_unharmed(line, o, 0, 3.4);
  expect_unharmed(line, o, 3.5, 6.5);
  EXPECT_EQ(o.counters.nonfinite_samples, count);
  EXPECT_NEAR(o.noise_dbfs, 10, 2);
  expect_right_times(line, o);
  expect_accounts(o.counters);
}

// In the band, 170 dB above the noise: of what is that strong, single precision leaves something in all 8192
// samples of its transform, an eighth of a frame either side.
TEST(ReceiverFaults, BurstOfHugeNumbers) {
  SpoiltLine line(6.5, traffic_of(kLoad, 11));
  line.add_tone(3.3, 3.6, 61234.5, 5e8);
  const Outcome o = receive(line);
  expect_unharmed_but(line, o, 3.15, 3.75);
  EXPECT_EQ(o.counters.nonfinite_samples, 0U);
  EXPECT_TRUE(std::isfinite(o.noise_dbfs));
}

TEST(ReceiverFaults, NanInOnePartOfAComplexSample) {
  ReceiverConfig config;
  config.profile = *find_profile("srd433");
  auto receiver = Receiver::create(config, [](const ReceivedFrame&) {});
  ASSERT_TRUE(static_cast<bool>(receiver));
  std::vector<cf32> samples(1000, cf32(0.1F, 0.2F));
  samples[100] = {0.1F, kNan};
  samples[200] = {kNan, 0.1F};
  receiver->process(Span<const cf32>(samples));
  EXPECT_EQ(receiver->counters().nonfinite_samples, 2U);
  EXPECT_EQ(receiver->counters().clipped_samples, 0U);
}

// 2600 frames a frame length, where the noise and 64 of them leave room for some 260. Nothing is to be heard;
// the work of a step and what is kept stay bounded.
TEST(ReceiverFaults, Overload) {
  TrafficConfig config = traffic_of(kLoad, 12);
  config.overload = LoadStep{2.5, 2, 20};
  const SpoiltLine line(9, config);
  expect_unharmed_but(line, receive(line), 2.5, 4.5);
  expect_bounded_work(line);
}

}  // namespace
}  // namespace ngdsp
