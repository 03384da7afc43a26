#include "ngdsp/rx/receiver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/channel/noise_level.h"
#include "ngdsp/tx/frame_encoder.h"
#include "ngdsp/tx/modulator.h"

namespace ngdsp {
namespace {

std::vector<std::uint8_t> random_payload(int bytes, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::uint8_t> payload(static_cast<std::size_t>(bytes));
  for (auto& b : payload) b = static_cast<std::uint8_t>(rng.below(256));
  return payload;
}

// Real profiles as floats, complex ones as they are.
struct Stream {
  Profile profile;
  std::vector<float> real;
  std::vector<cf32> complex;

  Stream(const Profile& p, double chips) : profile(p) {
    const auto n = static_cast<std::size_t>(chips * p.samples_per_chip());
    p.real ? real.resize(n) : complex.resize(n);
  }
  void add(const std::vector<std::uint8_t>& payload, int q, const Arrival& a) {
    const auto chips = FrameEncoder(profile).encode(payload, q);
    const Modulator m(profile);
    if (profile.real)
      m.add(chips, a, Span<float>(real));
    else
      m.add(chips, a, Span<cf32>(complex));
  }
  // For a frame of amplitude 1.
  void add_noise(double ebn0_db, int q, std::uint64_t seed) {
    Rng rng(seed);
    const double v = noise_variance(profile, profile.sample_rate_hz, 1.0,
                                    chip_ec_n0_from_ebn0_db(profile, profile.class_of(q), ebn0_db));
    if (profile.real)
      rng.add_noise(Span<float>(real), std::sqrt(v));
    else
      rng.add_noise(Span<cf32>(complex), v);
  }
};

struct Heard {
  std::vector<ReceivedFrame> frames;
  std::vector<CandidateTrace> traces;
  ReceiverCounters counters;
};

ReceiverConfig config_of(const Profile& p) {
  ReceiverConfig c;
  c.profile = p;
  c.full_scale = 1e30;
  return c;
}

Heard receive(const ReceiverConfig& config, const Stream& s, std::size_t chunk = 65536) {
  Heard heard;
  Result<Receiver> r = Receiver::create(
      config, [&](const ReceivedFrame& f) { heard.frames.push_back(f); },
      [&](const CandidateTrace& t) { heard.traces.push_back(t); });
  EXPECT_TRUE(static_cast<bool>(r)) << r.error();
  const auto feed = [&](auto samples) {
    for (std::size_t i = 0; i < samples.size(); i += chunk)
      r->process(samples.subspan(i, std::min(chunk, samples.size() - i)));
  };
  if (s.profile.real)
    feed(Span<const float>(s.real));
  else
    feed(Span<const cf32>(s.complex));
  r->flush();
  heard.counters = r->counters();
  return heard;
}

// Candidates have one of these ends.
void expect_accounts(const ReceiverCounters& c) {
  EXPECT_EQ(c.candidates, c.vetted + c.vetting_rejected + c.cut_off + c.budget_dropped +
                              (c.duplicates - (c.vetted - c.decoder_failed - c.metric_rejected - c.frames)));
}

// 10 dB is 8 dB above the decoding threshold. Every payload class of every profile; the radio profiles with a
// narrower clock range than they must follow, for the test's speed alone.
TEST(Receiver, OneFrameOfEveryProfileAndClass) {
  for (const Profile& p : shipped_profiles())
    for (std::size_t k = 0; k < p.classes.size(); ++k) {
      const int q = p.first_sequence(p.classes[k].payload_bytes) + p.classes[k].sequences - 1;
      Stream s(p, p.frame_chips(p.classes[k]) + 500);
      Arrival a;
      a.start_samples = 200.3 * p.samples_per_chip();
      a.phase_rad = 2.0;
      a.clock_ppm = p.real ? 40 : 0.5;
      a.carrier_offset_hz = a.clock_ppm * 1e-6 * p.carrier_crystal_hz;
      const auto payload = random_payload(p.classes[k].payload_bytes, k + 1);
      s.add(payload, q, a);
      s.add_noise(10, q, k + 7);
      ReceiverConfig config = config_of(p);
      if (!p.real) config.max_clock_ppm = 1;
      const Heard h = receive(config, s);
      ASSERT_EQ(h.frames.size(), 1U) << p.name << ' ' << k;
      const ReceivedFrame& f = h.frames[0];
      EXPECT_EQ(f.payload, payload) << p.name;
      EXPECT_EQ(f.sequence, q);
      const double at = static_cast<double>(f.sample_index) + f.sample_fraction;
      EXPECT_NEAR(at, a.start_samples, p.samples_per_chip()) << p.name << ' ' << k;
      EXPECT_LE(std::abs(f.sample_fraction), 0.5);
      EXPECT_NEAR(f.ebn0_db, 10, 1) << p.name << ' ' << k;
      EXPECT_NEAR(f.amplitude, 1, 0.1) << p.name << ' ' << k;
      // A tenth of a cycle over the frame.
      EXPECT_NEAR(f.carrier_offset_hz, a.carrier_offset_hz,
                  0.1 * p.chip_rate_hz / p.frame_chips(p.classes[k]));
      EXPECT_NEAR(f.clock_offset_ppm, a.clock_ppm, 5) << p.name << ' ' << k;
      EXPECT_EQ(f.code_bits, p.classes[k].code_bits);
      EXPECT_EQ(h.counters.frames, 1U);
    }
}

// Profiles of the user's own: rows of chips far longer and shorter than those of the shipped ones.
TEST(Receiver, OneFrameOfOtherSpreadingFactors) {
  for (const int spreading_factor : {2, 64, 200})
    for (const double ebn0_db : {10, 30}) {
      Profile p = *find_profile("cenelec-a");
      p.spreading_factor = spreading_factor;
      p.classes.resize(1);
      p.classes[0].code_bits = 512;
      ASSERT_EQ(p.validate(), "");
      Stream s(p, p.frame_chips(p.classes[0]) + 500);
      Arrival a;
      a.start_samples = 231.7 * p.samples_per_chip();
      a.clock_ppm = 60;
      a.carrier_offset_hz = a.clock_ppm * 1e-6 * p.carrier_crystal_hz;
      const auto payload = random_payload(16, 3);
      s.add(payload, 0, a);
      s.add_noise(ebn0_db, 0, 4);
      const Heard h = receive(config_of(p), s);
      ASSERT_EQ(h.frames.size(), 1U) << spreading_factor << ' ' << ebn0_db;
      EXPECT_EQ(h.frames[0].payload, payload);
    }
}

TEST(Receiver, OneFrameWithoutNoise) {
  const Profile p;
  Stream s(p, p.frame_chips(p.classes[0]) + 500);
  Arrival a;
  a.start_samples = 1000.5;
  a.amplitude = 1e-4;
  const auto payload = random_payload(16, 9);
  s.add(payload, 1, a);
  const Heard h = receive(config_of(p), s);
  ASSERT_EQ(h.frames.size(), 1U);
  EXPECT_EQ(h.frames[0].payload, payload);
  EXPECT_NEAR(static_cast<double>(h.frames[0].sample_index) + h.frames[0].sample_fraction, 1000.5, 0.5);
  EXPECT_NEAR(h.frames[0].amplitude, 1e-4, 3e-6);
  EXPECT_EQ(h.frames[0].corrected_bits, 0);
}

TEST(Receiver, FramesDoNotDependOnChunks) {
  const Profile p;
  Stream s(p, 2.0 * p.frame_chips(p.classes[0]) + 2000);
  Arrival a;
  for (const int q : {0, 2}) {
    a.start_samples = 900.7 + q * 33500;
    s.add(random_payload(16, static_cast<std::uint64_t>(q)), q, a);
  }
  s.add_noise(6, 0, 3);
  const Heard whole = receive(config_of(p), s, s.real.size());
  ASSERT_EQ(whole.frames.size(), 2U);
  for (const std::size_t chunk : {1U, 7U, 1000U, 4096U, 65536U}) {
    const Heard h = receive(config_of(p), s, chunk);
    ASSERT_EQ(h.frames.size(), 2U) << chunk;
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(h.frames[i].payload, whole.frames[i].payload);
      EXPECT_EQ(h.frames[i].sample_index, whole.frames[i].sample_index);
      EXPECT_EQ(h.frames[i].sample_fraction, whole.frames[i].sample_fraction);
      EXPECT_EQ(h.frames[i].ebn0_db, whole.frames[i].ebn0_db);
      EXPECT_EQ(h.frames[i].carrier_offset_hz, whole.frames[i].carrier_offset_hz);
      EXPECT_EQ(h.frames[i].detection, whole.frames[i].detection);
    }
    EXPECT_EQ(h.counters.candidates, whole.counters.candidates) << chunk;
    EXPECT_EQ(h.counters.samples, s.real.size());
  }
}

TEST(Receiver, TwoFramesBackToBack) {
  const Profile p;
  const double frame = p.frame_chips(p.classes[0]);
  for (const int second : {1, 0}) {  // another sequence, and the same again
    Stream s(p, 2 * frame + 500);
    Arrival a;
    a.start_samples = 400;
    s.add(random_payload(16, 1), 0, a);
    a.start_samples += frame * p.samples_per_chip();
    s.add(random_payload(16, 2), second, a);
    s.add_noise(8, 0, 4);
    const Heard h = receive(config_of(p), s);
    ASSERT_EQ(h.frames.size(), 2U) << second;
    EXPECT_EQ(h.frames[0].payload, random_payload(16, 1));
    EXPECT_EQ(h.frames[1].payload, random_payload(16, 2));
    EXPECT_NEAR(static_cast<double>(h.frames[1].sample_index), a.start_samples, 4);
  }
}

TEST(Receiver, NonFiniteSamplesAreCountedAndTakenAsZero) {
  const Profile p;
  Stream s(p, p.frame_chips(p.classes[0]) + 500);
  Arrival a;
  a.start_samples = 500;
  s.add(random_payload(16, 1), 0, a);
  s.add_noise(8, 0, 5);
  for (std::size_t i = 0; i < 30; ++i)
    s.real[2000 + 1999 * i] = i % 3 == 0 ? std::numeric_limits<float>::quiet_NaN()
                                         : (i % 3 == 1 ? std::numeric_limits<float>::infinity()
                                                       : -std::numeric_limits<float>::infinity());
  const Heard h = receive(config_of(p), s);
  EXPECT_EQ(h.counters.nonfinite_samples, 30U);
  EXPECT_EQ(h.counters.clipped_samples, 0U);
  ASSERT_EQ(h.frames.size(), 1U);
  EXPECT_EQ(h.frames[0].payload, random_payload(16, 1));
}

TEST(Receiver, ClippedSamplesAreCounted) {
  const Profile p;
  Stream s(p, p.frame_chips(p.classes[0]) + 500);
  Arrival a;
  a.start_samples = 500;
  a.amplitude = 0.6;
  s.add(random_payload(16, 1), 0, a);
  std::uint64_t expected = 0;
  for (float& x : s.real) {
    if (std::abs(x) >= 1) ++expected;
    x = std::clamp(x, -1.0F, 1.0F);
  }
  ASSERT_GT(expected, 100U);
  ReceiverConfig config = config_of(p);
  config.full_scale = 1.0;
  const Heard h = receive(config, s);
  EXPECT_EQ(h.counters.clipped_samples, expected);
  EXPECT_EQ(h.frames.size(), 1U);
}

// Zeros in a row count from 10 ms on, 1920 of them, all of them and across calls; NaN ends a row.
TEST(Receiver, SilentSamplesAreCounted) {
  auto r = Receiver::create(config_of(Profile{}), [](const ReceivedFrame&) {});
  ASSERT_TRUE(static_cast<bool>(r));
  const std::vector<float> zeros(1919);
  const auto feed = [&r](const std::vector<float>& x) { r->process(Span<const float>(x)); };
  feed(zeros);
  feed({0.1F});
  feed(zeros);
  feed({NAN});
  EXPECT_EQ(r->counters().silent_samples, 0U);
  feed(zeros);
  feed({0});
  EXPECT_EQ(r->counters().silent_samples, 1920U);
  feed(zeros);
  EXPECT_EQ(r->counters().silent_samples, 3839U);
  EXPECT_EQ(r->counters().samples, 4 * 1919U + 3);
}

TEST(Receiver, GapRestartsAtTheSampleNamed) {
  const Profile p;
  Stream s(p, p.frame_chips(p.classes[0]) + 500);
  Arrival a;
  a.start_samples = 700;
  s.add(random_payload(16, 1), 0, a);
  s.add_noise(8, 0, 6);
  std::vector<ReceivedFrame> frames;
  Result<Receiver> r = Receiver::create(config_of(p), [&](const ReceivedFrame& f) { frames.push_back(f); });
  ASSERT_TRUE(static_cast<bool>(r));
  const Span<const float> all(s.real);
  r->process(all.first(30000));  // half a frame, then a gap: what follows must not be joined to it
  r->reset_at(5000000000);
  EXPECT_EQ(frames.size(), 0U);
  EXPECT_GE(r->counters().cut_off, 1U);
  r->process(all);
  r->reset_at(6000000000);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_NEAR(static_cast<double>(frames[0].sample_index), 5000000700.0, 4);
  EXPECT_EQ(r->counters().gaps, 2U);
  EXPECT_EQ(r->counters().samples, 30000 + s.real.size());
  r->process(all);
  r->flush();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_NEAR(static_cast<double>(frames[1].sample_index), 6000000700.0, 4);
}

TEST(Receiver, NothingComesOfSilenceDcAndSquares) {
  const Profile p;
  for (int kind = 0; kind < 5; ++kind) {
    Stream s(p, 30000);
    for (std::size_t k = 0; k < s.real.size(); ++k) {
      const double phase = static_cast<double>(k) * 60000 / 192000;
      switch (kind) {
        case 0:
          break;
        case 1:
          s.real[k] = 1.0F;
          break;
        case 2:  // a full-scale square of 60 kHz, in the band
          s.real[k] = phase - std::floor(phase) < 0.5 ? 1.0F : -1.0F;
          break;
        case 3:  // of the mains
          s.real[k] = (k / 1920) % 2 ? 1.0F : -1.0F;
          break;
        default:  // one full-scale impulse
          s.real[k] = k == 40000 ? 1.0F : 0.0F;
      }
    }
    ReceiverConfig config = config_of(p);
    config.full_scale = 1.0;
    const Heard h = receive(config, s);
    EXPECT_EQ(h.frames.size(), 0U) << kind;
    EXPECT_EQ(h.counters.clipped_samples, kind == 0 ? 0U : kind == 4 ? 1U : s.real.size()) << kind;
    EXPECT_EQ(h.counters.samples, s.real.size());
  }
}

// The preamble statistic of one second of noise, 48000 chips: exp(-9) a cell for six sequences, exp(-7.5) for
// the two of 64 bytes, and at most 3.1 and 2.8 peaks a cell (see preamble_detector_test.cc) are 89 to 260
// candidates; 5 deviations more either side. None is a frame: vetting and CRC leave one in far more than
// 10^6.
TEST(Receiver, NoiseAloneGivesCandidatesButNoFrame) {
  const Profile p;
  Stream s(p, 48000);
  Rng rng(41);
  rng.add_noise(Span<float>(s.real), 0.1);
  const Heard h = receive(config_of(p), s);
  EXPECT_EQ(h.frames.size(), 0U);
  EXPECT_GE(h.counters.candidates, 42U);
  EXPECT_LE(h.counters.candidates, 341U);
  expect_accounts(h.counters);
}

// The preamble takes chips 7168 to 9215 of the 16384. At 8 dB its statistic is about 100, and no candidate of
// noise comes near 40: exp(-40) a cell.
TEST(Receiver, AFrameCutOffIsCountedAndNotDecoded) {
  const Profile p;
  const double frame = p.frame_chips(p.classes[0]);
  Stream s(p, frame + 500);
  Arrival a;
  a.start_samples = 800;  // chip 200
  s.add(random_payload(16, 1), 0, a);
  s.add_noise(8, 0, 7);
  const auto check = [&](const Stream& cut, bool preamble_held, double first_sample) {
    const Heard h = receive(config_of(p), cut);
    EXPECT_EQ(h.frames.size(), 0U);
    expect_accounts(h.counters);
    std::vector<CandidateTrace> found;
    for (const CandidateTrace& t : h.traces)
      if (t.detection > 40) found.push_back(t);
    ASSERT_EQ(found.size(), preamble_held ? 1U : 0U);
    if (!preamble_held) return;
    EXPECT_EQ(found[0].stage, Stage::kDetection);
    EXPECT_EQ(found[0].sequence, 0);
    EXPECT_NEAR(found[0].sample_index, first_sample, 4);
    EXPECT_GE(h.counters.cut_off, 1U);
  };
  ASSERT_EQ(receive(config_of(p), s).frames.size(), 1U);
  for (const double kept : {0.3, 0.6, 0.9, 0.99}) {  // of the frame before the stream ends
    SCOPED_TRACE(kept);
    Stream cut = s;
    cut.real.resize(static_cast<std::size_t>((200 + kept * frame) * 4));
    check(cut, kept > 0.5, 800);
  }
  for (const std::ptrdiff_t lost : {8, 100, 5000, 9000}) {  // chips of the frame before the stream begins
    SCOPED_TRACE(lost);
    Stream cut = s;
    cut.real.erase(cut.real.begin(), cut.real.begin() + (200 + lost) * 4);
    check(cut, lost < 7168, -4.0 * static_cast<double>(lost));
  }
}

// Without noise there are no candidates and the buffer forgets in long strides: time must not be lost over
// it.
TEST(Receiver, FrameAfterALongSilence) {
  const Profile p;
  for (const double start : {10000.0, 30000.0, 60123.4}) {
    Stream s(p, start + p.frame_chips(p.classes[0]) + 500);
    Arrival a;
    a.start_samples = 4 * start;
    s.add(random_payload(16, 1), 0, a);
    const Heard h = receive(config_of(p), s);
    ASSERT_EQ(h.frames.size(), 1U) << start;
    EXPECT_EQ(h.frames[0].payload, random_payload(16, 1));
    EXPECT_NEAR(static_cast<double>(h.frames[0].sample_index), a.start_samples, 4) << start;
  }
}

TEST(Receiver, OtherRatesAndCarriers) {
  Profile p = *find_profile("cenelec-a-low");
  Profile sent = p;
  sent.carrier_hz = 5000;
  sent.sample_rate_hz = 20000;
  Stream s(sent, p.frame_chips(p.classes[0]) + 500);
  Arrival a;
  a.start_samples = 800;
  const FrameEncoder encoder(p);
  Modulator(sent).add(encoder.encode(random_payload(16, 1), 0), a, Span<float>(s.real));
  s.add_noise(8, 0, 8);
  ReceiverConfig config = config_of(p);
  config.sample_rate_hz = 20000;
  config.carrier_hz = 5000;
  const Heard h = receive(config, s);
  ASSERT_EQ(h.frames.size(), 1U);
  EXPECT_EQ(h.frames[0].payload, random_payload(16, 1));
  EXPECT_NEAR(static_cast<double>(h.frames[0].sample_index), 800, 20.0 / 6);
}

TEST(Receiver, AnotherFamilyIsNotHeard) {
  Profile p;
  Stream s(p, p.frame_chips(p.classes[0]) + 500);
  Arrival a;
  a.start_samples = 800;
  s.add(random_payload(16, 1), 0, a);
  s.add_noise(10, 0, 9);
  p.sequence_family = 999;
  EXPECT_EQ(receive(config_of(p), s).frames.size(), 0U);
}

TEST(Receiver, TraceTellsWhereCandidatesEnd) {
  const Profile p;
  Stream s(p, p.frame_chips(p.classes[0]) + 500);
  Arrival a;
  a.start_samples = 800;
  s.add(random_payload(16, 1), 0, a);
  s.add_noise(8, 0, 10);
  std::uint64_t decoded = 0, rejected = 0;
  int frames = 0;
  Result<Receiver> r = Receiver::create(
      config_of(p), [&](const ReceivedFrame&) { ++frames; },
      [&](const CandidateTrace& t) {
        if (t.stage == Stage::kDecoded) {
          ++decoded;
          EXPECT_NEAR(t.sample_index, 800, 4);
          EXPECT_GE(t.frame_metric, 100);
        } else {
          ++rejected;
          EXPECT_FALSE(t.reason.empty());
        }
        EXPECT_GE(t.detection, 7.5);  // the threshold of the longest class, the lowest of all
      });
  ASSERT_TRUE(static_cast<bool>(r));
  r->process(Span<const float>(s.real));
  r->flush();
  EXPECT_EQ(frames, 1);
  EXPECT_EQ(decoded, 1U);
  EXPECT_STREQ(to_string(Stage::kVetting), "vetting");
  const ReceiverCounters c = r->counters();
  EXPECT_EQ(rejected, c.vetting_rejected + c.decoder_failed + c.metric_rejected + c.duplicates + c.cut_off);
}

TEST(ReceiverConfig, ValidateNamesTheField) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(ReceiverConfig{}.validate(), "");
  const auto message = [](auto spoil) {
    ReceiverConfig c;
    spoil(c);
    const auto made = Receiver::create(c, [](const ReceivedFrame&) {});
    EXPECT_FALSE(static_cast<bool>(made));
    return c.validate();
  };
  const auto expect = [](const std::string& text, const char* part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expect(message([](ReceiverConfig& c) { c.profile.spreading_factor = 0; }), "spreading_factor");
  expect(message([](ReceiverConfig& c) { c.sample_rate_hz = -1; }), "sample_rate_hz");
  expect(message([=](ReceiverConfig& c) { c.sample_rate_hz = nan; }), "sample_rate_hz");
  expect(message([](ReceiverConfig& c) { c.max_clock_ppm = 501; }), "max_clock_ppm");
  expect(message([](ReceiverConfig& c) { c.extra_carrier_hz = -1; }), "extra_carrier_hz");
  expect(message([](ReceiverConfig& c) { c.extra_carrier_hz = 2e5; }), "extra_carrier_hz");
  expect(message([](ReceiverConfig& c) { c.full_scale = 0; }), "full_scale");
  for (const int wrong : {0, 65}) expect(message([=](ReceiverConfig& c) { c.threads = wrong; }), "threads");
  ReceiverConfig rate;
  rate.sample_rate_hz = 100000;
  const auto made = Receiver::create(rate, [](const ReceivedFrame&) {});
  ASSERT_FALSE(static_cast<bool>(made));
  EXPECT_NE(made.error().find("sample rate"), std::string::npos);
}

// The frame of amplitude 1 is out of it. A chip's noise is told to 0.8 % by the 16384 of a frame; what its
// estimate takes of the noise along is far less.
TEST(Receiver, WhatIsLeftIsTheNoise) {
  const Profile p = *load_profile("cenelec-a");
  Stream s(p, 60000);
  Arrival a;
  a.start_samples = 5000.3;
  s.add(random_payload(16, 1), 0, a);
  s.add_noise(12, 0, 1);
  Result<Receiver> r = Receiver::create(config_of(p), [](const ReceivedFrame&) {});
  std::vector<cf32> left;
  std::size_t weights = 0;
  r->on_residual([&](const Receiver::Residual& residual) {
    EXPECT_EQ(residual.sample_index, static_cast<double>(weights) * p.samples_per_chip());
    EXPECT_EQ(residual.samples.size(), 4 * residual.weights.size());
    EXPECT_LE(residual.weights.size(), ReceiverCounters::kStepChips);
    left.insert(left.end(), residual.samples.begin(), residual.samples.end());
    weights += residual.weights.size();
  });
  r->process(Span<const float>(s.real));
  r->flush();
  EXPECT_EQ(r->counters().frames, 1U);
  EXPECT_NEAR(static_cast<double>(weights), 60000, 32);
  double power = 0;
  for (std::size_t n = 5000; n < 5000 + 4 * 16384; ++n)
    power += static_cast<double>(std::norm(left[n])) / (4 * 16384);
  EXPECT_NEAR(to_db(power * chip_ec_n0_from_ebn0_db(p, p.class_of(0), 12)), 0, 0.2);
  const std::size_t before = weights;
  r->on_residual({});
  r->process(Span<const float>(s.real));
  r->flush();
  EXPECT_EQ(weights, before);
}

}  // namespace
}  // namespace ngdsp
