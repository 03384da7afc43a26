// ngplc ura: unsourced random access, messages lost over E_b/N0 and the E_b/N0 a load needs.
#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "ngdsp/eval/unsourced_access.h"
#include "options.h"
#include "plot.h"
#include "progress.h"

namespace ngplc_app {
namespace {

using ngdsp::UnsourcedConfig;
using ngdsp::UnsourcedPoint;

constexpr int kUsersOfAPoint = 2000;

// E_b/N0 in dB for a per-user error of 0.05 with 100 bits in 30000 real channel uses, as read in the text or
// the data of the publications.
struct Published {
  const char* name;
  std::vector<std::pair<double, double>> points;
};

const std::vector<Published>& published() {
  static const std::vector<Published> table = {
      {"random-coding bound", {{25, 0.25}, {100, 0.40}, {200, 0.60}, {300, 1.80}}},
      {"sparse IDMA", {{100, 2.41}, {200, 3.40}, {300, 5.35}}},
      {"coded compressed sensing, AMP", {{100, 2.47}, {200, 3.80}, {300, 5.10}}},
      {"a polar-coded scheme", {{100, 2.06}, {200, 3.89}, {300, 5.50}}},
      {"4-fold ALOHA", {{100, 5.03}, {200, 9.73}, {300, 14.91}}},
  };
  return table;
}

po::options_description ura_options() {
  po::options_description options("");
  // clang-format off
  options.add_options()
      ("ka", po::value<std::string>()->default_value("25,50,100,150,200,250,300"), "senders at once, never told to the receiver; several as 25,50")
      ("ebn0", po::value<std::string>(), "E_b/N0 LO:STEP:HI, a list, or one value, dB; without it, what --pupe needs is searched")
      ("trials", po::value<int>()->default_value(0), "frames a point; 0 = 2000 messages' worth")
      ("pupe", po::value<double>()->default_value(0.05, "0.05"), "per-user error to search for")
      ("load", po::value<double>(), "senders the network is planned for, known to all: chooses code and power levels (the value of --ka)")
      ("seed", po::value<std::uint64_t>()->default_value(1), "seed of everything drawn")
      ("threads", po::value<int>()->default_value(0), "threads; 0 = all cores")
      ("plot", po::value<std::string>(), "draw the required E_b/N0 over the senders into FILE.png, beside published values")
      ("json", "print one object a point on stdout");
  // clang-format on
  return options;
}

nlohmann::json to_json(const UnsourcedConfig& c, double load, const UnsourcedPoint& p) {
  return {{"ka", c.senders},
          {"ebn0_db", p.ebn0_db},
          {"trials", c.trials},
          {"users", p.users},
          {"errors", p.missed + p.false_messages},
          {"missed", p.missed},
          {"false_messages", p.false_messages},
          {"pupe", p.pupe},
          {"pupe_low", p.pupe_low},
          {"pupe_high", p.pupe_high},
          {"load", load},
          {"seconds", p.seconds},
          {"cpu_seconds", p.cpu_seconds},
          {"seed", c.seed}};
}

std::string value_at(const Published& row, double ka) {
  for (const auto& [x, y] : row.points) {
    if (x == ka) return fmt::format("{:.2f}", y);
  }
  return "-";
}

int fail(const std::string& text) {
  spdlog::error("{}", text);
  return kFailed;
}

void print_point(const UnsourcedConfig& c, const UnsourcedPoint& p) {
  fmt::print("{:>5} {:>8.2f} {:>8} {:>8} {:>8} {:>8.4f} {:>8.4f} {:>8.4f} {:>8.1f}\n", c.senders, p.ebn0_db,
             p.users, p.missed, p.false_messages, p.pupe, p.pupe_low, p.pupe_high, p.seconds);
  std::fflush(stdout);
}

void print_required(const std::vector<std::pair<double, double>>& required, double pupe) {
  fmt::print("\nE_b/N0 in dB for a per-user error of {:g}", pupe);
  fmt::print("{}\n", pupe == 0.05 ? ", beside published values" : "; published values are for 0.05");
  fmt::print("{:>5} {:>9}", "ka", "measured");
  for (const Published& row : published()) fmt::print("  {}", row.name);
  fmt::print("\n");
  for (const auto& [ka, ebn0_db] : required) {
    fmt::print("{:>5} {:>9}", ka, std::isfinite(ebn0_db) ? fmt::format("{:.2f}", ebn0_db) : "-");
    for (const Published& row : published())
      fmt::print("  {:>{}}", value_at(row, ka), std::string(row.name).size());
    fmt::print("\n");
  }
}

/// Where a curve of measured points crosses the target for the last time; NaN when it does not.
double crossing(const std::vector<UnsourcedPoint>& points, double pupe) {
  double found = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (points[i - 1].pupe > pupe && points[i].pupe <= pupe)
      found = ngdsp::interpolate_required_ebn0_db(points[i - 1], points[i], pupe);
  }
  return found;
}

}  // namespace

int run_ura(const Arguments& args) {
  const auto parsed = parse_options(
      {"ura", "[options]",
       "Unsourced random access: K_a senders of one code book put 100 bits each into 30000 real\n"
       "channel uses at once; the receiver, not told K_a, lists the messages. Counts what is\n"
       "missed and what is listed but was not sent."},
      ura_options(), {}, {}, args);
  if (!parsed) return kDone;
  const auto& values = *parsed;
  UnsourcedConfig c;
  c.seed = values["seed"].as<std::uint64_t>();
  c.threads = static_cast<int>(in_range("threads", values["threads"].as<int>(), 0, 1024, "threads"));
  const int trials = static_cast<int>(in_range("trials", values["trials"].as<int>(), 0, 1e6, "frames"));
  const double pupe = in_range("pupe", values["pupe"].as<double>(), 1e-4, 0.5, "");
  const auto loads = parse_values("ka", values["ka"].as<std::string>());
  for (const double ka : loads) {
    if (ka != std::floor(ka) || ka < 1 || ka > ngdsp::kMaxUnsourcedSenders)
      throw UsageError(
          fmt::format("--ka is {:g}, expected a whole number from 1 to {}", ka, ngdsp::kMaxUnsourcedSenders));
  }
  std::vector<double> ebn0_db;
  if (values.count("ebn0")) ebn0_db = parse_values("ebn0", values["ebn0"].as<std::string>());
  for (const double level : ebn0_db) in_range("ebn0", level, -20, 40, "dB");
  const bool json = values.count("json") > 0;

  if (!json)
    fmt::print("{:>5} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}\n", "ka", "ebn0_db", "users", "missed",
               "false", "pupe", "low", "high", "seconds");
  std::vector<std::pair<double, double>> required;
  for (const double ka : loads) {
    c.senders = static_cast<int>(ka);
    c.trials = trials > 0 ? trials : (kUsersOfAPoint + c.senders - 1) / c.senders;
    const double load =
        values.count("load") ? in_range("load", values["load"].as<double>(), 1, 1e4, "senders") : ka;
    c.scheme = ngdsp::UnsourcedScheme::for_load(load);
    const auto measure = [&](double level) -> ngdsp::Result<UnsourcedPoint> {
      c.ebn0_db = level;
      Progress progress(fmt::format("{} senders at {:.2f} dB", c.senders, level),
                        static_cast<std::uint64_t>(c.trials));
      auto point =
          ngdsp::measure_unsourced_access(c, [&progress](std::uint64_t done) { progress.update(done); });
      progress.clear();
      if (point) {
        if (json) {
          std::cout << to_json(c, load, *point).dump() << std::endl;
        } else {
          print_point(c, *point);
        }
      }
      return point;
    };
    if (ebn0_db.empty()) {
      c.ebn0_db =
          0.4 + 0.015 * std::max(0.0, load - 150);  // near what was measured; the search goes on from here
      const auto found = ngdsp::search_required_ebn0(c, pupe, measure);
      if (!found) return fail(found.error());
      required.emplace_back(ka, *found);
      if (json) {
        const nlohmann::json line = {{"ka", c.senders}, {"pupe_target", pupe}, {"required_ebn0_db", *found}};
        std::cout << line.dump() << std::endl;
      }
    } else {
      std::vector<UnsourcedPoint> points;
      for (const double level : ebn0_db) {
        const auto point = measure(level);
        if (!point) return fail(point.error());
        points.push_back(*point);
      }
      required.emplace_back(ka, crossing(points, pupe));
    }
  }
  if (!json && (ebn0_db.empty() || ebn0_db.size() > 1)) print_required(required, pupe);
  if (values.count("plot")) {
    LinePlot plot{fmt::format("100 bits in 30000 real channel uses, per-user error {:g}", pupe),
                  "senders at once",
                  "required E_b/N0 / dB (all transmitted energy)",
                  {}};
    plot.series.push_back({"ngplc, number of senders not told to the receiver", {}});
    for (const auto& point : required) {
      if (std::isfinite(point.second)) plot.series.back().points.push_back(point);
    }
    if (pupe == 0.05) {
      for (const Published& row : published()) plot.series.push_back({row.name, row.points});
    }
    if (const auto error = write_line_plot(values["plot"].as<std::string>(), plot)) return fail(error->text);
  }
  return kDone;
}

}  // namespace ngplc_app
