#include "ngdsp/rx/spectrum_tracker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/fft.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/rx/noise_weights.h"
#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

constexpr std::int64_t kStep = 2048;
constexpr double kChipRate = 48000;
constexpr std::size_t kBins = NoiseShape::kBins;

constexpr double kRolloff = 0.2;

// The matched filter's output for what comes four times a chip, `noise` white, 1 a chip: learned as it comes.
class Stream {
 public:
  using Signal = std::function<cf32(double chip, cf32 noise)>;

  explicit Stream(Signal signal) : signal_(std::move(signal)) {}

  /// How often another filter was wanted in so many steps.
  int run(std::int64_t steps) {
    int changes = 0;
    constexpr std::size_t kSamples = kStep * ChipBuffer::kPlanes;
    std::vector<cf32> block(kSamples);
    for (std::int64_t s = 0; s < steps; ++s) {
      // By overlapping transforms: the pulse is 16 chips either side.
      std::copy_n(matched_.input() + kSamples, kMargin, matched_.input());
      for (std::size_t i = 0; i < kSamples; ++i, ++fed_) {
        const double re = rng_.normal(), im = rng_.normal();
        matched_.input()[kMargin + i] =
            signal_(static_cast<double>(fed_) / 4,
                    {static_cast<float>(std::sqrt(2.0) * re), static_cast<float>(std::sqrt(2.0) * im)});
      }
      matched_.execute();
      for (std::size_t k = 0; k < matched_.size(); ++k) {
        const double turns = (static_cast<double>(k) - (2 * k < matched_.size() ? 0 : matched_.size())) * 4 /
                             static_cast<double>(matched_.size());
        back_.input()[k] =
            static_cast<float>(rrc_spectrum(turns, kRolloff) / matched_.size()) * matched_.output()[k];
      }
      back_.execute();
      std::copy_n(back_.output() + kMargin / 2, kSamples, block.begin());
      chips.append(block);
      chips.settle_before(chips.end());
      if (weigh) weights.learn(chips, chips.end());
      if (settle) settle();
      if (spectrum.learn(chips, chips.end(), settled)) {
        chips.set_filter(spectrum.filter());
        if (weigh) weights.learn_again(chips, chips.begin(), chips.end());
        spectrum.filtered(chips);
        ++changes;
      }
      chips.discard_before(chips.end() - held_steps * kStep);
    }
    return changes;
  }

  ChipBuffer chips{7};
  SpectrumTracker spectrum{kRolloff};
  NoiseWeights weights;
  bool weigh = false;
  std::function<void()> settle;  // each step
  std::int64_t settled = 0, held_steps = 8;

 private:
  static constexpr std::size_t kMargin = 128;
  Signal signal_;
  Rng rng_{1};
  Fft matched_{kStep * 4 + kMargin, Fft::Direction::kForward},
      back_{kStep * 4 + kMargin, Fft::Direction::kInverse};
  std::int64_t fed_ = 0;
};

std::int64_t steps_of(double seconds) {
  return static_cast<std::int64_t>(std::ceil(seconds * kChipRate / static_cast<double>(kStep)));
}

cf32 tone(double chip, double turns, double level_db) {
  const double phase = turns * chip;
  return static_cast<float>(std::sqrt(from_db(level_db))) *
         cf32(std::polar(1.0, 2 * kPi * (phase - std::floor(phase))));
}

TEST(SpectrumTracker, SeesNothingInWhiteNoise) {
  Stream stream([](double, cf32 noise) { return noise; });
  EXPECT_EQ(stream.run(steps_of(120)), 0);
}

TEST(SpectrumTracker, SeesNothingInBurstsAndImpulses) {
  Stream stream([](double chip, cf32 noise) {
    const bool burst = std::fmod(chip, 480) < 48, impulse = std::fmod(chip, 6151) < 3;
    return noise * (impulse ? 100.0F : burst ? 30.0F : 1.0F);
  });
  EXPECT_EQ(stream.run(steps_of(60)), 0);
}

TEST(SpectrumTracker, FindsAToneWithinTwoSecondsAndLosesIt) {
  const auto on = static_cast<double>(steps_of(4) * kStep),
             off = on + static_cast<double>(steps_of(4) * kStep);
  Stream stream([on, off](double chip, cf32 noise) {
    return noise + (chip >= on && chip < off ? tone(chip, 0.1234, 30) : cf32{});
  });
  EXPECT_EQ(stream.run(steps_of(4)), 0);
  stream.run(steps_of(2));
  ASSERT_NE(stream.spectrum.filter(), nullptr);
  // A filter of mean 1 that keeps 98 % of the band leaves noise of 1/0.98, and nothing of the tone.
  const double first = static_cast<double>(stream.chips.begin()) + 1024;
  EXPECT_LT(stream.chips.noise_power(first, 4 * kStep), 1.06);
  stream.run(steps_of(2));
  // From 60 dB over its bin a mean of two seconds takes 28.
  stream.run(steps_of(40));
  EXPECT_NEAR(stream.chips.noise_power(static_cast<double>(stream.chips.begin()), 4 * kStep), 1, 0.05);
}

TEST(SpectrumTracker, ReportsATone) {
  Stream s([](double chip, cf32 noise) { return noise + tone(chip, 0.1234, 30); });
  s.run(steps_of(1));
  NoiseReport report;
  s.spectrum.report(report);
  EXPECT_STREQ(report.noise_class(), "lines");
  ASSERT_EQ(report.lines.size(), 1U);
  EXPECT_NEAR(report.lines[0].turns, 0.1234, 1e-3);
  EXPECT_LT(report.lines[0].width, 0.02);
  EXPECT_GT(report.lines[0].over_db, 45);  // 30 dB over the band, 60 over a bin less what the window spreads
  s.spectrum.restart();
  report = {};
  s.spectrum.report(report);
  EXPECT_STREQ(report.noise_class(), "white");
}

// Noise of the density |1 + 0.8 e^-jwt|^2, t a chip: 19 dB between its extremes.
class Sloping {
 public:
  cf32 operator()(cf32 noise) {
    std::rotate(before_.begin(), before_.begin() + 1, before_.end());
    const cf32 x = noise + 0.8F * before_.back();
    before_.back() = noise;
    return x;
  }

 private:
  std::vector<cf32> before_ = std::vector<cf32>(ChipBuffer::kPlanes);
};

TEST(SpectrumTracker, KeepsWhatASlopeLeaves) {
  Stream stream([slope = Sloping()](double, cf32 noise) mutable { return slope(noise); });
  stream.run(steps_of(4));
  ASSERT_NE(stream.spectrum.filter(), nullptr);
  const double first = static_cast<double>(stream.chips.begin()) + 1024;
  // mean of 1/S = 1/(1 - 0.64) = 2.78: noise after the filter of mean 1 is 1/2.78, and 5 % of it for errors.
  EXPECT_NEAR(stream.chips.noise_power(first, 4 * kStep), 0.36, 0.03);
}

// Behind filter and weights noise is as strong as the best receiver leaves, 1/mean(1/v), and a tenth of a dB
// or two for the tone's band: the burst does not ring, and the line is no burst.
struct Mixed {
  const char* name;
  double tone_db, burst_db, period, length;  // chips
};
constexpr Mixed kMixed[] = {{"a tone and bursts, a tenth, 20 dB", 30, 20, 480, 48},
                            {"a tone and bursts, a twentieth, 30 dB", 30, 30, 480, 24},
                            {"a tone and impulses, 20 a second, 40 dB", 20, 40, 2400.7, 5}};

double variance_at(const Mixed& m, double chip) {
  return std::fmod(chip, m.period) < m.length ? from_db(m.burst_db) : 1;
}

double loss_db(const Mixed& m, double seconds) {
  Stream stream([&m](double chip, cf32 noise) {
    return static_cast<float>(std::sqrt(variance_at(m, chip))) * noise + tone(chip, 0.1234, m.tone_db);
  });
  stream.weigh = true;
  stream.run(steps_of(seconds));
  const double first = static_cast<double>(stream.chips.begin()) + 1024;
  constexpr std::size_t kCount = 6 * kStep;
  double inverse = 0;
  for (std::size_t i = 0; i < kCount; ++i)
    inverse += 1 / variance_at(m, first + static_cast<double>(i)) / kCount;
  return to_db(stream.chips.mean_power(first, kCount) * inverse);
}

TEST(SpectrumTracker, BurstsAndLinesAreToldApart) {
  for (const Mixed& m : kMixed) EXPECT_NEAR(loss_db(m, 1), 0.1, 0.25) << m.name;
}

// Nothing is known when both begin.
TEST(SpectrumTracker, BurstsAndLinesThatBeginTogetherAreToldApartSoon) {
  for (const Mixed& m : kMixed) EXPECT_NEAR(loss_db(m, 0.4), 0.1, 0.4) << m.name;
}

TEST(SpectrumTracker, BurstsDoNotHideASlope) {
  Mixed m{"", 0, 12, 160, 13};
  Stream stream([&m, slope = Sloping()](double chip, cf32 noise) mutable {
    return slope(noise) + (variance_at(m, chip) > 1 ? 4.0F * noise : cf32{});
  });
  stream.weigh = true;
  stream.run(steps_of(2));
  const double first = static_cast<double>(stream.chips.begin()) + 1024;
  // The slope alone leaves 1/2.78, 13 of 160 chips next to nothing of a frame. The dip is at the edge of
  // the band, where S is that of beside: 0.9 dB were measured.
  EXPECT_NEAR(to_db(stream.chips.mean_power(first, 6 * kStep)), to_db(1 / 2.78 / (1 - 13 / 160.0)), 1.2);
}

// Chips without end, each `amplitude` behind the matched filter: what a line full of frames holds.
class Frames {
 public:
  explicit Frames(float amplitude) : amplitude_(amplitude) {
    for (int i = -4 * kReach; i < 4 * kReach; ++i)
      pulse_.push_back(static_cast<float>(rrc_pulse(i / 4.0, kRolloff)));
  }
  cf32 operator()() {
    if (at_ == 0) {
      std::rotate(chips_.begin(), chips_.end() - 1, chips_.end());
      chips_[0] = amplitude_ * cf32(static_cast<float>(rng_.normal()), static_cast<float>(rng_.normal())) /
                  std::sqrt(2.0F);
    }
    cf32 sum;
    for (std::size_t n = 0; n < chips_.size(); ++n) sum += chips_[n] * pulse_[4 * n + at_];
    at_ = (at_ + 1) % 4;
    return sum;
  }

 private:
  static constexpr int kReach = 12;  // chips
  float amplitude_;
  std::vector<float> pulse_;
  std::vector<cf32> chips_ = std::vector<cf32>(2 * kReach);
  std::size_t at_ = 0;
  Rng rng_{2};
};

// Their energy falls towards the edges of the band, the noise beside them does not: no filter is worth
// having.
TEST(SpectrumTracker, FramesAreNoSlope) {
  for (const double amplitude : {0.5, 1.0, 2.0, 6.0}) {
    Stream stream([frames = Frames(static_cast<float>(amplitude))](double, cf32 noise) mutable {
      return noise + frames();
    });
    EXPECT_EQ(stream.run(steps_of(3)), 0) << amplitude;
    const double first = static_cast<double>(stream.chips.begin()) + 1024;
    EXPECT_NEAR(stream.chips.mean_power(first, 4 * kStep), 1 + amplitude * amplitude,
                0.1 * (1 + amplitude * amplitude));
  }
}

// Roll-offs from next to none, whose edge is narrower than a bin, to the widest.
TEST(SpectrumTracker, AnyRolloff) {
  for (const double rolloff : {0.0005, 0.002, 0.01, 0.05, 1.0}) {
    SpectrumTracker spectrum(rolloff);
    ChipBuffer chips(7);
    Rng rng(3);
    std::vector<cf32> samples(kStep * ChipBuffer::kPlanes);
    for (int step = 0; step < 6; ++step) {
      for (cf32& x : samples) x = {static_cast<float>(rng.normal()), static_cast<float>(rng.normal())};
      chips.append(samples);
      spectrum.learn(chips, chips.end(), chips.end());
    }
    if (!spectrum.filter()) continue;
    for (const float g : spectrum.filter()->response()) ASSERT_TRUE(std::isfinite(g)) << rolloff;
  }
}

// A line among them is one all the same.
TEST(SpectrumTracker, LinesAreSeenAmongFrames) {
  Stream stream([frames = Frames(1)](double chip, cf32 noise) mutable {
    return noise + frames() + tone(chip, 0.1234, 30);
  });
  EXPECT_GT(stream.run(steps_of(1)), 0);
  const double first = static_cast<double>(stream.chips.begin()) + 1024;
  EXPECT_NEAR(stream.chips.mean_power(first, 4 * kStep), 2, 0.3);
}

// Frames stand 13 dB over the noise when chips come and are taken out two steps later. Lines 10 dB over the
// noise in their bins are half of them there, which is chance, and known from what they leave.
TEST(SpectrumTracker, WhatFramesHidIsLearnedWhenTheyAreTakenOut) {
  for (const bool taken_out : {false, true}) {
    const float amplitude = 4.5F;
    Stream frames([f = Frames(amplitude)](double, cf32) mutable { return f(); });
    Stream stream([f = Frames(amplitude)](double chip, cf32 noise) mutable {
      cf32 lines;
      for (int k = -8; k <= 8; ++k) lines += tone(chip, k / 32.0, -20);
      return noise + f() + lines;
    });
    std::int64_t done = 0;
    stream.settle = [&] {
      frames.run(1);
      const std::int64_t end = stream.chips.end() - 2 * kStep;
      for (; taken_out && done < end; ++done)
        for (int k = 0; k < ChipBuffer::kPlanes; ++k) {
          const LanePosition p(done, stream.chips.lanes());
          *stream.chips.sample_re(k, p) -= *frames.chips.sample_re(k, p);
          *stream.chips.sample_im(k, p) -= *frames.chips.sample_im(k, p);
        }
      stream.chips.drawn(std::max(stream.chips.begin(), end - kStep), end);
      stream.chips.settle_before(stream.chips.end());
      stream.settled = end;
    };
    stream.run(steps_of(3));
    EXPECT_EQ(stream.spectrum.filter() != nullptr, taken_out);
    if (!stream.spectrum.filter()) continue;
    const std::vector<float>& g = stream.spectrum.filter()->response();
    EXPECT_LT(g[kBins / 64], 0.5F * g[kBins / 128]);
  }
}

// Behind another filter noise has another power, but nothing was taken out: were that taken for frames that
// went, the filter would be one for noise that is more even, and what was known before would count again.
TEST(SpectrumTracker, AFilterTakesNothingOut) {
  const double change = 2 * kChipRate;
  Stream stream([change, slope = Sloping()](double chip, cf32 noise) mutable {
    const cf32 sloping = slope(noise);
    return chip < change ? noise + tone(chip, 0.1234, 30) : 2.0F * sloping;
  });
  stream.held_steps = 16;
  stream.settle = [&stream] { stream.settled = stream.chips.end() - 12 * kStep; };
  stream.run(steps_of(5));
  ASSERT_NE(stream.spectrum.filter(), nullptr);
  const std::vector<float>& response = stream.spectrum.filter()->response();
  double signal = 0, noise = 0, best = 0;
  for (std::size_t k = 0; k < kBins; ++k) {
    const double turns = (static_cast<double>(k) - (2 * k < kBins ? 0 : kBins)) * 2 / kBins;
    const double energy = std::pow(rrc_spectrum(turns, kRolloff), 2), g = response[k];
    const double density = std::norm(1.0 + 0.8 * std::polar(1.0, -2 * kPi * turns));
    signal += energy * g;
    noise += energy * g * g * density;
    best += energy / density;
  }
  // A mean of two seconds, in which louder noise counts for less until the floor has risen, keeps 91 % of the
  // SNR by then; 86 % with what the change of the filter looks like.
  EXPECT_GT(signal * signal / (noise * best), 0.89);
}

// A data carrier, a symbol every 24 chips, on for 70 % of its 20 ms keys; the first `off` keys it is not.
class Keyed {
 public:
  Keyed(int off, std::uint64_t seed) : off_(off), rng_(seed) {}
  cf32 operator()(double chip) {
    if (const double symbol = std::floor(chip / 24); symbol != symbol_) {
      symbol_ = symbol;
      phase_ = 0.25 * rng_.below(4);
      if (const double key = std::floor(chip / 960); key != key_) {
        key_ = key;
        on_ = key >= off_ && rng_.uniform() < 0.7;
      }
    }
    return on_ ? tone(chip, 0.1459, 30) * cf32(std::polar(1.0, 2 * kPi * phase_)) : cf32{};
  }

 private:
  int off_;
  Rng rng_;
  double symbol_ = -1, key_ = -1, phase_ = 0;
  bool on_ = false;
};

// To weights that know the noise before it, it is a burst; taken out as one it would never become a line. Of
// 36 draws all were below 2.5 dB; with bursts taken out from the beginning the first two of these stay at 29.
TEST(SpectrumTracker, AKeyedCarrierThatComesOnIsALine) {
  const struct {
    int off;
    std::uint64_t seed;
  } draws[] = {{1, 6}, {3, 4}, {1, 3}, {5, 1}};
  for (const auto& d : draws) {
    Stream stream(
        [keyed = Keyed(d.off, d.seed)](double chip, cf32 noise) mutable { return noise + keyed(chip); });
    stream.weigh = true;
    stream.run(steps_of(1));
    const double first = static_cast<double>(stream.chips.begin()) + 1024;
    EXPECT_LT(to_db(stream.chips.mean_power(first, 6 * kStep)), 3.5) << d.off << " " << d.seed;
  }
}

// Two seconds after the noise became another one it is known, whatever it was before.
TEST(SpectrumTracker, ChangesAreKnownWithinTwoSeconds) {
  struct Part {
    const char* name;
    double seconds, level_db, tone_turns, tone_db, burst_db;
  };
  constexpr Part kParts[] = {{"white", 2, 0, 0, -100, 0},
                             {"tone", 2, 0, 0.1234, 30, 0},
                             {"dead", 6, -70, 0, -100, 0},
                             {"other tone, bursts", 2, 0, -0.3, 30, 20},
                             {"bursts", 2, 0, 0, -100, 30},
                             {"louder, tone, bursts", 2, 20, 0.2, 30, 20},
                             {"quieter, tone, bursts", 2, 0, -0.1, 20, 20}};
  const Part* now = kParts;
  const Mixed shape{"", 0, 0, 480, 48};
  Stream stream([&](double chip, cf32 noise) {
    const double v = std::fmod(chip, shape.period) < shape.length ? from_db(now->burst_db) : 1;
    return static_cast<float>(std::sqrt(from_db(now->level_db))) *
           (static_cast<float>(std::sqrt(v)) * noise + tone(chip, now->tone_turns, now->tone_db));
  });
  stream.weigh = true;
  for (; now != std::end(kParts); ++now) {
    stream.run(steps_of(now->seconds));
    constexpr std::size_t kCount = 4 * kStep;
    const double first = static_cast<double>(stream.chips.end()) - kCount - 1024;
    const double best = now->level_db - to_db(0.9 + 0.1 / from_db(now->burst_db));
    EXPECT_NEAR(to_db(stream.chips.mean_power(first, kCount)), best, 0.5) << now->name;
  }
}

// A tone comes back with the line, 60 dB over what an open input put out for three seconds: it is known again
// after a sixth of a second, not when a second was louder.
TEST(SpectrumTracker, WhatComesBackWithTheLineIsKnownSoon) {
  const auto back = static_cast<double>(steps_of(3) * kStep);
  Stream stream([back](double chip, cf32 noise) {
    return chip < back ? 1e-3F * noise : noise + tone(chip, 0.1234, 27);
  });
  stream.weigh = true;
  EXPECT_EQ(stream.run(steps_of(3)), 0);
  EXPECT_GT(stream.run(steps_of(0.2)), 0);
  EXPECT_LT(to_db(stream.chips.mean_power(back + 512, 2 * kStep)), 1);
}

// A frame 40 dB over the noise, with a tone known before below it, is no line that comes back.
TEST(SpectrumTracker, AStrongFrameChangesNothing) {
  const auto from = static_cast<double>(steps_of(2) * kStep),
             to = from + static_cast<double>(steps_of(0.6) * kStep);
  Stream stream([from, to, frames = Frames(100)](double chip, cf32 noise) mutable {
    const cf32 frame = frames();
    return noise + tone(chip, 0.1234, 27) + (chip >= from && chip < to ? frame : cf32{});
  });
  EXPECT_GT(stream.run(steps_of(2)), 0);
  EXPECT_EQ(stream.run(steps_of(0.5)), 0);
  stream.run(steps_of(0.3));
  EXPECT_LT(to_db(stream.chips.mean_power(static_cast<double>(stream.chips.end()) - 3 * kStep, 2 * kStep)),
            0.5);
}

// A frame 50 dB over the noise between two chips, over tones, and the same stream without it.
struct UnderAStrongFrame {
  UnderAStrongFrame(double from, double to, std::int64_t steps)
      : stream([from, to, frames = Frames(316)](double chip, cf32 noise) mutable {
          const cf32 frame = frames();
          return with_tones(chip, noise) + (chip >= from && chip < to ? frame : cf32{});
        }),
        alone(with_tones) {
    for (Stream* s : {&stream, &alone}) s->weigh = true, s->run(steps);
    EXPECT_EQ(stream.chips.end(), alone.chips.end());
  }
  static cf32 with_tones(double chip, cf32 noise) {
    return noise + tone(chip, 0.1234, 30) + tone(chip, -0.2, 30);
  }
  void take_out() {
    ChipBuffer& chips = stream.chips;
    for (int k = 0; k < ChipBuffer::kPlanes; ++k)
      for (std::int64_t i = chips.begin(); i < chips.end(); ++i) {
        const LanePosition p(i, chips.lanes());
        *chips.sample_re(k, p) = *alone.chips.sample_re(k, p);
        *chips.sample_im(k, p) = *alone.chips.sample_im(k, p);
      }
    chips.drawn(chips.begin(), chips.end());
    chips.settle_before(chips.end());
    stream.weights.learn_again(chips, chips.begin(), chips.end());
  }

  Stream stream, alone;
};

// The end of a strong frame, which does not count, is longer than lines are predicted for. Chips of nothing
// but noise and known tones all count the same; the newest are learned again when it is known what follows.
TEST(SpectrumTracker, AToneIsNoBurstWhereAStrongFrameEnded) {
  UnderAStrongFrame under(20 * kStep + 500, 25 * kStep - 700, 26);
  under.take_out();
  const ChipBuffer& chips = under.stream.chips;
  for (std::int64_t at = chips.begin(); at + 512 <= chips.end(); at += 256)
    EXPECT_NEAR(chips.mean_weight(static_cast<double>(at), 256), 1, 0.3) << at;
}

// What a strong frame hid from the first chip on is known from what is left where it was taken out, and then
// there is nothing more to know. A filter known from all of it leaves noise of 1.04 (two tones, 2 % each).
TEST(SpectrumTracker, LinesUnderAStrongFrameAreKnownOnceItIsTakenOut) {
  UnderAStrongFrame under(0, 7.5 * kStep, 8);
  Stream& s = under.stream;
  under.take_out();
  ASSERT_TRUE(s.spectrum.learn_again(s.chips));
  s.chips.set_filter(s.spectrum.filter());
  s.weights.learn_again(s.chips, s.chips.begin(), s.chips.end());
  EXPECT_LT(to_db(s.chips.mean_power(kStep, 6 * kStep)), 0.4);
  EXPECT_FALSE(s.spectrum.learn_again(s.chips));
}

// A step of the samples' mean, as a coupler or a converter makes it, is an impulse.
TEST(SpectrumTracker, AStepIsAnImpulse) {
  const double at = static_cast<double>(steps_of(1) * kStep);
  Stream stream([at](double chip, cf32 noise) {
    return noise + tone(chip, 0.1234, 30) +
           (chip < at ? 0.0F : 1000.0F * static_cast<float>(std::exp((at - chip) / 20)));
  });
  stream.weigh = true;
  stream.run(steps_of(3));
  const double first = static_cast<double>(stream.chips.begin()) + 1024;
  EXPECT_NEAR(to_db(stream.chips.mean_power(first, 6 * kStep)), 0.1, 0.3);
}

// What is taken out of samples is gone from what they were filtered to, 46 dB below the noise.
TEST(SpectrumTracker, FilteredChipsFollowTheirSamples) {
  Stream stream([](double chip, cf32 noise) { return noise + tone(chip, -0.2, 30); });
  stream.run(8);
  ChipBuffer& chips = stream.chips;
  ASSERT_NE(stream.spectrum.filter(), nullptr);
  const std::int64_t first = chips.begin() + 3000, last = first + 4000;
  std::vector<float> before;
  LanePosition p(first, 7);
  for (std::int64_t i = first; i < last; ++i, ++p) before.push_back(*chips.re(1, p));
  for (const float scale : {1.0F, -1.0F}) {
    p = LanePosition(first, 7);
    for (std::int64_t i = first; i < last; ++i, ++p) *chips.sample_re(2, p) += scale;
    chips.drawn(first, last);
    chips.settle_before(chips.end());
  }
  p = LanePosition(first, 7);
  for (std::int64_t i = first; i < last; ++i, ++p)
    ASSERT_NEAR(*chips.re(1, p), before[static_cast<std::size_t>(i - first)], 5e-3);
}

}  // namespace
}  // namespace ngdsp
