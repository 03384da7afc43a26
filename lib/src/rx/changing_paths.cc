#include "ngdsp/rx/changing_paths.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "rx/solve.h"

namespace ngdsp {
namespace {

constexpr double kPieceSeconds = 1e-3;  // 0.2 of a turn of the fastest
constexpr double kLeastSeconds = 0.02;  // two half cycles of 50 Hz: of less the terms look alike
constexpr int kHarmonics = 2;
constexpr int kTerms = 2 * kHarmonics + 1;
// |a|^2 over its variance, exponential(1) on noise: what is left out of a true one is its statistic, what a
// false one puts in as much. Three paths have twelve, of which on noise one frame in eight shows one; sure
// they are from where it is one in a thousand, with the frequency chosen among twenty.
constexpr double kStatistic = 4.6, kSureStatistic = 12.5;
constexpr double kGrids[] = {50, 60};
constexpr double kGridReach = 0.01;  // of its frequency
constexpr double kGridStep = 0.5;    // turns of the fastest over the frame

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

// Turns a chip of twice the mains' frequency.
double ChangingPaths::turns_of(const MainsTracker& mains, const std::vector<cf64>& pieces) const {
  if (mains.locked()) return 2 * mains.frequency_hz() / chip_rate_hz_;
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

bool ChangingPaths::take_out(ChipBuffer& chips, Canceller& canceller, const SplitSequence& replica,
                             const FrameEstimate& frame, const MainsTracker& mains) {
  if (static_cast<double>(replica.chips()) < kLeastSeconds * chip_rate_hz_) return false;
  const auto lanes = static_cast<std::size_t>(chips.lanes());
  const double wanted = kPieceSeconds * chip_rate_hz_ / static_cast<double>(lanes);
  piece_chips_ = lanes * static_cast<std::size_t>(std::max(1L, std::lround(wanted)));
  time_.clear();
  shared_.clear();
  for (std::size_t first = 0; first + piece_chips_ <= replica.chips(); first += piece_chips_) {
    time_.push_back(static_cast<double>(first) + 0.5 * static_cast<double>(piece_chips_) -
                    frame.timing.reference);
    shared_.push_back(chips.mean_weight(frame.timing.chip + static_cast<double>(first), piece_chips_) *
                      static_cast<double>(piece_chips_));
  }
  const std::size_t paths = frame.fingers.size();
  std::vector<std::vector<cf64>> pieces(paths);
  for (std::size_t l = 0; l < paths; ++l)
    correlate_pieces(chips, frame, replica, frame.fingers[l], pieces[l]);
  const double turns = turns_of(mains, pieces.front());

  // Terms share chips, paths the pulse.
  const std::vector<cf64> overlap = harmonics(shared_, turns, 2 * kHarmonics);
  std::vector<cf64> terms_gram(kTerms * kTerms), paths_gram(paths * paths);
  for (int i = 0; i < kTerms; ++i)
    for (int j = 0; j < kTerms; ++j)
      terms_gram[static_cast<std::size_t>(i * kTerms + j)] =
          overlap[static_cast<std::size_t>(2 * kHarmonics + i - j)];
  if (!(overlap[2 * kHarmonics].real() > 0)) return false;
  for (std::size_t i = 0; i < paths; ++i)
    for (std::size_t j = 0; j < paths; ++j)
      paths_gram[i * paths + j] =
          pulse_.at(frame.fingers[i].delay_chips - frame.fingers[j].delay_chips) + (i == j ? 1e-2 : 0);
  const std::vector<double> term_variance = variances(terms_gram, kTerms),
                            path_variance = variances(paths_gram, paths);
  std::vector<std::vector<cf64>> gains(paths);
  for (std::size_t l = 0; l < paths; ++l) {
    gains[l] = harmonics(pieces[l], turns, kHarmonics);
    std::vector<cf64> a = terms_gram;
    solve(a, gains[l]);
  }
  const double noise = chips.noise_power(frame.timing.chip, replica.chips());
  FrameEstimate part = frame;
  part.rest.clear();
  part.gain = {};
  bool sure = false;
  for (int m = -kHarmonics; m <= kHarmonics; ++m) {
    if (m == 0) continue;
    const auto term = static_cast<std::size_t>(m + kHarmonics);
    std::vector<cf64> a = paths_gram, gain;
    for (std::size_t l = 0; l < paths; ++l) gain.push_back(gains[l][term]);
    solve(a, gain);
    part.fingers.clear();
    const double kept = sinc(m * turns * static_cast<double>(piece_chips_));
    for (std::size_t l = 0; l < paths; ++l) {
      const double statistic = std::norm(gain[l]) / (noise * term_variance[term] * path_variance[l]);
      if (statistic > kStatistic) part.fingers.push_back({frame.fingers[l].delay_chips, gain[l] / kept});
      sure = sure || statistic > kSureStatistic;
    }
    if (part.fingers.empty()) continue;
    part.turns = frame.turns + m * turns;
    canceller.add(chips, part, replica, -1);
  }
  return sure;
}

}  // namespace ngdsp
