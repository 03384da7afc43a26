#include "ngdsp/channel/multipath.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

// Taps whose delays have the same fraction of a chip.
struct ChipFilter {
  double fraction_chips;
  std::vector<Tap> taps;
};

std::vector<ChipFilter> chip_filters(const std::vector<Tap>& taps) {
  std::vector<ChipFilter> filters;
  for (const Tap& t : taps) {
    const double fraction = t.delay_chips - std::floor(t.delay_chips);
    const auto known = std::find_if(filters.begin(), filters.end(),
                                    [&](const ChipFilter& f) { return f.fraction_chips == fraction; });
    if (known == filters.end())
      filters.push_back({fraction, {t}});
    else
      known->taps.push_back(t);
  }
  return filters;
}

// The chips as they come over all taps, `first_chips` after they were sent; the carrier turns by
// `turns_a_chip` from one to the next.
std::vector<cf32> filtered(Span<const cf32> chips, const std::vector<Tap>& taps, double power,
                           double first_chips, double turns_a_chip) {
  std::vector<cf32> sum(chips.size() + static_cast<std::size_t>(longest_delay_chips(taps) - first_chips));
  for (const Tap& t : taps) {
    const double later = t.delay_chips - first_chips;
    const cf32 weight(std::polar(std::sqrt(from_db(t.gain_db) / power),
                                 t.phase_rad - 2 * kPi * std::fmod(turns_a_chip * later, 1.0)));
    cf32* to = sum.data() + static_cast<std::size_t>(later);
    for (std::size_t i = 0; i < chips.size(); ++i) to[i] += weight * chips[i];
  }
  return sum;
}

template <typename Sample>
void add_paths(const Modulator& modulator, Span<const cf32> chips, const Arrival& arrival,
               const std::vector<Tap>& taps, double chip_rate_hz, Span<Sample> out) {
  if (taps.empty()) return modulator.add(chips, arrival, out);
  double power = 0;
  for (const Tap& t : taps) power += from_db(t.gain_db);
  const double turns_a_chip = (modulator.carrier_hz() + arrival.carrier_offset_hz) / chip_rate_hz;
  for (const ChipFilter& filter : chip_filters(taps)) {
    Arrival path = arrival;
    const Tap& only = filter.taps.front();
    double first_chips = only.delay_chips;
    for (const Tap& t : filter.taps) first_chips = std::min(first_chips, t.delay_chips);
    path.start_samples += first_chips * modulator.sample_rate_hz() / chip_rate_hz;
    if (filter.taps.size() == 1) {
      path.amplitude *= std::sqrt(from_db(only.gain_db) / power);
      path.phase_rad += only.phase_rad;
      modulator.add(chips, path, out);
    } else {
      modulator.add(filtered(chips, filter.taps, power, first_chips, turns_a_chip), path, out);
    }
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

double longest_delay_chips(const std::vector<Tap>& taps) {
  double longest = 0;
  for (const Tap& tap : taps) longest = std::max(longest, tap.delay_chips);
  return longest;
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
