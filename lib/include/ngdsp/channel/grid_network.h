// Voltages on a grid: nodal analysis at one frequency.
#pragma once

#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/channel/grid.h"

namespace ngdsp {

/// Where the hub or a modem touches a conductor.
struct GridPort {
  int node = 0;   ///< index into Grid::nodes
  int phase = 0;  ///< 0 ... 2
};

/// Part of the mains cycle in which the same loads conduct: [from, to) in turns from the rising zero crossing
/// of L1.
struct GridInterval {
  double from_turns = 0, to_turns = 1;
  int state = 0;
};

/// Solves Y V = I for the voltages of every conductor against the neutral of its node. With gamma and Z_c of
/// the two-conductor line (line_constants), a single-phase cable of length l adds
///   coth(gamma l)/Z_c at both ends, -1/(Z_c sinh(gamma l)) between them;
/// a cable with all phases the same times M^-1, M = (1 + J)/2 with J all ones: three loops that share their
/// neutral, of four equal conductors at equal distances in a homogeneous dielectric. This couples the phases,
/// by a half where nothing is connected. A load adds its admittance, insulation 10 nS. L2 lags L1 by a third
/// of a cycle, L3 by two thirds.
class GridNetwork {
 public:
  /// Of a grid that is valid.
  explicit GridNetwork(const Grid& grid);

  /// The hub's phases first, then every modem in the order of the nodes.
  const std::vector<GridPort>& ports() const { return ports_; }
  std::size_t hub_ports() const { return hub_ports_; }

  /// States of the loads that switch with the mains, and when each holds; the intervals cover the cycle.
  int states() const { return static_cast<int>(conducting_.size()); }
  const std::vector<GridInterval>& intervals() const { return intervals_; }
  /// Share of the cycle in which the state holds.
  double duration(int state) const;

  /// Z(i, j), row by row: voltage at port i for one ampere into port j. Symmetric. f > 0.
  std::vector<cf64> impedances(double frequency_hz, int state) const;

 private:
  struct Branch {
    int from[3], to[3];  ///< unknowns by phase, -1: not in this cable
    std::size_t cable;
    double length_m;
  };
  struct Load {
    int unknown, phase;
    std::size_t appliance;
    int count;
  };
  bool conducts(const GridAppliance& a, int phase, double turns) const;
  void find_states();

  std::vector<CableType> cables_;
  std::vector<GridAppliance> appliances_;
  std::vector<Branch> branches_;
  std::vector<Load> loads_;
  std::vector<GridPort> ports_;
  std::vector<int> port_unknowns_;
  std::size_t hub_ports_ = 0;
  int unknowns_ = 0;
  std::vector<std::vector<bool>> conducting_;  ///< by state and load
  std::vector<GridInterval> intervals_;
};

/// Voltage at port `to` for one volt behind `source_ohm` at port `from`, Z(to, from)/(source + Z(from,
/// from)), from what impedances() gave for `ports` ports.
cf64 transfer(const std::vector<cf64>& impedances, std::size_t ports, std::size_t from, std::size_t to,
              double source_ohm);

}  // namespace ngdsp
