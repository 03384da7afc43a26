// ngplc access: unslotted frames of many nodes into one receiver, loss over load.
#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "ngdsp/eval/access.h"
#include "ngdsp/eval/packet_error.h"
#include "noise_file.h"
#include "options.h"
#include "plot.h"
#include "progress.h"
#include "scenario_file.h"

namespace ngplc_app {
namespace {

using ngdsp::AccessConfig;
using ngdsp::AccessPoint;

po::options_description access_options() {
  po::options_description options("");
  // clang-format off
  options.add_options()
      ("profile", po::value<std::string>()->default_value("cenelec-a"), "shipped profile or FILE.toml")
      ("payload", po::value<int>()->default_value(16), "payload class, bytes")
      ("load", po::value<std::string>()->default_value("0.5:0.5:2"), "offered load LO:STEP:HI, a list, or one value, payload bits a chip")
      ("ebn0", po::value<double>()->default_value(10, "10"), "mean E_b/N0 over all transmit levels (lognormal spread: the median), dB")
      ("spread", po::value<std::string>()->default_value("equal"), "received power of a frame: equal, lognormal:SIGMA_DB, uniform:WIDTH_DB")
      ("levels", po::value<std::string>()->default_value("0"), "transmit levels DB,... or DB:PERCENT,... drawn for every frame; the mean energy stays")
      ("clock-ppm", po::value<double>()->default_value(0, "0"), "clock offset drawn within +- this, the carrier follows, ppm")
      ("cfo-hz", po::value<double>()->default_value(0, "0"), "carrier offset drawn within +- this, beside the clock's, Hz")
      ("taps", po::value<std::string>(), "paths GAIN_DB@DELAY_CHIPS,...; phases are drawn for every frame")
      ("scenario", po::value<std::string>(), "a place on the mains, NAME or FILE.toml: its line, its noise (E_b/N0 counts against the background), its receiver input")
      ("noise", po::value<std::string>(), "real SigMF recording as noise, scaled to N0 in the occupied band")
      ("carrier-hz", po::value<double>(), "carrier inside that recording, Hz (the profile's)")
      ("frames", po::value<double>(), "counted frames a run (2000)")
      ("seconds", po::value<double>(), "length of a run instead, s of stream")
      ("cold-start", "the receiver is switched on amid full traffic")
      ("burst", po::value<std::string>(), "noise burst AT:LENGTH:DB, frame durations and dB over the noise")
      ("overload", po::value<std::string>(), "other load for a while, AT:LENGTH:LOAD, frame durations and bits a chip; 0 = silence")
      ("silence-order", po::value<std::string>(), "when the receiver finds the line collapsed no frame begins for a while, LENGTH[:SHARE_OBEYING[:DELAY]], frame durations (share 1, delay 0)")
      ("seed", po::value<std::string>()->default_value("1"), "seed of everything drawn; LO:STEP:HI or a list: a run for each")
      ("threads", po::value<int>()->default_value(0), "runs at a time; 0 = all cores")
      ("plot", po::value<std::string>(), "draw loss over load into FILE.png, seeds taken together")
      ("json", "print one object a run on stdout");
  // clang-format on
  return options;
}

int fail(const std::string& text) {
  spdlog::error("{}", text);
  return kFailed;
}

/// Numbers separated by colons, `least` to `most` of them.
std::vector<double> parse_numbers(const std::string& option, const std::string& text, std::size_t least,
                                  std::size_t most, const std::string& form) {
  std::vector<double> values;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(':', at), text.size());
    const std::string part = text.substr(at, end - at);
    char* stop = nullptr;
    const double value = std::strtod(part.c_str(), &stop);
    if (part.empty() || stop != part.c_str() + part.size() || !std::isfinite(value)) break;
    values.push_back(value);
    at = end + 1;
  }
  const auto colons = static_cast<std::size_t>(std::count(text.begin(), text.end(), ':'));
  if (values.size() < least || values.size() > most || colons != values.size() - 1)
    throw UsageError(fmt::format("--{} is \"{}\", expected {}", option, text, form));
  return values;
}

std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  std::vector<std::uint64_t> seeds;
  for (const double value : parse_values("seed", text)) {
    in_range("seed", value, 0, 0x1p53, "");
    if (value != std::floor(value))
      throw UsageError(fmt::format("--seed is {:g}, expected whole numbers", value));
    seeds.push_back(static_cast<std::uint64_t>(value));
  }
  return seeds;
}

nlohmann::json to_json(const AccessConfig& c, const AccessPoint& p) {
  const auto or_null = [](const std::optional<double>& x) {
    return x ? nlohmann::json(*x) : nlohmann::json(nullptr);
  };
  nlohmann::json line = {{"profile", c.traffic.profile.name},
                         {"payload_bytes", c.traffic.payload_bytes},
                         {"load", c.traffic.load},
                         {"ebn0_db", c.traffic.ebn0_db},
                         {"spread", to_string(c.traffic.spread)},
                         {"levels", to_string(c.traffic.levels)},
                         {"offered", p.offered},
                         {"decoded", p.decoded},
                         {"loss", p.loss},
                         {"loss_low", p.loss_low},
                         {"loss_high", p.loss_high},
                         {"loss_above_4db", p.loss_above_4db},
                         {"false_frames", p.false_frames},
                         {"duplicates", p.duplicates},
                         {"residual", p.residual},
                         {"cancellation_db", p.cancellation_db},
                         {"delay_s_median", p.delay_s_median},
                         {"delay_s_99", p.delay_s_99},
                         {"cpu_per_channel_s", p.cpu_per_channel_s},
                         {"locked_after_frames", or_null(p.locked_after_frames)},
                         {"seed", c.traffic.seed}};
  if (c.traffic.scenario) line["scenario"] = c.traffic.scenario->name;
  if (c.traffic.burst || c.traffic.overload) {
    line["recovered_after_frames"] = or_null(p.recovered_after_frames);
    for (const ngdsp::LossBin& bin : p.recovery) {
      line["offered_after_fault"].push_back(bin.offered);
      line["lost_after_fault"].push_back(bin.lost);
    }
  }
  for (std::size_t i = 0; i < p.segments.size(); ++i) {
    const ngdsp::NoiseSegment& segment = c.traffic.scenario->segments[i];
    nlohmann::json one = {{"noise", segment.noise.name}, {"level_db", segment.level_db}};
    const auto add = [&one](const std::string& by, const std::vector<ngdsp::LossBin>& bins) {
      for (const ngdsp::LossBin& bin : bins) {
        one["offered_" + by].push_back(bin.offered);
        one["lost_" + by].push_back(bin.lost);
      }
    };
    add("by_half_second", p.segments[i].since_change);
    add("by_round", p.segments[i].rounds);
    line["segments"].push_back(one);
  }
  if (c.silence) {
    line["orders"] = p.orders.size();
    line["ordered_at_frames"] = p.orders;
    line["collapses"] = p.collapses;
    line["collapsed_frames"] = p.collapsed_frames;
    line["deferred"] = p.deferred;
  }
  return line;
}

void print_head() {
  fmt::print(
      "{:>6} {:>5} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9} {:>5} {:>4} {:>8} {:>7} {:>7} {:>7} {:>6} {:>6} "
      "{:>9}\n",
      "load", "seed", "offered", "decoded", "loss", "loss_low", "loss_high", ">4dB", "false", "dup",
      "residual", "canc_db", "delay_s", "del99_s", "cpu/s", "locked", "recovered");
}

void print_point(const AccessConfig& c, const AccessPoint& p) {
  const auto frames = [](const std::optional<double>& x) {
    return x ? fmt::format("{:g}", *x) : std::string("-");
  };
  fmt::print(
      "{:>6g} {:>5} {:>8} {:>8} {:>9.3g} {:>9.3g} {:>9.3g} {:>9.3g} {:>5} {:>4} {:>8.4f} {:>7.2f} {:>7.3f} "
      "{:>7.3f} "
      "{:>6.2f} {:>6} {:>9}\n",
      c.traffic.load, c.traffic.seed, p.offered, p.decoded, p.loss, p.loss_low, p.loss_high, p.loss_above_4db,
      p.false_frames, p.duplicates, p.residual, p.cancellation_db, p.delay_s_median, p.delay_s_99,
      p.cpu_per_channel_s, frames(p.locked_after_frames), frames(p.recovered_after_frames));
  std::fflush(stdout);
}

/// The options that are the same for all runs; throws UsageError. Nothing when a profile file is bad (said).
std::optional<AccessConfig> common_config(const po::variables_map& values) {
  AccessConfig c;
  const auto profile = option_profile(values["profile"].as<std::string>());
  if (!profile) return std::nullopt;
  c.traffic.profile = *profile;
  c.traffic.payload_bytes = values["payload"].as<int>();
  if (profile->first_sequence(c.traffic.payload_bytes) < 0)
    throw UsageError(
        fmt::format("--payload is {}, not a payload class of {}", c.traffic.payload_bytes, profile->name));
  c.traffic.ebn0_db = in_range("ebn0", values["ebn0"].as<double>(), -60, 120, "dB");
  c.traffic.clock_ppm = in_range("clock-ppm", values["clock-ppm"].as<double>(), 0, 200, "ppm");
  c.traffic.cfo_hz = in_range("cfo-hz", values["cfo-hz"].as<double>(), 0, 1e5, "Hz");
  if (values.count("carrier-hz"))
    c.traffic.carrier_hz = in_range("carrier-hz", values["carrier-hz"].as<double>(), 0, 1e11, "Hz");
  const auto spread = ngdsp::parse_power_spread(values["spread"].as<std::string>());
  if (!spread) throw UsageError("--spread: " + spread.error());
  c.traffic.spread = *spread;
  const auto levels = ngdsp::parse_transmit_levels(values["levels"].as<std::string>());
  if (!levels) throw UsageError("--levels: " + levels.error());
  c.traffic.levels = *levels;
  if (values.count("taps")) {
    const auto taps = ngdsp::parse_taps(values["taps"].as<std::string>());
    if (!taps) throw UsageError("--taps: " + taps.error());
    c.traffic.taps = *taps;
  }
  if (values.count("burst")) {
    const auto v = parse_numbers("burst", values["burst"].as<std::string>(), 3, 3, "AT:LENGTH:DB");
    c.traffic.burst = ngdsp::NoiseBurst{in_range("burst AT", v[0], 0, 1e9, "frame durations"),
                                        in_range("burst LENGTH", v[1], 0, 1e9, "frame durations"),
                                        in_range("burst DB", v[2], 0, 60, "dB")};
  }
  if (values.count("overload")) {
    const auto v = parse_numbers("overload", values["overload"].as<std::string>(), 3, 3, "AT:LENGTH:LOAD");
    c.traffic.overload = ngdsp::LoadStep{in_range("overload AT", v[0], 0, 1e9, "frame durations"),
                                         in_range("overload LENGTH", v[1], 0, 1e9, "frame durations"),
                                         in_range("overload LOAD", v[2], 0, 20, "bits a chip")};
  }
  if (values.count("silence-order")) {
    const auto v = parse_numbers("silence-order", values["silence-order"].as<std::string>(), 1, 3,
                                 "LENGTH[:SHARE_OBEYING[:DELAY]]");
    c.silence = ngdsp::SilenceConfig{};
    c.silence->frames = in_range("silence-order LENGTH", v[0], 0.01, 32, "frame durations");
    if (v.size() > 1) c.traffic.obeying = in_range("silence-order SHARE_OBEYING", v[1], 0, 1, "");
    if (v.size() > 2)
      c.silence->delay_frames = in_range("silence-order DELAY", v[2], 0, 100, "frame durations");
  }
  c.cold_start = values.count("cold-start") > 0;
  if (values.count("seconds") && values.count("frames"))
    throw UsageError("--seconds and --frames exclude each other");
  if (values.count("seconds")) {
    c.seconds = in_range("seconds", values["seconds"].as<double>(), 1e-3, 1e7, "s");
  } else {
    const double frames =
        values.count("frames") ? in_range("frames", values["frames"].as<double>(), 1, 1e9, "frames") : 2000;
    if (frames != std::floor(frames))
      throw UsageError(fmt::format("--frames is {:g}, expected a whole number", frames));
    c.frames = static_cast<std::uint64_t>(frames);
  }
  return c;
}

ngdsp::Status draw(const std::string& path, const std::vector<AccessConfig>& runs,
                   const std::vector<AccessPoint>& points) {
  const ngdsp::TrafficConfig& t = runs.front().traffic;
  RatePlot plot{
      fmt::format("{}: unslotted traffic of {} bytes at {:g} dB, power {}, levels {}; 95 % intervals",
                  t.profile.name, t.payload_bytes, t.ebn0_db, to_string(t.spread), to_string(t.levels)),
      "load / payload bits per chip",
      "frames lost",
      {{runs.front().cold_start ? "cold start" : "from the beginning", {}}}};
  // Runs of one load lie together: seeds change fastest.
  for (std::size_t i = 0; i < runs.size();) {
    std::uint64_t offered = 0, decoded = 0;
    const double load = runs[i].traffic.load;
    for (; i < runs.size() && runs[i].traffic.load == load; ++i) {
      offered += points[i].offered;
      decoded += points[i].decoded;
    }
    if (offered == 0) continue;
    RatePoint p{load, static_cast<double>(offered - decoded) / static_cast<double>(offered), 0, 0};
    ngdsp::clopper_pearson(offered - decoded, offered, p.low, p.high);
    plot.series.front().points.push_back(p);
  }
  return write_rate_plot(path, plot);
}

}  // namespace

int run_access(const Arguments& args) {
  const auto parsed = parse_options(
      {"access", "[options]",
       "Frames of many nodes begin at random times on one line; one streaming receiver hears all of them.\n"
       "Counted are frames that begin two frame durations after the stream does and end three before it "
       "ends."},
      access_options(), {}, {}, args);
  if (!parsed) return kDone;
  const auto& values = *parsed;
  const auto common = common_config(values);
  if (!common) return kFailed;
  AccessConfig base = *common;
  const int threads = static_cast<int>(in_range("threads", values["threads"].as<int>(), 0, 1024, "threads"));
  const auto loads = parse_values("load", values["load"].as<std::string>());
  for (const double load : loads) in_range("load", load, 1e-4, 20, "bits a chip");
  const auto seeds = parse_seeds(values["seed"].as<std::string>());
  if (values.count("scenario")) {
    auto scenario = option_scenario(values["scenario"].as<std::string>());
    if (!scenario) return kFailed;
    base.traffic.scenario = std::make_shared<const ngdsp::Scenario>(std::move(*scenario));
  }
  if (values.count("noise")) {
    auto noise = load_noise(values["noise"].as<std::string>());
    if (!noise) return fail(noise.error());
    base.traffic.noise = std::make_shared<const std::vector<float>>(std::move(noise->samples));
    base.traffic.sample_rate_hz = noise->sample_rate_hz;
  }
  std::vector<AccessConfig> runs;
  for (const double load : loads) {
    for (const std::uint64_t seed : seeds) {
      runs.push_back(base);
      runs.back().traffic.load = load;
      runs.back().traffic.seed = seed;
    }
  }
  for (const AccessConfig& run : runs)
    if (const std::string wrong = run.validate(); !wrong.empty()) throw UsageError(wrong);
  const bool json = values.count("json") > 0;
  if (!json) print_head();
  constexpr std::uint64_t kSteps = 10000;
  Progress progress(fmt::format("{} runs", runs.size()), kSteps);
  std::vector<AccessPoint> points;
  const auto failure = ngdsp::measure_access(
      runs, threads,
      [&](std::size_t i, const AccessPoint& point) {
        progress.clear();
        points.push_back(point);
        if (json) {
          std::cout << to_json(runs[i], point).dump() << std::endl;
        } else {
          print_point(runs[i], point);
        }
      },
      [&](double part) { progress.update(static_cast<std::uint64_t>(part * kSteps)); });
  progress.clear();
  if (failure) return fail(failure->text);
  if (values.count("plot")) {
    if (const auto error = draw(values["plot"].as<std::string>(), runs, points)) return fail(error->text);
  }
  return kDone;
}

}  // namespace ngplc_app
