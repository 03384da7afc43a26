#include "frame_report.h"

#include <fmt/core.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "options.h"
#include "readings.h"

namespace ngplc_app {
namespace {

using nlohmann::json;

double amplitude_dbfs(const ngdsp::ReceivedFrame& frame) {
  return frame.amplitude > 0 ? 20 * std::log10(frame.amplitude) : -999.0;
}

/// Energy and voltage of a reading, else the start of the payload.
std::string content(const ngdsp::ReceivedFrame& frame) {
  const json reading = reading_json(frame.payload);
  if (reading.is_null()) {
    const std::string hex = to_hex(frame.payload);
    return hex.size() <= 32 ? hex : hex.substr(0, 32) + "...";
  }
  std::string text = fmt::format("device {}", reading["device"].get<std::uint32_t>());
  for (const char* obis : {"1-0:1.8.0", "1-0:32.7.0"}) {
    if (reading["values"].contains(obis)) text += "  " + reading["values"][obis].get<std::string>();
  }
  return text;
}

}  // namespace

json frame_json(const ngdsp::ReceivedFrame& f, const std::string& file, double sample_rate_hz) {
  json line = {{"type", "frame"},
               {"file", file},
               {"sample_index", f.sample_index},
               {"sample_fraction", f.sample_fraction},
               {"time_s", (static_cast<double>(f.sample_index) + f.sample_fraction) / sample_rate_hz},
               {"sequence", f.sequence},
               {"payload", to_hex(f.payload)},
               {"snr_db", f.snr_db},
               {"ebn0_db", f.ebn0_db},
               {"carrier_offset_hz", f.carrier_offset_hz},
               {"clock_offset_ppm", f.clock_offset_ppm},
               {"delay_spread_us", f.delay_spread_s * 1e6},
               {"residual_db", f.residual_db},
               {"corrected_bits", f.corrected_bits},
               {"code_bits", f.code_bits},
               {"list_used", f.list_used},
               {"detection", f.detection},
               {"amplitude_dbfs", amplitude_dbfs(f)},
               {"phase_rad", f.phase_rad}};
  if (json reading = reading_json(f.payload); !reading.is_null()) line["reading"] = std::move(reading);
  return line;
}

json candidate_json(const ngdsp::CandidateTrace& c, const std::string& file) {
  return {{"file", file},
          {"sample_index", c.sample_index},
          {"sequence", c.sequence},
          {"stage", ngdsp::to_string(c.stage)},
          {"reason", c.reason},
          {"detection", c.detection},
          {"evidence", c.evidence},
          {"carrier_offset_hz", c.carrier_offset_hz},
          {"clock_offset_ppm", c.clock_offset_ppm},
          {"list_used", c.list_used},
          {"frame_metric", c.frame_metric}};
}

json counters_json(const ngdsp::ReceiverCounters& c) {
  return {{"samples", c.samples},
          {"nonfinite_samples", c.nonfinite_samples},
          {"clipped_samples", c.clipped_samples},
          {"silent_samples", c.silent_samples},
          {"gaps", c.gaps},
          {"candidates", c.candidates},
          {"vetted", c.vetted},
          {"vetting_rejected", c.vetting_rejected},
          {"decoder_failed", c.decoder_failed},
          {"metric_rejected", c.metric_rejected},
          {"duplicates", c.duplicates},
          {"budget_dropped", c.budget_dropped},
          {"strained_steps", c.strained_steps},
          {"crowded_steps", c.crowded_steps},
          {"collapses", c.collapses},
          {"collapsed_steps", c.collapsed_steps},
          {"filters", c.filters},
          {"weighted_chips", c.weighted_chips},
          {"learned_again_chips", c.learned_again_chips},
          {"cut_off", c.cut_off},
          {"frames", c.frames}};
}

json noise_json(const ngdsp::NoiseReport& r, const ngdsp::Profile& profile) {
  const double rate_hz = profile.chip_rate_hz;
  json lines = json::array(), levels = json::array();
  for (const ngdsp::NoiseReport::Line& l : r.lines)
    lines.push_back({{"frequency_hz", profile.carrier_hz + l.turns * rate_hz},
                     {"width_hz", l.width * rate_hz},
                     {"over_background_db", l.over_db}});
  for (std::size_t k = 0; k < r.level_share.size(); ++k)
    levels.push_back({r.kFirstLevelDb + r.kLevelStepDb * static_cast<double>(k), r.level_share[k]});
  json mains = {{"locked", r.mains.locked}};
  if (r.mains.locked)
    mains.update({{"frequency_hz", r.mains.frequency_hz}, {"profile_db", r.mains.profile_db}});
  return {{"class", r.noise_class()},
          {"filtered", r.filtered},
          {"weighted", r.weighted},
          {"lines", lines},
          {"background_range_db", r.background_db},
          {"level_shares", levels},
          {"mains", mains}};
}

std::string table_header() {
  return fmt::format("{:>10} {:>3} {:>5} {:>7} {:>7} {:>8} {:>9} {:>9}  {}", "time/s", "seq", "bytes",
                     "SNR/dB", "Eb/N0", "clk/ppm", "carr/Hz", "corrected", "content");
}

std::string table_row(const ngdsp::ReceivedFrame& f, double sample_rate_hz) {
  const double time_s = (static_cast<double>(f.sample_index) + f.sample_fraction) / sample_rate_hz;
  return fmt::format("{:>10.4f} {:>3} {:>5} {:>7.1f} {:>7.1f} {:>+8.1f} {:>+9.1f} {:>4}/{:<4}  {}", time_s,
                     f.sequence, f.payload.size(), f.snr_db, f.ebn0_db, f.clock_offset_ppm,
                     f.carrier_offset_hz, f.corrected_bits, f.code_bits, content(f));
}

TruthMatch match_truth(const std::vector<TrueFrame>& truth, const std::vector<ngdsp::ReceivedFrame>& received,
                       double tolerance_samples) {
  TruthMatch match;
  match.expected = truth.size();
  std::vector<bool> taken(truth.size(), false);
  for (const auto& frame : received) {
    const double at = static_cast<double>(frame.sample_index) + frame.sample_fraction;
    bool found = false;
    for (std::size_t i = 0; i < truth.size() && !found; ++i) {
      found = !taken[i] && truth[i].sequence == frame.sequence && truth[i].payload == frame.payload &&
              std::abs(truth[i].start_samples - at) <= tolerance_samples;
      if (found) taken[i] = true;
    }
    match.found += found;
    match.unexpected += !found;
  }
  return match;
}

}  // namespace ngplc_app
