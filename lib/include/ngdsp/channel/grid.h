// A three-phase low-voltage grid as data: cables, nodes, loads, and the hub that listens.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/channel/cable.h"

namespace ngdsp {

/// Phases L1, L2, L3 against neutral: bit 0, 1, 2.
using PhaseSet = unsigned;
inline constexpr PhaseSet kAllPhases = 7;
/// "L1", "L2", "L3" or "all"; 0 for anything else.
PhaseSet parse_phases(const std::string& text);

/// A point of the grid. One with a modem sends and listens on one phase; others join cables.
struct GridNode {
  std::string name;
  int modem_phase = -1;  ///< 0 ... 2, -1: no modem
};

/// A cable between two nodes, on all phases or on one (with neutral).
struct GridBranch {
  std::string from, to, cable;
  double length_m = 0;  ///< 0.1 ... 20 000
  PhaseSet phases = kAllPhases;
};

/// An impedance between phase and neutral: R + j w L + 1/(j w C), C 0 = none.
struct GridAppliance {
  std::string name;
  double resistance_ohm = 0;  ///< 0 ... 1e9
  double inductance_uh = 0;   ///< 0 ... 1e9
  double capacitance_nf = 0;  ///< 0 ... 1e12, 0: a wire in its place
  /// Conducts only while the mains phase of its own conductor is within [from, to) degrees after a zero
  /// crossing, in both half cycles: 0 <= from < to <= 180. 0 to 180 is always.
  double from_deg = 0, to_deg = 180;

  bool switches() const { return from_deg > 0 || to_deg < 180; }
  cf64 impedance_ohm(double frequency_hz) const;
};

/// Appliances at a node, the same number on each of the phases.
struct GridLoad {
  std::string node, appliance;
  PhaseSet phases = kAllPhases;
  int count = 1;  ///< 1 ... 1000
};

struct Grid {
  std::string name = "custom";
  std::string hub;                   ///< the node where the hub listens
  PhaseSet hub_phases = kAllPhases;  ///< on which phases, each by itself
  double source_ohm = 2;          ///< series resistance of a sending modem, 0.01 ... 1000; a modem that does
                                  ///< not send is no load
  double hub_noise_dbuv = 30;     ///< noise voltage at the hub, dB of 1 uV per root Hz, -60 ... 120
  double node_noise_dbuv = 30;    ///< the same at the modems, for relays
  std::vector<CableType> cables;  ///< beside the shipped ones
  std::vector<GridAppliance> appliances;
  std::vector<GridNode> nodes;
  std::vector<GridBranch> branches;
  std::vector<GridLoad> loads;

  /// Empty, or one line that names the table, the entry and the field. Asks for a hub that is a node, names
  /// that are known and given once, values in range, modems and loads on phases that reach them, at least one
  /// modem, and a way from every phase of every node to the hub. At most 1000 nodes and 5000 branches and
  /// loads.
  std::string validate() const;

  int find_node(const std::string& node_name) const;  ///< -1: none
  /// Whether a load switches with the mains. Only of a valid grid.
  bool switches() const;
  /// The cable of a branch: own ones first. Only of a valid grid.
  CableType cable(const std::string& cable_name) const;
  const GridAppliance& appliance(const std::string& appliance_name) const;
};

/// A grid from TOML text with a table [grid] (docs/interfaces.md). Unknown keys, wrong types and what
/// validate() finds are errors naming `source` and, of keys and types, the line.
Result<Grid> parse_grid(const std::string& toml, const std::string& source);
Result<Grid> load_grid(const std::string& path);

}  // namespace ngdsp
