#include "ngdsp/rx/mains_tracker.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

constexpr double kPieceSeconds = 0.1;
constexpr double kRange = 0.01;      // of the nominal frequency
constexpr double kPhaseStep = 0.25;  // turns that the highest harmonic moves in a second, of tries
constexpr double kPhaseGain = 0.3, kFrequencyGain = 0.05;  // of the loop, a piece: a^2/2, damped by 0.7
constexpr double kHighestHz = 400;                         // of a harmonic
constexpr double kOfNyquist = 0.9;
constexpr double kMeanPieces = 300;     // of the harmonics, 30 s
constexpr double kProfileKept = 0.999;  // a piece: 100 s
constexpr int kWeakPieces = 10;
constexpr double kSilence = 1e-12, kRounding = 1e-12;  // between harmonics at least, of the values' energy
constexpr double kLostShare = 0.5;                     // of the threshold

}  // namespace

// `every`: harmonics that are of this grid alone; 3 x 16.7 Hz are 50. Threshold: Gamma of so many harmonics
// exceeds it with 1e-8, by 100 frequencies and ten looks a second once in a day.
struct MainsTracker::Grid {
  double nominal_hz;
  std::size_t harmonics, but_multiples_of;
  double threshold;
};
const MainsTracker::Grid MainsTracker::kGrids[kGridCount] = {
    {50.0 / 3, 24, 3, 47}, {50, 8, 0, 33}, {60, 6, 0, 30}};

MainsTracker::MainsTracker(double step_s)
    : step_s_(step_s), piece_(static_cast<std::size_t>(std::lround(kPieceSeconds / step_s))) {}

double MainsTracker::turns() const {
  // turns_ is at the piece that is being filled.
  const double at =
      turns_ + static_cast<double>(second_.size() % piece_) * step_s_ * (locked() ? frequency_hz_ : 0);
  return at - std::floor(at);
}

void MainsTracker::restart() {
  const std::uint64_t locks = locks_;
  *this = MainsTracker(step_s_);
  locks_ = locks;
}

void MainsTracker::process(Span<const float> x) {
  for (const float value : x) {
    if (std::isfinite(value)) last_ = value;
    second_.push_back(last_);
    if (second_.size() % piece_ == 0) work();
  }
}

// A new piece is complete.
void MainsTracker::work() {
  ++pieces_;
  if (second_.size() > kPieces * piece_)
    second_.erase(second_.begin(), second_.begin() + static_cast<std::ptrdiff_t>(piece_));
  if (grid_) {
    follow();
  } else {
    turns_ = 0;
    if (second_.size() == kPieces * piece_) find();
  }
}

// Those that values so far apart tell.
std::size_t MainsTracker::count_of(const Grid& grid) const {
  return std::min(grid.harmonics, static_cast<std::size_t>(kOfNyquist * 0.5 / step_s_ / grid.nominal_hz));
}

// sum x e^(-j 2 pi (h + offset) phase) of a piece, the mean of x taken out, by h - 1.
MainsTracker::Harmonics MainsTracker::harmonics(const float* x, double turns, double frequency_hz,
                                                double offset) const {
  Harmonics y{};
  double mean = 0;
  for (std::size_t i = 0; i < piece_; ++i) mean += static_cast<double>(x[i]) / static_cast<double>(piece_);
  const auto count = static_cast<std::size_t>(std::lround(kHighestHz / frequency_hz));
  for (std::size_t i = 0; i < piece_; ++i) {
    const double phase = -2 * kPi * (turns + static_cast<double>(i) * step_s_ * frequency_hz);
    const cf64 turn = std::polar(1.0, phase);
    cf64 power = std::polar(static_cast<double>(x[i]) - mean, phase * (1 + offset));
    for (std::size_t h = 0; h < count; ++h, power *= turn) y[h] += power;
  }
  return y;
}

// Of the second's piece, at phases that go on from the piece before it.
MainsTracker::Piece MainsTracker::look(const Grid& grid, std::size_t piece, double hz) const {
  const float* x = second_.data() + piece * piece_;
  const double turns = static_cast<double>((pieces_ - kPieces + piece) * piece_) * step_s_ * hz;
  Piece p{harmonics(x, turns, hz, 0), kSilence};
  for (std::size_t i = 0; i < piece_; ++i)
    p.between += kRounding * static_cast<double>(x[i]) * static_cast<double>(x[i]);
  const Harmonics between = harmonics(x, turns, hz, 0.5);
  for (std::size_t h = 0; h < count_of(grid); ++h)
    p.between += std::norm(between[h]) / static_cast<double>(count_of(grid));
  return p;
}

// Power of the harmonics of `hz` in the last second over that between them. Pieces were looked at with a
// frequency a little off: their phases are told apart.
double MainsTracker::statistic(const Grid& grid, const Second& second, double looked_hz, double hz) const {
  Harmonics sum{};
  double between = 0;
  for (std::size_t p = 0; p < kPieces; ++p) {
    const cf64 turn = std::polar(1.0, -2 * kPi * (hz - looked_hz) * (static_cast<double>(p) + 0.5) *
                                          static_cast<double>(piece_) * step_s_);
    cf64 power = turn;
    for (std::size_t h = 0; h < count_of(grid); ++h, power *= turn) sum[h] += power * second[p].on[h];
    between += second[p].between;
  }
  double power = 0;
  for (std::size_t h = 0; h < count_of(grid); ++h)
    if (grid.but_multiples_of == 0 || (h + 1) % grid.but_multiples_of != 0) power += std::norm(sum[h]);
  return power / between;
}

void MainsTracker::find() {
  for (std::size_t g = 0; g < kGridCount; ++g) {
    Second& second = looks_[g];
    if (looked_) std::move(second.begin() + 1, second.end(), second.begin());
    for (std::size_t p = looked_ ? kPieces - 1 : 0; p < kPieces; ++p)
      second[p] = look(kGrids[g], p, kGrids[g].nominal_hz);
  }
  looked_ = true;
  for (std::size_t g = 0; g < kGridCount && !grid_; ++g) {
    const Grid& grid = kGrids[g];
    const double step = kPhaseStep / static_cast<double>(count_of(grid));
    double best = 0;
    for (double hz = (1 - kRange) * grid.nominal_hz; hz <= (1 + kRange) * grid.nominal_hz; hz += step)
      if (const double s = statistic(grid, looks_[g], grid.nominal_hz, hz); s > best)
        best = s, frequency_hz_ = hz;
    if (best >= grid.threshold) grid_ = &grid;
  }
  if (!grid_) return;
  looked_ = false;
  ++locks_;
  Harmonics sum{};
  const auto turns_at = [this](std::size_t piece) {
    return (static_cast<double>(piece) - kPieces) * static_cast<double>(piece_) * step_s_ * frequency_hz_;
  };
  for (std::size_t p = 0; p < kPieces; ++p) {
    const Harmonics y = harmonics(second_.data() + p * piece_, turns_at(p), frequency_hz_, 0);
    for (std::size_t h = 0; h < count_of(*grid_); ++h) sum[h] += y[h] / static_cast<double>(kPieces);
  }
  const auto strongest = static_cast<std::size_t>(
      std::max_element(sum.begin(), sum.end(),
                       [](const cf64& a, const cf64& b) { return std::norm(a) < std::norm(b); }) -
      sum.begin());
  // x = cos(2 pi h (phase - turns)) has arg y_h = -2 pi h turns.
  turns_ = std::arg(sum[strongest]) / (2 * kPi * static_cast<double>(strongest + 1));
  turns_ -= std::floor(turns_);
  for (std::size_t h = 0; h < count_of(*grid_); ++h)
    mean_[h] = sum[h] * std::polar(1.0, -2 * kPi * static_cast<double>(h + 1) * turns_);
  seen_ = kPieces;
  weak_ = 0;
  sum_.fill(0);
  count_.fill(0);
  for (std::size_t p = 0; p < kPieces; ++p) fold(second_.data() + p * piece_, piece_, turns_ + turns_at(p));
}

void MainsTracker::follow() {
  const float* x = second_.data() + second_.size() - piece_;
  const Harmonics y = harmonics(x, turns_, frequency_hz_, 0);
  double along = 0, energy = 0;
  for (std::size_t h = 0; h < count_of(*grid_); ++h) {
    const auto n = static_cast<double>(h + 1);
    along += n * (std::conj(mean_[h]) * y[h]).imag();
    energy += n * n * std::norm(mean_[h]);
  }
  const double error = std::clamp(along / (2 * kPi * std::max(energy, 1e-30)), -0.05, 0.05);
  fold(x, piece_, turns_ + kPhaseGain * error);
  seen_ = std::min(seen_ + 1, kMeanPieces);
  for (std::size_t h = 0; h < count_of(*grid_); ++h) {
    // As if there had been no error: else the mean follows the phase, and the phase the mean.
    const cf64 turned = y[h] * std::polar(1.0, -2 * kPi * static_cast<double>(h + 1) * error);
    mean_[h] += (turned - mean_[h]) / seen_;
  }
  const double seconds = static_cast<double>(piece_) * step_s_;
  frequency_hz_ = std::clamp(frequency_hz_ + kFrequencyGain * error / seconds,
                             (1 - 2 * kRange) * grid_->nominal_hz, (1 + 2 * kRange) * grid_->nominal_hz);
  turns_ += kPhaseGain * error + frequency_hz_ * seconds;
  turns_ -= std::floor(turns_);
  Second second;
  for (std::size_t p = 0; p < kPieces; ++p) second[p] = look(*grid_, p, frequency_hz_);
  weak_ =
      statistic(*grid_, second, frequency_hz_, frequency_hz_) < kLostShare * grid_->threshold ? weak_ + 1 : 0;
  if (weak_ >= kWeakPieces) grid_ = nullptr;
}

void MainsTracker::fold(const float* x, std::size_t n, double turns) {
  for (std::size_t b = 0; b < kProfileBins; ++b) sum_[b] *= kProfileKept, count_[b] *= kProfileKept;
  for (std::size_t i = 0; i < n; ++i) {
    const double at = turns + static_cast<double>(i) * step_s_ * frequency_hz_;
    const auto bin = static_cast<std::size_t>((at - std::floor(at)) * kProfileBins) % kProfileBins;
    sum_[bin] += static_cast<double>(x[i]);
    ++count_[bin];
  }
}

std::vector<double> MainsTracker::profile() const {
  std::vector<double> mean;
  if (!locked()) return mean;
  for (std::size_t b = 0; b < kProfileBins; ++b) mean.push_back(count_[b] > 0 ? sum_[b] / count_[b] : 0);
  return mean;
}

}  // namespace ngdsp
