#include "ngdsp/channel/multipath.h"

#include <cmath>
#include <sstream>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

template <typename Sample>
void add_paths(const Modulator& modulator, Span<const cf32> chips, const Arrival& arrival,
               const std::vector<Tap>& taps, double chip_rate_hz, Span<Sample> out) {
  if (taps.empty()) return modulator.add(chips, arrival, out);
  double power = 0;
  for (const Tap& t : taps) power += from_db(t.gain_db);
  for (const Tap& t : taps) {
    Arrival path = arrival;
    path.amplitude *= std::sqrt(from_db(t.gain_db) / power);
    path.start_samples += t.delay_chips * modulator.sample_rate_hz() / chip_rate_hz;
    path.phase_rad += t.phase_rad;
    modulator.add(chips, path, out);
  }
}

}  // namespace

Result<std::vector<Tap>> parse_taps(const std::string& text) {
  std::vector<Tap> taps;
  std::istringstream list(text);
  for (std::string item; std::getline(list, item, ',');) {
    std::istringstream in(item);
    Tap t;
    char at = 0;
    const auto bad = [&] {
      return Error{"tap \"" + item + "\" is not GAIN_DB@DELAY_CHIPS[@PHASE_DEG], expected e.g. -6@0.7@120"};
    };
    if (!(in >> t.gain_db >> at >> t.delay_chips) || at != '@') return bad();
    if (in >> at) {
      if (at != '@' || !(in >> t.phase_rad)) return bad();
      t.phase_rad *= kPi / 180.0;
      if (in >> at) return bad();
    }
    if (!(std::abs(t.gain_db) <= 60) || !(t.delay_chips >= 0 && t.delay_chips <= 64) ||
        !std::isfinite(t.phase_rad))
      return Error{"tap \"" + item +
                   "\" is out of range, expected gain within +-60 dB and delay of 0 to 64 chips"};
    taps.push_back(t);
  }
  if (taps.empty() || taps.size() > 32)
    return Error{"found " + std::to_string(taps.size()) + " taps, expected 1 to 32"};
  return taps;
}

void add_multipath(const Modulator& m, Span<const cf32> chips, const Arrival& a, const std::vector<Tap>& taps,
                   double chip_rate_hz, Span<float> out) {
  add_paths(m, chips, a, taps, chip_rate_hz, out);
}
void add_multipath(const Modulator& m, Span<const cf32> chips, const Arrival& a, const std::vector<Tap>& taps,
                   double chip_rate_hz, Span<cf32> out) {
  add_paths(m, chips, a, taps, chip_rate_hz, out);
}

}  // namespace ngdsp
