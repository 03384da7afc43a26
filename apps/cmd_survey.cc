// ngplc survey: what a recording holds, as numbers and as one page for a report.
#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "ngdsp/base/db.h"
#include "ngdsp/eval/noise_survey.h"
#include "ngdsp/io/sigmf_reader.h"
#include "options.h"
#include "plot.h"

namespace ngplc_app {
namespace {

using ngdsp::LinkNeed;
using ngdsp::NoiseSurvey;
using ngdsp::Result;
using ngdsp::SpectralLine;

constexpr std::uint64_t kMostSamples = 40'000'000;  // what is held in memory, some 1 GB with all copies

po::options_description survey_options() {
  po::options_description options("");
  // clang-format off
  options.add_options()
      ("start-s", po::value<double>()->default_value(0, "0"), "begin here, s")
      ("seconds", po::value<double>()->default_value(60, "60"), "look at so much of each recording, s; 0 = all")
      ("band-hz", po::value<std::string>(), "LOW:HIGH, the band to look at, Hz (where the floor is within 40 dB of its highest)")
      ("signal-dbfs", po::value<double>(), "power a frame is received with, dB of full scale: gives margins")
      ("plot", po::value<std::string>(), "one page a recording: FILE.png for one, else a folder")
      ("no-hash", "do not check core:sha512")
      ("json", "print one object a recording on stdout");
  // clang-format on
  return options;
}

std::optional<std::pair<double, double>> asked_band(const po::variables_map& values) {
  if (!values.count("band-hz")) return std::nullopt;
  std::string text = values["band-hz"].as<std::string>();
  std::replace(text.begin(), text.end(), ':', '@');
  const auto ends = parse_at_list("band-hz", text, 2, "LOW:HIGH");
  if (ends[0] >= ends[1]) throw UsageError("--band-hz: expected LOW below HIGH");
  return std::pair{ends[0], ends[1]};
}

struct Recording {
  std::string path, name;
  bool real = false;
  double rate_hz = 0, center_hz = 0, recorded_s = 0;
  std::vector<ngdsp::cf32> samples;
};

Result<Recording> load(const std::string& path, const po::variables_map& values) {
  ngdsp::SigmfReaderOptions options;
  options.check_hash = values.count("no-hash") == 0;
  auto reader = ngdsp::SigmfReader::open(path, options);
  if (!reader) return ngdsp::Error{reader.error()};
  Recording r;
  r.path = reader->meta_path();
  r.name = std::filesystem::path(r.path).stem().string();
  r.real = !ngdsp::is_complex(reader->meta().format);
  r.rate_hz = reader->meta().sample_rate_hz;
  r.center_hz = r.real ? 0 : reader->meta().frequency_hz().value_or(0);
  r.recorded_s = static_cast<double>(reader->samples()) / r.rate_hz;
  const double start_s = values["start-s"].as<double>(), seconds = values["seconds"].as<double>();
  if (start_s >= r.recorded_s)
    return ngdsp::Error{fmt::format("{}: lasts {:.3f} s, expected more than the --start-s of {:g}", r.path,
                                    r.recorded_s, start_s)};
  const auto first = static_cast<std::uint64_t>(start_s * r.rate_hz);
  std::uint64_t count = reader->samples() - first;
  if (seconds > 0) count = std::min(count, static_cast<std::uint64_t>(seconds * r.rate_hz));
  if (count > kMostSamples) {
    spdlog::warn("{}: the first {:.1f} s are looked at", r.path,
                 static_cast<double>(kMostSamples) / r.rate_hz);
    count = kMostSamples;
  }
  if (const auto error = reader->seek(first)) return *error;
  r.samples.resize(count);
  for (std::size_t done = 0; done < r.samples.size();) {
    const auto got = reader->read(ngdsp::Span<ngdsp::cf32>(r.samples).subspan(done));
    if (!got) return ngdsp::Error{got.error()};
    if (*got == 0) return ngdsp::Error{r.path + ": the samples end early"};
    done += *got;
  }
  if (reader->non_finite() > 0)
    return ngdsp::Error{
        fmt::format("{}: {} samples are no numbers", reader->data_path(), reader->non_finite())};
  return r;
}

nlohmann::json to_json(const Recording& r, const NoiseSurvey& s, const std::vector<LinkNeed>& needs,
                       std::optional<double> signal_dbfs) {
  nlohmann::json lines = nlohmann::json::array(), links = nlohmann::json::array();
  for (const SpectralLine& l : s.spectrum.lines)
    lines.push_back(
        {{"frequency_hz", l.frequency_hz}, {"level_dbfs", l.level_dbfs}, {"excess_db", l.excess_db}});
  for (const LinkNeed& n : needs) {
    nlohmann::json link = {{"profile", n.profile},
                           {"payload_bytes", n.payload_bytes},
                           {"carrier_hz", n.carrier_hz},
                           {"moved", n.moved},
                           {"threshold_ebn0_db", n.threshold_ebn0_db},
                           {"noise_dbfs_hz", n.noise_dbfs_hz},
                           {"floor_dbfs_hz", n.floor_dbfs_hz},
                           {"needed_dbfs", n.needed_dbfs},
                           {"needed_floor_dbfs", n.needed_floor_dbfs}};
    if (signal_dbfs) {
      link["margin_db"] = *signal_dbfs - n.needed_dbfs;
      link["margin_floor_db"] = *signal_dbfs - n.needed_floor_dbfs;
    }
    links.push_back(link);
  }
  nlohmann::json mains = {{"tested", s.mains.tested}, {"locked", s.mains.locked}};
  if (s.mains.tested) {
    mains["frequency_hz"] = s.mains.frequency_hz;
    mains["statistic"] = s.mains.statistic;
    mains["threshold"] = s.mains.threshold;
    mains["depth_db"] = s.mains.depth_db;
    mains["profile"] = s.mains.profile;
  }
  return {{"recording", r.name},
          {"sample_rate_hz", r.rate_hz},
          {"center_hz", r.center_hz},
          {"real", r.real},
          {"seconds", s.seconds},
          {"recorded_seconds", r.recorded_s},
          {"noise_class", s.noise_class},
          {"traits", s.traits},
          {"rms_dbfs", s.rms_dbfs},
          {"peak_dbfs", s.peak_dbfs},
          {"clipped", s.clipped},
          {"band_low_hz", s.band_low_hz},
          {"band_high_hz", s.band_high_hz},
          {"bandwidth_hz", s.bandwidth_hz},
          {"floor_spread_db", s.floor_spread_db},
          {"bin_hz", s.spectrum.bin_hz},
          {"segments", s.spectrum.segments},
          {"line_threshold_db", s.spectrum.line_threshold_db},
          {"false_lines", ngdsp::kFalseLines},
          {"line_share", s.line_share},
          {"lines", lines},
          {"kurtosis", s.kurtosis},
          {"kurtosis_error", s.kurtosis_error},
          {"impulse_threshold_db", s.impulse_threshold_db},
          {"impulses_per_s", s.impulses_per_s},
          {"impulse_width_s", s.impulse_width_s},
          {"impulse_peak_db", s.impulse_peak_db},
          {"impulse_power_share", s.impulse_power_share},
          {"mains", mains},
          {"occupied_time", s.occupied_time},
          {"links", links}};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& w : words) text += (text.empty() ? "" : ", ") + w;
  return text;
}

/// Hz, kHz or MHz for a whole recording.
struct Unit {
  double hz;
  const char* name;
};
Unit unit_of(double highest_hz) {
  if (highest_hz >= 2e6) return {1e6, "MHz"};
  if (highest_hz >= 2e3) return {1e3, "kHz"};
  return {1, "Hz"};
}

std::vector<std::string> report(const Recording& r, const NoiseSurvey& s, const std::vector<LinkNeed>& needs,
                                std::optional<double> signal_dbfs) {
  const Unit unit = unit_of(s.band_high_hz);
  std::vector<std::string> out;
  out.push_back(fmt::format("class      {}", s.noise_class));
  out.push_back(fmt::format("traits     {}", joined(s.traits)));
  out.push_back(fmt::format("length     {:.2f} s of {:.2f}, {:g} S/s, {}", s.seconds, r.recorded_s, r.rate_hz,
                            r.real ? "real" : "complex"));
  out.push_back(fmt::format("level      {:.1f} dBFS rms, {:.1f} peak{}", s.rms_dbfs, s.peak_dbfs,
                            s.clipped > 1e-4 ? fmt::format(", {:.2g} % CLIPPED", 100 * s.clipped) : ""));
  out.push_back(fmt::format("band       {:.4f} to {:.4f} {}, floor varies by {:.1f} dB",
                            s.band_low_hz / unit.hz, s.band_high_hz / unit.hz, unit.name, s.floor_spread_db));
  out.push_back(
      fmt::format("lines      {}, {:.1f} % of the power", s.spectrum.lines.size(), 100 * s.line_share));
  std::vector<SpectralLine> strongest = s.spectrum.lines;
  std::sort(strongest.begin(), strongest.end(),
            [](const auto& a, const auto& b) { return a.level_dbfs > b.level_dbfs; });
  for (std::size_t i = 0; i < std::min<std::size_t>(3, strongest.size()); ++i)
    out.push_back(fmt::format("           {:.5f} {}, {:.1f} dBFS, {:.0f} dB over floor",
                              strongest[i].frequency_hz / unit.hz, unit.name, strongest[i].level_dbfs,
                              strongest[i].excess_db));
  out.push_back(fmt::format("kurtosis   {:.2f} (Gaussian 2 +- {:.2g})", s.kurtosis, s.kurtosis_error));
  out.push_back(fmt::format("impulses   {:.1f} /s over {:.1f} dB, {:.0f} us, {:.0f} dB, {:.1f} % of power",
                            s.impulses_per_s, s.impulse_threshold_db, 1e6 * s.impulse_width_s,
                            s.impulse_peak_db, 100 * s.impulse_power_share));
  out.push_back(!s.mains.tested ? "mains      too short to tell"
                : s.mains.locked
                    ? fmt::format("mains      {:.3f} Hz, {:.1f} dB over a cycle (test {:.0f} > {:.0f})",
                                  s.mains.frequency_hz, s.mains.depth_db, s.mains.statistic,
                                  s.mains.threshold)
                    : fmt::format("mains      no rhythm (test {:.0f}, needs {:.0f})", s.mains.statistic,
                                  s.mains.threshold));
  out.push_back(fmt::format("occupied   {:.1f} % of time ({:.0f} ms, +3 dB)", 100 * s.occupied_time,
                            1e3 * s.interval_s));
  if (needs.empty()) out.push_back("links      no profile's band is in this recording");
  for (const LinkNeed& n : needs) {
    out.push_back(fmt::format(
        "{:<10} {} {} B: needs {:.1f} dBFS, {:.1f} over floor{}", &n == &needs.front() ? "links" : "",
        n.profile + (n.moved ? "*" : ""), n.payload_bytes, n.needed_dbfs, n.needed_floor_dbfs,
        signal_dbfs ? fmt::format(", margin {:+.1f}", *signal_dbfs - n.needed_dbfs) : ""));
  }
  if (std::any_of(needs.begin(), needs.end(), [](const LinkNeed& n) { return n.moved; }))
    out.push_back("           * carrier moved into this recording");
  return out;
}

double db(double power) { return ngdsp::to_db(power + 1e-20); }

Panel spectrum_panel(const NoiseSurvey& s) {
  const Unit unit = unit_of(s.band_high_hz);
  Panel panel;
  panel.title = fmt::format("Spectrum, {:.3g} Hz a bin, {} segments", s.spectrum.bin_hz, s.spectrum.segments);
  panel.x_label = fmt::format("frequency / {}", unit.name);
  panel.y_label = "dBFS/Hz";
  panel.x_low = s.spectrum.first_hz / unit.hz;
  panel.x_high = s.spectrum.frequency_hz(s.spectrum.mean.size() - 1) / unit.hz;
  Panel::Series highest{"largest", Panel::Style::kThin, 4, {}}, mean{"mean", Panel::Style::kLine, 7, {}},
      median{"median", Panel::Style::kLine, 6, {}}, lines{"lines", Panel::Style::kMarks, 8, {}};
  for (std::size_t k = 0; k < s.spectrum.mean.size(); ++k) {
    const double x = s.spectrum.frequency_hz(k) / unit.hz;
    highest.points.emplace_back(x, db(s.spectrum.highest[k]));
    mean.points.emplace_back(x, db(s.spectrum.mean[k]));
    median.points.emplace_back(x, db(s.spectrum.median[k]));
  }
  // Room for the key above, and no further down than 15 dB under the lowest tenth.
  std::vector<double> floor = s.spectrum.median;
  std::sort(floor.begin(), floor.end());
  panel.y_low = db(floor[floor.size() / 10]) - 15;
  panel.y_high = db(*std::max_element(s.spectrum.highest.begin(), s.spectrum.highest.end()));
  panel.y_high += 0.25 * (panel.y_high - panel.y_low) + 3;
  for (const SpectralLine& l : s.spectrum.lines)
    lines.points.emplace_back(l.frequency_hz / unit.hz, db(s.spectrum.highest[l.bin]) + 3);
  panel.series = {highest, mean, median, lines};
  return panel;
}

Panel power_panel(const NoiseSurvey& s) {
  Panel panel;
  panel.title = fmt::format("Power over time, {:.0f} ms, lines taken out", 1e3 * s.interval_s);
  panel.x_label = "time / s";
  panel.y_label = "dB over the mean";
  panel.x_high = s.seconds;
  Panel::Series series{"", Panel::Style::kThin, 7, {}};
  for (const auto& [t, p] : s.power) series.points.emplace_back(t, db(p));
  panel.series = {series};
  return panel;
}

Panel exceedance_panel(const NoiseSurvey& s) {
  Panel panel;
  panel.title = fmt::format("How often a power is exceeded; kurtosis {:.2f}", s.kurtosis);
  panel.x_label = "power / dB over the mean";
  panel.y_label = "log10 of the share of time";
  panel.x_low = -20;
  panel.x_high = 30;
  panel.y_low = -6;
  panel.y_high = 0;
  Panel::Series measured{"measured", Panel::Style::kLine, 7, {}},
      gaussian{"Gaussian", Panel::Style::kLimit, 8, {}};
  for (const auto& [p, share] : s.exceeded) measured.points.emplace_back(db(p), std::log10(share));
  for (double x = -20; x <= 12; x += 0.25)
    gaussian.points.emplace_back(x, -ngdsp::from_db(x) / std::log(10.0));
  panel.series = {measured, gaussian};
  return panel;
}

Panel mains_panel(const NoiseSurvey& s) {
  Panel panel;
  panel.title = !s.mains.tested ? "Mains: too short to tell"
                : s.mains.locked
                    ? fmt::format("Power over a cycle of {:.3f} Hz (locked)", s.mains.frequency_hz)
                    : fmt::format("Power over a cycle of {:.3f} Hz (NOT locked)", s.mains.frequency_hz);
  panel.x_label = "phase / degrees, from an arbitrary start";
  panel.y_label = "dB over the mean";
  panel.x_high = 360;
  Panel::Series series{"", Panel::Style::kLine, s.mains.locked ? 7 : 8, {}};
  for (std::size_t b = 0; b < s.mains.profile.size(); ++b) {
    const double step = 360.0 / static_cast<double>(s.mains.profile.size());
    series.points.emplace_back(static_cast<double>(b) * step, db(s.mains.profile[b]));
    series.points.emplace_back(static_cast<double>(b + 1) * step, db(s.mains.profile[b]));
  }
  panel.y_low = -3;
  panel.y_high = 3;
  for (const auto& [x, y] : series.points) {
    panel.y_low = std::min(panel.y_low, std::floor(y));
    panel.y_high = std::max(panel.y_high, std::ceil(y));
  }
  panel.series = {series};
  return panel;
}

Panel rhythm_panel(const NoiseSurvey& s) {
  Panel panel;
  panel.title = s.mains.tested ? fmt::format("Spectrum of the power: mains test {:.0f}, needs {:.0f}",
                                             s.mains.statistic, s.mains.threshold)
                               : "Spectrum of the power: too short to tell";
  panel.x_label = "frequency / Hz";
  panel.y_label = "dB over the floor";
  panel.x_high = 450;
  panel.y_low = -10;
  panel.y_high = 40;
  Panel::Series series{"", Panel::Style::kThin, 7, {}},
      harmonics{s.mains.locked ? "harmonics of the mains" : "harmonics tested", Panel::Style::kMarks, 8, {}};
  // The highest of every 0.2 Hz: what a page can show.
  double next = 0, highest = 0;
  for (const auto& [hz, p] : s.mains.spectrum) {
    highest = std::max(highest, p);
    if (hz < next) continue;
    series.points.emplace_back(hz, db(highest));
    panel.y_high = std::max(panel.y_high, 10 * std::ceil((db(highest) + 8) / 10));
    highest = 0;
    next = hz + 0.2;
  }
  if (s.mains.tested) {
    for (int h = 1; h <= 8; ++h) harmonics.points.emplace_back(h * s.mains.frequency_hz, panel.y_high - 4);
  }
  panel.series = {series, harmonics};
  return panel;
}

PlotPage page_of(const Recording& r, const NoiseSurvey& s, const std::vector<std::string>& text) {
  PlotPage page;
  page.title = r.name;
  page.columns = 2;
  page.width_px = 1400;
  page.height_px = 1500;
  Panel summary;
  summary.text = text;
  page.panels = {spectrum_panel(s),   summary,        power_panel(s),
                 exceedance_panel(s), mains_panel(s), rhythm_panel(s)};
  return page;
}

/// FILE.png for one recording, else a file in the folder.
std::string page_path(const std::string& plot, const std::string& name, bool only) {
  if (only && plot.ends_with(".png")) return plot;
  return (std::filesystem::path(plot) / (name + ".png")).string();
}

}  // namespace

int run_survey(const Arguments& args) {
  po::options_description hidden;
  hidden.add_options()("input", po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add("input", -1);
  const auto parsed = parse_options(
      {"survey", "FILE... [options]",
       "What SigMF recordings of a line or band hold: spectrum and lines, impulses, rhythm of the\n"
       "mains, class of the noise, and the level that frames need above it. FILE may be a folder."},
      survey_options(), hidden, positional, args);
  if (!parsed) return kDone;
  const auto& values = *parsed;
  if (!values.count("input")) throw UsageError("no recording given");
  in_range("start-s", values["start-s"].as<double>(), 0, 1e9, "s");
  in_range("seconds", values["seconds"].as<double>(), 0, 1e9, "s");
  std::optional<double> signal_dbfs;
  if (values.count("signal-dbfs"))
    signal_dbfs = in_range("signal-dbfs", values["signal-dbfs"].as<double>(), -300, 20, "dBFS");

  const auto band_hz = asked_band(values);

  bool failed = false;
  const auto complain = [&failed](const std::string& text) {
    spdlog::error("{}", text);
    failed = true;
  };
  std::vector<std::string> paths;
  for (const std::string& input : values["input"].as<std::vector<std::string>>()) {
    const auto list = ngdsp::list_sigmf(input);
    if (!list) {
      complain(list.error());
      continue;
    }
    paths.insert(paths.end(), list->begin(), list->end());
  }
  const bool plots = values.count("plot") > 0, json = values.count("json") > 0;
  if (plots && paths.size() > 1 && values["plot"].as<std::string>().ends_with(".png"))
    throw UsageError("--plot: expected a folder for more than one recording");
  for (const std::string& path : paths) {
    const auto recording = load(path, values);
    if (!recording) {
      complain(recording.error());
      continue;
    }
    const auto survey =
        ngdsp::survey_noise(ngdsp::Span<const ngdsp::cf32>(recording->samples),
                            {recording->rate_hz, recording->center_hz, recording->real, band_hz});
    if (!survey) {
      complain(path + ": " + survey.error());
      continue;
    }
    const auto needs = ngdsp::link_needs(*survey);
    const auto text = report(*recording, *survey, needs, signal_dbfs);
    if (json) {
      std::cout << to_json(*recording, *survey, needs, signal_dbfs).dump() << std::endl;
    } else {
      fmt::print("{}{}\n", &path == &paths.front() ? "" : "\n", recording->name);
      for (const std::string& line : text) fmt::print("  {}\n", line);
    }
    if (!plots) continue;
    const auto file = page_path(values["plot"].as<std::string>(), recording->name, paths.size() == 1);
    if (const auto error = write_page(file, page_of(*recording, *survey, text))) complain(error->text);
  }
  return failed ? kFailed : kDone;
}

}  // namespace ngplc_app
