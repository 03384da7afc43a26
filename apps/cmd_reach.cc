// ngplc reach: which modems of a grid the hub hears.
#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "ngdsp/channel/reach.h"
#include "options.h"
#include "plot.h"

namespace ngplc_app {
namespace {

using ngdsp::Grid;
using ngdsp::NodeReach;
using ngdsp::Reach;
using ngdsp::ReachConfig;

po::options_description reach_options() {
  po::options_description options("");
  // clang-format off
  options.add_options()
      ("grid", po::value<std::string>(), "FILE.toml with a table [grid] (docs/interfaces.md)")
      ("profile", po::value<std::string>()->default_value("cenelec-a"), "shipped profile or FILE.toml")
      ("payload", po::value<int>()->default_value(16), "payload class, bytes")
      ("level-dbuv", po::value<double>()->default_value(120, "120"), "rms voltage of a frame behind the source resistance, dB of 1 uV")
      ("json", "print one object a node on stdout, and one for the grid")
      ("plot", po::value<std::string>(), "draw the margin over the cable's length into FILE.png")
      ("spectrum", po::value<std::string>(), "draw the attenuation of five nodes over 10 to 500 kHz into FILE.png");
  // clang-format on
  return options;
}

int fail(const std::string& text) {
  spdlog::error("{}", text);
  return kFailed;
}

std::string phase_name(int phase) { return fmt::format("L{}", phase + 1); }

const char* way_of(const NodeReach& r) { return r.direct() ? "direct" : r.relayed() ? "relay" : "none"; }

nlohmann::json to_json(const NodeReach& r) {
  nlohmann::json line = {{"node", r.node},
                         {"phase", phase_name(r.phase)},
                         {"distance_m", r.distance_m},
                         {"access_ohm", r.access_ohm},
                         {"hub_phase", phase_name(r.hub_phase)},
                         {"attenuation_db", r.hub.attenuation_db},
                         {"snr_db", r.hub.snr_db},
                         {"ebn0_db", r.hub.ebn0_db},
                         {"margin_db", r.hub.margin_db},
                         {"reach", way_of(r)},
                         {"relay", nullptr},
                         {"relay_margin_db", nullptr}};
  if (!r.relay.empty()) {
    line["relay"] = r.relay;
    line["relay_margin_db"] = r.relay_margin_db;
  }
  return line;
}

double share(std::size_t part, const Reach& reach) {
  return static_cast<double>(part) / static_cast<double>(reach.nodes.size());
}

void print_json(const Grid& grid, const ReachConfig& c, const Reach& reach) {
  for (const NodeReach& r : reach.nodes) std::cout << to_json(r).dump() << '\n';
  const nlohmann::json whole = {{"grid", grid.name},
                                {"profile", c.profile.name},
                                {"payload_bytes", c.payload_bytes},
                                {"level_dbuv", c.level_dbuv},
                                {"threshold_ebn0_db", reach.threshold_db},
                                {"nodes", reach.nodes.size()},
                                {"direct", reach.direct},
                                {"relayed", reach.relayed},
                                {"direct_share", share(reach.direct, reach)},
                                {"reached_share", share(reach.direct + reach.relayed, reach)}};
  std::cout << whole.dump() << std::endl;
}

void print_table(const Grid& grid, const ReachConfig& c, const Reach& reach) {
  fmt::print("{:<16} {:>5} {:>7} {:>8} {:>9} {:>4} {:>7} {:>7} {:>7}  {}\n", "node", "phase", "cable/m",
             "|Z|/ohm", "atten./dB", "hub", "SNR/dB", "Eb/N0", "margin", "reach");
  for (const NodeReach& r : reach.nodes) {
    const std::string way =
        r.relayed() ? fmt::format("relay {} ({:.1f} dB)", r.relay, r.relay_margin_db) : way_of(r);
    fmt::print("{:<16} {:>5} {:>7.0f} {:>8.2f} {:>9.1f} {:>4} {:>7.1f} {:>7.1f} {:>7.1f}  {}\n", r.node,
               phase_name(r.phase), r.distance_m, r.access_ohm, r.hub.attenuation_db, phase_name(r.hub_phase),
               r.hub.snr_db, r.hub.ebn0_db, r.hub.margin_db, way);
  }
  fmt::print(
      "{}, {}, {} bytes from {:.1f} dB E_b/N0 on: {} of {} nodes direct ({:.0f} %), {} more through a relay "
      "({:.0f} % in all)\n",
      grid.name, c.profile.name, c.payload_bytes, reach.threshold_db, reach.direct, reach.nodes.size(),
      100 * share(reach.direct, reach), reach.relayed, 100 * share(reach.direct + reach.relayed, reach));
}

LinePlot margin_plot(const Grid& grid, const ReachConfig& c, const Reach& reach) {
  using Style = LineSeries::Style;
  LinePlot plot;
  plot.title =
      fmt::format("{}: {}, {} bytes, {:g} dBuV", grid.name, c.profile.name, c.payload_bytes, c.level_dbuv);
  plot.x_label = "cable to the hub, m";
  plot.y_label = "E_b/N0 above the decoding threshold, dB";
  plot.series = {{"heard by the hub", {}, Style::kPoints},
                 {"through one relay", {}, Style::kPoints},
                 {"not reached", {}, Style::kPoints},
                 {"decoding threshold", {}, Style::kLine}};
  plot.from_zero = true;
  plot.key = "top right";
  double farthest = 0;
  for (const NodeReach& r : reach.nodes) {
    plot.series[r.direct() ? 0 : r.relayed() ? 1 : 2].points.emplace_back(r.distance_m, r.hub.margin_db);
    farthest = std::max(farthest, r.distance_m);
  }
  plot.series[3].points = {{0, 0}, {farthest, 0}};
  return plot;
}

/// The nodes at the ends and quartiles of the attenuation inside the band, each once.
std::vector<std::size_t> chosen_nodes(const Reach& reach) {
  std::vector<std::size_t> order(reach.nodes.size()), chosen;
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return reach.nodes[a].hub.attenuation_db < reach.nodes[b].hub.attenuation_db;
  });
  for (const std::size_t quarter : {0, 1, 2, 3, 4}) {
    const std::size_t node = order[quarter * (order.size() - 1) / 4];
    if (std::find(chosen.begin(), chosen.end(), node) == chosen.end()) chosen.push_back(node);
  }
  return chosen;
}

LinePlot spectrum_plot(const Grid& grid, const Reach& reach) {
  constexpr double kLowHz = 10e3, kHighHz = 500e3, kStepHz = 2e3;
  const std::vector<std::size_t> chosen = chosen_nodes(reach);
  LinePlot plot;
  plot.title = grid.name + ": from the modem to the hub";
  plot.x_label = "frequency, kHz";
  plot.y_label = "attenuation, dB";
  plot.from_zero = true;
  plot.key = "outside top center";
  for (const std::size_t i : chosen) {
    const NodeReach& r = reach.nodes[i];
    plot.series.push_back({fmt::format("{} ({}, {:.0f} m)", r.node, phase_name(r.phase), r.distance_m),
                           {},
                           LineSeries::Style::kLine});
  }
  const ngdsp::GridNetwork network(grid);
  for (double f = kLowHz; f <= kHighHz; f += kStepHz) {
    const std::vector<double> attenuation = ngdsp::attenuation_db(grid, network, f);
    for (std::size_t k = 0; k < chosen.size(); ++k)
      plot.series[k].points.emplace_back(f / 1e3, attenuation[chosen[k]]);
  }
  return plot;
}

}  // namespace

int run_reach(const Arguments& args) {
  const auto parsed = parse_options({"reach", "--grid FILE.toml [options]",
                                     "Computes a three-phase grid from its cables and loads: attenuation, "
                                     "E_b/N0 and margin of every modem at\n"
                                     "the hub, and which are heard directly or through one relay."},
                                    reach_options(), {}, {}, args);
  if (!parsed) return kDone;
  const auto& values = *parsed;
  if (!values.count("grid")) throw UsageError("no grid, expected --grid FILE.toml");
  const auto profile = option_profile(values["profile"].as<std::string>());
  if (!profile) return kFailed;
  ReachConfig config;
  config.profile = *profile;
  config.payload_bytes = values["payload"].as<int>();
  config.level_dbuv = in_range("level-dbuv", values["level-dbuv"].as<double>(), 0, 160, "dB of 1 uV");
  if (const std::string e = config.validate(); !e.empty()) throw UsageError(e);
  const auto grid = ngdsp::load_grid(values["grid"].as<std::string>());
  if (!grid) return fail(grid.error());
  const auto reach = ngdsp::find_reach(*grid, config);
  if (!reach) return fail(reach.error());
  if (values.count("json"))
    print_json(*grid, config, *reach);
  else
    print_table(*grid, config, *reach);
  if (values.count("plot")) {
    if (const auto error =
            write_line_plot(values["plot"].as<std::string>(), margin_plot(*grid, config, *reach)))
      return fail(error->text);
  }
  if (values.count("spectrum")) {
    if (const auto error =
            write_line_plot(values["spectrum"].as<std::string>(), spectrum_plot(*grid, *reach)))
      return fail(error->text);
  }
  return kDone;
}

}  // namespace ngplc_app
