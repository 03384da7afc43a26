#include "ngdsp/channel/grid_network.h"

#include <Eigen/SparseCore>
#include <Eigen/SparseLU>
#include <algorithm>
#include <cmath>
#include <map>

namespace ngdsp {
namespace {

constexpr double kInsulationSiemens = 1e-8;  // so that a phase with nothing on it has a voltage
constexpr double kHalfCycle = 0.5;

/// Number of a name, given in the order of first use.
std::size_t number_of(std::map<std::string, std::size_t>& numbers, const std::string& name) {
  return numbers.emplace(name, numbers.size()).first->second;
}

double wrap(double turns) { return turns - kHalfCycle * std::floor(turns / kHalfCycle); }

/// Where in half a cycle of L1 something at `degrees` of this phase's own half cycle happens.
double turns_of(double degrees, int phase) { return wrap(degrees / 360 + phase / 3.0); }

}  // namespace

GridNetwork::GridNetwork(const Grid& grid) {
  std::map<std::string, std::size_t> cable_numbers, appliance_numbers, node_numbers;
  for (std::size_t i = 0; i < grid.nodes.size(); ++i) node_numbers[grid.nodes[i].name] = i;
  // A conductor at a node is an unknown when a cable brings it; the hub has all three.
  std::vector<PhaseSet> phases(grid.nodes.size(), 0);
  phases[node_numbers[grid.hub]] = kAllPhases;
  for (const GridBranch& b : grid.branches) {
    phases[node_numbers[b.from]] |= b.phases;
    phases[node_numbers[b.to]] |= b.phases;
  }
  std::vector<std::array<int, 3>> unknown(grid.nodes.size());
  for (std::size_t n = 0; n < grid.nodes.size(); ++n)
    for (std::size_t p = 0; p < 3; ++p) unknown[n][p] = phases[n] >> p & 1 ? unknowns_++ : -1;

  for (const GridBranch& b : grid.branches) {
    Branch branch{};
    for (std::size_t p = 0; p < 3; ++p) {
      const bool here = b.phases >> p & 1;
      branch.from[p] = here ? unknown[node_numbers[b.from]][p] : -1;
      branch.to[p] = here ? unknown[node_numbers[b.to]][p] : -1;
    }
    branch.cable = number_of(cable_numbers, b.cable);
    branch.length_m = b.length_m;
    if (branch.cable == cables_.size()) cables_.push_back(grid.cable(b.cable));
    branches_.push_back(branch);
  }
  for (const GridLoad& l : grid.loads) {
    const std::size_t appliance = number_of(appliance_numbers, l.appliance);
    if (appliance == appliances_.size()) appliances_.push_back(grid.appliance(l.appliance));
    for (int p = 0; p < 3; ++p)
      if (l.phases >> p & 1)
        loads_.push_back({unknown[node_numbers[l.node]][static_cast<std::size_t>(p)], p, appliance, l.count});
  }
  const auto add_port = [&](std::size_t node, int phase) {
    ports_.push_back({static_cast<int>(node), phase});
    port_unknowns_.push_back(unknown[node][static_cast<std::size_t>(phase)]);
  };
  for (int p = 0; p < 3; ++p)
    if (grid.hub_phases >> p & 1) add_port(node_numbers[grid.hub], p);
  hub_ports_ = ports_.size();
  for (std::size_t n = 0; n < grid.nodes.size(); ++n)
    if (grid.nodes[n].modem_phase >= 0) add_port(n, grid.nodes[n].modem_phase);
  find_states();
}

bool GridNetwork::conducts(const GridAppliance& a, int phase, double turns) const {
  const double degrees = 360 * wrap(turns - phase / 3.0);
  return degrees >= a.from_deg && degrees < a.to_deg;
}

void GridNetwork::find_states() {
  constexpr double kShortest = 1e-6;  // of a cycle: moments nearer than this are one
  std::vector<double> moments = {0, kHalfCycle};
  for (const Load& l : loads_) {
    const GridAppliance& a = appliances_[l.appliance];
    if (!a.switches()) continue;
    moments.push_back(turns_of(a.from_deg, l.phase));
    moments.push_back(turns_of(a.to_deg, l.phase));
  }
  std::sort(moments.begin(), moments.end());
  double from = 0;
  for (const double to : moments) {
    if (to - from < kShortest) continue;
    std::vector<bool> conducting;
    for (const Load& l : loads_)
      conducting.push_back(conducts(appliances_[l.appliance], l.phase, (from + to) / 2));
    auto known = std::find(conducting_.begin(), conducting_.end(), conducting);
    if (known == conducting_.end()) known = conducting_.insert(known, conducting);
    const int state = static_cast<int>(known - conducting_.begin());
    if (!intervals_.empty() && intervals_.back().state == state)
      intervals_.back().to_turns = to;
    else
      intervals_.push_back({from, to, state});
    from = to;
  }
  // The second half cycle is as the first; with a single state the whole cycle is one interval.
  if (conducting_.size() == 1) {
    intervals_ = {{0, 1, 0}};
    return;
  }
  const std::size_t half = intervals_.size();
  for (std::size_t i = 0; i < half; ++i) {
    const GridInterval first = intervals_[i];
    intervals_.push_back({first.from_turns + kHalfCycle, first.to_turns + kHalfCycle, first.state});
  }
}

double GridNetwork::duration(int state) const {
  double sum = 0;
  for (const GridInterval& i : intervals_)
    if (i.state == state) sum += i.to_turns - i.from_turns;
  return sum;
}

std::vector<cf64> GridNetwork::impedances(double f, int state) const {
  std::vector<Eigen::Triplet<cf64>> entries;
  for (int i = 0; i < unknowns_; ++i) entries.emplace_back(i, i, kInsulationSiemens);
  std::vector<LineConstants> lines;
  for (const CableType& c : cables_) lines.push_back(line_constants(c, f));
  for (const Branch& b : branches_) {
    const LineConstants& line = lines[b.cable];
    const cf64 gl = line.propagation * b.length_m;
    const cf64 own = 1.0 / (line.impedance_ohm * std::tanh(gl));
    const cf64 between = -1.0 / (line.impedance_ohm * std::sinh(gl));
    const bool three = b.from[0] >= 0 && b.from[1] >= 0 && b.from[2] >= 0;
    for (int p = 0; p < 3; ++p) {
      for (int q = 0; q < 3; ++q) {
        if (b.from[p] < 0 || b.from[q] < 0) continue;
        const double m = !three ? 1 : p == q ? 1.5 : -0.5;  // M^-1
        entries.emplace_back(b.from[p], b.from[q], m * own);
        entries.emplace_back(b.to[p], b.to[q], m * own);
        entries.emplace_back(b.from[p], b.to[q], m * between);
        entries.emplace_back(b.to[p], b.from[q], m * between);
      }
    }
  }
  const std::vector<bool>& conducting = conducting_[static_cast<std::size_t>(state)];
  for (std::size_t i = 0; i < loads_.size(); ++i) {
    const Load& l = loads_[i];
    if (!conducting[i]) continue;
    const cf64 z = appliances_[l.appliance].impedance_ohm(f);
    entries.emplace_back(l.unknown, l.unknown, static_cast<double>(l.count) / z);
  }
  Eigen::SparseMatrix<cf64> admittance(unknowns_, unknowns_);
  admittance.setFromTriplets(entries.begin(), entries.end());
  // All parts are passive and the insulation is not zero: the matrix has an inverse.
  const Eigen::SparseLU<Eigen::SparseMatrix<cf64>> solver(admittance);
  const std::size_t n = ports_.size();
  std::vector<cf64> z(n * n);
  for (std::size_t from = 0; from < n; ++from) {
    Eigen::VectorXcd current = Eigen::VectorXcd::Zero(unknowns_);
    current[port_unknowns_[from]] = 1;
    const Eigen::VectorXcd voltage = solver.solve(current);
    for (std::size_t to = 0; to < n; ++to) z[to * n + from] = voltage[port_unknowns_[to]];
  }
  return z;
}

cf64 transfer(const std::vector<cf64>& z, std::size_t ports, std::size_t from, std::size_t to,
              double source_ohm) {
  return z[to * ports + from] / (source_ohm + z[from * ports + from]);
}

}  // namespace ngdsp
