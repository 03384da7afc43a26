#include "ngdsp/eval/traffic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>
#include <string>

#include "ngdsp/base/db.h"
#include "ngdsp/channel/noise_level.h"

namespace ngdsp {
namespace {

// cenelec-a, 16 bytes: a frame begins every 128/load chips, 512/load samples, and lasts 65536 samples.
TrafficConfig config(double load = 1, std::uint64_t seed = 1) {
  TrafficConfig c;
  c.load = load;
  c.seed = seed;
  return c;
}

Traffic traffic_of(const TrafficConfig& c) { return {c, *c.line()}; }

std::vector<SentFrame> draw(const TrafficConfig& c, int frames) {
  EXPECT_EQ(c.validate(), "");
  Traffic traffic = traffic_of(c);
  std::vector<SentFrame> sent;
  for (int i = 0; i < frames; ++i) sent.push_back(traffic.next());
  EXPECT_EQ(traffic.issued(), static_cast<std::uint64_t>(frames));
  return sent;
}

double mean(const std::vector<SentFrame>& frames, const std::function<double(const SentFrame&)>& value) {
  double sum = 0;
  for (const SentFrame& f : frames) sum += value(f);
  return sum / static_cast<double>(frames.size());
}

// 20000 exponential gaps: their mean has a standard deviation of 1/sqrt(n) of itself, the counts in intervals
// of ten mean gaps a variance equal to their mean with a standard deviation of about sqrt(2/2000); 5 of each.
TEST(Traffic, ArrivalsArePoisson) {
  constexpr int kFrames = 20000;
  for (const double load : {0.01, 2.0}) {
    const auto frames = draw(config(load), kFrames);
    const double gap = 512 / load;
    EXPECT_NEAR(frames.back().start_samples / (kFrames * gap), 1, 5 / std::sqrt(kFrames));
    std::vector<double> counts(kFrames / 10);
    double before = 0, longer = 0, product = 0, last_gap = gap;
    for (const SentFrame& f : frames) {
      const auto at = static_cast<std::size_t>(f.start_samples / (10 * gap));
      if (at < counts.size()) ++counts[at];
      const double this_gap = f.start_samples - before;
      ASSERT_GT(this_gap, 0);
      longer += this_gap > gap;
      product += (this_gap / gap - 1) * (last_gap / gap - 1);
      last_gap = this_gap;
      before = f.start_samples;
    }
    // A gap is longer than the mean with probability 1/e; neighbours do not know of each other.
    EXPECT_NEAR(longer / kFrames, std::exp(-1), 5 * std::sqrt(0.233 / kFrames));
    EXPECT_NEAR(product / kFrames, 0, 5 / std::sqrt(kFrames));
    counts.resize(counts.size() - 100);  // the end may not be reached
    double sum = 0, squares = 0;
    for (const double c : counts) sum += c, squares += c * c;
    const auto n = static_cast<double>(counts.size());
    EXPECT_NEAR((squares / n - sum / n * (sum / n)) / (sum / n), 1, 5 * std::sqrt(2 / n));
  }
}

TEST(Traffic, ArrivalsDependOnLoadAndSeedAlone) {
  const auto plain = draw(config(), 100);
  TrafficConfig c = config();
  c.ebn0_db = 3;
  c.spread = {PowerSpread::Kind::kLognormal, 6};
  c.levels = TransmitLevels();
  c.clock_ppm = 100;
  c.cfo_hz = 30;
  c.taps = {{0, 0, 0}, {-3, 2, 0}};
  const auto other = draw(c, 100);
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(plain[i].arrival.start_samples, other[i].arrival.start_samples);
    EXPECT_EQ(plain[i].sequence, other[i].sequence);
    EXPECT_EQ(plain[i].index, i);
  }
  const auto again = draw(config(), 100), seed = draw(config(1, 2), 100);
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(plain[i].arrival.start_samples, again[i].arrival.start_samples);
    EXPECT_EQ(plain[i].arrival.phase_rad, again[i].arrival.phase_rad);
    EXPECT_NE(plain[i].arrival.start_samples, seed[i].arrival.start_samples);
  }
}

// Counts of Poisson variables within five standard deviations.
TEST(Traffic, LoadStepsAndBegin) {
  TrafficConfig c = config(1);
  c.begin_frames = -10;
  c.overload = LoadStep{20, 30, 3};  // 128 frames a duration, 384 in the step
  const auto count = [](const std::vector<SentFrame>& frames, double from, double to) {
    return static_cast<double>(std::count_if(frames.begin(), frames.end(), [&](const SentFrame& f) {
      return f.arrival.start_samples >= from * 65536 && f.arrival.start_samples < to * 65536;
    }));
  };
  auto frames = draw(c, 30000);
  EXPECT_LT(frames.front().arrival.start_samples, -9 * 65536.0);
  EXPECT_NEAR(count(frames, -10, 0), 1280, 5 * std::sqrt(1280));
  EXPECT_NEAR(count(frames, 0, 20), 2560, 5 * std::sqrt(2560));
  EXPECT_NEAR(count(frames, 20, 50), 11520, 5 * std::sqrt(11520));
  EXPECT_NEAR(count(frames, 50, 100), 6400, 5 * std::sqrt(6400));
  c.overload->load = 0;
  frames = draw(c, 15000);
  EXPECT_EQ(count(frames, 20, 50), 0);
  EXPECT_NEAR(count(frames, 50, 100), 6400, 5 * std::sqrt(6400));
}

// 128 frames a duration. A silence from 5 to 7 is empty but for those that disobey; what it held back, 256
// frames, comes in the 64 durations after it; no frame is lost or in another order. Poisson counts within
// five standard deviations.
TEST(Traffic, SilenceHoldsBackWhatObeys) {
  for (const double obeying : {1.0, 0.75, 0.0}) {
    TrafficConfig c = config();
    c.obeying = obeying;
    Traffic traffic = traffic_of(c), plain = traffic_of(config());
    constexpr double kFrame = 65536;
    while (traffic.next_start() < 4 * kFrame) traffic.next();
    traffic.order_silence(5 * kFrame, 2 * kFrame);
    double before = 0, inside = 0, after = 0;
    while (traffic.next_start() < 90 * kFrame) {
      const double expected = traffic.next_start();
      const SentFrame f = traffic.next();
      ASSERT_EQ(f.arrival.start_samples, expected);
      ASSERT_GE(expected, before);
      EXPECT_EQ(f.index, traffic.issued() - 1);
      before = expected;
      inside += expected >= 5 * kFrame && expected < 7 * kFrame;
      after += expected >= 7 * kFrame && expected < 71 * kFrame;
    }
    const double held = 256 * obeying, disobey = 256 - held;
    EXPECT_NEAR(inside, disobey, 5 * std::sqrt(disobey));
    EXPECT_NEAR(static_cast<double>(traffic.deferred()), held, 5 * std::sqrt(held));
    EXPECT_NEAR(after, 8192 + held, 5 * std::sqrt(8192 + held));
    while (plain.next_start() < 90 * kFrame) plain.next();
    EXPECT_EQ(traffic.issued(), plain.issued());
  }
}

// What a silence held back meets another one, and waits again.
TEST(Traffic, SilenceAfterSilence) {
  Traffic traffic = traffic_of(config());
  constexpr double kFrame = 65536;
  traffic.order_silence(2 * kFrame, kFrame);
  while (traffic.next_start() < 4 * kFrame) {
    const double at = traffic.next().arrival.start_samples;
    EXPECT_FALSE(at >= 2 * kFrame && at < 3 * kFrame);
  }
  const std::uint64_t first = traffic.deferred();
  traffic.order_silence(4 * kFrame, 2 * kFrame);
  EXPECT_GE(traffic.next_start(), 6 * kFrame);
  EXPECT_NEAR(static_cast<double>(traffic.deferred() - first), 256, 80);  // once each
}

// The wanted E_b/N0 is the mean over the levels, whatever they are. 20000 draws of 1 or 0.25: the mean of the
// power has a standard deviation of 0.375/0.625/sqrt(n) = 0.4 %.
TEST(Traffic, TransmitLevelsKeepTheMeanEnergy) {
  TrafficConfig c = config();
  c.ebn0_db = 7;
  c.levels = TransmitLevels();
  const auto frames = draw(c, 20000);
  EXPECT_NEAR(mean(frames, [](const SentFrame& f) { return from_db(f.ebn0_db - 7); }), 1, 0.02);
  EXPECT_NEAR(mean(frames, [](const SentFrame& f) { return f.level_db == -6; }), 0.5,
              5 * 0.5 / std::sqrt(20000));
  const double mean_db = to_db(c.levels.mean_power());
  for (const SentFrame& f : frames) {
    ASSERT_TRUE(f.level_db == 0 || f.level_db == -6);
    ASSERT_NEAR(f.ebn0_db, 7 + f.level_db - mean_db, 1e-9);
    // 128 chips a payload bit, N0 = 1 a chip.
    ASSERT_NEAR(to_db(f.arrival.amplitude * f.arrival.amplitude * 128), f.ebn0_db, 1e-9);
  }
}

TEST(Traffic, PowerSpread) {
  constexpr int kFrames = 20000;
  TrafficConfig c = config();
  for (const SentFrame& f : draw(c, 100)) EXPECT_EQ(f.ebn0_db, 10);

  // The median of n normal values varies by sigma sqrt(pi/2/n), their standard deviation by sigma/sqrt(2 n).
  c.spread = {PowerSpread::Kind::kLognormal, 8};
  auto frames = draw(c, kFrames);
  std::vector<double> db;
  for (const SentFrame& f : frames) db.push_back(f.ebn0_db);
  std::nth_element(db.begin(), db.begin() + kFrames / 2, db.end());
  EXPECT_NEAR(db[kFrames / 2], 10, 5 * 8 * std::sqrt(kPi / 2 / kFrames));
  const double variance =
      mean(frames, [](const SentFrame& f) { return (f.ebn0_db - 10) * (f.ebn0_db - 10); });
  EXPECT_NEAR(std::sqrt(variance), 8, 5 * 8 / std::sqrt(2.0 * kFrames));

  // 12 dB wide around a middle that keeps the mean power; its standard deviation is below the mean.
  c.spread = {PowerSpread::Kind::kUniform, 12};
  frames = draw(c, kFrames);
  EXPECT_NEAR(mean(frames, [](const SentFrame& f) { return from_db(f.ebn0_db - 10); }), 1,
              5 / std::sqrt(kFrames));
  const auto [low, high] =
      std::minmax_element(frames.begin(), frames.end(),
                          [](const SentFrame& a, const SentFrame& b) { return a.ebn0_db < b.ebn0_db; });
  EXPECT_NEAR(high->ebn0_db - low->ebn0_db, 12, 0.05);
  c.spread.db = 0;
  for (const SentFrame& f : draw(c, 100)) EXPECT_EQ(f.ebn0_db, 10);
}

TEST(Traffic, PowerSpreadText) {
  for (const char* text : {"equal", "lognormal:6", "uniform:20", "lognormal:0", "uniform:2.5"}) {
    const auto spread = parse_power_spread(text);
    ASSERT_TRUE(static_cast<bool>(spread)) << spread.error();
    EXPECT_EQ(to_string(*spread), text);
  }
  for (const char* text : {"", "equal:3", "lognormal", "lognormal:", "uniform:x", "uniform:-1", "uniform:61",
                           "lognormal:nan", "normal:3", "lognormal:3:4"})
    EXPECT_FALSE(static_cast<bool>(parse_power_spread(text))) << text;
}

TEST(Traffic, OffsetsPhasesSequences) {
  TrafficConfig c = config();
  c.clock_ppm = 50;
  c.cfo_hz = 10;
  const auto frames = draw(c, 4000);
  double most_ppm = 0, most_cfo = 0;
  std::vector<int> sequences(4), quarters(4);
  for (const SentFrame& f : frames) {
    ASSERT_LE(std::abs(f.arrival.clock_ppm), 50);
    most_ppm = std::max(most_ppm, std::abs(f.arrival.clock_ppm));
    // One crystal drives both; the rest is the other offset.
    const double rest =
        f.arrival.carrier_offset_hz - f.arrival.clock_ppm * 1e-6 * c.profile.carrier_crystal_hz;
    ASSERT_LE(std::abs(rest), 10);
    most_cfo = std::max(most_cfo, std::abs(rest));
    ASSERT_TRUE(f.sequence >= 0 && f.sequence < 4);
    ++sequences[static_cast<std::size_t>(f.sequence)];
    ASSERT_TRUE(f.arrival.phase_rad >= 0 && f.arrival.phase_rad < 2 * kPi);
    ++quarters[static_cast<std::size_t>(f.arrival.phase_rad / (kPi / 2))];
    EXPECT_NEAR(f.end_samples, f.start_samples + 65536 / (1 + f.arrival.clock_ppm * 1e-6), 1e-6);
  }
  EXPECT_GT(most_ppm, 49.5);
  EXPECT_GT(most_cfo, 9.9);
  // Of 4000 a quarter, standard deviation 27.
  for (const auto& counts : {sequences, quarters})
    for (const int n : counts) EXPECT_NEAR(n, 1000, 137);
  c.payload_bytes = 32;
  for (const SentFrame& f : draw(c, 100)) EXPECT_TRUE(f.sequence == 4 || f.sequence == 5);
}

TEST(Traffic, TimesAreThoseOfTheStrongestPath) {
  TrafficConfig c = config();
  c.taps = {{-3, 0, 0}, {0, 2.5, 0}, {-6, 4, 0}};
  for (const SentFrame& f : draw(c, 50)) {
    EXPECT_NEAR(f.start_samples - f.arrival.start_samples, 10, 1e-6);
    ASSERT_EQ(f.tap_phases.size(), 3U);
    EXPECT_NE(f.tap_phases[0], f.tap_phases[1]);
  }
}

// What was sent is known from the payload alone: any other payload of the same length is nobody's but for
// 2^-64.
TEST(Traffic, PayloadTellsTheFrame) {
  for (const int bytes : {16, 32, 64}) {
    TrafficConfig c = config();
    c.payload_bytes = bytes;
    Traffic traffic = traffic_of(c);
    EXPECT_FALSE(traffic.index_of(traffic.payload(0)));  // not yet sent
    for (int i = 0; i < 500; ++i) traffic.next();
    c.seed = 2;
    Traffic other = traffic_of(c);
    for (int i = 0; i < 500; ++i) other.next();
    std::set<std::string> all;
    for (std::uint64_t i = 0; i < 500; ++i) {
      std::vector<std::uint8_t> payload = traffic.payload(i);
      ASSERT_EQ(payload.size(), static_cast<std::size_t>(bytes));
      EXPECT_EQ(traffic.index_of(payload), i);
      EXPECT_FALSE(other.index_of(payload));
      EXPECT_TRUE(all.emplace(payload.begin(), payload.end()).second);
      const std::size_t bit = i % (8 * payload.size());
      payload[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
      EXPECT_FALSE(traffic.index_of(payload)) << bit;
      payload.pop_back();
      EXPECT_FALSE(traffic.index_of(payload));
    }
    EXPECT_FALSE(traffic.index_of(traffic.payload(500)));
    EXPECT_FALSE(traffic.index_of({}));
  }
  // Every bit is as often 0 as 1: 128 counts of 500, standard deviation 11, the largest of 128 within 5 of
  // them.
  Traffic traffic = traffic_of(config());
  std::vector<int> ones(128);
  for (std::uint64_t i = 0; i < 500; ++i) {
    const auto payload = traffic.payload(i);
    for (std::size_t b = 0; b < 128; ++b) ones[b] += payload[b / 8] >> b % 8 & 1;
  }
  for (const int n : ones) EXPECT_NEAR(n, 250, 56);
}

template <typename Sample>
std::vector<Sample> take(const TrafficConfig& c, const std::vector<std::size_t>& pieces,
                         std::vector<SentFrame>& sent) {
  auto signal = TrafficSignal<Sample>::create(c);
  EXPECT_TRUE(static_cast<bool>(signal)) << signal.error();
  std::vector<Sample> all;
  for (const std::size_t n : pieces) {
    const auto piece = signal->next_piece(n, sent);
    all.insert(all.end(), piece.begin(), piece.end());
  }
  return all;
}

template <typename Sample>
double power(const std::vector<Sample>& x, std::size_t from, std::size_t to) {
  double sum = 0;
  for (std::size_t i = from; i < to; ++i) sum += static_cast<double>(std::norm(x[i]));
  return sum / static_cast<double>(to - from);
}

TEST(TrafficSignal, PiecesDoNotMatter) {
  TrafficConfig c = config(0.05);
  c.clock_ppm = 50;
  c.ebn0_db = 20;
  c.taps = {{0, 0, 0}, {-6, 3.3, 0}};
  c.burst = NoiseBurst{1, 0.5, 10};
  std::vector<SentFrame> a, b;
  const auto x = take<float>(c, {200000}, a), y = take<float>(c, {1, 999, 0, 50000, 7, 100000, 48993}, b);
  ASSERT_EQ(x.size(), y.size());
  // Rendered from another first sample, a block of chips has other straight lines (see the modulator's test),
  // and single precision: 1e-4 of an amplitude of 1.
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], 1e-3) << i;
  ASSERT_EQ(a.size(), b.size());
  EXPECT_GT(a.size(), 5U);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].start_samples, b[i].start_samples);
}

TEST(TrafficSignal, PiecesDoNotMatterInAScenario) {
  TrafficConfig c = config(0.05);
  c.ebn0_db = 20;
  const Result<Scenario> scenario = load_scenario("switched-line");
  ASSERT_TRUE(static_cast<bool>(scenario)) << scenario.error();
  Scenario s = *scenario;
  s.bursts.resize(1);
  c.scenario = std::make_shared<const Scenario>(s);
  std::vector<SentFrame> a, b;
  const auto x = take<float>(c, {200000}, a), y = take<float>(c, {1, 999, 0, 50000, 7, 100000, 48993}, b);
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], 1e-3) << i;
  ASSERT_EQ(a.size(), b.size());
  ASSERT_GT(a.size(), 5U);
  EXPECT_TRUE(a[0].tap_phases.empty());
}

// White noise of N0 = 1 a chip: a scenario's background is it, bursts of 20 dB for a tenth of the time
// make 10.9 of it. 200000 samples, of which a tenth counts: 1 %, five deviations 0.5; 104 bursts are counted
// to one: 1 %.
TEST(TrafficSignal, ScenarioNoiseHasItsLevel) {
  TrafficConfig c = config(1e-4);
  const double white = noise_variance(c.profile, c.rate_hz(), 1, 1);
  std::vector<SentFrame> sent;
  c.scenario = std::make_shared<const Scenario>();
  c.overload = LoadStep{0, 1e9, 0};
  EXPECT_NEAR(power(take<float>(c, {200000}, sent), 0, 200000) / white, 1, 5 * std::sqrt(2.0 / 200000));
  Scenario s;
  s.bursts.resize(1);
  c.scenario = std::make_shared<const Scenario>(s);
  EXPECT_NEAR(power(take<float>(c, {200000}, sent), 0, 200000) / white, 10.9, 0.6);
}

// White noise of N0 = 1 a chip, and each frame's energy on top: over 2^20 samples the noise's power is known
// to sqrt(2)/1024, that of 256 frames with the cross terms between them to about 4 % of theirs.
TEST(TrafficSignal, PowerIsThatOfFramesAndNoise) {
  TrafficConfig c = config(1e-4);
  std::vector<SentFrame> sent;
  constexpr std::size_t kSamples = 1 << 20;
  const double noise = noise_variance(c.profile, c.rate_hz(), 1, 1);
  EXPECT_NEAR(noise, 2, 1e-9);  // half of 4 samples a chip
  c.begin_frames = 0;
  c.ebn0_db = -60;
  EXPECT_NEAR(power(take<float>(c, {kSamples}, sent), 0, kSamples), noise,
              5 * noise * std::sqrt(2.0 / kSamples));
  c = config(0.125);
  c.ebn0_db = 25;
  sent.clear();
  const auto x = take<float>(c, {kSamples + 65536}, sent);
  double energy = 0;
  for (const SentFrame& f : sent) {
    const double inside = std::clamp((kSamples - f.start_samples) / 65536, 0.0, 1.0);
    energy += f.arrival.amplitude * f.arrival.amplitude * 65536 * inside;
  }
  EXPECT_NEAR((power(x, 0, kSamples) - noise) / (energy / kSamples), 1, 0.1);

  c = config(1e-4);
  c.ebn0_db = -60;
  c.burst = NoiseBurst{2, 4, 10};
  const auto y = take<float>(c, {300000, 300000}, sent);
  const auto near = [&](std::size_t from, std::size_t to, double expected) {
    EXPECT_NEAR(power(y, from * 65536, to * 65536), expected,
                5 * expected * std::sqrt(2.0 / static_cast<double>((to - from) * 65536)));
  };
  near(0, 2, noise);
  near(2, 6, 10 * noise);
  near(6, 9, noise);
}

TEST(TrafficSignal, ComplexProfile) {
  TrafficConfig c = config(1e-4);
  c.profile = *find_profile("srd868");
  c.ebn0_db = -60;
  std::vector<SentFrame> sent;
  const double noise = noise_variance(c.profile, c.rate_hz(), 1, 1);
  EXPECT_NEAR(power(take<cf32>(c, {100000}, sent), 0, 100000), noise, 5 * noise / std::sqrt(100000));
  EXPECT_FALSE(static_cast<bool>(TrafficSignal<float>::create(c)));
  EXPECT_FALSE(static_cast<bool>(TrafficSignal<cf32>::create(config())));
}

// A recording of any scale has the power in the band that white noise of N0 = 1 would have: for a white one
// that is the same power everywhere.
TEST(TrafficSignal, RecordedNoiseIsScaled) {
  TrafficConfig c = config(1e-4);
  c.ebn0_db = -60;
  std::vector<float> recording(300000);
  Rng rng(3);
  rng.add_noise(Span<float>(recording), 17);
  c.noise = std::make_shared<const std::vector<float>>(recording);
  std::vector<SentFrame> sent;
  const auto x = take<float>(c, {250000, 250000}, sent);
  EXPECT_NEAR(power(x, 0, x.size()), noise_variance(c.profile, c.rate_hz(), 1, 1), 0.1);
  EXPECT_EQ(x[1000], x[301000]);  // repeated
  c.noise = std::make_shared<const std::vector<float>>(300000, 0.0F);
  EXPECT_FALSE(static_cast<bool>(TrafficSignal<float>::create(c)));
}

TEST(TrafficConfig, RefusesWhatMakesNoSense) {
  const auto refused = [](const std::function<void(TrafficConfig&)>& spoil, const char* part) {
    TrafficConfig c = config();
    spoil(c);
    const std::string said = c.validate();
    EXPECT_NE(said.find(part), std::string::npos) << '"' << said << "\", expected " << part;
    EXPECT_EQ(said.find('\n'), std::string::npos);
  };
  const double nan = std::nan("");
  EXPECT_EQ(config().validate(), "");
  refused([](TrafficConfig& c) { c.profile.spreading_factor = 0; }, "spreading_factor");
  refused([](TrafficConfig& c) { c.payload_bytes = 17; }, "17 bytes");
  refused([](TrafficConfig& c) { c.payload_bytes = c.profile.classes[0].payload_bytes = 8; }, "at least 9");
  refused([](TrafficConfig& c) { c.load = 0; }, "load");
  refused([](TrafficConfig& c) { c.load = 21; }, "load");
  refused([&](TrafficConfig& c) { c.load = nan; }, "load");
  refused([&](TrafficConfig& c) { c.ebn0_db = nan; }, "ebn0_db");
  refused([](TrafficConfig& c) { c.spread.db = 61; }, "spread");
  refused([](TrafficConfig& c) { c.levels = TransmitLevels({0.5, 0.4, 0, 0}); }, "levels");
  refused([](TrafficConfig& c) { c.clock_ppm = 201; }, "clock_ppm");
  refused([](TrafficConfig& c) { c.cfo_hz = -1; }, "cfo_hz");
  refused([](TrafficConfig& c) { c.taps = {{0, 65, 0}}; }, "delay_chips");
  refused([](TrafficConfig& c) { c.begin_frames = 1; }, "begin_frames");
  refused([](TrafficConfig& c) { c.burst = NoiseBurst{-1, 1, 10}; }, "burst");
  refused([](TrafficConfig& c) { c.burst = NoiseBurst{1, 1, 61}; }, "burst");
  refused([&](TrafficConfig& c) { c.overload = LoadStep{1, nan, 1}; }, "overload");
  refused([](TrafficConfig& c) { c.overload = LoadStep{1, 1, 21}; }, "overload");
  refused([](TrafficConfig& c) { c.noise = std::make_shared<const std::vector<float>>(); }, "empty");
  refused(
      [](TrafficConfig& c) {
        c.profile = *find_profile("srd433");
        c.noise = std::make_shared<const std::vector<float>>(10, 1.0F);
      },
      "complex");
  refused(
      [](TrafficConfig& c) {
        c.scenario = std::make_shared<const Scenario>();
        c.taps = {{0, 0, 0}};
      },
      "scenario");
  refused(
      [](TrafficConfig& c) {
        Scenario s;
        s.mains.frequency_hz = 1;
        c.scenario = std::make_shared<const Scenario>(s);
      },
      "mains.frequency_hz");
}

// 5 standard deviations of the counts; without load nothing begins, and without frames nothing is heard.
TEST(Traffic, LoadChangesUnderWay) {
  TrafficConfig c = config(2.0);
  c.noiseless = true;
  ASSERT_EQ(c.validate(), "");
  auto signal = TrafficSignal<float>::create(c);
  ASSERT_TRUE(signal) << signal.error();
  constexpr std::size_t kPiece = 512 * 50;
  const auto begun = [&signal](int pieces) {
    std::vector<SentFrame> sent;
    for (int i = 0; i < pieces; ++i) signal->next_piece(kPiece, sent);
    return static_cast<double>(sent.size());
  };
  EXPECT_NEAR(begun(4), 400, 5 * 20);
  signal->set_load(0.5);
  EXPECT_NEAR(begun(8), 200, 5 * 14);
  signal->set_load(0);
  EXPECT_EQ(begun(4), 0);  // the last frame is out
  std::vector<SentFrame> sent;
  const auto silence = signal->next_piece(kPiece, sent);
  EXPECT_TRUE(std::all_of(silence.begin(), silence.end(), [](float x) { return x == 0; }));
  signal->set_load(1);
  EXPECT_NEAR(begun(4), 200, 5 * 14);
}

// Every node sends as often, at its own level over the median node's; a count of 400 in 4000 deviates by 19.
TEST(Traffic, NodesOfAGridTakeTheirLevelsFromIt) {
  TrafficConfig c = config();
  Result<Scenario> scenario = load_scenario("grid-street");
  ASSERT_TRUE(static_cast<bool>(scenario)) << scenario.error();
  c.scenario = std::make_shared<const Scenario>(*scenario);
  const Result<PlacedLine> line = c.line();
  ASSERT_TRUE(static_cast<bool>(line)) << line.error();
  std::vector<int> count(line->senders.size());
  for (const SentFrame& f : draw(c, 4000)) {
    ++count[f.sender];
    EXPECT_NEAR(f.ebn0_db, c.ebn0_db + line->senders[f.sender].level_db, 1e-9);
    EXPECT_TRUE(f.tap_phases.empty());
  }
  for (const int n : count) EXPECT_NEAR(n, 400, 95);

  c.spread = {PowerSpread::Kind::kLognormal, 3};
  EXPECT_NE(c.validate().find("spread"), std::string::npos);
  scenario->line.node = "house-3";
  c.scenario = std::make_shared<const Scenario>(*scenario);
  EXPECT_EQ(c.validate(), "");
  EXPECT_EQ(c.line()->senders.size(), 1U);
}

// The stream of a grid holds the power its frames have at the hub, the mean over nodes and the mains cycle.
// 150 frames of random nodes deviate by some 10 %, the frames being over 1.6 times the power on average.
TEST(TrafficSignal, FramesOverAGridHaveTheirPower) {
  TrafficConfig c = config(1, 4);
  Result<Scenario> scenario = load_scenario("grid-street");
  ASSERT_TRUE(static_cast<bool>(scenario)) << scenario.error();
  Scenario quiet;
  quiet.line = scenario->line;
  c.scenario = std::make_shared<const Scenario>(quiet);
  c.ebn0_db = 40;
  auto signal = TrafficSignal<float>::create(c);
  ASSERT_TRUE(static_cast<bool>(signal)) << signal.error();
  std::vector<SentFrame> sent;
  double power = 0, expected = 0;
  for (int piece = 0; piece < 3; ++piece)
    for (const float v : signal->next_piece(65536, sent))
      power += static_cast<double>(v) * static_cast<double>(v);
  for (const SentFrame& f : sent) {
    const double inside = std::clamp(3 * 65536 - f.start_samples, 0.0, f.end_samples - f.start_samples);
    expected += f.arrival.amplitude * f.arrival.amplitude * inside;
  }
  EXPECT_NEAR(power / expected, 1, 0.15);
}

}  // namespace
}  // namespace ngdsp
