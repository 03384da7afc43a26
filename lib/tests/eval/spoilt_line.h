// Traffic of many nodes as one stretch of samples, to be spoilt, and what a receiver makes of it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/eval/traffic.h"
#include "ngdsp/rx/chip_buffer.h"
#include "ngdsp/rx/front_end.h"
#include "ngdsp/rx/receiver.h"
#include "ngdsp/rx/successive_decoder.h"
#include "ngdsp/waveform/frame_energy.h"

namespace ngdsp {

inline TrafficConfig traffic_of(double load, std::uint64_t seed) {
  TrafficConfig c;
  c.profile = *find_profile("cenelec-a");
  c.load = load;
  c.clock_ppm = 50;
  c.seed = seed;
  return c;
}

// 16 bytes at 10 dB, real samples at 192 kS/s. Times are in frame lengths of 65536 samples.
struct SpoiltLine {
  TrafficConfig config;
  TrafficSignal<float> signal;
  double frame;
  std::vector<SentFrame> sent;
  std::vector<float> samples;
  Rng rng;

  SpoiltLine(double frames, const TrafficConfig& c)
      : config(c),
        signal(std::move(*TrafficSignal<float>::create(c))),
        frame(c.frame_samples()),
        rng(c.seed) {
    const auto all = signal.next_piece(at(frames), sent);
    samples.assign(all.begin(), all.end());
  }
  std::size_t at(double frames) const { return static_cast<std::size_t>(frames * frame); }
  Span<float> part(double from, double to) {
    return Span<float>(samples).subspan(at(from), at(to) - at(from));
  }
  double rms() const {
    double sum = 0;
    for (const float x : samples) sum += static_cast<double>(x) * static_cast<double>(x);
    return std::sqrt(sum / static_cast<double>(samples.size()));
  }
  void add_tone(double from, double to, double hz, double amplitude) {
    double turns = 0;
    for (float& x : part(from, to)) {
      x += static_cast<float>(amplitude * std::cos(2 * kPi * turns));
      turns += hz / config.rate_hz();
    }
  }
  // A frame beside the traffic, as strong as that.
  void send(const std::vector<std::uint8_t>& payload, int sequence, double start_samples, double ppm,
            double phase_rad) {
    Arrival a;
    a.start_samples = start_samples;
    a.clock_ppm = ppm;
    a.carrier_offset_hz = ppm * 1e-6 * config.profile.carrier_crystal_hz;
    a.phase_rad = phase_rad;
    a.amplitude =
        std::sqrt(chip_ec_n0_from_ebn0_db(config.profile, config.profile.class_of(sequence), config.ebn0_db));
    Modulator(config.profile)
        .add(FrameEncoder(config.profile).encode(payload, sequence), a, Span<float>(samples));
  }
};

struct Outcome {
  std::vector<double> start;                          // of every frame sent, as received, samples; NaN: lost
  std::map<std::string, std::vector<double>> others;  // payloads that are no traffic: the same
  std::size_t twice = 0;
  ReceiverCounters counters;
  double noise_dbfs = 0;
};

using Feed = std::function<void(Receiver&, Span<const float>)>;

inline Outcome receive(const SpoiltLine& line, const Feed& feed, double full_scale = 1e30) {
  Outcome o;
  o.start.resize(line.sent.size(), std::nan(""));
  ReceiverConfig config;
  config.profile = line.config.profile;
  config.full_scale = full_scale;
  auto receiver = Receiver::create(config, [&](const ReceivedFrame& f) {
    const auto index = line.signal.traffic().index_of(f.payload);
    const double start = static_cast<double>(f.sample_index) + f.sample_fraction;
    if (!index) {
      o.others[std::string(f.payload.begin(), f.payload.end())].push_back(start);
    } else {
      o.twice += std::isnan(o.start[*index]) ? 0 : 1;
      o.start[*index] = start;
    }
  });
  EXPECT_TRUE(static_cast<bool>(receiver));
  feed(*receiver, line.samples);
  receiver->flush();
  o.counters = receiver->counters();
  o.noise_dbfs = receiver->noise_dbfs();
  return o;
}

inline Outcome receive(const SpoiltLine& line) {
  return receive(line, [](Receiver& r, Span<const float> samples) { r.process(samples); });
}

// Of the frames that lie in [from, to] as a whole.
struct Loss {
  std::size_t sent = 0, lost = 0;
};
inline Loss loss_within(const SpoiltLine& line, const Outcome& o, double from, double to) {
  Loss l;
  for (std::size_t i = 0; i < line.sent.size(); ++i) {
    const SentFrame& f = line.sent[i];
    if (f.start_samples < from * line.frame || f.end_samples > to * line.frame) continue;
    ++l.sent;
    l.lost += std::isnan(o.start[i]) ? 1 : 0;
  }
  return l;
}

// Every candidate has one of these ends.
template <typename Counters>
void expect_accounts(const Counters& c) {
  const auto decoded_again = c.vetted - c.decoder_failed - c.metric_rejected - c.frames;
  EXPECT_EQ(c.candidates,
            c.vetted + c.vetting_rejected + c.cut_off + c.budget_dropped + (c.duplicates - decoded_again));
}

// Every step vets and decodes no more than its budget (kMaxVettings, kMaxPaths), and the chips kept are
// those of the longest frame, 1.5 times as many that wait behind it, and a few blocks. Returns the candidates
// that were given up for lack of time.
inline std::uint64_t expect_bounded_work(const SpoiltLine& line) {
  constexpr std::uint64_t kMaxVettings = 3000, kMaxPaths = 64000;
  constexpr std::uint64_t kMostOfOne = 20 * (8 + 32 + 128);  // a candidate's decoding is not broken off
  constexpr std::int64_t kStepChips = 2048, kMostChips = 59392 * 5 / 2 + 3 * 6136;
  const Profile& p = line.config.profile;
  SuccessiveConfig config;
  config.range.max_clock_ppm = p.max_clock_ppm;
  SuccessiveDecoder decoder(
      p, config, [](const DecodedFrame&) {}, [](const Candidate&, const char*) {});
  auto front_end = FrontEnd::create(p, line.config.rate_hz(), p.carrier_hz);
  ChipBuffer chips(p.spreading_factor);
  const auto take = [&](Span<const cf32> block) {
    // So little at a time that no more than one step gets complete.
    constexpr std::size_t kSamples = ChipBuffer::kPlanes * kStepChips;
    for (std::size_t i = 0; i < block.size(); i += kSamples) {
      const SuccessiveCounters before = decoder.counters();
      chips.append(block.subspan(i, std::min(kSamples, block.size() - i)));
      decoder.advance(chips);
      EXPECT_LE(decoder.counters().vettings - before.vettings, kMaxVettings);
      EXPECT_LE(decoder.counters().paths - before.paths, kMaxPaths + kMostOfOne);
      EXPECT_LE(chips.end() - chips.begin(), kMostChips);
    }
  };
  const std::vector<cf32> samples(line.samples.begin(), line.samples.end());
  front_end->process(samples, take);
  const std::int64_t end = chips.end();
  chips.append(std::vector<cf32>(static_cast<std::size_t>(ChipBuffer::kPlanes * decoder.span_chips())));
  decoder.finish(chips, end);
  expect_accounts(decoder.counters());
  return decoder.counters().budget_dropped;
}

}  // namespace ngdsp
