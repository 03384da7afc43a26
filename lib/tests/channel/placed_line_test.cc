#include "ngdsp/channel/placed_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "ngdsp/base/db.h"
#include "ngdsp/base/fft.h"
#include "ngdsp/channel/grid_paths.h"
#include "ngdsp/channel/sampled_paths.h"
#include "ngdsp/channel/scenario_line.h"
#include "noise_parts.h"

namespace ngdsp {
namespace {

TEST(LineGains, OthersHoldForTheirShareAroundTheirPhase) {
  LineConfig c;
  c.others.resize(1);
  c.other_share = 0.3;
  c.other_phase_deg = 90;
  c.other_gain_db = -6;
  const Result<PlacedLine> line = place_line(c, Profile{});
  const auto turns = steady_turns(50, 100000, 20000);  // 1000 samples a half cycle
  std::vector<std::vector<float>> gains;
  line_gains(c, *line, Span<const double>(turns), gains);
  ASSERT_EQ(gains.size(), 2U);
  const std::vector<float>&a = gains[0], &b = gains[1];
  double share = 0;
  const double other = std::pow(10, -0.3);
  for (std::size_t k = 0; k < a.size(); ++k) {
    share += static_cast<double>(b[k]) / other / static_cast<double>(b.size());
    ASSERT_NEAR(static_cast<double>(a[k]) + static_cast<double>(b[k]) / other, 1, 1e-5);
  }
  EXPECT_NEAR(share, 0.3, 1e-3);
  EXPECT_EQ(a[500], 0);  // a quarter of a cycle
  EXPECT_EQ(a[1000], 1);
  EXPECT_EQ(a[1500], 0);
  EXPECT_NEAR(b[350], other / 2, 0.01);  // the edge
}

TEST(LineGains, GainBreathesTwiceACycle) {
  LineConfig c;
  c.gain_depth = 0.2;
  c.gain_phase_deg = 45;
  const auto turns = steady_turns(50, 48000, 4800);
  std::vector<std::vector<float>> gains;
  line_gains(c, *place_line(c, Profile{}), Span<const double>(turns), gains);
  ASSERT_EQ(gains.size(), 1U);
  for (std::size_t k = 0; k < turns.size(); ++k) {
    ASSERT_NEAR(gains[0][k], 1 + 0.2 * std::cos(4 * 3.14159265358979 * (turns[k] - 0.125)), 1e-6);
  }
}

// Two equal paths half a period of the carrier apart cancel in the middle of the band; far apart their powers
// add.
TEST(PathPower, EchoesAddWithTheirPhase) {
  const NoiseBand band;
  EXPECT_EQ(path_power({}, band), 1);
  EXPECT_NEAR(path_power({{-7, 3e-6, 1}}, band), 1, 1e-12);
  EXPECT_NEAR(path_power({{0, 0, 0}, {0, 1e-9, 0}}, band), 2, 1e-6);
  const double half = 3.14159265 * 48000 * 0.5 / 63000;  // turned by so much at the edges of the band
  EXPECT_NEAR(path_power({{0, 0, 0}, {0, 0.5 / 63000, 0}}, band), 1 - std::sin(half) / half, 1e-3);
  EXPECT_NEAR(path_power({{0, 0, 0}, {0, 0, 3.14159265}}, band), 0, 1e-12);
  EXPECT_NEAR(path_power({{0, 0, 0}, {0, 1.0 / 48000, 0}}, band), 1, 1e-9);  // a whole turn over the band
}

TEST(PlacedLine, PathsBecomeTaps) {
  const std::vector<Tap> taps = to_taps({{-3, 10e-6, 0.5}}, 48000);
  ASSERT_EQ(taps.size(), 1U);
  EXPECT_EQ(taps[0].gain_db, -3);
  EXPECT_NEAR(taps[0].delay_chips, 0.48, 1e-12);
  EXPECT_EQ(taps[0].phase_rad, 0.5);
}

TEST(PlacedLine, DelaysBeyond64ChipsAreAnError) {
  LineConfig late;
  late.paths = {{0, 0.005, 0}};
  const Result<PlacedLine> line = place_line(late, Profile{});
  ASSERT_FALSE(static_cast<bool>(line));
  EXPECT_NE(line.error().find("64 chips"), std::string::npos);
}

// Windows that lie side by side share their edges: whatever their widths, shares sum to 1 and none is below
// 0.
TEST(LineGains, NarrowWindowsShareTheirEdges) {
  PlacedLine line = line_through({});
  line.states.resize(4);
  line.windows = {{1, 0.100, 0.1}, {2, 0.1275, 0.01}, {3, 0.155, 0.1}, {2, 0.4, 0.3}};
  const auto turns = steady_turns(50, 100000, 20000);
  std::vector<std::vector<float>> gains;
  line_gains(LineConfig{}, line, Span<const double>(turns), gains);
  double narrow = 0;
  for (std::size_t k = 0; k < 1000; ++k) {
    double sum = 0;
    for (const std::vector<float>& g : gains) {
      ASSERT_GE(g[k], -1e-6F) << k;
      sum += static_cast<double>(g[k]);
    }
    ASSERT_NEAR(sum, 1, 1e-6);
    narrow += static_cast<double>(gains[2][k]) / 1000;
  }
  EXPECT_NEAR(narrow, 0.31, 1e-3);
}

std::shared_ptr<const Grid> shipped_grid(const std::string& name) {
  const auto grid = load_grid(std::string(NGPLC_GRIDS) + "/" + name + ".toml");
  EXPECT_TRUE(static_cast<bool>(grid)) << grid.error();
  return std::make_shared<const Grid>(*grid);
}

/// What the nodes of a grid send to its only hub port, straight from the nodal analysis.
struct GridTruth {
  explicit GridTruth(const Grid& g) : grid(g), network(g) { EXPECT_EQ(network.hub_ports(), 1U); }
  cf64 response(const std::string& node, double hz, int state) const {
    const std::vector<GridPort>& ports = network.ports();
    std::size_t from = 1;
    while (grid.nodes[static_cast<std::size_t>(ports[from].node)].name != node) ++from;
    return transfer(network.impedances(hz, state), ports.size(), from, 0, grid.source_ohm);
  }
  double power(const std::string& node, const Profile& p) const {
    double sum = 0;
    for (int s = 0; s < network.states(); ++s)
      for (const BandPoint& b : band_points(p, 65))
        sum += network.duration(s) * b.weight * std::norm(response(node, b.frequency_hz, s));
    return sum;
  }
  const Grid& grid;
  GridNetwork network;
};

TEST(PlacedLine, LevelsOfAGridAreThoseOfItsNodes) {
  const Profile p;
  LineConfig c;
  c.grid = shipped_grid("grid-street");
  const GridTruth truth(*c.grid);
  const Result<PlacedLine> line = place_line(c, p);
  ASSERT_TRUE(static_cast<bool>(line)) << line.error();
  ASSERT_EQ(line->senders.size(), 10U);
  EXPECT_EQ(line->states.size(), static_cast<std::size_t>(truth.network.states()));
  const double median = truth.power(line->senders[line->median].node, p);
  std::size_t stronger = 0;
  for (const LineSender& s : line->senders) {
    EXPECT_NEAR(s.level_db, to_db(truth.power(s.node, p) / median), 0.01) << s.node;
    stronger += s.level_db > 0;
    EXPECT_EQ(s.states.size(), line->states.size());
    // A street is shorter than a chip; paths are kPathLeadChips late.
    EXPECT_NEAR(s.delay_chips, kPathLeadChips, 0.75) << s.node;
  }
  EXPECT_EQ(line->senders[line->median].level_db, 0);
  EXPECT_EQ(stronger, 4U);
}

TEST(PlacedLine, ANodeAloneIsHeardAtItsBestPhase) {
  const Profile p;
  Grid grid = *shipped_grid("grid-street");
  grid.hub_phases = kAllPhases;
  LineConfig c;
  c.node = "house-2";  // on L2
  c.grid = std::make_shared<const Grid>(grid);
  const Result<PlacedLine> line = place_line(c, p);
  ASSERT_TRUE(static_cast<bool>(line)) << line.error();
  ASSERT_EQ(line->senders.size(), 1U);
  EXPECT_EQ(line->senders[0].node, "house-2");
  EXPECT_EQ(line->senders[0].level_db, 0);
  grid.hub_phases = 2;
  c.grid = std::make_shared<const Grid>(grid);
  const Result<PlacedLine> own = place_line(c, p);
  ASSERT_TRUE(static_cast<bool>(own)) << own.error();
  for (std::size_t s = 0; s < line->states.size(); ++s) {
    const SenderPaths &a = line->senders[0].states[s], &b = own->senders[0].states[s];
    EXPECT_NEAR(a.amplitude, b.amplitude, 1e-9);
    ASSERT_EQ(a.taps.size(), b.taps.size());
    EXPECT_NEAR(a.taps[4].phase_rad, b.taps[4].phase_rad, 1e-9);
  }
}

TEST(PlacedLine, AModemAtTheHubSendsNothing) {
  Grid grid = *shipped_grid("grid-street");
  grid.nodes[static_cast<std::size_t>(grid.find_node("busbar"))].modem_phase = 0;
  LineConfig c;
  c.grid = std::make_shared<const Grid>(grid);
  ASSERT_EQ(c.validate(), "");
  const Result<PlacedLine> line = place_line(c, Profile{});
  ASSERT_TRUE(static_cast<bool>(line)) << line.error();
  EXPECT_EQ(line->senders.size(), 10U);
  c.node = "busbar";
  const Result<PlacedLine> none = place_line(c, Profile{});
  ASSERT_FALSE(static_cast<bool>(none));
  EXPECT_EQ(none.error(), "line.node \"busbar\" is where the hub listens");
}

TEST(PlacedLine, AGridOfRadioIsAnError) {
  LineConfig c;
  c.grid = shipped_grid("grid-street");
  const Result<PlacedLine> line = place_line(c, *find_profile("srd868"));
  ASSERT_FALSE(static_cast<bool>(line));
  EXPECT_NE(line.error().find("line.grid"), std::string::npos);
}

TEST(PlacedLine, AResponseThatPathsDoNotHoldIsAnError) {
  // Between a source of little impedance and an open end 20 km away echoes go to and fro, each 130 us after
  // the one before: paths span 14 chips.
  Grid grid;
  grid.cables = {{"ideal", 10, 200, 58e6, 1, 1, 0, 0}};
  grid.hub = "a";
  grid.hub_phases = 1;
  grid.nodes = {{"a", -1}, {"b", 0}};
  grid.branches = {{"a", "b", "ideal", 20000, kAllPhases}};
  LineConfig c;
  c.grid = std::make_shared<const Grid>(grid);
  ASSERT_EQ(c.validate(), "");
  const Result<PlacedLine> line = place_line(c, *find_profile("fcc"));
  ASSERT_FALSE(static_cast<bool>(line));
  EXPECT_NE(line.error().find("node \"b\""), std::string::npos) << line.error();
}

/// H(f) of a system from its white drive and what came out, at the bins of a transform of `size`.
std::vector<cf64> measured_response(const std::vector<float>& x, const std::vector<float>& y,
                                    std::size_t size) {
  Fft in(size, Fft::Direction::kForward), out(size, Fft::Direction::kForward);
  std::vector<cf64> cross(size);
  std::vector<double> drive(size);
  for (std::size_t at = 0; at + size <= x.size(); at += size / 2) {
    for (std::size_t i = 0; i < size; ++i) {
      const auto w = static_cast<float>(
          0.5 - 0.5 * std::cos(2 * kPi * static_cast<double>(i) / static_cast<double>(size)));
      in.input()[i] = w * x[at + i];
      out.input()[i] = w * y[at + i];
    }
    in.execute();
    out.execute();
    for (std::size_t i = 0; i < size; ++i) {
      cross[i] += cf64(out.output()[i]) * std::conj(cf64(in.output()[i]));
      drive[i] += std::norm(cf64(in.output()[i]));
    }
  }
  for (std::size_t i = 0; i < size; ++i) cross[i] /= drive[i];
  return cross;
}

// Eight seconds' worth of windows leave a deviation of some 0.01 dB of the estimate; the rest is the misfit
// of the paths: -45 dB of the mean power are 0.05 dB where the response is as strong as on average, and 0.5
// dB where it is 20 dB weaker.
TEST(PlacedLine, WhiteNoiseComesOutWithTheSpectrumOfTheGrid) {
  for (const char* profile : {"cenelec-a", "fcc"}) {
    const Profile p = *find_profile(profile);
    LineConfig c;
    c.grid = shipped_grid("grid-street");
    const GridTruth truth(*c.grid);
    const Result<PlacedLine> line = place_line(c, p);
    ASSERT_TRUE(static_cast<bool>(line)) << line.error();
    constexpr std::size_t kSize = 1024;
    Rng rng(5);
    std::vector<float> x(400 * kSize);
    rng.add_noise(Span<float>(x), 1);
    double worst = 0, sum = 0, count = 0;
    for (const char* node : {"house-1", "house-7", "house-8"}) {
      const auto sender = std::find_if(line->senders.begin(), line->senders.end(),
                                       [&](const LineSender& s) { return s.node == node; });
      ASSERT_NE(sender, line->senders.end());
      const double power = truth.power(node, p);
      for (std::size_t s = 0; s < sender->states.size(); ++s) {
        std::vector<float> y(x.size());
        add_sampled_paths(Span<const float>(x), 0, 0, sender->states[s].taps, p.samples_per_chip(),
                          sender->states[s].amplitude, Span<float>(y));
        const std::vector<cf64> h = measured_response(x, y, kSize);
        for (std::size_t i = 0; i < kSize / 2; ++i) {
          const double hz = static_cast<double>(i) * p.sample_rate_hz / kSize;
          if (std::abs(hz - p.carrier_hz) > p.chip_rate_hz / 2) continue;
          const cf64 wanted = truth.response(node, hz, static_cast<int>(s)) / std::sqrt(power);
          const double error = std::abs(to_db(std::norm(h[i]) / std::norm(wanted)));
          worst = std::max(worst, error);
          sum += error;
          ++count;
        }
      }
    }
    std::printf("%s: %zu states of 3 nodes, error of |H|^2 over the band: mean %.3f dB, worst %.2f dB\n",
                profile, line->states.size(), sum / count, worst);
    EXPECT_LT(sum / count, 0.1) << profile;
    EXPECT_LT(worst, 0.5) << profile;
  }
}

// Within every interval of the mains cycle, 1 % of a half cycle and the length of the paths from its ends, a
// tone has the gain that the grid has in that state.
TEST(PlacedLine, ToneFollowsTheStatesOfTheGrid) {
  const Profile p;
  Scenario s;
  s.line.grid = shipped_grid("grid-street");
  s.line.node = "house-7";
  const GridTruth truth(*s.line.grid);
  ASSERT_GE(truth.network.states(), 3);
  const Result<PlacedLine> line = place_line(s.line, p);
  ASSERT_TRUE(static_cast<bool>(line)) << line.error();
  const double power = truth.power("house-7", p);
  constexpr std::size_t kSamples = 192000;
  double worst = 0, change = 0;
  for (const double hz : {41e3, 52.5e3, 63e3, 71e3, 85e3}) {
    std::vector<float> x(kSamples);
    for (std::size_t k = 0; k < kSamples; ++k)
      x[k] = static_cast<float>(std::cos(2 * kPi * hz / 192000 * static_cast<double>(k)));
    std::vector<std::vector<float>> states(line->states.size(), std::vector<float>(kSamples));
    for (std::size_t i = 0; i < states.size(); ++i) {
      const SenderPaths& paths = line->senders[0].states[i];
      add_sampled_paths(Span<const float>(x), 0, 0, paths.taps, 4, paths.amplitude, Span<float>(states[i]));
    }
    std::vector<float> y = states[0];
    states.erase(states.begin());
    auto scenario = ScenarioLine<float>::create(s, *line, noise_band(p, 192000), 1e-12, 1);
    ASSERT_TRUE(static_cast<bool>(scenario)) << scenario.error();
    scenario->pass(Span<float>(y), states);
    std::vector<double> turns(kSamples);
    Rng seeds(1);  // as ScenarioLine::restart() draws them
    MainsPhase(s.mains, 192000, seeds.next()).next(Span<double>(turns));
    std::vector<double> gain;
    for (const GridInterval& interval : truth.network.intervals()) {
      cf64 sum = 0;
      double count = 0;
      for (std::size_t k = 1000; k + 1000 < kSamples; ++k) {
        const double at = turns[k] - std::floor(turns[k]);
        if (at < interval.from_turns + 0.006 || at > interval.to_turns - 0.006) continue;
        sum += static_cast<double>(y[k]) * std::polar(2.0, -2 * kPi * hz / 192000 * static_cast<double>(k));
        ++count;
      }
      ASSERT_GT(count, 1000) << interval.from_turns;
      gain.push_back(std::norm(sum / count));
      const double wanted = std::norm(truth.response("house-7", hz, interval.state)) / power;
      worst = std::max(worst, std::abs(to_db(gain.back() / wanted)));
    }
    change = std::max(change, to_db(*std::max_element(gain.begin(), gain.end()) /
                                    *std::min_element(gain.begin(), gain.end())));
  }
  std::printf("%zu intervals of the cycle, five tones: change over it up to %.1f dB, worst error %.2f dB\n",
              truth.network.intervals().size(), change, worst);
  EXPECT_GT(change, 1);
  EXPECT_LT(worst, 0.25);
}

}  // namespace
}  // namespace ngdsp
