#include "channel/grid_toml.h"

#include <fstream>
#include <iterator>

#include "waveform/table_reader.h"

namespace ngdsp {
namespace {

/// The items of grid.KEY, an array of tables, each read by `read_item(reader, table)`.
template <typename Item, typename ReadItem>
void read_items(TableReader& grid, const std::string& source, const char* key, std::vector<Item>& items,
                std::string& error, const ReadItem& read_item) {
  const toml::node* node = grid.find(key);
  if (!node || !error.empty()) return;
  const toml::array* list = node->as_array();
  if (!list) {
    grid.complain(key, *node, "an array of tables");
    return;
  }
  for (const toml::node& item : *list) {
    const toml::table* table = item.as_table();
    if (!table) {
      grid.complain(key, item, "a table");
      return;
    }
    TableReader reader(*table, source);
    items.push_back(read_item(reader));
    if (error = reader.finish(); !error.empty()) return;
  }
}

void read_phases(TableReader& reader, const char* key, PhaseSet& phases) {
  std::string text;
  reader.read(key, text);
  if (text.empty()) return;
  phases = parse_phases(text);
  if (phases == 0) reader.complain_value(key, "\"" + text + "\"", "\"L1\", \"L2\", \"L3\" or \"all\"");
}

CableType read_cable(TableReader& r) {
  CableType c;
  r.read("name", c.name);
  r.read("radius_mm", c.radius_mm);
  r.read("spacing_mm", c.spacing_mm);
  r.read("conductivity_s_m", c.conductivity_s_m);
  r.read("stranding", c.stranding);
  r.read("permittivity", c.permittivity);
  r.read("loss_tangent", c.loss_tangent);
  r.read("loss_slope", c.loss_slope);
  return c;
}

GridAppliance read_appliance(TableReader& r) {
  GridAppliance a;
  r.read("name", a.name);
  r.read("resistance_ohm", a.resistance_ohm);
  r.read("inductance_uh", a.inductance_uh);
  r.read("capacitance_nf", a.capacitance_nf);
  if (const toml::node* n = r.find("conducts_deg")) {
    const toml::array* pair = n->as_array();
    if (pair && pair->size() == 2 && (*pair)[0].is_number() && (*pair)[1].is_number()) {
      a.from_deg = *(*pair)[0].value<double>();
      a.to_deg = *(*pair)[1].value<double>();
    } else {
      r.complain("conducts_deg", *n, "two numbers [FROM, TO]");
    }
  }
  return a;
}

GridNode read_node(TableReader& r) {
  GridNode n;
  r.read("name", n.name);
  PhaseSet modem = 0;
  read_phases(r, "modem", modem);
  if (modem == kAllPhases) r.complain_value("modem", "\"all\"", "\"L1\", \"L2\" or \"L3\"");
  for (int p = 0; p < 3; ++p)
    if (modem == 1U << p) n.modem_phase = p;
  return n;
}

GridBranch read_branch(TableReader& r) {
  GridBranch b;
  r.read("from", b.from);
  r.read("to", b.to);
  r.read("cable", b.cable);
  r.read("length_m", b.length_m);
  read_phases(r, "phases", b.phases);
  return b;
}

GridLoad read_load(TableReader& r) {
  GridLoad l;
  r.read("node", l.node);
  r.read("appliance", l.appliance);
  read_phases(r, "phases", l.phases);
  r.read_integer("count", l.count);
  return l;
}

}  // namespace

Result<Grid> read_grid(const toml::table& table, const std::string& source) {
  Grid g;
  std::string error;
  TableReader r(table, source);
  r.read("name", g.name);
  r.read("hub", g.hub);
  read_phases(r, "hub_phases", g.hub_phases);
  r.read("source_ohm", g.source_ohm);
  r.read("hub_noise_dbuv", g.hub_noise_dbuv);
  r.read("node_noise_dbuv", g.node_noise_dbuv);
  read_items(r, source, "cables", g.cables, error, read_cable);
  read_items(r, source, "appliances", g.appliances, error, read_appliance);
  read_items(r, source, "nodes", g.nodes, error, read_node);
  read_items(r, source, "branches", g.branches, error, read_branch);
  read_items(r, source, "loads", g.loads, error, read_load);
  if (const std::string e = r.finish(); !e.empty()) return Error{e};
  if (!error.empty()) return Error{error};
  if (const std::string e = g.validate(); !e.empty()) return Error{source + ": " + e};
  return g;
}

Result<Grid> parse_grid(const std::string& text, const std::string& source) {
  const Result<toml::table> table = parse_toml(text, source);
  if (!table) return Error{table.error()};
  const toml::table* grid = (*table)["grid"].as_table();
  if (!grid) return Error{source + ": no table [grid]"};
  return read_grid(*grid, source);
}

Result<Grid> load_grid(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{path + ": cannot be opened, expected a grid in TOML"};
  return parse_grid({std::istreambuf_iterator<char>(in), {}}, path);
}

}  // namespace ngdsp
