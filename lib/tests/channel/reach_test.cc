#include "ngdsp/channel/reach.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ngdsp {
namespace {

/// A hub and two houses on one phase, hardly loaded: everybody has nearly the sender's voltage.
Grid bare_grid() {
  Grid g;
  g.hub = "hub";
  g.source_ohm = 0.1;
  g.hub_noise_dbuv = 20;
  g.nodes = {{"hub", -1}, {"near", 0}, {"far", 0}};
  g.branches = {{"hub", "near", "NAYY 4x150", 5, 1}, {"near", "far", "NAYY 4x150", 5, 1}};
  g.appliances = {{"lamps", 1e4}};
  g.loads = {{"hub", "lamps", 1}};
  return g;
}

TEST(Reach, BudgetByHand) {
  ReachConfig c;
  c.level_dbuv = 60;
  const auto reach = find_reach(bare_grid(), c);
  ASSERT_TRUE(reach) << reach.error();
  ASSERT_EQ(reach->nodes.size(), 2U);
  const NodeReach& far = reach->nodes[1];
  EXPECT_EQ(far.node, "far");
  EXPECT_EQ(far.distance_m, 10);
  EXPECT_NEAR(far.hub.attenuation_db, 0, 0.05);
  // 40 dB Hz of signal over noise density, 48 000 chips/s, 16384 chips for 128 bits.
  EXPECT_NEAR(far.hub.ebn0_db, 40 - 10 * std::log10(48000.0) + 10 * std::log10(16384.0 / 128), 0.05);
  EXPECT_NEAR(far.hub.snr_db, 40 - 10 * std::log10(48000.0 * 7 / 6), 0.05);
  EXPECT_NEAR(far.hub.margin_db, far.hub.ebn0_db - 1.6, 1e-9);
  EXPECT_TRUE(far.direct());
  EXPECT_EQ(reach->direct, 2U);
  EXPECT_EQ(reach->relayed, 0U);
}

TEST(Reach, ARelayHelpsWhereTheHubIsDeaf) {
  // A long way to the far house, an ohm of load at the hub.
  Grid g = bare_grid();
  g.branches[1].length_m = 2000;
  g.appliances.push_back({"transformer", 1});
  g.loads.push_back({"hub", "transformer", 1});
  g.appliances.push_back({"heater", 20});
  g.loads.push_back({"far", "heater", 1});
  g.source_ohm = 2;
  g.hub_noise_dbuv = 60;
  ReachConfig c;
  const auto probe = find_reach(g, c);
  ASSERT_TRUE(probe);
  const double difference = probe->nodes[0].hub.margin_db - probe->nodes[1].hub.margin_db;
  ASSERT_GT(difference, 5);
  c.level_dbuv -= probe->nodes[0].hub.margin_db - difference / 2;
  const auto reach = find_reach(g, c);
  ASSERT_TRUE(reach);
  EXPECT_TRUE(reach->nodes[0].direct());
  EXPECT_FALSE(reach->nodes[1].direct());
  EXPECT_TRUE(reach->nodes[1].relayed());
  EXPECT_EQ(reach->nodes[1].relay, "near");
  EXPECT_NEAR(reach->nodes[1].relay_margin_db, difference / 2,
              1e-6);  // the relay's way to the hub is the worse
  EXPECT_EQ(reach->direct, 1U);
  EXPECT_EQ(reach->relayed, 1U);
}

TEST(Reach, ThresholdsAreThoseOfTheDocumentation) {
  EXPECT_EQ(required_ebn0_db(16), 1.6);
  EXPECT_EQ(required_ebn0_db(32), 1.0);
  EXPECT_EQ(required_ebn0_db(64), 0.8);
  EXPECT_EQ(required_ebn0_db(8), 1.6);
  EXPECT_EQ(required_ebn0_db(200), 0.8);
}

TEST(Reach, ConfigNamesTheField) {
  ReachConfig c;
  c.payload_bytes = 17;
  EXPECT_NE(c.validate().find("payload_bytes"), std::string::npos);
  c = {};
  c.level_dbuv = 161;
  EXPECT_NE(c.validate().find("level_dbuv"), std::string::npos);
  c = {};
  c.profile = *find_profile("srd868");
  EXPECT_NE(c.validate().find("carrier_hz"), std::string::npos);
  EXPECT_FALSE(find_reach(bare_grid(), c));
}

TEST(Reach, SpectrumAgreesWithTheBand) {
  const auto g = load_grid(std::string(NGPLC_GRIDS) + "/quiet-house.toml");
  ASSERT_TRUE(g) << g.error();
  const auto reach = find_reach(*g, {});
  ASSERT_TRUE(reach);
  const std::vector<double> at_carrier = attenuation_db(*g, GridNetwork(*g), 63000);
  ASSERT_EQ(at_carrier.size(), reach->nodes.size());
  for (std::size_t i = 0; i < at_carrier.size(); ++i)
    EXPECT_NEAR(at_carrier[i], reach->nodes[i].hub.attenuation_db, 3);
}

}  // namespace
}  // namespace ngdsp
