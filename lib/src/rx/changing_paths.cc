#include "ngdsp/rx/changing_paths.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "ngdsp/base/db.h"
#include "rx/solve.h"

namespace ngdsp {
namespace {

constexpr double kPieceSeconds = 1e-3;  // 0.2 of a turn of the fastest
constexpr double kLeastSeconds = 0.02;  // two half cycles of 50 Hz: of less the terms look alike
constexpr int kHarmonics = 2;
constexpr std::size_t kOrders = 2 * kHarmonics + 1;  // the mean among them
static_assert(ChangingPaths::kTerms == kOrders - 1);
// |a|^2 over its variance, exponential(1) on noise: what stands so high is taken for what it is. Three paths
// have twelve, of which on noise one frame in eight shows one; changes they are for sure from where it is one
// in a thousand, with the frequency chosen among twenty.
constexpr double kStatistic = 4.6, kSureStatistic = 12.5;
// Frames whose changes are remembered, and how many without any count as seen before the first.
constexpr double kMemoryFrames = 128, kFramesBefore = 16;
// Frames that are all looked at: after one that changed for sure, and of a new lock; else one in so many.
constexpr std::int64_t kSureFrames = 32, kFirstFrames = 64, kLookAtFrames = 16;
// Nats of a frame's energy over the noise that make changes worth looking for, about what the parameters of a
// path leave, and known ones worth a gain, which costs next to nothing.
constexpr double kWorthLooking = 2, kWorthAGain = 0.5;
// Between values of a gain, which linear between them is good to -38 dB.
constexpr double kGainSeconds = 0.25e-3;
constexpr double kGrids[] = {50, 60};
constexpr double kGridReach = 0.01;  // of its frequency
constexpr double kGridStep = 0.5;    // turns of the fastest over the frame

std::size_t order_of(std::size_t term) { return term < kHarmonics ? term : term + 1; }
double multiple_of(std::size_t term) { return static_cast<double>(order_of(term)) - kHarmonics; }
// Of what turns so with the mains, from their phase to that in the middle of the frame.
cf64 turn_of(const FrameEstimate& frame, const MainsClock& clock, std::size_t term) {
  return std::polar(1.0,
                    4 * kPi * multiple_of(term) * clock.turns_at(frame.timing.chip + frame.timing.reference));
}

double sinc(double x) { return std::abs(x) < 1e-9 ? 1 : std::sin(kPi * x) / (kPi * x); }

// Diagonal of the inverse.
template <typename Value>
std::vector<double> variances(const std::vector<Value>& gram, std::size_t n) {
  std::vector<double> out;
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<Value> a = gram;
    std::vector<cf64> unit(n);
    unit[i] = 1;
    solve(a, unit);
    out.push_back(unit[i].real());
  }
  return out;
}

}  // namespace

void ChangingPaths::correlate_pieces(const ChipBuffer& chips, const FrameEstimate& frame,
                                     const SplitSequence& replica, const Finger& finger,
                                     std::vector<cf64>& out) const {
  const FrameTiming& t = frame.timing;
  out.clear();
  for (std::size_t p = 0; p < time_.size(); ++p) {
    const std::size_t first = p * piece_chips_;
    out.push_back(std::polar(1.0, -2 * kPi * frame.turns * time_[p]) *
                  correlate(chips,
                            t.chip + finger.delay_chips + static_cast<double>(first) - t.clock * time_[p],
                            replica, first + replica.padding(), piece_chips_));
  }
}

// sum_p c_p exp(-j 2 pi m turns t_p) for m = -most ... most.
std::vector<cf64> ChangingPaths::harmonics(const std::vector<cf64>& pieces, double turns, int most) const {
  std::vector<cf64> sums(static_cast<std::size_t>(2 * most + 1));
  cf64 turn = std::polar(1.0, -2 * kPi * turns * time_.front());
  const cf64 step = std::polar(1.0, -2 * kPi * turns * static_cast<double>(piece_chips_));
  for (const cf64& c : pieces) {
    cf64 w = 1;
    sums[static_cast<std::size_t>(most)] += c;
    for (int m = 1; m <= most; ++m) {
      w *= turn;
      sums[static_cast<std::size_t>(most + m)] += c * w;
      sums[static_cast<std::size_t>(most - m)] += c * std::conj(w);
    }
    turn *= step;
  }
  return sums;
}

// Turns a chip of twice the mains' frequency, by what shows most.
double ChangingPaths::turns_of(const std::vector<cf64>& pieces) const {
  const double length = static_cast<double>(pieces.size() * piece_chips_) / chip_rate_hz_;
  double best = 0, most = -1;
  for (const double grid : kGrids) {
    const auto reach = static_cast<int>(std::ceil(2 * grid * kGridReach * kHarmonics * length / kGridStep));
    for (int i = -reach; i <= reach; ++i) {
      const double turns = (2 * grid + i * kGridStep / (kHarmonics * length)) / chip_rate_hz_;
      const std::vector<cf64> sums = harmonics(pieces, turns, kHarmonics);
      double energy = -std::norm(sums[kHarmonics]);
      for (const cf64& s : sums) energy += std::norm(s);
      if (energy > most) most = energy, best = turns;
    }
  }
  return best;
}

void ChangingPaths::restart() {
  seen_ = {};
  lock_ = 0;
  frames_ = look_ = 0;
}

// |a|^2, whose mean is P + V, has a deviation of as much: it counts by the inverse of its square.
void ChangingPaths::see(std::size_t term, cf64 change, double variance) {
  Seen& s = seen_[term];
  const double all = s.weight > 0 ? std::max(0.0, s.power / s.weight) : 0;
  const double sure = 1 / (all + variance), now = sure * sure;
  if (s.weight == 0) s.weight = kFramesBefore * now;
  if (s.mean_weight == 0) s.mean_weight = kFramesBefore * sure;
  const double kept = 1 - 1 / kMemoryFrames;
  s.power = kept * s.power + now * (std::norm(change) - variance);
  s.weight = kept * s.weight + now;
  s.mean = kept * s.mean + sure * change;
  s.mean_weight = kept * s.mean_weight + sure;
}

ChangingPaths::Expected ChangingPaths::expected(std::size_t term) const {
  const Seen& s = seen_[term];
  if (!(s.weight > 0)) return {};
  Expected e;
  if (s.mean_weight > 0) e.mean = s.mean / s.mean_weight;
  e.power = std::max(0.0, s.power / s.weight - std::norm(e.mean));
  return e;
}

void ChangingPaths::split(const ChipBuffer& chips, const FrameEstimate& frame, std::size_t count) {
  const auto lanes = static_cast<std::size_t>(chips.lanes());
  const double wanted = kPieceSeconds * chip_rate_hz_ / static_cast<double>(lanes);
  piece_chips_ = lanes * static_cast<std::size_t>(std::max(1L, std::lround(wanted)));
  time_.clear();
  shared_.clear();
  for (std::size_t first = 0; first + piece_chips_ <= count; first += piece_chips_) {
    time_.push_back(static_cast<double>(first) + 0.5 * static_cast<double>(piece_chips_) -
                    frame.timing.reference);
    shared_.push_back(chips.mean_weight(frame.timing.chip + static_cast<double>(first), piece_chips_) *
                      static_cast<double>(piece_chips_));
  }
}

// By path; none where nothing counts. Terms share chips, paths the pulse.
std::vector<ChangingPaths::Changes> ChangingPaths::measure(
    const FrameEstimate& frame, double noise, double turns,
    const std::vector<std::vector<cf64>>& pieces) const {
  const std::size_t paths = frame.fingers.size();
  const std::vector<cf64> overlap = harmonics(shared_, turns, 2 * kHarmonics);
  if (!(overlap[2 * kHarmonics].real() > 0)) return {};
  std::vector<cf64> terms_gram(kOrders * kOrders), paths_gram(paths * paths);
  for (std::size_t i = 0; i < kOrders; ++i)
    for (std::size_t j = 0; j < kOrders; ++j) terms_gram[i * kOrders + j] = overlap[2 * kHarmonics + i - j];
  for (std::size_t i = 0; i < paths; ++i)
    for (std::size_t j = 0; j < paths; ++j)
      paths_gram[i * paths + j] =
          pulse_.at(frame.fingers[i].delay_chips - frame.fingers[j].delay_chips) + (i == j ? 1e-2 : 0);
  const std::vector<double> term_variance = variances(terms_gram, kOrders),
                            path_variance = variances(paths_gram, paths);
  std::vector<std::vector<cf64>> gains(paths);
  for (std::size_t l = 0; l < paths; ++l) {
    gains[l] = harmonics(pieces[l], turns, kHarmonics);
    std::vector<cf64> a = terms_gram;
    solve(a, gains[l]);
  }
  std::vector<Changes> changes(paths);
  for (std::size_t term = 0; term < kTerms; ++term) {
    const std::size_t order = order_of(term);
    std::vector<cf64> a = paths_gram, gain;
    for (std::size_t l = 0; l < paths; ++l) gain.push_back(gains[l][order]);
    solve(a, gain);
    const double kept = sinc(multiple_of(term) * turns * static_cast<double>(piece_chips_));
    for (std::size_t l = 0; l < paths; ++l)
      changes[l][term] = {gain[l] / kept, noise * term_variance[order] * path_variance[l] / (kept * kept)};
  }
  return changes;
}

FrameGain ChangingPaths::gain_of(const FrameEstimate& frame, double turns, cf64 still,
                                 const std::array<cf64, kTerms>& changes) const {
  FrameGain gain;
  gain.step_chips = kGainSeconds * chip_rate_hz_;
  const double length = 2 * frame.timing.reference;  // which is about the middle
  gain.values.resize(2 + static_cast<std::size_t>(length / gain.step_chips));
  for (std::size_t k = 0; k < gain.values.size(); ++k) {
    const double chip = static_cast<double>(k) * gain.step_chips - frame.timing.reference;
    const cf64 turn = std::polar(1.0, 2 * kPi * turns * chip), twice = turn * turn;
    gain.values[k] = cf32(still + changes[0] * std::conj(twice) + changes[1] * std::conj(turn) +
                          changes[2] * turn + changes[3] * twice);
  }
  return gain;
}

void ChangingPaths::foresee(FrameEstimate& frame, const std::optional<MainsClock>& clock, Known& known) {
  known = {};
  // A frequency chosen by what shows most makes noise look like changes: nothing is expected of it.
  if (!clock) return;
  if (clock->lock != lock_) {
    for (Seen& s : seen_) s.mean = 0, s.mean_weight = 0;
    lock_ = clock->lock;
    look_ = kFirstFrames;
  }
  std::array<cf64, kTerms> changes;
  double power = 0;
  for (std::size_t term = 0; term < kTerms; ++term) {
    const Expected e = expected(term);
    known.mean[term] = e.mean;
    known.power[term] = e.power;
    changes[term] = e.mean * turn_of(frame, *clock, term);
    power += std::norm(e.mean);
  }
  if (power * frame.metric > kWorthAGain)
    frame.gain = gain_of(frame, 2 * clock->rate, 1, changes);
  else
    known.mean = {};
}

bool ChangingPaths::take_out(ChipBuffer& chips, Canceller& canceller, const SplitSequence& replica,
                             const FrameEstimate& frame, const std::optional<MainsClock>& clock,
                             Known& known) {
  if (static_cast<double>(replica.chips()) < kLeastSeconds * chip_rate_hz_) return false;
  const bool first_look = !std::exchange(known.looked, true);
  const std::size_t paths = frame.fingers.size();
  const double noise = chips.noise_power(frame.timing.chip, replica.chips());
  if (!(noise > 0)) return false;
  const double nats = std::norm(frame.fingers.front().gain) *
                      chips.mean_weight(frame.timing.chip, replica.chips()) *
                      static_cast<double>(replica.chips()) / noise;
  const double left = std::accumulate(known.power.begin(), known.power.end(), 0.0);
  const bool turn_to_look = first_look && frames_++ % kLookAtFrames == 0;
  const bool look = turn_to_look || look_ > 0 || left * nats > kWorthLooking;
  if (first_look && look_ > 0) --look_;
  if (!look) return false;

  split(chips, frame, replica.chips());
  std::vector<std::vector<cf64>> pieces(paths);
  for (std::size_t l = 0; l < paths; ++l)
    correlate_pieces(chips, frame, replica, frame.fingers[l], pieces[l]);
  const double turns = clock ? 2 * clock->rate : turns_of(pieces.front());
  const std::vector<Changes> measured = measure(frame, noise, turns, pieces);
  if (measured.empty()) return false;
  std::vector<std::array<cf64, kTerms>> changes(paths);
  bool sure = false;
  const cf64 strongest = frame.fingers.front().gain;
  for (std::size_t term = 0; term < kTerms; ++term) {
    double& p = known.power[term];
    const double variance = measured.front()[term].variance / std::norm(strongest);
    if (first_look && clock)
      see(term,
          known.mean[term] +
              measured.front()[term].gain / strongest * std::conj(turn_of(frame, *clock, term)),
          variance);
    for (std::size_t l = 0; l < paths; ++l) {
      const auto [a, v] = measured[l][term];
      const double power = p * std::norm(frame.fingers[l].gain), statistic = std::norm(a) / v;
      sure = sure || statistic > kSureStatistic;
      changes[l][term] = (statistic > kStatistic ? 1 : power / (power + v)) * a;
    }
    p *= variance / (p + variance);
  }
  if (sure) look_ = kSureFrames;
  FrameEstimate part = frame;
  part.rest.clear();
  for (std::size_t l = 0; l < paths; ++l) {
    if (changes[l] == std::array<cf64, kTerms>{}) continue;
    part.fingers = {{frame.fingers[l].delay_chips, 1}};
    part.gain = gain_of(frame, turns, 0, changes[l]);
    canceller.add(chips, part, replica, -1);
  }
  return sure;
}

}  // namespace ngdsp
