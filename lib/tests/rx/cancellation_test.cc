// How deep a known frame is taken out of the chips, and what lies under it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/channel/multipath.h"
#include "ngdsp/channel/noise_level.h"
#include "ngdsp/rx/canceller.h"
#include "ngdsp/rx/changing_paths.h"
#include "ngdsp/rx/front_end.h"
#include "ngdsp/rx/receiver.h"
#include "ngdsp/rx/strong_frame.h"
#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

struct Channel {
  double ebn0_db, clock_ppm;
  const char* taps;   // nullptr: one path
  double modulation;  // of the gain, at 100 Hz
  double modulation_rad = 1;
};

constexpr const char* kThreeTaps = "0@0,-6@0.7,-10@2.3";
constexpr double kFirstChip = 600.3;

// One 16-byte frame of `cenelec-a` and its noise, apart: both behind the matched filter, which is linear.
class Line {
 public:
  explicit Line(const Channel& channel, std::uint64_t seed)
      : profile_(*find_profile("cenelec-a")), encoder_(profile_), rng_(seed) {
    const PayloadClass& c = profile_.classes[0];
    const double per_chip = profile_.samples_per_chip();
    std::vector<float> frame(static_cast<std::size_t>((profile_.frame_chips(c) + 2000) * per_chip));
    std::vector<float> noise(frame.size());
    rng_.add_noise(Span<float>(noise),
                   std::sqrt(noise_variance(profile_, profile_.sample_rate_hz, 1.0, 1.0)));
    payload.resize(16);
    for (auto& byte : payload) byte = static_cast<std::uint8_t>(rng_.below(256));
    Arrival a;
    a.start_samples = kFirstChip * per_chip;
    a.clock_ppm = channel.clock_ppm;
    a.carrier_offset_hz = a.clock_ppm * 1e-6 * profile_.carrier_crystal_hz;
    a.amplitude = std::sqrt(chip_ec_n0_from_ebn0_db(profile_, c, channel.ebn0_db));
    std::vector<Tap> taps;
    if (channel.taps) taps = *parse_taps(channel.taps);
    for (Tap& t : taps) t.phase_rad = rng_.uniform(0, 2 * kPi);
    add_multipath(Modulator(profile_), encoder_.encode(payload, 0), a, taps, profile_.chip_rate_hz,
                  Span<float>(frame));
    for (std::size_t i = 0; i < frame.size(); ++i)
      frame[i] *= static_cast<float>(
          1 + channel.modulation * std::cos(2 * kPi * 100 / profile_.sample_rate_hz * static_cast<double>(i) +
                                            channel.modulation_rad));
    alone = filtered(noise);
    for (std::size_t i = 0; i < frame.size(); ++i) noise[i] += frame[i];
    chips = filtered(noise);
  }

  // Estimates and takes out, as the receiver does. Returns the power of what is left of the frame, over that
  // of the noise: at the best half a parameter of the channel a frame.
  double residual_db(FrameEstimate& estimate) {
    FrameEstimator estimator(encoder_, OffsetRange{});
    Canceller canceller(profile_.rolloff);
    std::vector<float> symbols;
    encoder_.encode_symbols(payload, 0, symbols);
    FrameHypothesis h;
    h.clock_ppm = estimate.timing.clock * 1e6;
    h.carrier_offset_hz = h.clock_ppm * 1e-6 * profile_.carrier_crystal_hz;
    const SplitSequence& replica = estimator.replica(h, symbols);
    estimator.estimate(chips, h, kFirstChip, replica, estimate);
    if (changing) changing->foresee(estimate, clock, known);
    canceller.add(chips, estimate, replica, -1);
    const double amplitude = estimate.amplitude();
    if (amplitude * amplitude > StrongFrame::kLeastChipEcN0)
      StrongFrame().take_out_rest(chips, ChipPulse(profile_.rolloff), canceller, replica, estimate);
    else if (changing)
      changes = changing->take_out(chips, canceller, replica, estimate, clock, known);
    double power = 0;
    std::int64_t count = 0;
    for (std::int64_t n = 500; n < 600 + static_cast<std::int64_t>(replica.chips()) + 100; ++n)
      for (int k = 0; k < ChipBuffer::kPlanes; ++k, ++count) {
        const double re = *chips.re(k, n) - *alone.re(k, n), im = *chips.im(k, n) - *alone.im(k, n);
        power += re * re + im * im;
      }
    return to_db(power / static_cast<double>(count));
  }

  ChipBuffer chips, alone;
  std::vector<std::uint8_t> payload;
  ChangingPaths* changing = nullptr;
  std::optional<MainsClock> clock;
  ChangingPaths::Known known;
  bool changes = false;  // for sure

 private:
  ChipBuffer filtered(const std::vector<float>& samples) const {
    auto front_end = FrontEnd::create(profile_, profile_.sample_rate_hz, profile_.carrier_hz);
    ChipBuffer out(profile_.spreading_factor);
    const auto sink = [&](Span<const cf32> block) { out.append(block); };
    front_end->process(std::vector<cf32>(samples.begin(), samples.end()), sink);
    front_end->flush(sink);
    return out;
  }

  Profile profile_;
  FrameEncoder encoder_;
  Rng rng_;
};

// What a frame leaves must not be seen by others: -16 dB of the noise costs them 0.1 dB. A plain estimate has
// nine parameters with three paths, half a nat each, so -35 dB at the best at 10 dB; a gain in pieces of 63
// chips costs 1/63, -18 dB.
TEST(Cancellation, WhatIsLeftIsFarBelowTheNoise) {
  const struct {
    Channel channel;
    double most_db;
  } cases[] = {
      {{10, 20, nullptr, 0}, -33},      {{10, 50, kThreeTaps, 0}, -27},   {{20, 50, kThreeTaps, 0}, -24},
      {{40, 0, nullptr, 0}, -22},       {{40, 50, nullptr, 0}, -16},      {{40, 0, kThreeTaps, 0}, -17},
      {{40, -20, kThreeTaps, 0}, -17},  {{40, 50, kThreeTaps, 0}, -14},   {{40, 0, nullptr, 0.1}, -14},
      {{40, 20, kThreeTaps, 0.1}, -13}, {{40, -50, kThreeTaps, 0.1}, -12}};
  for (const auto& [channel, most_db] : cases) {
    double power = 0;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      Line line(channel, seed);
      FrameEstimate estimate;
      estimate.timing.clock = (channel.clock_ppm + 0.4) * 1e-6;
      power += from_db(line.residual_db(estimate)) / 3;
    }
    EXPECT_LT(to_db(power), most_db) << channel.ebn0_db << " dB, " << channel.clock_ppm << " ppm, "
                                     << (channel.taps ? channel.taps : "one path") << ", "
                                     << channel.modulation;
  }
}

// A gain in pieces is worth its noise where it shows, and nowhere else.
TEST(Cancellation, GainFollowedOnlyWhereItShows) {
  for (const bool modulated : {false, true}) {
    Line line({40, 20, nullptr, modulated ? 0.1 : 0.0}, 5);
    FrameEstimate estimate;
    estimate.timing.clock = 20e-6;
    line.residual_db(estimate);
    EXPECT_EQ(!estimate.gain.values.empty(), modulated);
  }
}

// The gain swings by half with the mains: an eighth of the frame's power lies beside the mean paths, -18 dB
// of the noise at 12 dB. With what changes taken out no more is left than parameters cost, 15 and a few: -28
// dB. Where nothing changes nothing is found.
TEST(Cancellation, WhatChangesWithTheMainsIsTakenOut) {
  const Profile p = *find_profile("cenelec-a");
  for (const char* taps : {static_cast<const char*>(nullptr), kThreeTaps}) {
    double plain = 0, followed = 0, still = 0;
    constexpr int kSeeds = 4;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      ChangingPaths changing(p.rolloff, p.chip_rate_hz);
      const auto power = [&](double modulation, ChangingPaths* by) {
        Line line({12, 20, taps, modulation}, seed);
        line.changing = by;
        FrameEstimate estimate;
        estimate.timing.clock = 20e-6;
        const double left = from_db(line.residual_db(estimate)) / kSeeds;
        EXPECT_EQ(line.changes, by && modulation > 0);
        return left;
      };
      plain += power(0.5, nullptr);
      followed += power(0.5, &changing);
      changing.restart();
      still += power(0, &changing);
    }
    EXPECT_GT(to_db(plain), -20);
    EXPECT_LT(to_db(followed), -26);
    EXPECT_LT(to_db(still), -27);
  }
}

// A gain that swings by 0.12 puts 0.7 % of a frame beside its mean, 3 nats in each of two terms at 8 dB, of
// which by themselves few stand out. What many frames had beside the phase of the mains is known of the next.
TEST(Cancellation, ChangesThatFramesShareAreKnown) {
  const Profile p = *find_profile("cenelec-a");
  constexpr int kFrames = 60, kLearned = 40;
  double plain = 0, unphased = 0, known = 0, still = 0;
  ChangingPaths without(p.rolloff, p.chip_rate_hz), with(p.rolloff, p.chip_rate_hz),
      unmoved(p.rolloff, p.chip_rate_hz);
  Rng rng(3);
  for (int frame = 0; frame < kFrames; ++frame) {
    const double phase = rng.uniform(0, 2 * kPi);
    const auto power = [&](double modulation, ChangingPaths* by, bool with_clock) {
      Line line({8, 20, nullptr, modulation, phase}, 100 + static_cast<std::uint64_t>(frame));
      line.changing = by;
      if (with_clock) line.clock = MainsClock{0, phase / (4 * kPi), 50 / p.chip_rate_hz, 1};
      FrameEstimate estimate;
      estimate.timing.clock = 20e-6;
      const double left = from_db(line.residual_db(estimate));
      return frame < kLearned ? 0 : left / (kFrames - kLearned);
    };
    plain += power(0.12, nullptr, false);
    unphased += power(0.12, &without, false);
    known += power(0.12, &with, true);
    still += power(0, &unmoved, true);
  }
  EXPECT_LT(to_db(unphased), to_db(plain) + 0.3);
  EXPECT_LT(to_db(known), to_db(plain) - 2.5);
  EXPECT_LT(to_db(still), to_db(known));
}

// Another lock counts from elsewhere: what was known of the phase is not used.
TEST(Cancellation, AnotherLockForgetsThePhase) {
  const Profile p = *find_profile("cenelec-a");
  ChangingPaths changing(p.rolloff, p.chip_rate_hz);
  constexpr int kFrames = 30;
  double same = 0, other = 0;
  const auto power = [&](std::uint64_t seed, std::uint64_t lock, double turns) {
    Line line({12, 20, nullptr, 0.3}, seed);
    line.changing = &changing;
    line.clock = MainsClock{0, turns, 50 / p.chip_rate_hz, lock};
    FrameEstimate estimate;
    estimate.timing.clock = 20e-6;
    return from_db(line.residual_db(estimate));
  };
  for (std::uint64_t frame = 0; frame < kFrames; ++frame) same = power(200 + frame, 1, 0);
  other = power(199 + kFrames, 2, 0.25);
  EXPECT_LT(to_db(other), to_db(same) + 3);
}

// A frame of 0.35 ms, less than one correlation.
TEST(Cancellation, FramesShorterThanTheMainsAreLeftAlone) {
  constexpr int kLanes = 7;
  SplitSequence replica;
  replica.assign_modulated(SplitSequence(std::vector<cf32>(1001 * kLanes, cf32(1, 0)), kLanes), kLanes,
                           std::vector<float>(1000, 1.0F));
  FrameEstimate frame;
  frame.timing = {100, 0, 3500};
  frame.fingers = {{0, {1, 0}}};
  ChipBuffer chips(kLanes);
  chips.append(std::vector<cf32>(ChipBuffer::kPlanes * 8000, cf32(1, 0)));
  chips.take_changed();
  Canceller canceller(0.2);
  ChangingPaths::Known known;
  EXPECT_FALSE(ChangingPaths(0.2, 20e6).take_out(chips, canceller, replica, frame, std::nullopt, known));
  EXPECT_FALSE(known.looked);
  EXPECT_TRUE(chips.take_changed().empty());
}

TEST(Cancellation, PathsCloserThanThePulseAreToldApart) {
  const double rolloff = 1.0 / 6;
  const std::vector<Finger> paths = {{0.1, {1, 0}}, {0.85, {-0.3, 0.4}}, {2.4, {0, 0.3}}};
  std::vector<cf64> response(kDelays);
  for (std::size_t d = 0; d < kDelays; ++d)
    for (const Finger& f : paths)
      response[d] += 100.0 * f.gain *
                     rc_pulse(kFirstDelay + kDelayStep * static_cast<double>(d) - f.delay_chips, rolloff);
  std::vector<cf64> left = response;
  std::vector<Finger> found;
  find_fingers(left, 100, 100, ChipPulse(rolloff), found);
  fit_fingers(response, 100, ChipPulse(rolloff), found);
  double worst = 0;
  for (std::size_t d = 0; d < kDelays; ++d) {
    for (const Finger& f : found)
      response[d] -= 100.0 * f.gain *
                     rc_pulse(kFirstDelay + kDelayStep * static_cast<double>(d) - f.delay_chips, rolloff);
    worst = std::max(worst, std::abs(response[d]));
  }
  EXPECT_LT(worst, 3);  // of 100: CLEAN alone leaves 10
}

// A frame drawn into silence against the sum it stands for, about its first and its last chips: with paths as
// far from the strongest as the search goes, the response of a strong frame beside them, and a clock that
// moves the ends by 12 chips (1.3 with long rows). Drift in steps of a block of rows is off by 0.025 chips at
// most: 0.08 of the highest frequency, -22 dB, and half of that on average.
TEST(Cancellation, AFrameIsDrawnToItsEnds) {
  const double rolloff = 1.0 / 6;
  for (const int lanes : {7, 64})
    for (const double clock : {-200e-6, 200e-6}) {
      Rng rng(3);
      const std::size_t sf = static_cast<std::size_t>(lanes), symbols = 16384 * 7 / sf, preamble = 1024;
      const auto sign = [&rng] { return rng.below(2) ? 0.7071F : -0.7071F; };
      std::vector<cf32> sequence(preamble + symbols * sf);
      for (cf32& c : sequence) c = {sign(), sign()};
      SplitSequence replica;
      replica.assign_modulated(SplitSequence(sequence, lanes), preamble, std::vector<float>(symbols, 1.0F));
      const auto count = static_cast<std::int64_t>(sequence.size());
      FrameEstimate frame;
      frame.timing = {200.6, clock * 7 / lanes, 0.5 * static_cast<double>(count)};
      frame.fingers = {{0, {1, 0}}, {kFirstDelay - kLastDelay - 0.2, {0, 0.5}}};
      for (double delay = kFirstDelay; delay <= kLastDelay; delay += 0.5)
        frame.rest.push_back({delay, {0.1, 0.1}});
      std::vector<Finger> paths = frame.fingers;
      paths.insert(paths.end(), frame.rest.begin(), frame.rest.end());
      ChipBuffer chips(lanes);
      chips.append(std::vector<cf32>(ChipBuffer::kPlanes * (sequence.size() + 600)));
      Canceller(rolloff).add(chips, frame, replica, 1);

      const auto time = [&](std::int64_t n) {
        const auto i = static_cast<double>(n);
        return frame.timing.chip + i - frame.timing.clock * (i - frame.timing.reference);
      };
      for (const std::int64_t edge : {std::int64_t{0}, count - 1}) {
        double error = 0, energy = 0;
        const auto middle = static_cast<std::int64_t>(time(edge));
        for (std::int64_t at = middle - 40; at < middle + 40; ++at)
          for (int k = 0; k < ChipBuffer::kPlanes; ++k) {
            cf64 sum;
            const std::int64_t from = edge + at - middle - 60, to = from + 120;
            for (std::int64_t n = std::max<std::int64_t>(from, 0); n < std::min(to, count); ++n)
              for (const Finger& f : paths)
                sum += f.gain * cf64(sequence[static_cast<std::size_t>(n)]) *
                       rc_pulse(static_cast<double>(at) + 0.25 * k - time(n) - f.delay_chips, rolloff);
            energy += std::norm(sum);
            error += std::norm(sum - cf64(cf32(*chips.re(k, at), *chips.im(k, at))));
          }
        EXPECT_LT(to_db(error / energy), -25) << lanes << ' ' << clock << ' ' << edge;
      }
    }
}

// A frame drawn behind a filter that evens out a slope, takes out lines and holds bursts for less is near
// enough to what the filter makes of the frame: -25 dB with a slope, whose pulse ends soon. A line takes from
// the frame the share of the band that it covers, here 3 %, and spreads it far from the pulse: not below
// -15 dB, with a burst in it to and fro.
TEST(Cancellation, WhatIsDrawnBehindAFilterIsNearEnough) {
  constexpr double kRolloff = 0.2;
  constexpr int kLanes = 7;
  constexpr std::size_t kSymbols = 1024;
  Rng rng(5);
  std::vector<cf32> sequence((1 + kSymbols) * kLanes);
  for (cf32& c : sequence) c = {rng.below(2) ? 0.7071F : -0.7071F, rng.below(2) ? 0.7071F : -0.7071F};
  SplitSequence replica;
  replica.assign_modulated(SplitSequence(sequence, kLanes), kLanes, std::vector<float>(kSymbols, 1.0F));
  FrameEstimate frame;
  frame.timing = {1200.6, 20e-6, 0.5 * static_cast<double>(sequence.size())};
  frame.fingers = {{0, {1, 0}}, {2.4, {0, 0.5}}};
  frame.turns = 1e-4;
  for (const bool line : {false, true})
    for (const bool burst : {false, true}) {
      NoiseShape shape;
      for (std::size_t k = 0; k < NoiseShape::kBins; ++k) {
        const double turns = static_cast<double>(k < 1024 ? k : k - 2048.0) / 1024;
        shape.background.push_back(from_db(10 * std::clamp(turns, -0.6, 0.6)));
        shape.all.push_back(shape.background.back() * (line && std::abs(turns - 0.2) < 0.015 ? 1000 : 1));
      }
      const auto filter = std::make_shared<NoiseFilter>(shape, kRolloff);
      ChipBuffer chips(kLanes);
      chips.append(std::vector<cf32>(ChipBuffer::kPlanes * (sequence.size() + 2400)));
      chips.set_filter(filter);
      if (burst) chips.set_weights(4000, std::vector<float>(300, 0.01F));
      Canceller canceller(kRolloff);
      canceller.set_filter(filter->taps());
      canceller.add(chips, frame, replica, 1);
      const auto psi = [&chips] {
        std::vector<cf32> out;
        for (std::int64_t n = 600; n < chips.end() - 600; ++n)
          for (int k = 0; k < ChipBuffer::kPlanes; ++k) out.emplace_back(*chips.re(k, n), *chips.im(k, n));
        return out;
      };
      const std::vector<cf32> drawn = psi();
      chips.settle_before(chips.end());
      const std::vector<cf32> settled = psi();
      double error = 0, energy = 0;
      for (std::size_t i = 0; i < drawn.size(); ++i) {
        error += static_cast<double>(std::norm(drawn[i] - settled[i]));
        energy += static_cast<double>(std::norm(settled[i]));
      }
      EXPECT_GT(energy, 1000);
      EXPECT_LT(to_db(error / energy), line ? -13 : -25) << line << burst;
    }
}

TEST(Cancellation, GainIsLinearBetweenItsValues) {
  FrameGain gain;
  const auto at = [&gain](double chip) {
    float re[2], im[2];
    gain.along(chip - 3, 3, 2, re, im);
    return cf32(re[1], im[1]);
  };
  EXPECT_EQ(at(17), cf32(1, 0));
  gain.first_chip = 10;
  gain.step_chips = 20;
  gain.values = {{1, 0}, {2, 2}};
  EXPECT_EQ(at(-5), cf32(1, 0));
  EXPECT_EQ(at(15), cf32(1.25F, 0.5F));
  EXPECT_EQ(at(90), cf32(2, 2));
}

// 40 dB below another frame that covers it, three paths each, 10 % gain modulation: the weak one has 3.5 dB,
// where a single link loses about one in a hundred.
TEST(Cancellation, WeakFrameUnderStrongOneDecodes) {
  const Profile profile = *find_profile("cenelec-a");
  const FrameEncoder encoder(profile);
  const Modulator modulator(profile);
  const PayloadClass& c = profile.classes[0];
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Rng rng(seed);
    std::vector<float> samples(
        static_cast<std::size_t>((profile.frame_chips(c) + 4000) * profile.samples_per_chip()));
    std::vector<std::vector<std::uint8_t>> sent;
    for (const double ebn0_db : {43.5, 3.5}) {
      sent.emplace_back(16);
      for (auto& byte : sent.back()) byte = static_cast<std::uint8_t>(rng.below(256));
      Arrival a;
      a.start_samples = rng.uniform(1000, 2000) * profile.samples_per_chip();
      a.clock_ppm = rng.uniform(-20, 20);
      a.carrier_offset_hz = a.clock_ppm * 1e-6 * profile.carrier_crystal_hz;
      a.amplitude = std::sqrt(chip_ec_n0_from_ebn0_db(profile, c, ebn0_db));
      std::vector<Tap> taps = *parse_taps(kThreeTaps);
      for (Tap& t : taps) t.phase_rad = rng.uniform(0, 2 * kPi);
      add_multipath(modulator, encoder.encode(sent.back(), ebn0_db > 20 ? 1 : 2), a, taps,
                    profile.chip_rate_hz, Span<float>(samples));
    }
    for (std::size_t i = 0; i < samples.size(); ++i)
      samples[i] *= static_cast<float>(
          1 + 0.1 * std::cos(2 * kPi * 100 / profile.sample_rate_hz * static_cast<double>(i)));
    rng.add_noise(Span<float>(samples), std::sqrt(noise_variance(profile, profile.sample_rate_hz, 1.0, 1.0)));
    ReceiverConfig config;
    config.profile = profile;
    config.full_scale = 1e9;
    std::vector<std::vector<std::uint8_t>> heard;
    auto receiver = Receiver::create(config, [&](const ReceivedFrame& f) { heard.push_back(f.payload); });
    receiver->process(Span<const float>(samples));
    receiver->flush();
    EXPECT_EQ(heard, sent) << seed;
  }
}

}  // namespace
}  // namespace ngdsp
