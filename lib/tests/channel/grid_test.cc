#include "ngdsp/channel/grid.h"

#include <gtest/gtest.h>

namespace ngdsp {
namespace {

const std::string kGood = R"([grid]
name = "small"
hub = "busbar"
hub_phases = "L1"
source_ohm = 3
hub_noise_dbuv = 40
node_noise_dbuv = 25
cables = [{name = "my cord", radius_mm = 0.7, spacing_mm = 2.4, permittivity = 3.8, loss_tangent = 0.1, loss_slope = 0.3}]
appliances = [{name = "rectifier", resistance_ohm = 15, inductance_uh = 20, capacitance_nf = 5, conducts_deg = [60, 110.5]}]
nodes = [{name = "busbar"}, {name = "house", modem = "L2"}, {name = "room", modem = "L3"}]
branches = [
  {from = "busbar", to = "house", cable = "NAYY 4x150", length_m = 80},
  {from = "house", to = "room", cable = "my cord", length_m = 12.5, phases = "L3"},
]
loads = [{node = "room", appliance = "rectifier", phases = "L3", count = 2}]
)";

void expect_error(const std::string& toml, std::initializer_list<const char*> parts) {
  const auto g = parse_grid(toml, "my.toml");
  ASSERT_FALSE(g) << toml;
  EXPECT_EQ(g.error().find('\n'), std::string::npos) << g.error();
  for (const char* part : parts)
    EXPECT_NE(g.error().find(part), std::string::npos) << part << " in \"" << g.error() << '"';
}

/// The good grid with one text in place of another.
std::string with(const std::string& found, const std::string& instead) {
  std::string text = kGood;
  const std::size_t at = text.find(found);
  EXPECT_NE(at, std::string::npos) << found;
  return text.replace(at, found.size(), instead);
}

TEST(GridToml, EveryFieldIsRead) {
  const auto g = parse_grid(kGood, "my.toml");
  ASSERT_TRUE(g) << g.error();
  EXPECT_EQ(g->name, "small");
  EXPECT_EQ(g->hub, "busbar");
  EXPECT_EQ(g->hub_phases, 1U);
  EXPECT_EQ(g->source_ohm, 3);
  EXPECT_EQ(g->hub_noise_dbuv, 40);
  EXPECT_EQ(g->node_noise_dbuv, 25);
  ASSERT_EQ(g->cables.size(), 1U);
  EXPECT_EQ(g->cable("my cord").loss_slope, 0.3);
  EXPECT_EQ(g->cable("NAYY 4x150").name, "NAYY 4x150");
  ASSERT_EQ(g->appliances.size(), 1U);
  EXPECT_EQ(g->appliances[0].capacitance_nf, 5);
  EXPECT_EQ(g->appliances[0].to_deg, 110.5);
  EXPECT_TRUE(g->appliances[0].switches());
  ASSERT_EQ(g->nodes.size(), 3U);
  EXPECT_EQ(g->nodes[0].modem_phase, -1);
  EXPECT_EQ(g->nodes[1].modem_phase, 1);
  ASSERT_EQ(g->branches.size(), 2U);
  EXPECT_EQ(g->branches[0].phases, kAllPhases);
  EXPECT_EQ(g->branches[1].phases, 4U);
  EXPECT_EQ(g->branches[1].length_m, 12.5);
  ASSERT_EQ(g->loads.size(), 1U);
  EXPECT_EQ(g->loads[0].count, 2);
}

TEST(GridToml, TypesAndKeysNameTheLine) {
  expect_error("[grid", {"my.toml:1:", "not TOML"});
  expect_error("hub = \"a\"", {"my.toml", "no table [grid]"});
  expect_error(with("hub = \"busbar\"", "hub = 3"), {"my.toml:3:", "hub", "a string"});
  expect_error(with("source_ohm", "source_ohms"), {"my.toml:5:", "unknown key source_ohms"});
  expect_error(with("length_m = 80", "length = 80"), {"my.toml:12:", "unknown key length"});
  expect_error(with("length_m = 80", "length_m = \"80\""), {"my.toml:12:", "length_m", "a number"});
  expect_error(with("modem = \"L2\"", "modem = \"L4\""), {"my.toml:10:", "modem", "\"L4\"", "L1"});
  expect_error(with("modem = \"L2\"", "modem = \"all\""), {"my.toml:10:", "modem", "all"});
  expect_error(with("[60, 110.5]", "[60]"), {"my.toml:9:", "conducts_deg", "two numbers"});
  expect_error(with("count = 2", "count = -2"), {"my.toml:15:", "count"});
  expect_error("[grid]\nnodes = 3", {"my.toml:2:", "nodes", "an array of tables"});
  expect_error("[grid]\nnodes = [3]", {"my.toml:2:", "nodes", "a table"});
}

TEST(GridToml, ValuesNameTheEntryAndTheField) {
  expect_error("[grid]", {"my.toml", "grid.hub"});
  expect_error(with("source_ohm = 3", "source_ohm = 0"), {"grid.source_ohm is 0"});
  expect_error(with("hub_noise_dbuv = 40", "hub_noise_dbuv = nan"), {"grid.hub_noise_dbuv is nan"});
  expect_error(with("radius_mm = 0.7", "radius_mm = -0.7"), {"grid.cables \"my cord\"", "radius_mm"});
  expect_error(with("resistance_ohm = 15", "resistance_ohm = -15"),
               {"\"rectifier\"", "resistance_ohm is -15"});
  expect_error(with("[60, 110.5]", "[110, 60]"), {"\"rectifier\"", "conducts_deg", "FROM below TO"});
  expect_error(with("hub = \"busbar\"", "hub = \"bus\""), {"grid.hub \"bus\" is no node"});
  expect_error(with("\"room\", modem", "\"house\", modem"), {"grid.nodes \"house\" is given twice"});
  expect_error(with("to = \"house\"", "to = \"busbar\""),
               {"\"busbar\" to \"busbar\"", "ends where it begins"});
  expect_error(with("to = \"room\"", "to = \"roof\""), {"\"house\" to \"roof\"", "is no node"});
  expect_error(with("NAYY 4x150", "NAYY 4x1"), {"unknown cable \"NAYY 4x1\"", "NYM 3x1.5", "grid.cables"});
  expect_error(with("length_m = 80", "length_m = 0"), {"\"busbar\" to \"house\"", "length_m is 0"});
  expect_error(with("length_m = 80", "length_m = -8"), {"length_m is -8"});
  expect_error(with("from = \"house\", to = \"room\"", "from = \"house\", to = \"busbar\""),
               {"is given twice"});
  expect_error(with("{name = \"house\"", "{name = \"island\"}, {name = \"house\""),
               {"grid.nodes \"island\" is not connected to the hub"});
  expect_error(with("modem = \"L3\"", "modem = \"L1\""), {"\"room\"", "modem on L1", "only L3"});
  expect_error(with("node = \"room\"", "node = \"roof\""), {"grid.loads at \"roof\"", "no such node"});
  expect_error(with("appliance = \"rectifier\"", "appliance = \"oven\""), {"\"oven\" is no name"});
  expect_error(with("phases = \"L3\", count", "phases = \"L1\", count"), {"grid.loads at \"room\"", "on L1"});
  expect_error(with("count = 2", "count = 0"), {"count", "1 to 1000"});
  expect_error(with(", modem = \"L2\"}, {name = \"room\", modem = \"L3\"", "}, {name = \"room\""),
               {"no modem"});
}

TEST(GridToml, PhasesOfANodeComeFromTheHub) {
  // All phases behind a single-phase cable: two of them hang in the air.
  expect_error(with("length_m = 80}", "length_m = 80, phases = \"L2\"}"), {"\"room\"", "not connected"});
}

TEST(GridToml, FilesAreLoaded) {
  const auto missing = load_grid("/nonexistent/grid.toml");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().find("/nonexistent/grid.toml: cannot be opened"), std::string::npos);
  for (const char* name : {"quiet-house", "long-rural-feeder", "ev-street", "two-transformers"}) {
    const auto g = load_grid(std::string(NGPLC_GRIDS) + "/" + name + ".toml");
    ASSERT_TRUE(g) << g.error();
    EXPECT_EQ(g->name, name);
  }
}

}  // namespace
}  // namespace ngdsp
