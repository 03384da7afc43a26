#include "ngdsp/channel/mains_line.h"

#include <algorithm>
#include <cmath>

#include "channel/field_check.h"
#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

constexpr double kFade = 0.02;  // of half a cycle

void check_paths(FieldCheck& check, const std::vector<LinePath>& paths, const std::string& field) {
  check.require(paths.size() <= 32, field.c_str(), "expected at most 32 paths");
  for (const LinePath& p : paths) {
    check.range((field + ": gain").c_str(), p.gain_db, -60, 60, "dB");
    check.range((field + ": delay").c_str(), p.delay_s * 1e6, 0, 1e4, "us");
    check.range((field + ": phase").c_str(), p.phase_rad * 180 / kPi, -360, 360, "degrees");
  }
}

// 1 within +-share/2, 0 outside, cosine between; `offset` and `share` in periods.
double gate(double offset, double share) {
  const double over = (share / 2 - std::abs(offset)) / kFade + 0.5;
  return 0.5 - 0.5 * std::cos(kPi * std::clamp(over, 0.0, 1.0));
}

}  // namespace

std::string LineConfig::validate() const {
  FieldCheck check("line.");
  check_paths(check, paths, "paths");
  check_paths(check, others, "others");
  check.range("other_share", other_share, 0.01, 0.95, "of the time");
  check.range("other_phase_deg", other_phase_deg, -360, 360, "degrees");
  check.range("other_gain_db", other_gain_db, -60, 60, "dB");
  check.range("gain_depth", gain_depth, 0, 0.9);
  check.range("gain_phase_deg", gain_phase_deg, -360, 360, "degrees");
  check.range("source_ohm", source_ohm, 0, 1e4, "ohm");
  if (line_ohm != 0) check.range("line_ohm", line_ohm, 0.01, 1e4, "ohm, or 0 without a divider");
  return check.error();
}

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

void line_gains(const LineConfig& c, Span<const double> turns, Span<float> paths, Span<float> others) {
  const auto periods = [](double turn, double degrees) { return 2 * (turn - degrees / 360); };
  const double other_gain = std::sqrt(from_db(c.other_gain_db));
  for (std::size_t k = 0; k < turns.size(); ++k) {
    const double high = periods(turns[k], c.gain_phase_deg);
    const double gain = 1 + c.gain_depth * std::cos(2 * kPi * (high - std::floor(high)));
    double share = 0;
    if (!c.others.empty()) {
      const double at = periods(turns[k], c.other_phase_deg);
      share = gate(at - std::floor(at + 0.5), c.other_share);
    }
    paths[k] = static_cast<float>(gain * (1 - share));
    others[k] = static_cast<float>(gain * share * other_gain);
  }
}

}  // namespace ngdsp
