// ngplc mask: the emission of a transmit signal against the limits of a rule.
#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "ngdsp/base/db.h"
#include "ngdsp/eval/emission_limits.h"
#include "ngdsp/eval/emission_scan.h"
#include "ngdsp/eval/transmit_signal.h"
#include "ngdsp/io/sigmf_reader.h"
#include "options.h"
#include "plot.h"
#include "progress.h"

namespace ngplc_app {
namespace {

using ngdsp::EmissionRule;
using ngdsp::EmissionScan;
using ngdsp::EmissionVerdict;
using ngdsp::LimitVerdict;
using Quantity = ngdsp::EmissionQuantity;
using ngdsp::Result;

constexpr double kLeastRateHz = 1.25e6;  // a profile is rendered so that 150 to 600 kHz can be judged

po::options_description mask_options() {
  po::options_description options("");
  // clang-format off
  options.add_options()
      ("profile", po::value<std::string>(), "frames of this profile back to back: shipped profile or FILE.toml")
      ("level-dbuv", po::value<double>()->default_value(120, "120"), "rms level of those frames across the artificial mains network, dBuV")
      ("full-scale-dbuv", po::value<double>()->default_value(120, "120"), "with a recording: voltage of a sample of 1.0, dBuV; a sine of amplitude 1 reads 3 dB less")
      ("rule", po::value<std::string>(), "en50065-a -b -c -d, fcc-15.113, fcc-15.207, arib-t84, arib-t84-200 (the profile's)")
      ("field-db", po::value<double>(), "field strength at 300 m over the voltage, dB(1/m), for limits of field strength")
      ("seconds", po::value<double>()->default_value(2, "2"), "length of the frames, s; quasi-peak needs 1 or more")
      ("sample-rate-hz", po::value<double>(), "rate the frames are rendered at, Hz (1.25e6 or the profile's)")
      ("seed", po::value<std::uint64_t>()->default_value(1), "seed of the frames")
      ("plot", po::value<std::string>(), "draw levels and limits into FILE.png")
      ("points", "with --json: one object a tuning, too")
      ("no-hash", "do not check the recording's core:sha512")
      ("json", "print one object a line on stdout");
  // clang-format on
  return options;
}

/// The signal of a recording or a profile, what it is called, and the scale of its samples.
struct Signal {
  std::string name;
  std::string rule;  ///< empty when neither says
  std::vector<float> samples;
  ngdsp::EmissionScanConfig scan;
};

Result<Signal> recorded_signal(const po::variables_map& values) {
  Signal s;
  s.name = values["input"].as<std::string>();
  ngdsp::SigmfReaderOptions options;
  options.check_hash = values.count("no-hash") == 0;
  auto reader = ngdsp::SigmfReader::open(s.name, options);
  if (!reader) return ngdsp::Error{reader.error()};
  if (ngdsp::is_complex(reader->meta().format))
    return ngdsp::Error{fmt::format("{}: core:datatype is {}, expected real samples", reader->meta_path(),
                                    ngdsp::sample_format_name(reader->meta().format))};
  s.samples.resize(reader->samples());
  const auto got = reader->read(ngdsp::Span<float>(s.samples));
  if (!got) return ngdsp::Error{got.error()};
  if (reader->non_finite() > 0)
    return ngdsp::Error{
        fmt::format("{}: {} samples are no numbers", reader->data_path(), reader->non_finite())};
  const auto named = nlohmann::json::parse(reader->meta().ngplc_json("profile"), nullptr, false);
  if (named.is_string()) {
    if (const auto profile = ngdsp::load_profile(named.get<std::string>()))
      s.rule = ngdsp::emission_rule_of_mask(profile->psd_mask).value_or("");
  }
  s.scan.sample_rate_hz = reader->meta().sample_rate_hz;
  s.scan.full_scale_dbuv =
      in_range("full-scale-dbuv", values["full-scale-dbuv"].as<double>(), -100, 300, "dBuV");
  return s;
}

Result<Signal> rendered_signal(const po::variables_map& values) {
  Signal s;
  s.name = values["profile"].as<std::string>();
  const auto profile = ngdsp::load_profile(s.name);
  if (!profile) return ngdsp::Error{profile.error()};
  s.rule = ngdsp::emission_rule_of_mask(profile->psd_mask).value_or("");
  s.scan.sample_rate_hz =
      values.count("sample-rate-hz")
          ? in_range("sample-rate-hz", values["sample-rate-hz"].as<double>(), 1e3, 1e8, "Hz")
          : std::max(kLeastRateHz, profile->sample_rate_hz);
  const double seconds = in_range("seconds", values["seconds"].as<double>(), 0.05, 60, "s");
  auto samples =
      ngdsp::continuous_frames(*profile, s.scan.sample_rate_hz, seconds, values["seed"].as<std::uint64_t>());
  if (!samples) return ngdsp::Error{samples.error()};
  s.samples = std::move(*samples);
  s.scan.full_scale_dbuv = in_range("level-dbuv", values["level-dbuv"].as<double>(), -100, 300, "dBuV");
  return s;
}

nlohmann::json to_json(const Signal& s, const EmissionRule& rule, const EmissionScan& scan,
                       const EmissionVerdict& v) {
  nlohmann::json line = {{"type", "mask"},
                         {"signal", s.name},
                         {"rule", rule.name},
                         {"rms_dbuv", scan.rms_dbuv},
                         {"peak_dbuv", scan.peak_dbuv},
                         {"width_hz", scan.width_hz},
                         {"seconds", scan.seconds},
                         {"settled", scan.settled},
                         {"sample_rate_hz", s.scan.sample_rate_hz},
                         {"full_scale_dbuv", s.scan.full_scale_dbuv},
                         {"note", rule.note}};
  line["passes"] = v.judged ? nlohmann::json(v.margin_db >= 0) : nlohmann::json();
  line["margin_db"] = v.judged ? nlohmann::json(v.margin_db) : nlohmann::json();
  line["highest_rms_dbuv"] = v.judged ? nlohmann::json(scan.rms_dbuv + v.margin_db) : nlohmann::json();
  line["decided_by"] = v.judged ? nlohmann::json(rule.limits[v.strictest].what) : nlohmann::json();
  line["complete"] = v.complete;
  line["unconfirmed"] = std::any_of(v.limits.begin(), v.limits.end(), [](const LimitVerdict& l) {
    return l.judged && l.limit->basis != ngdsp::LimitBasis::kConfirmed;
  });
  return line;
}

nlohmann::json to_json(const LimitVerdict& v) {
  nlohmann::json line = {{"type", "limit"},
                         {"what", v.limit->what},
                         {"reading", ngdsp::emission_quantity_name(v.limit->quantity)},
                         {"basis", ngdsp::limit_basis_name(v.limit->basis)},
                         {"source", v.limit->source},
                         {"judged", v.judged}};
  if (!v.judged) {
    line["why_not"] = v.why_not;
    return line;
  }
  line["margin_db"] = v.margin_db;
  line["level_dbuv"] = v.level_dbuv;
  line["limit_dbuv"] = v.limit_dbuv;
  line["at_hz"] = v.at_hz > 0 ? nlohmann::json(v.at_hz) : nlohmann::json();
  line["judged_to_hz"] = v.judged_to_hz;
  return line;
}

nlohmann::json to_json(const ngdsp::EmissionPoint& p) {
  return {{"type", "point"},
          {"frequency_hz", p.frequency_hz},
          {"bandwidth_hz", p.bandwidth_hz},
          {"peak_dbuv", p.peak_dbuv},
          {"quasi_peak_dbuv", p.quasi_peak_dbuv},
          {"average_dbuv", p.average_dbuv},
          {"density_dbuv_hz", p.density_dbuv_hz}};
}

void print_text(const Signal& s, const EmissionRule& rule, const EmissionScan& scan,
                const EmissionVerdict& verdict) {
  fmt::print("{} against {} ({})\n", s.name, rule.title, rule.name);
  fmt::print("level {:.1f} dBuV rms, {:.1f} dBuV peak, 20 dB width {:.1f} kHz, {:.2f} s\n", scan.rms_dbuv,
             scan.peak_dbuv, scan.width_hz / 1e3, scan.seconds);
  fmt::print("\n{:<36} {:<15} {:>10} {:>9} {:>9} {:>9}  {}\n", "limit", "reading", "at kHz", "level", "limit",
             "margin", "basis");
  for (const LimitVerdict& v : verdict.limits) {
    const auto name = ngdsp::emission_quantity_name(v.limit->quantity);
    if (!v.judged) {
      fmt::print("{:<36} {:<15} not judged: {}\n", v.limit->what, name, v.why_not);
      continue;
    }
    fmt::print("{:<36} {:<15} {:>10} {:>9.1f} {:>9.1f} {:>9.1f}  {}\n", v.limit->what, name,
               v.at_hz > 0 ? fmt::format("{:.2f}", v.at_hz / 1e3) : "-", v.level_dbuv, v.limit_dbuv,
               v.margin_db, ngdsp::limit_basis_name(v.limit->basis));
  }
  if (verdict.judged) {
    fmt::print("\n{}: margin {:.1f} dB; highest legal level {:.1f} dBuV rms, set by \"{}\"\n",
               verdict.margin_db < 0 ? "FAILS"
               : verdict.complete    ? "passes"
                                     : "passes as far as judged",
               verdict.margin_db, scan.rms_dbuv + verdict.margin_db, rule.limits[verdict.strictest].what);
  } else {
    fmt::print("\nno limit could be judged\n");
  }
  fmt::print("{}\n", rule.note);
}

/// A limit has the colour of the reading it is for.
int color_of(Quantity quantity) {
  switch (quantity) {
    case Quantity::kPeak:
      return 7;
    case Quantity::kQuasiPeak:
      return 6;
    case Quantity::kAverage:
      return 2;
    case Quantity::kPower10k:
      return 4;
    case Quantity::kTotalPeak:
      break;
  }
  return 8;
}

PlotPage page_of(const Signal& s, const EmissionRule& rule, const EmissionScan& scan,
                 const EmissionVerdict& verdict) {
  Panel panel;
  panel.title =
      fmt::format("{}, {:.1f} dBuV rms, against {}: {}", s.name, scan.rms_dbuv, rule.name,
                  !verdict.judged ? "not judged"
                                  : fmt::format("margin {:.1f} dB, highest legal level {:.1f} dBuV rms",
                                                verdict.margin_db, scan.rms_dbuv + verdict.margin_db));
  panel.x_label = "frequency / kHz (200 Hz filter below 150 kHz, 9 kHz above)";
  panel.y_label = "level / dBuV";
  panel.log_x = true;
  panel.x_low = scan.points.front().frequency_hz / 1e3;
  panel.x_high = scan.points.back().frequency_hz / 1e3;
  Panel::Series peak{"peak", Panel::Style::kThin, color_of(Quantity::kPeak), {}},
      quasi_peak{"quasi-peak", Panel::Style::kThin, color_of(Quantity::kQuasiPeak), {}},
      average{"average", Panel::Style::kThin, color_of(Quantity::kAverage), {}};
  for (const auto& p : scan.points) {
    const double khz = p.frequency_hz / 1e3;
    peak.points.emplace_back(khz, p.peak_dbuv);
    quasi_peak.points.emplace_back(khz, p.quasi_peak_dbuv);
    average.points.emplace_back(khz, p.average_dbuv);
  }
  panel.key_below = true;
  panel.series = {peak, quasi_peak, average};
  double highest = scan.peak_dbuv;
  for (const LimitVerdict& v : verdict.limits) {
    if (!v.judged) continue;
    const auto basis = v.limit->basis == ngdsp::LimitBasis::kConfirmed
                           ? std::string()
                           : fmt::format(" ({})", ngdsp::limit_basis_name(v.limit->basis));
    Panel::Series line{fmt::format("limit, {}: {}{}", ngdsp::emission_quantity_name(v.limit->quantity),
                                   v.limit->what, basis),
                       Panel::Style::kLimit,
                       color_of(v.limit->quantity),
                       {}};
    for (const auto& [hz, dbuv] : v.limit->line) line.points.emplace_back(hz / 1e3, dbuv);
    panel.series.push_back(line);
    highest = std::max(highest, v.limit_dbuv);
  }
  panel.y_low = 0;
  panel.y_high = 10 * std::ceil((highest + 10) / 10);
  PlotPage page;
  page.panels.push_back(panel);
  return page;
}

int fail(const std::string& text) {
  spdlog::error("{}", text);
  return kFailed;
}

}  // namespace

int run_mask(const Arguments& args) {
  po::options_description hidden;
  hidden.add_options()("input", po::value<std::string>());
  po::positional_options_description positional;
  positional.add("input", 1);
  const auto parsed = parse_options(
      {"mask", "FILE | --profile PROFILE [options]",
       "The emission of a transmit signal as a CISPR 16-1-1 receiver reads it (peak, quasi-peak,\n"
       "average; 200 Hz below 150 kHz, 9 kHz above) against EN 50065-1, FCC part 15 or ARIB STD-T84,\n"
       "and the highest level the rule allows. Not a type test: see docs/mask.md."},
      mask_options(), hidden, positional, args);
  if (!parsed) return kDone;
  const auto& values = *parsed;
  if (values.count("input") + values.count("profile") != 1)
    throw UsageError("expected either a recording or --profile");
  if (values.count("profile")) option_profile(values["profile"].as<std::string>());
  const auto signal = values.count("input") ? recorded_signal(values) : rendered_signal(values);
  if (!signal) return fail(signal.error());
  const std::string rule_name = values.count("rule") ? values["rule"].as<std::string>() : signal->rule;
  if (rule_name.empty()) throw UsageError(signal->name + " names no rule, expected --rule");
  const auto rule = ngdsp::find_emission_rule(rule_name);
  if (!rule) throw UsageError("--rule: " + rule.error());
  if (signal->scan.sample_rate_hz < 2 * rule->band_high_hz)
    return fail(fmt::format("{}: the sample rate is {:g} Hz, expected at least {:g} to hold the band of {}",
                            signal->name, signal->scan.sample_rate_hz, 2 * rule->band_high_hz, rule->name));

  std::optional<double> field_db;
  if (values.count("field-db"))
    field_db = in_range("field-db", values["field-db"].as<double>(), -300, 100, "dB(1/m)");

  constexpr std::uint64_t kTicks = 1000;
  Progress progress("scan", kTicks);
  const auto scan =
      ngdsp::scan_emission(signal->scan, ngdsp::Span<const float>(signal->samples),
                           [&](double part) { progress.update(static_cast<std::uint64_t>(part * kTicks)); });
  progress.clear();
  if (!scan) return fail(signal->name + ": " + scan.error());
  if (!scan->settled)
    spdlog::warn("{}: {:.2f} s, quasi-peak and average need 1 s and read too low", signal->name,
                 scan->seconds);
  const auto verdict = ngdsp::judge_emission(*scan, *rule, field_db);
  if (values.count("json")) {
    std::cout << to_json(*signal, *rule, *scan, verdict).dump() << "\n";
    for (const auto& v : verdict.limits) std::cout << to_json(v).dump() << "\n";
    if (values.count("points")) {
      for (const auto& p : scan->points) std::cout << to_json(p).dump() << "\n";
    }
    std::cout << std::flush;
  } else {
    print_text(*signal, *rule, *scan, verdict);
  }
  if (values.count("plot")) {
    if (const auto error =
            write_page(values["plot"].as<std::string>(), page_of(*signal, *rule, *scan, verdict)))
      return fail(error->text);
  }
  return kDone;
}

}  // namespace ngplc_app
