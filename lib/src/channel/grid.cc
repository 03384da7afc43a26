#include "ngdsp/channel/grid.h"

#include <algorithm>
#include <map>
#include <set>

#include "channel/field_check.h"
#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

constexpr std::size_t kMostNodes = 1000, kMostParts = 5000;
constexpr int kMostSwitching = 8;  // each gives up to six moments of switching in half a mains cycle

template <typename Item>
const Item* find_named(const std::vector<Item>& items, const std::string& name) {
  const auto at = std::find_if(items.begin(), items.end(), [&](const Item& i) { return i.name == name; });
  return at == items.end() ? nullptr : &*at;
}

/// A name of 1 to 64 characters that is not in `seen` yet.
std::string check_name(const std::string& table, const std::string& name, std::set<std::string>& seen) {
  if (name.empty() || name.size() > 64) return table + ".name: expected 1 to 64 characters";
  if (!seen.insert(name).second) return table + " \"" + name + "\" is given twice";
  return {};
}

std::string check_cables(const Grid& g) {
  std::set<std::string> seen;
  for (const CableType& c : g.cables) {
    if (std::string e = check_name("grid.cables", c.name, seen); !e.empty()) return e;
    if (const std::string e = c.validate(); !e.empty()) return "grid.cables \"" + c.name + "\": " + e;
  }
  return {};
}

std::string check_appliances(const Grid& g) {
  std::set<std::string> seen;
  int switching = 0;
  for (const GridAppliance& a : g.appliances) {
    if (std::string e = check_name("grid.appliances", a.name, seen); !e.empty()) return e;
    FieldCheck check("grid.appliances \"" + a.name + "\": ");
    check.range("resistance_ohm", a.resistance_ohm, 0, 1e9, "ohm");
    check.range("inductance_uh", a.inductance_uh, 0, 1e9, "uH");
    check.range("capacitance_nf", a.capacitance_nf, 0, 1e12, "nF");
    check.range("conducts_deg", a.from_deg, 0, 180, "degrees");
    check.range("conducts_deg", a.to_deg, 0, 180, "degrees");
    check.require(a.from_deg < a.to_deg, "conducts_deg", "expected [FROM, TO] with FROM below TO");
    // A resonance without loss would be a short circuit at one frequency.
    check.require(a.resistance_ohm >= 0.001, "resistance_ohm", "expected at least 0.001 ohm");
    if (!check.error().empty()) return check.error();
    switching += a.switches();
  }
  if (switching > kMostSwitching) return "grid.appliances: expected at most 8 with conducts_deg";
  return {};
}

std::string check_nodes(const Grid& g) {
  std::set<std::string> seen;
  bool modem = false;
  for (const GridNode& n : g.nodes) {
    if (std::string e = check_name("grid.nodes", n.name, seen); !e.empty()) return e;
    if (n.modem_phase < -1 || n.modem_phase > 2)
      return "grid.nodes \"" + n.name + "\": modem: expected L1, L2 or L3";
    modem = modem || n.modem_phase >= 0;
  }
  if (g.hub.empty()) return "grid.hub: expected the name of a node";
  if (!seen.count(g.hub)) return "grid.hub \"" + g.hub + "\" is no node of grid.nodes";
  if (g.hub_phases == 0 || g.hub_phases > kAllPhases) return "grid.hub_phases: expected L1, L2, L3 or all";
  return modem ? "" : "grid.nodes: no modem, expected at least one node with one";
}

std::string check_branches(const Grid& g) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const GridBranch& b : g.branches) {
    const std::string place = "grid.branches \"" + b.from + "\" to \"" + b.to + "\": ";
    for (const std::string& end : {b.from, b.to})
      if (g.find_node(end) < 0) return place + "\"" + end + "\" is no node of grid.nodes";
    if (b.from == b.to) return place + "ends where it begins, expected two nodes";
    if (!seen.insert(std::minmax(b.from, b.to)).second) return place + "is given twice";
    if (!find_named(g.cables, b.cable)) {
      if (const auto found = find_cable(b.cable); !found)
        return place + found.error() + " or a name of grid.cables";
    }
    FieldCheck check(place);
    check.range("length_m", b.length_m, 0.1, 20000, "m");
    const bool one_or_all = b.phases == 1 || b.phases == 2 || b.phases == 4 || b.phases == kAllPhases;
    check.require(one_or_all, "phases", "expected L1, L2, L3 or all");
    if (!check.error().empty()) return check.error();
  }
  return {};
}

std::string phase_names(PhaseSet phases) {
  std::string text;
  for (int p = 0; p < 3; ++p)
    if (phases >> p & 1) text += (text.empty() ? "L" : ", L") + std::to_string(p + 1);
  return text;
}

/// The phases by which every node is connected with the hub.
std::vector<PhaseSet> phases_from_hub(const Grid& g) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < g.nodes.size(); ++i) index[g.nodes[i].name] = i;
  std::vector<std::vector<std::pair<std::size_t, PhaseSet>>> next(g.nodes.size());
  for (const GridBranch& b : g.branches) {
    next[index[b.from]].emplace_back(index[b.to], b.phases);
    next[index[b.to]].emplace_back(index[b.from], b.phases);
  }
  std::vector<PhaseSet> reached(g.nodes.size(), 0);
  std::vector<std::size_t> todo = {index[g.hub]};
  reached[todo[0]] = kAllPhases;
  while (!todo.empty()) {
    const std::size_t at = todo.back();
    todo.pop_back();
    for (const auto& [to, phases] : next[at]) {
      const PhaseSet more = reached[at] & phases & ~reached[to];
      if (more == 0) continue;
      reached[to] |= more;
      todo.push_back(to);
    }
  }
  return reached;
}

std::string check_connections(const Grid& g) {
  const std::vector<PhaseSet> reached = phases_from_hub(g);
  for (std::size_t i = 0; i < g.nodes.size(); ++i) {
    const GridNode& n = g.nodes[i];
    if (reached[i] == 0) return "grid.nodes \"" + n.name + "\" is not connected to the hub";
    if (n.modem_phase >= 0 && !(reached[i] >> n.modem_phase & 1))
      return "grid.nodes \"" + n.name + "\": modem on L" + std::to_string(n.modem_phase + 1) + ", but only " +
             phase_names(reached[i]) + " comes from the hub";
  }
  for (const GridBranch& b : g.branches) {
    const PhaseSet both = reached[static_cast<std::size_t>(g.find_node(b.from))] &
                          reached[static_cast<std::size_t>(g.find_node(b.to))];
    if ((b.phases & ~both) != 0)
      return "grid.branches \"" + b.from + "\" to \"" + b.to + "\": has " + phase_names(b.phases) +
             ", but only " + phase_names(both) + " comes from the hub";
  }
  for (const GridLoad& l : g.loads) {
    const std::string place = "grid.loads at \"" + l.node + "\": ";
    const int node = g.find_node(l.node);
    if (node < 0) return place + "no such node in grid.nodes";
    if (!find_named(g.appliances, l.appliance))
      return place + "\"" + l.appliance + "\" is no name of grid.appliances";
    if (l.count < 1 || l.count > 1000) return place + "count: expected 1 to 1000";
    if (l.phases == 0 || l.phases > kAllPhases) return place + "phases: expected L1, L2, L3 or all";
    const PhaseSet there = reached[static_cast<std::size_t>(node)];
    if ((l.phases & ~there) != 0)
      return place + "on " + phase_names(l.phases) + ", but only " + phase_names(there) +
             " comes from the hub";
  }
  return {};
}

}  // namespace

PhaseSet parse_phases(const std::string& text) {
  if (text == "all") return kAllPhases;
  for (const int p : {1, 2, 3})
    if (text == "L" + std::to_string(p)) return 1U << (p - 1);
  return 0;
}

cf64 GridAppliance::impedance_ohm(double frequency_hz) const {
  const double omega = 2 * kPi * frequency_hz;
  const double capacitive = capacitance_nf > 0 ? 1 / (omega * capacitance_nf * 1e-9) : 0;
  return {resistance_ohm, omega * inductance_uh * 1e-6 - capacitive};
}

std::string Grid::validate() const {
  FieldCheck check("grid.");
  check.require(!name.empty() && name.size() <= 64, "name", "expected 1 to 64 characters");
  check.range("source_ohm", source_ohm, 0.01, 1000, "ohm");
  check.range("hub_noise_dbuv", hub_noise_dbuv, -60, 120, "dB of 1 uV per root Hz");
  check.range("node_noise_dbuv", node_noise_dbuv, -60, 120, "dB of 1 uV per root Hz");
  check.require(nodes.size() <= kMostNodes, "nodes", "expected at most 1000");
  check.require(branches.size() <= kMostParts, "branches", "expected at most 5000");
  check.require(loads.size() <= kMostParts, "loads", "expected at most 5000");
  if (!check.error().empty()) return check.error();
  for (const auto part : {check_cables, check_appliances, check_nodes, check_branches, check_connections})
    if (std::string e = part(*this); !e.empty()) return e;
  return {};
}

int Grid::find_node(const std::string& node_name) const {
  const GridNode* n = find_named(nodes, node_name);
  return n ? static_cast<int>(n - nodes.data()) : -1;
}

bool Grid::switches() const {
  return std::any_of(loads.begin(), loads.end(),
                     [this](const GridLoad& l) { return appliance(l.appliance).switches(); });
}

CableType Grid::cable(const std::string& cable_name) const {
  const CableType* own = find_named(cables, cable_name);
  return own ? *own : *find_cable(cable_name);
}

const GridAppliance& Grid::appliance(const std::string& appliance_name) const {
  return *find_named(appliances, appliance_name);
}

}  // namespace ngdsp
