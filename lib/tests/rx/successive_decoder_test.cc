// Frames on top of each other, through the whole receiver.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/channel/noise_level.h"
#include "ngdsp/rx/receiver.h"
#include "ngdsp/tx/frame_encoder.h"
#include "ngdsp/tx/modulator.h"
#include "ngdsp/waveform/frame_energy.h"

namespace ngdsp {
namespace {

using Payload = std::string;

Payload text_of(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

// Real samples of `cenelec-a` in noise of unit variance per chip.
class Line {
 public:
  explicit Line(double chips, std::uint64_t seed)
      : profile_(*find_profile("cenelec-a")), encoder_(profile_), modulator_(profile_), rng_(seed) {
    samples_.resize(static_cast<std::size_t>(chips * profile_.samples_per_chip()));
    rng_.add_noise(Span<float>(samples_),
                   std::sqrt(noise_variance(profile_, profile_.sample_rate_hz, 1.0, 1.0)));
  }

  Payload send(int sequence, double chip, double ebn0_db, double clock_ppm) {
    const std::vector<std::uint8_t> payload = random_payload(sequence);
    add(encoder_.encode(payload, sequence), sequence, chip, ebn0_db, clock_ppm);
    return text_of(payload);
  }

  // A frame with a preamble and symbols, which are no code word.
  void send_undecodable(int sequence, double chip, double ebn0_db) {
    std::vector<cf32> chips = encoder_.encode(random_payload(sequence), sequence);
    const auto sf = static_cast<std::size_t>(profile_.spreading_factor),
               preamble = static_cast<std::size_t>(profile_.preamble_start(profile_.class_of(sequence)));
    for (std::size_t n = 0; n < chips.size(); n += n == preamble ? profile_.preamble_chips : sf)
      if (n != preamble && rng_.below(2))
        for (std::size_t i = n; i < n + sf; ++i) chips[i] = -chips[i];
    add(chips, sequence, chip, ebn0_db, 0);
  }

  // White noise of this variance per chip.
  void add_noise(double from_chip, double to_chip, double variance) {
    const auto from = static_cast<std::size_t>(from_chip * profile_.samples_per_chip()),
               to = static_cast<std::size_t>(to_chip * profile_.samples_per_chip());
    rng_.add_noise(Span<float>(samples_).subspan(from, to - from),
                   std::sqrt(variance * noise_variance(profile_, profile_.sample_rate_hz, 1.0, 1.0)));
  }

  std::vector<ReceivedFrame> receive(std::size_t block = 8192, int threads = 1,
                                     ReceiverCounters* counters = nullptr) const {
    ReceiverConfig config;
    config.profile = profile_;
    config.full_scale = 1e9;
    config.threads = threads;
    std::vector<ReceivedFrame> frames;
    auto receiver = Receiver::create(config, [&](const ReceivedFrame& f) { frames.push_back(f); });
    for (std::size_t i = 0; i < samples_.size(); i += block)
      receiver->process(Span<const float>(samples_).subspan(i, std::min(block, samples_.size() - i)));
    receiver->flush();
    if (counters) *counters = receiver->counters();
    return frames;
  }

  Rng& rng() { return rng_; }

 private:
  std::vector<std::uint8_t> random_payload(int sequence) {
    std::vector<std::uint8_t> payload(static_cast<std::size_t>(profile_.class_of(sequence).payload_bytes));
    for (auto& byte : payload) byte = static_cast<std::uint8_t>(rng_.below(256));
    return payload;
  }
  void add(const std::vector<cf32>& chips, int sequence, double chip, double ebn0_db, double clock_ppm) {
    Arrival a;
    a.start_samples = chip * profile_.samples_per_chip();
    a.clock_ppm = clock_ppm;
    a.carrier_offset_hz = clock_ppm * 1e-6 * profile_.carrier_crystal_hz;
    a.phase_rad = 2 * kPi * rng_.uniform();
    a.amplitude = std::sqrt(chip_ec_n0_from_ebn0_db(profile_, profile_.class_of(sequence), ebn0_db));
    modulator_.add(chips, a, Span<float>(samples_));
  }

  Profile profile_;
  FrameEncoder encoder_;
  Modulator modulator_;
  Rng rng_;
  std::vector<float> samples_;
};

std::multiset<Payload> payloads(const std::vector<ReceivedFrame>& frames) {
  std::multiset<Payload> set;
  for (const ReceivedFrame& f : frames) set.insert(text_of(f.payload));
  return set;
}

// Frames within one frame length of each other, 5 dB above the single link's threshold. Fifteen others, half
// overlapping, are as strong as the noise: by despreading alone E_b/(N0 + I) is 3.5 dB, so few would need
// cancellation; the test is that none is lost or doubled by it.
TEST(SuccessiveDecoder, ManyFramesAtOnce) {
  for (const int count : {2, 4, 16}) {
    Line line(60000, 100 + static_cast<std::uint64_t>(count));
    std::multiset<Payload> sent;
    for (int k = 0; k < count; ++k)
      sent.insert(line.send(k % 4, 500 + 16000 * line.rng().uniform(), 6.5, 100 * line.rng().uniform() - 50));
    EXPECT_EQ(payloads(line.receive()), sent) << count;
  }
}

TEST(SuccessiveDecoder, OneSequenceAtDelaysCloseTogether) {
  Line line(40000, 7);
  std::multiset<Payload> sent;
  for (const double chip : {900.0, 901.3, 905.0, 950.0})
    sent.insert(line.send(2, chip, 10, chip == 900 ? 30 : -20));
  EXPECT_EQ(payloads(line.receive()), sent);
}

TEST(SuccessiveDecoder, ClassesTogether) {
  Line line(100000, 8);
  std::multiset<Payload> sent;
  for (const int q : {0, 4, 6, 1, 5, 7}) sent.insert(line.send(q, 2000 + 300.25 * q, 6, 10.0 * q - 30));
  EXPECT_EQ(payloads(line.receive()), sent);
}

TEST(SuccessiveDecoder, StrongOverWeakAndHowDeepItIsTakenOut) {
  Line line(40000, 9);
  const Payload strong = line.send(0, 1000.4, 40, 20), weak = line.send(1, 1300.1, 10, -35);
  const auto frames = line.receive();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(text_of(frames[0].payload), strong);
  EXPECT_EQ(text_of(frames[1].payload), weak);
  EXPECT_GT(frames[0].cancellation_db, 30);
}

// Bit for bit, in the same order, at 0.8 bit/chip.
TEST(SuccessiveDecoder, SameFramesWhateverTheBlocksAndThreads) {
  Line line(42000, 10);
  std::multiset<Payload> sent;
  for (int k = 0; k < 140; ++k)
    sent.insert(line.send(k % 4, 300 + 22000 * line.rng().uniform(), 10, 100 * line.rng().uniform() - 50));
  ReceiverCounters counters;
  const auto frames = line.receive(1 << 20, 1, &counters);
  EXPECT_EQ(payloads(frames), sent);
  for (const int threads : {1, 2, 3})
    for (const std::size_t block : {777U, 8192U, 1U << 20}) {
      ReceiverCounters again_counters;
      const auto again = line.receive(block, threads, &again_counters);
      ASSERT_EQ(again.size(), frames.size()) << threads << ' ' << block;
      for (std::size_t i = 0; i < frames.size(); ++i) {
        EXPECT_EQ(again[i].payload, frames[i].payload);
        EXPECT_EQ(again[i].sample_index, frames[i].sample_index);
        EXPECT_EQ(again[i].sample_fraction, frames[i].sample_fraction);
        EXPECT_EQ(again[i].carrier_offset_hz, frames[i].carrier_offset_hz);
        EXPECT_EQ(again[i].cancellation_db, frames[i].cancellation_db);
        EXPECT_EQ(again[i].residual_db, frames[i].residual_db);
        EXPECT_EQ(again[i].list_used, frames[i].list_used);
      }
      EXPECT_EQ(again_counters.candidates, counters.candidates) << threads << ' ' << block;
      EXPECT_EQ(again_counters.vetted, counters.vetted) << threads << ' ' << block;
      EXPECT_EQ(again_counters.vetting_rejected, counters.vetting_rejected) << threads << ' ' << block;
      EXPECT_EQ(again_counters.decoder_failed, counters.decoder_failed) << threads << ' ' << block;
      EXPECT_EQ(again_counters.duplicates, counters.duplicates) << threads << ' ' << block;
    }
}

constexpr double kFrame = 16384;  // chips of 16 bytes

std::uint64_t strained_steps(const Line& line, std::multiset<Payload>* heard = nullptr) {
  ReceiverCounters counters;
  const auto frames = line.receive(8192, 1, &counters);
  if (heard) *heard = payloads(frames);
  return counters.strained_steps;
}

// Strained: more than three times the floor in half a frame length. Noise of F times the power for 1.5 of
// them is so while more than 2/(F - 1) of that half are covered: for F = 6, 12.8 steps.
TEST(SuccessiveDecoder, StrainedWhilePowerStaysBehind) {
  Line noise(40 * kFrame, 21);
  EXPECT_EQ(strained_steps(noise), 0U);
  for (const double times : {2.5, 6.0}) {
    Line line(10 * kFrame, 22);
    line.add_noise(4 * kFrame, 5.5 * kFrame, times - 1);
    const std::uint64_t steps = strained_steps(line);
    EXPECT_GE(steps, times > 3 ? 11U : 0U) << times;
    EXPECT_LE(steps, times > 3 ? 15U : 0U) << times;
  }
}

// 60 frames at 10 dB that begin within a frame length have 4.7 times the power of the noise where all of them
// overlap, and more than twice that of the noise for a frame length: 8 steps, 20 while any of them is there.
TEST(SuccessiveDecoder, StrainedByFramesThatDoNotDecodeAlone) {
  for (const bool decodable : {true, false}) {
    Line line(7 * kFrame, 23);
    std::multiset<Payload> sent, heard;
    for (int k = 0; k < 60; ++k) {
      const double chip = kFrame * (2 + line.rng().uniform());
      if (decodable)
        sent.insert(line.send(k % 4, chip, 10, 100 * line.rng().uniform() - 50));
      else
        line.send_undecodable(k % 4, chip, 10);
    }
    const std::uint64_t steps = strained_steps(line, &heard);
    EXPECT_EQ(heard, sent);
    EXPECT_GE(steps, decodable ? 0U : 6U);
    EXPECT_LE(steps, decodable ? 0U : 20U);
  }
}

// Crowded: half again the floor is left, and what came out has one power. Of powers 3 dB either side of their
// mean (2 dB rms count as spread) the strong ones will free the weak ones.
TEST(SuccessiveDecoder, CrowdedByEqualPowersOnly) {
  for (const double level_db : {0.0, -6.0}) {
    Line line(8 * kFrame, 25);
    for (int k = 0; k < 60; ++k)
      line.send(k % 4, kFrame * (0.2 + 3 * line.rng().uniform()), 13 + (k % 8 < 4 ? 0 : level_db), 0);
    for (int k = 0; k < 60; ++k) line.send_undecodable(k % 4, kFrame * (3 + line.rng().uniform()), 10);
    ReceiverCounters counters;
    EXPECT_GE(line.receive(8192, 1, &counters).size(), 50U);
    EXPECT_GE(counters.strained_steps, 6U);
    EXPECT_GE(counters.crowded_steps, level_db == 0 ? 8U : 0U);
    EXPECT_LE(counters.crowded_steps, level_db == 0 ? 28U : 0U);
  }
}

// Poisson traffic that the receiver holds: 1.0 bit/chip for 12 frame lengths, 96 steps.
TEST(SuccessiveDecoder, NotStrainedByTrafficThatDecodes) {
  Line line(15 * kFrame, 24);
  std::multiset<Payload> sent, heard;
  for (double chip = 100; chip < 12 * kFrame; chip -= 128 * std::log(1 - line.rng().uniform()))
    sent.insert(line.send(static_cast<int>(line.rng().below(4)), chip, 10, 100 * line.rng().uniform() - 50));
  EXPECT_EQ(strained_steps(line, &heard), 0U);
  std::multiset<Payload> lost;
  std::set_difference(sent.begin(), sent.end(), heard.begin(), heard.end(), std::inserter(lost, lost.end()));
  EXPECT_LE(lost.size(), sent.size() / 500);
}

// What cancelling a strong frame leaves of it is no second frame.
TEST(SuccessiveDecoder, NoFrameTwice) {
  Line line(40000, 11);
  line.send(3, 700, 25, 5);
  EXPECT_EQ(line.receive().size(), 1U);
}

// Radio: every crystal somewhere else in +-20 ppm, which is +-17.4 kHz, so that the carriers of overlapping
// frames are up to 284 cycles a preamble apart. 9 dB: five others within half a frame at Ec/N0 = -12.2 dB
// raise the noise by 1.1 dB. Noise follows for as long again, and makes no frame.
TEST(SuccessiveDecoder, RadioFramesOfManyCarriersAtOnce) {
  const Profile p = *find_profile("srd868");
  const FrameEncoder encoder(p);
  const Modulator modulator(p);
  Rng rng(41);
  std::vector<cf32> x(static_cast<std::size_t>(60000 * p.samples_per_chip()));
  std::multiset<Payload> sent;
  const double ppm[] = {-20, -12.3, -0.4, 0.4, 11.1, 20};
  const PayloadClass& c = p.class_of(0);
  for (int i = 0; i < 6; ++i) {
    std::vector<std::uint8_t> payload(16);
    for (auto& byte : payload) byte = static_cast<std::uint8_t>(rng.below(256));
    Arrival a;
    a.start_samples = p.samples_per_chip() * (1000 + 1500 * i + rng.uniform());
    a.clock_ppm = ppm[i];
    a.carrier_offset_hz = ppm[i] * 1e-6 * p.carrier_crystal_hz;
    a.phase_rad = 2 * kPi * rng.uniform();
    a.amplitude = std::sqrt(chip_ec_n0_from_ebn0_db(p, c, 9));
    modulator.add(encoder.encode(payload, i % 2), a, Span<cf32>(x));
    sent.insert(text_of(payload));
  }
  rng.add_noise(Span<cf32>(x), noise_variance(p, p.sample_rate_hz, 1.0, 1.0));
  ReceiverConfig config;
  config.profile = p;
  config.full_scale = 1e9;
  config.threads = 2;
  std::vector<ReceivedFrame> frames;
  auto receiver = Receiver::create(config, [&](const ReceivedFrame& f) { frames.push_back(f); });
  receiver->process(Span<const cf32>(x));
  receiver->flush();
  EXPECT_EQ(payloads(frames), sent);
  for (const ReceivedFrame& f : frames) {
    double nearest = 1e9;
    for (const double offset : ppm)
      nearest = std::min(nearest, std::abs(f.carrier_offset_hz - offset * 1e-6 * p.carrier_crystal_hz));
    EXPECT_LT(nearest, 2.0);
  }
}

}  // namespace
}  // namespace ngdsp
