#include "ngdsp/channel/reach.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <queue>

#include "channel/field_check.h"
#include "ngdsp/base/db.h"
#include "ngdsp/channel/grid_paths.h"
#include "ngdsp/waveform/frame_energy.h"

namespace ngdsp {
namespace {

// Within 0.05 dB of 257 points on every link of the shipped grids; 17 err by up to 0.5.
constexpr std::size_t kBandPoints = 33;
constexpr double kLowestGain = 1e-30;

/// Adds weight x |transfer|^2 from every port to every other, row by row from the sender.
void add_gains(const GridNetwork& network, double frequency_hz, double source_ohm, double weight,
               std::vector<double>& gains) {
  const std::size_t n = network.ports().size();
  for (int state = 0; state < network.states(); ++state) {
    const std::vector<cf64> z = network.impedances(frequency_hz, state);
    for (std::size_t from = 0; from < n; ++from)
      for (std::size_t to = 0; to < n; ++to)
        gains[from * n + to] +=
            weight * network.duration(state) * std::norm(transfer(z, n, from, to, source_ohm));
  }
}

/// The hub's port that hears `from` best.
std::size_t best_hub_port(const GridNetwork& network, const std::vector<double>& gains, std::size_t from) {
  const double* row = gains.data() + from * network.ports().size();
  return static_cast<std::size_t>(std::max_element(row, row + network.hub_ports()) - row);
}

/// Metres of cable from the hub to every node, the shortest way (Dijkstra).
std::vector<double> distances_m(const Grid& grid) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < grid.nodes.size(); ++i) index[grid.nodes[i].name] = i;
  std::vector<std::vector<std::pair<std::size_t, double>>> next(grid.nodes.size());
  for (const GridBranch& b : grid.branches) {
    next[index[b.from]].emplace_back(index[b.to], b.length_m);
    next[index[b.to]].emplace_back(index[b.from], b.length_m);
  }
  std::vector<double> distance(grid.nodes.size(), std::numeric_limits<double>::infinity());
  using Step = std::pair<double, std::size_t>;
  std::priority_queue<Step, std::vector<Step>, std::greater<>> todo;
  distance[index[grid.hub]] = 0;
  todo.emplace(0, index[grid.hub]);
  while (!todo.empty()) {
    const auto [so_far, at] = todo.top();
    todo.pop();
    if (so_far > distance[at]) continue;
    for (const auto& [to, length] : next[at]) {
      if (so_far + length >= distance[to]) continue;
      distance[to] = so_far + length;
      todo.emplace(distance[to], to);
    }
  }
  return distance;
}

LinkBudget budget(const ReachConfig& c, double gain, double noise_dbuv) {
  const PayloadClass& payload = c.profile.class_of(c.profile.first_sequence(c.payload_bytes));
  LinkBudget b;
  const double gain_db = to_db(std::max(gain, kLowestGain));
  const double chip_ec_n0 = from_db(c.level_dbuv + gain_db - noise_dbuv) / c.profile.chip_rate_hz;
  b.attenuation_db = -gain_db;
  b.snr_db = snr_db_from_chip(c.profile, chip_ec_n0);
  b.ebn0_db = ebn0_db_from_chip(c.profile, payload, chip_ec_n0);
  b.margin_db = b.ebn0_db - required_ebn0_db(c.payload_bytes);
  return b;
}

}  // namespace

double required_ebn0_db(int payload_bytes) {
  if (payload_bytes < 32) return 1.6;
  return payload_bytes < 64 ? 1.0 : 0.8;
}

std::string ReachConfig::validate() const {
  if (const std::string e = profile.validate(); !e.empty()) return e;
  FieldCheck check("");
  check.range("level_dbuv", level_dbuv, 0, 160, "dB of 1 uV");
  check.require(profile.first_sequence(payload_bytes) >= 0, "payload_bytes",
                "expected a payload class of the profile");
  check.range("profile.carrier_hz", profile.carrier_hz, 1e3, 30e6, "Hz");
  return check.error();
}

Result<Reach> find_reach(const Grid& grid, const ReachConfig& config) {
  if (const std::string e = config.validate(); !e.empty()) return Error{e};
  const GridNetwork network(grid);
  const std::size_t n = network.ports().size(), first = network.hub_ports();
  std::vector<double> gains(n * n, 0.0);
  for (const BandPoint& b : band_points(config.profile, kBandPoints))
    add_gains(network, b.frequency_hz, grid.source_ohm, b.weight, gains);
  const std::vector<cf64> z = network.impedances(config.profile.carrier_hz, 0);
  const std::vector<double> distance = distances_m(grid);

  Reach reach;
  reach.threshold_db = required_ebn0_db(config.payload_bytes);
  for (std::size_t i = first; i < n; ++i) {
    const GridPort& port = network.ports()[i];
    NodeReach r;
    r.node = grid.nodes[static_cast<std::size_t>(port.node)].name;
    r.phase = port.phase;
    r.distance_m = distance[static_cast<std::size_t>(port.node)];
    r.access_ohm = std::abs(z[i * n + i]);
    const std::size_t best = best_hub_port(network, gains, i);
    r.hub_phase = network.ports()[best].phase;
    r.hub = budget(config, gains[i * n + best], grid.hub_noise_dbuv);
    reach.nodes.push_back(r);
  }
  for (std::size_t i = first; i < n; ++i) {
    NodeReach& r = reach.nodes[i - first];
    r.relay_margin_db = r.hub.margin_db;
    for (std::size_t k = first; k < n; ++k) {
      if (k == i) continue;
      const NodeReach& relay = reach.nodes[k - first];
      const double margin =
          std::min(budget(config, gains[i * n + k], grid.node_noise_dbuv).margin_db, relay.hub.margin_db);
      if (margin <= r.relay_margin_db) continue;
      r.relay_margin_db = margin;
      r.relay = relay.node;
    }
    reach.direct += r.direct();
    reach.relayed += r.relayed();
  }
  return reach;
}

std::vector<double> attenuation_db(const Grid& grid, const GridNetwork& network, double frequency_hz) {
  const std::size_t n = network.ports().size();
  std::vector<double> gains(n * n, 0.0), list;
  add_gains(network, frequency_hz, grid.source_ohm, 1, gains);
  for (std::size_t i = network.hub_ports(); i < n; ++i)
    list.push_back(-to_db(std::max(gains[i * n + best_hub_port(network, gains, i)], kLowestGain)));
  return list;
}

}  // namespace ngdsp
