#include "ngdsp/channel/grid_network.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/channel/grid_paths.h"

namespace ngdsp {
namespace {

constexpr double kTestHz = 150e3;

/// A hub and a modem on L1; `load_ohm` at the hub.
Grid two_nodes(PhaseSet phases, double length_m, double load_ohm) {
  Grid g;
  g.hub = "hub";
  g.source_ohm = 3;
  g.nodes = {{"hub", -1}, {"house", 0}};
  g.branches = {{"hub", "house", "NAYY 4x50", length_m, phases}};
  g.appliances.push_back({"load", load_ohm});
  g.loads.push_back({"hub", "load", phases});
  return g;
}

cf64 first_transfer(const Grid& g, double f) {
  const GridNetwork network(g);
  return transfer(network.impedances(f, 0), network.ports().size(), network.hub_ports(), 0, g.source_ohm);
}

LineConstants line_of(const char* cable, double f) { return line_constants(*find_cable(cable), f); }

/// Voltage over `load` for one volt behind `source`, through a chain.
cf64 chain_transfer(const Chain& c, cf64 source, cf64 load) {
  return 1.0 / (c.a + c.b / load + source * (c.c + c.d / load));
}

TEST(GridNetwork, SinglePhaseLineIsItsChain) {
  for (const double f : {40e3, kTestHz, 450e3}) {
    const Grid g = two_nodes(1, 400, 12);
    const cf64 expected = chain_transfer(line_chain(line_of("NAYY 4x50", f), 400), 3, 12);
    // The insulation of 10 nS against some hundred ohm.
    EXPECT_NEAR(std::abs(first_transfer(g, f) / expected - 1.0), 0, 1e-6) << f;
  }
}

TEST(GridNetwork, StubsAndStretchesAreTheirChains) {
  Grid g = two_nodes(1, 200, 12);
  g.nodes.push_back({"stub", -1});
  g.nodes.push_back({"far", 0});
  g.branches.push_back({"house", "stub", "NYM 3x1.5", 120, 1});
  g.branches.push_back({"house", "far", "NAYY 4x150", 300, 1});
  g.appliances.push_back({"filter", 2, 10, 470});
  g.loads.push_back({"house", "filter", 1, 2});
  const GridNetwork network(g);
  const std::size_t far = network.ports().size() - 1;
  for (const double f : {40e3, kTestHz, 450e3}) {
    const Chain stub = line_chain(line_of("NYM 3x1.5", f), 120);
    const Chain way = line_chain(line_of("NAYY 4x150", f), 300)
                          .then(shunt_chain(stub.a / stub.c))
                          .then(shunt_chain(g.appliance("filter").impedance_ohm(f) / 2.0))
                          .then(line_chain(line_of("NAYY 4x50", f), 200));
    const cf64 h = transfer(network.impedances(f, 0), network.ports().size(), far, 0, g.source_ohm);
    EXPECT_NEAR(std::abs(h / chain_transfer(way, 3, 12) - 1.0), 0, 1e-5) << f;
  }
}

/// Y-parameters of a line: own, between.
std::pair<cf64, cf64> line_admittance(const LineConstants& line, double length_m) {
  const Chain c = line_chain(line, length_m);
  return {c.d / c.b, -1.0 / c.b};
}

TEST(GridNetwork, TwoWaysAddTheirAdmittances) {
  Grid g = two_nodes(1, 200, 12);
  g.nodes.push_back({"corner", -1});
  g.branches.push_back({"hub", "corner", "NAYY 4x50", 150, 1});
  g.branches.push_back({"corner", "house", "NAYY 4x50", 350, 1});
  const LineConstants line = line_of("NAYY 4x50", kTestHz);
  const auto [own_a, between_a] = line_admittance(line, 200);
  const auto [own_b, between_b] = line_admittance(line, 500);
  const cf64 own = own_a + own_b, between = between_a + between_b;
  // Node equations by hand: (own + 1/3) V1 + between V2 = 1/3, between V1 + (own + 1/12) V2 = 0.
  const cf64 expected = -between / 3.0 / ((own + 1 / 3.0) * (own + 1 / 12.0) - between * between);
  EXPECT_NEAR(std::abs(first_transfer(g, kTestHz) / expected - 1.0), 0, 1e-5);
}

TEST(GridNetwork, ThreePhaseLineSplitsIntoItsModes) {
  // M = (1 + J)/2 has the eigenvalues 2 (all phases alike) and 1/2, the load is the same for all: the input
  // of each mode is that of a line of impedance 2 Z_c or Z_c/2.
  const Grid g = two_nodes(kAllPhases, 300, 12);
  const GridNetwork network(g);
  const std::size_t n = network.ports().size();
  const std::vector<cf64> z = network.impedances(kTestHz, 0);
  LineConstants line = line_of("NAYY 4x50", kTestHz);
  const cf64 zc = line.impedance_ohm;
  const auto mode = [&](double factor) {
    line.impedance_ohm = zc * factor;
    const Chain c = line_chain(line, 300).then(shunt_chain(12.0));
    return std::pair<cf64, cf64>{c.a / c.c, 1.0 / c.c};  // input and transfer impedance
  };
  const auto [in_common, through_common] = mode(2);
  const auto [in_other, through_other] = mode(0.5);
  EXPECT_NEAR(std::abs(z[n * n - 1] / ((in_common + 2.0 * in_other) / 3.0) - 1.0), 0, 1e-5);
  EXPECT_NEAR(std::abs(z[n - 1] / ((through_common + 2.0 * through_other) / 3.0) - 1.0), 0, 1e-5);
  EXPECT_NEAR(std::abs(z[n + n - 1] / ((through_common - through_other) / 3.0) - 1.0), 0, 1e-5);
}

TEST(GridNetwork, OpenPhasesCarryHalfTheVoltage) {
  Grid g = two_nodes(kAllPhases, 300, 1e9);
  g.loads.clear();
  const GridNetwork network(g);
  const std::size_t n = network.ports().size(), house = n - 1;
  const std::vector<cf64> z = network.impedances(10e3, 0);
  EXPECT_NEAR(std::abs(z[1 * n + house] / z[0 * n + house]), 0.5, 0.01);
}

Grid shipped(const std::string& name) {
  const auto g = load_grid(std::string(NGPLC_GRIDS) + "/" + name + ".toml");
  EXPECT_TRUE(g) << g.error();
  return g ? *g : two_nodes(1, 10, 10);
}

TEST(GridNetwork, ShippedGridsAreReciprocalAndPassive) {
  for (const char* name : {"quiet-house", "long-rural-feeder", "ev-street", "two-transformers"}) {
    const GridNetwork network(shipped(name));
    const std::size_t n = network.ports().size();
    for (const double f : {20e3, 63e3, 320e3, 5e6}) {
      for (int state = 0; state < network.states(); ++state) {
        const std::vector<cf64> z = network.impedances(f, state);
        for (std::size_t i = 0; i < n; ++i) {
          EXPECT_GT(z[i * n + i].real(), 0) << name << f;
          for (std::size_t k = 0; k < i; ++k) {
            const cf64 mutual = z[i * n + k];
            EXPECT_LT(std::abs(mutual - z[k * n + i]), 1e-9 * std::abs(z[i * n + i])) << name << f;
            const cf64 s21 =
                20.0 * mutual / ((z[i * n + i] + 10.0) * (z[k * n + k] + 10.0) - mutual * z[k * n + i]);
            EXPECT_LE(std::abs(s21), 1) << name << f;
          }
        }
      }
    }
  }
}

TEST(GridNetwork, LoadsThatDoNotSwitchGiveOneState) {
  const GridNetwork network(two_nodes(kAllPhases, 100, 10));
  EXPECT_EQ(network.states(), 1);
  ASSERT_EQ(network.intervals().size(), 1U);
  EXPECT_EQ(network.duration(0), 1);
}

TEST(GridNetwork, ASwitchingLoadGivesTwoStatesInBothHalfCycles) {
  for (const int phase : {0, 1, 2}) {
    Grid g = two_nodes(kAllPhases, 100, 10);
    g.appliances.push_back({"rectifier", 1, 0, 0, 60, 105});
    g.loads.push_back({"house", "rectifier", 1U << phase});
    const GridNetwork network(g);
    ASSERT_EQ(network.states(), 2) << phase;
    double conducting = 0;
    for (std::size_t i = 0; i < network.intervals().size(); ++i) {
      const GridInterval& interval = network.intervals()[i];
      EXPECT_NEAR(interval.from_turns, i ? network.intervals()[i - 1].to_turns : 0, 1e-12);
      // Peak of its own phase: L1 at a quarter turn, L2 a third later.
      const double middle = (60 + 105) / 720.0 + phase / 3.0;
      for (const double at : {middle, middle + 0.5}) {
        const double turn = at - std::floor(at);
        if (turn >= interval.from_turns && turn < interval.to_turns)
          conducting += network.duration(interval.state);
      }
    }
    EXPECT_NEAR(network.intervals().back().to_turns, 1, 1e-12);
    EXPECT_NEAR(conducting, 2 * 2 * 45 / 360.0, 1e-9) << phase;  // both half cycles found, both in that state
  }
}

/// The response that add_multipath() makes of a set of paths.
cf64 response_of(const PathSet& set, const Profile& p, double f) {
  double power = 0;
  cf64 sum = 0;
  for (const Tap& t : set.taps) power += from_db(t.gain_db);
  for (const Tap& t : set.taps)
    sum += std::polar(set.amplitude * std::sqrt(from_db(t.gain_db) / power),
                      t.phase_rad - 2 * kPi * (f - p.center_hz) * t.delay_chips / p.chip_rate_hz);
  return sum;
}

TEST(GridPaths, ADelayComesOutAsOne) {
  const Profile p;
  std::vector<cf64> response;
  for (const BandPoint& b : band_points(p, 65))
    response.push_back(std::polar(0.02, -2 * kPi * b.frequency_hz * 1.5 / p.chip_rate_hz));
  const PathSet set = fit_paths(p, response);
  EXPECT_LT(set.error_db, -45);
  const double f = p.carrier_hz + 10e3, delay_s = (1.5 + kPathLeadChips) / p.chip_rate_hz;
  // The lead delays the envelope, not the carrier.
  const cf64 expected =
      std::polar(0.02, -2 * kPi * (f * delay_s - p.carrier_hz * kPathLeadChips / p.chip_rate_hz));
  EXPECT_LT(std::abs(response_of(set, p, f) - expected), 0.02 * 0.006);
}

TEST(GridPaths, NothingComesThroughNothing) {
  const PathSet set = fit_paths(Profile{}, std::vector<cf64>(33));
  EXPECT_EQ(set.amplitude, 0);
  EXPECT_TRUE(set.taps.empty());
}

TEST(GridPaths, ShippedGridsFitTheirBands) {
  for (const char* name : {"quiet-house", "long-rural-feeder", "ev-street", "two-transformers"}) {
    const Grid g = shipped(name);
    const GridNetwork network(g);
    for (const Profile& p : {*find_profile("cenelec-a"), *find_profile("fcc")}) {
      const std::size_t last = network.ports().size() - 1;
      const GridPaths paths = grid_paths(network, p, g.source_ohm, {{last, 0}})[0];
      ASSERT_EQ(paths.states.size(), static_cast<std::size_t>(network.states()));
      for (int state = 0; state < network.states(); ++state) {
        const PathSet& set = paths.states[static_cast<std::size_t>(state)];
        EXPECT_LT(set.error_db, -42) << name << p.name;
        double misfit = 0, power = 0;
        for (const BandPoint& b : band_points(p, 17)) {
          const cf64 h =
              transfer(network.impedances(b.frequency_hz, state), last + 1, last, 0, g.source_ohm) *
              std::polar(1.0, -2 * kPi * (b.frequency_hz - p.carrier_hz) * kPathLeadChips / p.chip_rate_hz);
          misfit += b.weight * std::norm(response_of(set, p, b.frequency_hz) - h);
          power += b.weight * std::norm(h);
        }
        EXPECT_LT(to_db(misfit / power), -40) << name << p.name;
      }
    }
  }
}

TEST(GridPaths, AFrameKeepsTheGridsGain) {
  const Grid g = shipped("ev-street");
  const GridNetwork network(g);
  const Profile p;
  const std::size_t n = network.ports().size();
  const PathSet set = grid_paths(network, p, g.source_ohm, {{n - 1, 1}})[0].states[0];
  double gain = 0;
  for (const BandPoint& b : band_points(p, 65))
    gain += b.weight * std::norm(transfer(network.impedances(b.frequency_hz, 0), n, n - 1, 1, g.source_ohm));
  const Modulator modulator(p);
  std::vector<cf32> chips(20000);
  Rng rng(1);
  for (cf32& c : chips) c = rng.next() & 1 ? 1.0F : -1.0F;
  std::vector<float> out(4 * 20000 + 400);
  Arrival arrival;
  arrival.start_samples = 100;
  arrival.amplitude = set.amplitude;
  add_multipath(modulator, Span<const cf32>(chips), arrival, set.taps, p.chip_rate_hz, Span<float>(out));
  double power = 0;
  for (const float x : out) power += static_cast<double>(x) * static_cast<double>(x);
  // 20 000 chips: the spectrum of a random sequence is even within 1 % over a band.
  EXPECT_NEAR(power / (4.0 * 20000) / gain, 1, 0.03);
}

}  // namespace
}  // namespace ngdsp
