#include "ngdsp/channel/placed_line.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ngdsp/base/db.h"
#include "ngdsp/channel/grid_paths.h"
#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

constexpr double kFade = 0.02;        // of half a cycle
constexpr double kLeastPower = 1e-6;  // paths that cancel each other are not brought back
constexpr double kMostDelayChips = 64;
constexpr double kInaudible = 1e-30;  // power gain of a grid
constexpr double kMostMisfit = 0.01;

float scale_of(const std::vector<LinePath>& paths, const NoiseBand& band) {
  return static_cast<float>(1 / std::sqrt(std::max(kLeastPower, path_power(paths, band))));
}

double strongest_delay_chips(const std::vector<Tap>& taps) {
  double strongest_db = -std::numeric_limits<double>::infinity(), delay_chips = 0;
  for (const Tap& t : taps)
    if (t.gain_db > strongest_db) strongest_db = t.gain_db, delay_chips = t.delay_chips;
  return delay_chips;
}

// 0 before an edge, 1 after it; in half cycles.
double risen(double after) { return 0.5 - 0.5 * std::cos(kPi * std::clamp(after / kFade + 0.5, 0.0, 1.0)); }

// 1 within +-share/2, 0 outside. Windows side by side sum to 1, narrow ones too: each edge is that of both.
double gate(double offset, double share) {
  return risen(share / 2 - std::abs(offset)) - (1 - risen(share / 2 + std::abs(offset)));
}

Result<PlacedLine> place_paths(const LineConfig& c, const Profile& p) {
  const NoiseBand band = noise_band(p, p.sample_rate_hz);
  PlacedLine line = line_through(to_taps(c.paths, p.chip_rate_hz));
  line.states[0].scale = scale_of(c.paths, band);
  if (!c.others.empty()) {
    line.senders[0].states.push_back({to_taps(c.others, p.chip_rate_hz), 1});
    line.states.push_back({std::sqrt(from_db(c.other_gain_db)), scale_of(c.others, band)});
    line.windows.push_back({1, c.other_phase_deg / 360, c.other_share});
  }
  for (const SenderPaths& paths : line.senders[0].states)
    for (const Tap& t : paths.taps)
      if (t.delay_chips > kMostDelayChips) return Error{"line: a delay is longer than 64 chips"};
  return line;
}

// A way over the grid, the mean over the mains cycle.
double mean_power(const GridPaths& paths, const GridNetwork& network) {
  double power = 0;
  for (int s = 0; s < network.states(); ++s)
    power += network.duration(s) * paths.states[static_cast<std::size_t>(s)].power;
  return power;
}

// Where the power of a chip peaks behind the matched filter, the mean over the mains cycle.
double peak_delay_chips(const GridPaths& paths, const GridNetwork& network, const Profile& p) {
  constexpr double kStepChips = 0.125;
  double best = -1, at = 0, longest = 0;
  for (const PathSet& set : paths.states) longest = std::max(longest, longest_delay_chips(set.taps));
  for (double t = 0; t <= longest; t += kStepChips) {
    double power = 0;
    for (int s = 0; s < network.states(); ++s) {
      const PathSet& set = paths.states[static_cast<std::size_t>(s)];
      cf64 chip = 0;
      for (const Tap& tap : set.taps) {
        const double turns = (p.carrier_hz - p.center_hz) * tap.delay_chips / p.chip_rate_hz;
        chip += std::polar(std::sqrt(from_db(tap.gain_db)), tap.phase_rad - 2 * kPi * turns) *
                rc_pulse(t - tap.delay_chips, p.rolloff);
      }
      power += network.duration(s) * std::norm(chip);
    }
    if (power > best) best = power, at = t;
  }
  return at;
}

LineSender sender_of(const std::string& node, const GridPaths& paths, double power,
                     const GridNetwork& network, const Profile& p) {
  LineSender sender;
  sender.node = node;
  sender.delay_chips = peak_delay_chips(paths, network, p);
  for (const PathSet& set : paths.states)
    sender.states.push_back({set.taps, set.amplitude / std::sqrt(std::max(power, kInaudible))});
  return sender;
}

// The sender in the middle, of an even number the stronger one of the two.
std::size_t median_of(const std::vector<double>& powers) {
  std::vector<std::size_t> order(powers.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return powers[a] > powers[b]; });
  return order[(order.size() - 1) / 2];
}

Result<PlacedLine> place_grid(const LineConfig& c, const Profile& p) {
  const Grid& grid = *c.grid;
  if (!(p.carrier_hz >= 1e3 && p.carrier_hz <= 30e6))
    return Error{"line.grid: the carrier is outside 1 kHz to 30 MHz, where a line is one"};
  const GridNetwork network(grid);
  const int hub = grid.find_node(grid.hub);
  std::vector<std::size_t> ports;
  for (std::size_t i = network.hub_ports(); i < network.ports().size(); ++i) {
    const GridPort& port = network.ports()[i];
    const bool at_hub = port.node == hub && (grid.hub_phases >> port.phase & 1) != 0;
    if (!at_hub && (c.node.empty() || grid.nodes[static_cast<std::size_t>(port.node)].name == c.node))
      ports.push_back(i);
  }
  if (ports.empty())
    return Error{c.node.empty() ? "line.grid: expected a modem that is not where the hub listens"
                                : "line.node \"" + c.node + "\" is where the hub listens"};
  std::vector<GridLink> links;
  for (std::size_t to = 0; to < network.hub_ports(); ++to)
    for (const std::size_t from : ports) links.push_back({from, to});
  const std::vector<GridPaths> all = grid_paths(network, p, grid.source_ohm, links);

  PlacedLine line;
  double median_power = -1;
  std::vector<double> powers;
  const GridPaths* paths = nullptr;  // of the hub's phase that is taken
  for (std::size_t to = 0; to < network.hub_ports(); ++to) {
    const GridPaths* these = all.data() + to * ports.size();
    std::vector<double> heard;
    for (std::size_t i = 0; i < ports.size(); ++i) heard.push_back(mean_power(these[i], network));
    const std::size_t median = median_of(heard);
    if (heard[median] <= median_power) continue;
    median_power = heard[median];
    line.median = median;
    powers = std::move(heard);
    paths = these;
  }
  if (!(median_power > kInaudible)) return Error{"line.grid: nothing of the median node comes to the hub"};
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const auto node = static_cast<std::size_t>(network.ports()[ports[i]].node);
    const std::string& name = grid.nodes[node].name;
    // What cannot be heard need not be right.
    for (const PathSet& set : paths[i].states)
      if (from_db(set.error_db) * set.power > kMostMisfit * std::max(median_power, powers[i]))
        return Error{"line.grid: 32 paths do not give back the response of node \"" + name +
                     "\" in this band"};
    line.senders.push_back(sender_of(name, paths[i], powers[i], network, p));
    line.senders.back().level_db = to_db(std::max(powers[i], kInaudible) / median_power);
  }
  line.states.resize(static_cast<std::size_t>(network.states()));
  for (const GridInterval& i : network.intervals())  // those of both half cycles are the same
    if (i.state > 0 && i.to_turns <= 0.5)
      line.windows.push_back({static_cast<std::size_t>(i.state), (i.from_turns + i.to_turns) / 2,
                              2 * (i.to_turns - i.from_turns)});
  return line;
}

}  // namespace

double path_power(const std::vector<LinePath>& paths, const NoiseBand& band) {
  constexpr int kPoints = 64;
  if (paths.empty()) return 1;
  double power = 0, sum = 0;
  for (const LinePath& p : paths) power += from_db(p.gain_db);
  for (int i = 0; i < kPoints; ++i) {
    const double hz = band.low_hz() + band.chip_rate_hz * (i + 0.5) / kPoints - band.center_hz;
    cf64 h = 0;
    for (const LinePath& p : paths)
      h += std::polar(std::sqrt(from_db(p.gain_db) / power), p.phase_rad - 2 * kPi * hz * p.delay_s);
    sum += std::norm(h) / kPoints;
  }
  return sum;
}

std::vector<Tap> to_taps(const std::vector<LinePath>& paths, double chip_rate_hz) {
  std::vector<Tap> taps;
  for (const LinePath& p : paths) taps.push_back({p.gain_db, p.delay_s * chip_rate_hz, p.phase_rad});
  return taps;
}

PlacedLine line_through(std::vector<Tap> taps) {
  PlacedLine line;
  LineSender sender;
  sender.delay_chips = strongest_delay_chips(taps);
  sender.states.push_back({std::move(taps), 1});
  line.senders.push_back(std::move(sender));
  return line;
}

Result<PlacedLine> place_line(const LineConfig& config, const Profile& profile) {
  return config.grid ? place_grid(config, profile) : place_paths(config, profile);
}

void line_gains(const LineConfig& c, const PlacedLine& line, Span<const double> turns,
                std::vector<std::vector<float>>& gains) {
  const auto periods = [](double turn, double from) { return 2 * (turn - from); };
  gains.resize(line.states.size());
  for (std::vector<float>& g : gains) g.resize(turns.size());
  std::vector<double> shares(line.states.size());
  for (std::size_t k = 0; k < turns.size(); ++k) {
    const double high = periods(turns[k], c.gain_phase_deg / 360);
    const double gain = 1 + c.gain_depth * std::cos(2 * kPi * (high - std::floor(high)));
    std::fill(shares.begin(), shares.end(), 0.0);
    for (const LineWindow& w : line.windows) {
      const double at = periods(turns[k], w.middle_turns);
      shares[w.state] += gate(at - std::floor(at + 0.5), w.share);
    }
    shares[0] = 1;
    for (std::size_t s = 1; s < shares.size(); ++s) shares[0] -= shares[s];
    for (std::size_t s = 0; s < shares.size(); ++s)
      gains[s][k] = static_cast<float>(gain * shares[s] * line.states[s].gain);
  }
}

}  // namespace ngdsp
