// ngplc sweep: packet error rates over E_b/N0, and false alarms on noise.
#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "ngdsp/eval/genie.h"
#include "ngdsp/eval/packet_error.h"
#include "noise_file.h"
#include "options.h"
#include "plot.h"
#include "progress.h"
#include "scenario_file.h"

namespace ngplc_app {
namespace {

using ngdsp::PacketErrorConfig;
using ngdsp::PacketErrorPoint;

po::options_description sweep_options() {
  po::options_description options("");
  // clang-format off
  options.add_options()
      ("profile", po::value<std::string>()->default_value("cenelec-a"), "shipped profile or FILE.toml")
      ("payload", po::value<std::string>()->default_value("16"), "payload class, bytes; several as 16,32,64")
      ("ebn0", po::value<std::string>()->default_value("1:0.5:3"), "E_b/N0 LO:STEP:HI, a list, or one value, dB")
      ("frames", po::value<int>()->default_value(2000), "frames a point")
      ("stop-errors", po::value<int>()->default_value(0), "end a point after this many lost frames; 0 = never early")
      ("seed", po::value<std::uint64_t>()->default_value(1), "seed of everything drawn")
      ("threads", po::value<int>()->default_value(0), "threads; 0 = all cores")
      ("cfo-hz", po::value<double>()->default_value(0, "0"), "carrier offset drawn within +- this, beside the clock's, Hz")
      ("clock-ppm", po::value<double>()->default_value(0, "0"), "clock offset drawn within +- this, the carrier follows, ppm")
      ("taps", po::value<std::string>(), "paths GAIN_DB@DELAY_CHIPS,...; phases are drawn for every frame")
      ("interferer", po::value<double>(), "a second frame over the first, so much above it, dB")
      ("gain-modulation", po::value<std::string>(), "gain of the line over time, DEPTH@HZ, e.g. 0.1@100")
      ("scenario", po::value<std::string>(), "a place on the mains, NAME or FILE.toml: its line, its noise (E_b/N0 counts against the background), its receiver input")
      ("genie", "take the scenario's waveforms out and tell the receiver variance and spectrum of its noise, which it learns otherwise")
      ("lead", po::value<double>()->default_value(0, "0"), "noise alone before each frame, for the receiver to learn, s")
      ("ideal", po::value<double>(), "no frames: what the best receiver loses in this many seconds of the scenario's noise, 0.5..100 s")
      ("noise", po::value<std::string>(), "real SigMF recording as noise, scaled to the same power in the occupied band")
      ("carrier-hz", po::value<double>(), "carrier inside that recording, Hz (the profile's)")
      ("plot", po::value<std::string>(), "draw the curve into FILE.png")
      ("noise-only", po::value<double>(), "no frames: the receiver on this many seconds of white noise, s")
      ("json", "print one object a point on stdout");
  // clang-format on
  return options;
}

nlohmann::json to_json(const PacketErrorConfig& c, const PacketErrorPoint& p) {
  nlohmann::json line = {{"profile", c.profile.name},
                         {"payload_bytes", c.payload_bytes},
                         {"ebn0_db", p.ebn0_db},
                         {"snr_db", p.snr_db},
                         {"sent", p.sent},
                         {"ok", p.ok},
                         {"per", p.per},
                         {"per_low", p.per_low},
                         {"per_high", p.per_high},
                         {"false_frames", p.false_frames},
                         {"seconds", p.seconds},
                         {"seed", c.seed}};
  if (c.scenario) line["scenario"] = c.scenario->name;
  if (c.genie) line["genie"] = true;
  if (c.lead_s > 0) line["lead_s"] = c.lead_s;
  if (c.interferer_db) {
    line["interferer_db"] = *c.interferer_db;
    line["interferers_ok"] = p.interferers_ok;
  }
  return line;
}

int fail(const std::string& text) {
  spdlog::error("{}", text);
  return kFailed;
}

int run_noise_only(const po::variables_map& values, const ngdsp::Profile& profile) {
  const double seconds = in_range("noise-only", values["noise-only"].as<double>(), 1, 1e9, "s");
  const auto result = ngdsp::measure_false_alarms(profile, seconds, values["seed"].as<std::uint64_t>(),
                                                  values["threads"].as<int>());
  if (!result) return fail(result.error());
  if (values.count("json")) {
    const nlohmann::json line = {
        {"profile", profile.name},
        {"noise_seconds", result->seconds},
        {"candidates", result->candidates},
        {"decodes", result->decodes},
        {"metric_rejected", result->metric_rejected},
        {"frames", result->frames},
        {"candidates_per_second", static_cast<double>(result->candidates) / result->seconds},
        {"seed", values["seed"].as<std::uint64_t>()}};
    std::cout << line.dump() << std::endl;
  } else {
    fmt::print(
        "{}: {:.0f} s of noise: {} candidates ({:.3g} a second), {} decoded, {} refused by the metric, {} "
        "frames\n",
        profile.name, result->seconds, result->candidates,
        static_cast<double>(result->candidates) / result->seconds, result->decodes, result->metric_rejected,
        result->frames);
  }
  return kDone;
}

void print_point(const PacketErrorConfig& c, const PacketErrorPoint& p) {
  fmt::print("{:>7} {:>8.2f} {:>8.2f} {:>8} {:>8} {:>10.3g} {:>10.3g} {:>10.3g} {:>6} {:>8.1f}\n",
             c.payload_bytes, p.ebn0_db, p.snr_db, p.sent, p.ok, p.per, p.per_low, p.per_high, p.false_frames,
             p.seconds);
  std::fflush(stdout);
}

int run_ideal(const po::variables_map& values, const PacketErrorConfig& c) {
  const double seconds = in_range("ideal", values["ideal"].as<double>(), 0.5, 100, "s");
  if (!c.scenario) throw UsageError("--ideal needs a --scenario");
  const auto loss = ngdsp::ideal_loss(*c.scenario, c.profile,
                                      ngdsp::noise_band(c.profile, c.profile.sample_rate_hz, c.carrier_hz),
                                      seconds, c.seed);
  if (!loss) return fail(loss.error());
  if (values.count("json")) {
    const nlohmann::json line = {{"profile", c.profile.name},
                                 {"scenario", c.scenario->name},
                                 {"noise_seconds", seconds},
                                 {"loss_db", loss->db},
                                 {"loss_waveforms_known_db", loss->waveforms_known_db},
                                 {"seed", c.seed}};
    std::cout << line.dump() << std::endl;
  } else {
    fmt::print(
        "{}: the best receiver loses {:.2f} dB against white noise, {:.2f} where it knows all waveforms\n",
        c.scenario->name, loss->db, loss->waveforms_known_db);
  }
  return kDone;
}

}  // namespace

int run_sweep(const Arguments& args) {
  const auto parsed = parse_options(
      {"sweep", "[options]",
       "Sends frames one at a time through the channel into the streaming receiver and counts."},
      sweep_options(), {}, {}, args);
  if (!parsed) return kDone;
  const auto& values = *parsed;
  PacketErrorConfig c;
  const auto profile = option_profile(values["profile"].as<std::string>());
  if (!profile) return kFailed;
  c.profile = *profile;
  c.seed = values["seed"].as<std::uint64_t>();
  c.threads = static_cast<int>(in_range("threads", values["threads"].as<int>(), 0, 1024, "threads"));
  if (values.count("noise-only")) return run_noise_only(values, c.profile);

  c.frames = static_cast<int>(in_range("frames", values["frames"].as<int>(), 1, 1e9, "frames"));
  c.stop_errors =
      static_cast<int>(in_range("stop-errors", values["stop-errors"].as<int>(), 0, 1e9, "errors"));
  c.cfo_hz = in_range("cfo-hz", values["cfo-hz"].as<double>(), 0, 1e6, "Hz");
  c.clock_ppm = in_range("clock-ppm", values["clock-ppm"].as<double>(), 0, 200, "ppm");
  if (values.count("carrier-hz"))
    c.carrier_hz = in_range("carrier-hz", values["carrier-hz"].as<double>(), 0, 1e11, "Hz");
  if (values.count("taps")) {
    const auto taps = ngdsp::parse_taps(values["taps"].as<std::string>());
    if (!taps) throw UsageError("--taps: " + taps.error());
    c.taps = *taps;
  }
  if (values.count("interferer"))
    c.interferer_db = in_range("interferer", values["interferer"].as<double>(), -80, 80, "dB");
  if (values.count("gain-modulation")) {
    const auto modulation = ngdsp::parse_gain_modulation(values["gain-modulation"].as<std::string>());
    if (!modulation) throw UsageError("--gain-modulation: " + modulation.error());
    c.modulation = *modulation;
  }
  const auto ebn0_db = parse_values("ebn0", values["ebn0"].as<std::string>());
  const auto payloads = parse_values("payload", values["payload"].as<std::string>());
  for (const double bytes : payloads) {
    if (c.profile.first_sequence(static_cast<int>(bytes)) < 0 || bytes != std::floor(bytes)) {
      throw UsageError(fmt::format("--payload is {:g}, not a payload class of {}", bytes, c.profile.name));
    }
  }
  c.genie = values.count("genie") > 0;
  c.lead_s = in_range("lead", values["lead"].as<double>(), 0, 60, "s");
  if (values.count("scenario")) {
    auto scenario = option_scenario(values["scenario"].as<std::string>());
    if (!scenario) return kFailed;
    c.scenario = std::make_shared<const ngdsp::Scenario>(std::move(*scenario));
  }
  if (values.count("ideal")) return run_ideal(values, c);
  if (values.count("noise")) {
    auto noise = load_noise(values["noise"].as<std::string>());
    if (!noise) return fail(noise.error());
    c.noise = std::move(noise->samples);
    c.sample_rate_hz = noise->sample_rate_hz;
  }

  const bool json = values.count("json") > 0;
  if (!json) {
    fmt::print("{:>7} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10} {:>10} {:>6} {:>8}\n", "payload", "ebn0_db",
               "snr_db", "sent", "ok", "per", "per_low", "per_high", "false", "seconds");
  }
  RatePlot plot{
      fmt::format("{}: packet error rate, up to {} frames a point, 95 % intervals", c.profile.name, c.frames),
      "E_b/N0 / dB (payload bits, all transmitted energy)",
      "packet error rate",
      {}};
  for (const double bytes : payloads) {
    c.payload_bytes = static_cast<int>(bytes);
    plot.series.push_back({fmt::format("{} bytes", c.payload_bytes), {}});
    for (const double level : ebn0_db) {
      c.ebn0_db = level;
      Progress progress(fmt::format("{} B at {:.2f} dB", c.payload_bytes, level),
                        static_cast<std::uint64_t>(c.frames));
      const auto point =
          ngdsp::measure_packet_error(c, [&progress](std::uint64_t done) { progress.update(done); });
      progress.clear();
      if (!point) return fail(point.error());
      if (json) {
        std::cout << to_json(c, *point).dump() << std::endl;
      } else {
        print_point(c, *point);
      }
      plot.series.back().points.push_back({point->ebn0_db, point->per, point->per_low, point->per_high});
    }
  }
  if (values.count("plot")) {
    if (const auto error = write_rate_plot(values["plot"].as<std::string>(), plot)) return fail(error->text);
  }
  return kDone;
}

}  // namespace ngplc_app
