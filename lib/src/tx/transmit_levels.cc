#include "ngdsp/tx/transmit_levels.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

std::string number_text(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", x);  // a third of 100 % comes back near enough
  return text;
}

bool parse_number(const std::string& text, double& value) {
  if (text.empty()) return false;
  char* end = nullptr;
  value = std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size() && std::isfinite(value);
}

}  // namespace

TransmitLevels::TransmitLevels(const std::array<double, 4>& probabilities) {
  for (std::size_t i = 0; i < probabilities.size(); ++i)
    levels_.push_back({kAirLevelsDb[i], probabilities[i]});
}

std::string TransmitLevels::validate() const {
  if (levels_.empty() || levels_.size() > 16)
    return "transmit levels: found " + std::to_string(levels_.size()) + ", expected 1 to 16";
  double sum = 0;
  for (const TransmitLevel& l : levels_) {
    if (!(l.level_db >= -40 && l.level_db <= 0))
      return "transmit level is " + number_text(l.level_db) + ", expected -40 to 0 dB";
    if (!(l.probability >= 0 && l.probability <= 1))
      return "probability of transmit level " + number_text(l.level_db) + " dB is " +
             number_text(l.probability) + ", expected 0 to 1";
    sum += l.probability;
  }
  if (!(std::abs(sum - 1) <= 1e-6))
    return "probabilities of the transmit levels sum to " + number_text(sum) + ", expected 1";
  return {};
}

double TransmitLevels::draw_db(Rng& rng, bool last_attempt) const {
  double left = rng.uniform(), level_db = 0;
  for (const TransmitLevel& l : levels_) {
    if (l.probability <= 0) continue;
    level_db = l.level_db;  // rounding of the sum leaves the last one
    left -= l.probability;
    if (left < 0) break;
  }
  return last_attempt ? 0 : level_db;
}

double TransmitLevels::mean_power() const {
  double mean = 0;
  for (const TransmitLevel& l : levels_) mean += l.probability * from_db(l.level_db);
  return mean;
}

Result<TransmitLevels> parse_transmit_levels(const std::string& text) {
  const Error wrong{"\"" + text +
                    "\", expected DB,DB,... or DB:PERCENT,DB:PERCENT,..., percentages summing to 100"};
  std::vector<TransmitLevel> levels;
  std::size_t with_percent = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, end - at);
    const std::size_t colon = part.find(':');
    TransmitLevel level;
    double percent = 0;
    if (!parse_number(part.substr(0, colon), level.level_db)) return wrong;
    if (colon != std::string::npos) {
      if (!parse_number(part.substr(colon + 1), percent)) return wrong;
      ++with_percent;
    }
    level.probability = percent / 100;
    levels.push_back(level);
    at = end + 1;
  }
  if (with_percent == 0)
    for (TransmitLevel& l : levels) l.probability = 1.0 / static_cast<double>(levels.size());
  else if (with_percent != levels.size())
    return wrong;
  TransmitLevels made(std::move(levels));
  if (std::string e = made.validate(); !e.empty()) return Error{"\"" + text + "\": " + e};
  return made;
}

std::string to_string(const TransmitLevels& levels) {
  if (levels.levels().size() == 1) return number_text(levels.levels()[0].level_db);
  std::string text;
  for (const TransmitLevel& l : levels.levels())
    text += (text.empty() ? "" : ",") + number_text(l.level_db) + ":" + number_text(100 * l.probability);
  return text;
}

}  // namespace ngdsp
