#include "ngdsp/eval/emission_limits.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

using Quantity = EmissionQuantity;
using Line = std::vector<std::pair<double, double>>;

constexpr double kWidebandHz = 5e3;
constexpr double kPowerWindowHz = 10e3;

// What EN 50065-1, 47 CFR 15.207(a) and many others share from 150 kHz on (class B).
const Line kClassBQuasiPeak = {{150e3, 66}, {500e3, 56}, {5e6, 56}, {5e6, 60}, {30e6, 60}};
const Line kClassBAverage = {{150e3, 56}, {500e3, 46}, {5e6, 46}, {5e6, 50}, {30e6, 50}};

/// The part of a line between two frequencies.
Line part(const Line& line, double low_hz, double high_hz) {
  EmissionLimit whole;
  whole.line = line;
  Line out = {{low_hz, *whole.at(low_hz)}};
  for (const auto& point : line) {
    if (point.first > low_hz && point.first < high_hz) out.push_back(point);
  }
  out.emplace_back(high_hz, *whole.at(high_hz));
  return out;
}

Line flat(double low_hz, double high_hz, double dbuv) { return {{low_hz, dbuv}, {high_hz, dbuv}}; }

/// The disturbance limits of EN 50065-1 outside the rule's band.
void add_disturbance(EmissionRule& rule) {
  const Line below_150k = {{9e3, 89}, {150e3, 66}};
  const auto add = [&rule](const char* what, Quantity quantity, const Line& line) {
    rule.limits.push_back(
        {.what = what, .quantity = quantity, .line = line, .source = "EN 50065-1, clause 7"});
  };
  if (rule.band_low_hz > 9e3)
    add("below the band, any 200 Hz", Quantity::kQuasiPeak, part(below_150k, 9e3, rule.band_low_hz));
  add("above the band, any 200 Hz", Quantity::kQuasiPeak, part(below_150k, rule.band_high_hz, 150e3));
  add("from 150 kHz, any 9 kHz", Quantity::kQuasiPeak, kClassBQuasiPeak);
  add("from 150 kHz, any 9 kHz", Quantity::kAverage, kClassBAverage);
}

EmissionRule en50065_a() {
  EmissionRule rule{.name = "en50065-a",
                    .title = "EN 50065-1, 3 to 95 kHz (suppliers)",
                    .note = "One phase; a device that sends on three phases at once has 6 dB less",
                    .band_low_hz = 3e3,
                    .band_high_hz = 95e3};
  const char* source = "EN 50065-1, 6.3";
  rule.limits = {{.what = "3 to 9 kHz, any 200 Hz",
                  .line = flat(3e3, 9e3, 134),
                  .basis = LimitBasis::kConfirmed,
                  .source = "EN 50065-1, 6.3, as adopted in GOST EN 50065-1-2013, 6.3.3.1"},
                 {.what = "narrow band, any 200 Hz",
                  .line = {{9e3, 134}, {95e3, 120}},
                  .source = source,
                  .width = SignalWidth::kNarrow},
                 {.what = "wide band, whole signal",
                  .quantity = Quantity::kTotalPeak,
                  .line = flat(9e3, 95e3, 134),
                  .source = source,
                  .width = SignalWidth::kWide},
                 {.what = "wide band, any 200 Hz",
                  .line = flat(9e3, 95e3, 120),
                  .source = source,
                  .width = SignalWidth::kWide}};
  add_disturbance(rule);
  return rule;
}

EmissionRule en50065_consumers(const std::string& letter, double low_hz, double high_hz) {
  EmissionRule rule{
      .name = "en50065-" + letter,
      .title = "EN 50065-1, band " + letter + " (consumers), class 122",
      .note =
          "One phase; a device that sends on three phases at once has 6 dB less, class 134 has 12 dB more",
      .band_low_hz = low_hz,
      .band_high_hz = high_hz};
  if (letter == "c") rule.note += "; the band asks for carrier sense, which unslotted random access has not";
  rule.limits = {{.what = "whole signal",
                  .quantity = Quantity::kTotalPeak,
                  .line = flat(low_hz, high_hz, 122),
                  .basis = LimitBasis::kConfirmed,
                  .source = "EN 50065-1, 6.3, class 122; GOST EN 50065-1-2013, 6.3.3 has 116 on three "
                            "phases; the detector is unconfirmed"}};
  add_disturbance(rule);
  return rule;
}

EmissionRule fcc_15_113() {
  EmissionRule rule{
      .name = "fcc-15.113",
      .title = "47 CFR 15.113, power line carrier systems of utilities",
      .note = "The rule sets no level: the least power that does the work, contained in 9 to 490 kHz",
      .band_low_hz = 9e3,
      .band_high_hz = 490e3};
  const auto add = [&rule](Quantity quantity, const Line& line) {
    rule.limits.push_back({.what = "contained: any 9 kHz above 490 kHz",
                           .quantity = quantity,
                           .line = part(line, 494.5e3, 30e6),
                           .basis = LimitBasis::kOwn,
                           .source = "15.113(b) names no number; the lines of 15.207(a) are taken"});
  };
  add(Quantity::kQuasiPeak, kClassBQuasiPeak);
  add(Quantity::kAverage, kClassBAverage);
  return rule;
}

EmissionRule fcc_15_207() {
  EmissionRule rule{
      .name = "fcc-15.207",
      .title = "47 CFR 15.207(b) and 15.209, carrier current systems",
      .note = "In band only the field strength is limited: it depends on the wiring, see --field-db",
      .band_low_hz = 9e3,
      .band_high_hz = 490e3};
  rule.limits = {{.what = "535 to 1705 kHz, 1000 uV",
                  .quantity = Quantity::kQuasiPeak,
                  .line = flat(535e3, 1705e3, 60),
                  .basis = LimitBasis::kConfirmed,
                  .source = "15.207(b)(2); the detector is not named there"}};
  const auto add_field = [&rule](Quantity quantity, double low_hz, double high_hz) {
    const auto dbuv_m = [](double hz) { return 20 * std::log10(2400e3 / hz); };
    rule.limits.push_back({.what = "field at 300 m, 2400/f(kHz) uV/m",
                           .quantity = quantity,
                           .line = {{low_hz, dbuv_m(low_hz)}, {high_hz, dbuv_m(high_hz)}},
                           .basis = LimitBasis::kConfirmed,
                           .source = "15.209(a), (d)",
                           .field = true});
  };
  add_field(Quantity::kAverage, 9e3, 90e3);
  add_field(Quantity::kQuasiPeak, 90e3, 110e3);
  add_field(Quantity::kAverage, 110e3, 490e3);
  return rule;
}

EmissionRule arib_t84(const char* name, double high_hz, double milliwatts) {
  constexpr double kLoadOhm = 50;
  const double dbuv = to_db(milliwatts * 1e-3 * kLoadOhm) + 120;
  EmissionRule rule{
      .name = name,
      .title = "ARIB STD-T84 and the type rules of Japan, spread spectrum within 10 to " +
               std::to_string(static_cast<int>(high_hz / 1e3)) + " kHz",
      .note =
          "The type rules also ask for 25 ms of silence before sending and end a transmission after 0.7 s",
      .band_low_hz = 10e3,
      .band_high_hz = high_hz};
  rule.limits = {{.what = std::to_string(static_cast<int>(milliwatts)) + " mW in any 10 kHz",
                  .quantity = Quantity::kPower10k,
                  .line = flat(10e3, high_hz, dbuv),
                  .source = "type rules for special digital transmission equipment on power lines, (1)(i): "
                            "the power is confirmed, that it is into 50 ohm is not"},
                 {.what = "above 450 kHz, any 9 kHz",
                  .quantity = Quantity::kQuasiPeak,
                  .line = {{450e3, 56}, {5e6, 56}, {5e6, 60}, {30e6, 60}},
                  .source = "ARIB STD-T84"}};
  return rule;
}

/// The reading of a tuning that a limit is held against; the total has none.
double level_of(const EmissionPoint& p, Quantity quantity) {
  switch (quantity) {
    case Quantity::kPeak:
      return p.peak_dbuv;
    case Quantity::kQuasiPeak:
      return p.quasi_peak_dbuv;
    case Quantity::kAverage:
      return p.average_dbuv;
    case Quantity::kPower10k:
      return p.density_dbuv_hz + to_db(kPowerWindowHz);
    case Quantity::kTotalPeak:
      break;
  }
  return 0;
}

/// Mean density over kPowerWindowHz around every point.
std::vector<EmissionPoint> averaged_density(const std::vector<EmissionPoint>& points) {
  std::vector<EmissionPoint> out = points;
  for (EmissionPoint& p : out) {
    double sum = 0, count = 0;
    for (const EmissionPoint& other : points) {
      if (std::abs(other.frequency_hz - p.frequency_hz) > kPowerWindowHz / 2) continue;
      sum += from_db(other.density_dbuv_hz);
      ++count;
    }
    p.density_dbuv_hz = to_db(sum / count);
  }
  return out;
}

LimitVerdict judge_limit(const EmissionScan& scan, const EmissionLimit& limit,
                         std::optional<double> field_db) {
  LimitVerdict v;
  v.limit = &limit;
  const bool wide = scan.width_hz >= kWidebandHz;
  if (limit.width == SignalWidth::kWide && !wide)
    return v.applies = false, v.why_not = "the signal is narrower than 5 kHz", v;
  if (limit.width == SignalWidth::kNarrow && wide)
    return v.applies = false, v.why_not = "the signal is 5 kHz wide or more", v;
  if (limit.field && !field_db) return v.why_not = "the field at 300 m cannot be known from the voltage", v;
  if (limit.quantity == Quantity::kTotalPeak) {
    v.judged = true;
    v.level_dbuv = scan.peak_dbuv;
    v.limit_dbuv = limit.line.front().second;
    v.margin_db = v.limit_dbuv - v.level_dbuv;
    v.judged_to_hz = scan.points.back().frequency_hz;
    return v;
  }
  const auto points = limit.quantity == Quantity::kPower10k ? averaged_density(scan.points) : scan.points;
  for (const EmissionPoint& p : points) {
    const auto allowed = limit.at(p.frequency_hz);
    if (!allowed) continue;
    const double level = level_of(p, limit.quantity) + (limit.field ? *field_db : 0);
    v.judged_to_hz = p.frequency_hz;
    if (v.judged && *allowed - level >= v.margin_db) continue;
    v.judged = true;
    v.margin_db = *allowed - level;
    v.at_hz = p.frequency_hz;
    v.level_dbuv = level;
    v.limit_dbuv = *allowed;
  }
  if (!v.judged) v.why_not = "above half the sample rate";
  return v;
}

}  // namespace

const char* emission_quantity_name(EmissionQuantity quantity) {
  switch (quantity) {
    case Quantity::kPeak:
      return "peak";
    case Quantity::kQuasiPeak:
      return "quasi-peak";
    case Quantity::kAverage:
      return "average";
    case Quantity::kTotalPeak:
      return "total peak";
    case Quantity::kPower10k:
      break;
  }
  return "power in 10 kHz";
}

const char* limit_basis_name(LimitBasis basis) {
  switch (basis) {
    case LimitBasis::kConfirmed:
      return "confirmed";
    case LimitBasis::kUnconfirmed:
      return "unconfirmed";
    case LimitBasis::kOwn:
      break;
  }
  return "own";
}

std::optional<double> EmissionLimit::at(double frequency_hz) const {
  std::optional<double> level;
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    const auto& [low_hz, low] = line[i];
    const auto& [high_hz, high] = line[i + 1];
    if (frequency_hz < low_hz || frequency_hz > high_hz || low_hz == high_hz) continue;
    const double here = low + (high - low) * std::log(frequency_hz / low_hz) / std::log(high_hz / low_hz);
    level = level ? std::min(*level, here) : here;
  }
  return level;
}

const std::vector<EmissionRule>& emission_rules() {
  static const std::vector<EmissionRule> rules = {en50065_a(),
                                                  en50065_consumers("b", 95e3, 125e3),
                                                  en50065_consumers("c", 125e3, 140e3),
                                                  en50065_consumers("d", 140e3, 148.5e3),
                                                  fcc_15_113(),
                                                  fcc_15_207(),
                                                  arib_t84("arib-t84", 450e3, 10),
                                                  arib_t84("arib-t84-200", 200e3, 30)};
  return rules;
}

Result<EmissionRule> find_emission_rule(const std::string& name) {
  std::string names;
  for (const EmissionRule& rule : emission_rules()) {
    if (rule.name == name) return rule;
    names += (names.empty() ? "" : ", ") + rule.name;
  }
  return Error{"unknown rule \"" + name + "\", expected one of " + names};
}

std::optional<std::string> emission_rule_of_mask(const std::string& psd_mask) {
  if (psd_mask == "FCC 15.113") return "fcc-15.113";
  const std::string european = "EN 50065-1 ";
  if (psd_mask.size() != european.size() + 1 || psd_mask.rfind(european, 0) != 0) return std::nullopt;
  const char letter = psd_mask.back();
  if (letter < 'A' || letter > 'D') return std::nullopt;
  return std::string("en50065-") + static_cast<char>(letter - 'A' + 'a');
}

EmissionVerdict judge_emission(const EmissionScan& scan, const EmissionRule& rule,
                               std::optional<double> field_db) {
  EmissionVerdict verdict;
  for (const EmissionLimit& limit : rule.limits) {
    verdict.limits.push_back(judge_limit(scan, limit, field_db));
    const LimitVerdict& v = verdict.limits.back();
    if (v.applies && !v.judged) verdict.complete = false;
    if (!v.judged || (verdict.judged && v.margin_db >= verdict.margin_db)) continue;
    verdict.judged = true;
    verdict.margin_db = v.margin_db;
    verdict.strictest = verdict.limits.size() - 1;
  }
  return verdict;
}

}  // namespace ngdsp
