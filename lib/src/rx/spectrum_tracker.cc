#include "ngdsp/rx/spectrum_tracker.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

constexpr std::size_t kBins = SpectrumTracker::kBins;
constexpr std::int64_t kHop = kBins / 2;
constexpr double kMemoryBlocks = 188;        // two seconds at 48 kchip/s
constexpr std::size_t kAroundBins = 48;      // either side of a bin, whose median is the background there
constexpr std::size_t kBackgroundBins = 16;  // that share it
constexpr std::size_t kMedianStep = 4;       // of a window's bins so many tell its median to a tenth
constexpr double kLooksInMemory = 8;
constexpr double kMeanOverMedian = 1.4427;  // of an exponential
constexpr double kFloorRise = 1.02;         // a block: 3 dB in 0.4 s
constexpr double kLeastBlocks = 2;          // that tell anything
constexpr double kWorthFiltering = 0.01;    // of SNR lost by the filter that there is
constexpr std::size_t kWidest = 6;          // bins either side of a line
constexpr double kWorthSloping = 0.03;      // by a background taken for flat; more while few blocks tell it

// The mean of n blocks of noise exceeds it in a bin with less than 1e-7, of n above 20 with 1e-9 (tails of
// the gamma distribution).
double line_threshold(double blocks) { return 1 + 7 / std::sqrt(blocks) + 12 / blocks; }

// SNR that the filter g keeps in noise of spectrum s, of that of 1/s.
double kept(const std::vector<float>& g, const std::vector<double>& s) {
  double signal = 0, noise = 0, best = 0;
  for (std::size_t k = 0; k < kBins; ++k) {
    const double x = g.empty() ? 1 : static_cast<double>(g[k]);
    signal += x;
    noise += x * x * s[k];
    best += 1 / s[k];
  }
  return signal * signal / (noise * best);
}

double median(std::vector<double>& x) {
  const auto middle = x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2);
  std::nth_element(x.begin(), middle, x.end());
  return *middle;
}

}  // namespace

SpectrumTracker::SpectrumTracker(KnownSpectrum known)
    : known_(std::move(known)),
      window_(kBins),
      forward_(std::make_unique<Fft>(kBins, Fft::Direction::kForward)),
      inverse_(std::make_unique<Fft>(kBins, Fft::Direction::kInverse)),
      mean_(kBins),
      power_(kBins) {
  for (std::size_t i = 0; i < kBins; ++i)
    window_[i] = static_cast<float>(0.5 - 0.5 * std::cos(2 * kPi * static_cast<double>(i) / kBins));
}

void SpectrumTracker::restart() {
  std::fill(mean_.begin(), mean_.end(), 0.0);
  filter_ = {};
  blocks_ = seen_ = unseen_ = floor_ = 0;
  next_ = 0;
}

bool SpectrumTracker::learn(const ChipBuffer& chips, std::int64_t end) {
  if (known_) {
    if (!filter_.taps.empty()) return false;
    Spectrum told;
    for (std::size_t k = 0; k < kBins; ++k)
      told.all.push_back(known_(static_cast<double>(k) / kBins - (k < kBins / 2 ? 0 : 1)));
    told.background = told.all;
    filter_ = whitening(told, 0);
    return true;
  }
  for (next_ = std::max(next_, chips.begin()); next_ + static_cast<std::int64_t>(kBins) <= end; next_ += kHop)
    add_block(chips, next_);
  if (unseen_ * kLooksInMemory < seen_ || blocks_ < kLeastBlocks) return false;
  unseen_ = 0;
  const Spectrum s = spectrum();
  const double now = kept(filter_.response, s.all);
  if (now > 1 - kWorthFiltering) return false;
  Filter best;
  for (std::size_t widen = 0; widen <= kWidest; ++widen)
    if (Filter f = whitening(s, widen); f.kept > best.kept) best = std::move(f);
  if (best.kept < (1 + kWorthFiltering) * now) return false;
  filter_ = std::move(best);
  return true;
}

void SpectrumTracker::add_block(const ChipBuffer& chips, std::int64_t first) {
  LanePosition p(first, chips.lanes());
  for (std::size_t i = 0; i < kBins; ++i, ++p)
    forward_->input()[i] = window_[i] * cf32(*chips.sample_re(0, p), *chips.sample_im(0, p));
  forward_->execute();
  for (std::size_t k = 0; k < kBins; ++k) power_[k] = static_cast<double>(std::norm(forward_->output()[k]));
  sorted_.clear();
  for (std::size_t k = 0; k < kBins; k += kMedianStep) sorted_.push_back(power_[k]);
  const double scale = kMeanOverMedian * median(sorted_);
  if (!(scale > 1e-30)) return;  // silence
  if (floor_ == 0) floor_ = scale;
  if (scale < floor_) blocks_ *= scale * scale / (floor_ * floor_);
  floor_ = std::min(scale, floor_ * kFloorRise);
  const double share = floor_ * floor_ / (scale * scale);
  blocks_ = std::min(blocks_ + share, kMemoryBlocks);
  seen_ = std::min(seen_ + 1, kMemoryBlocks);
  ++unseen_;
  for (std::size_t k = 0; k < kBins; ++k) mean_[k] += share / blocks_ * (power_[k] / scale - mean_[k]);
}

SpectrumTracker::Spectrum SpectrumTracker::spectrum() const {
  Spectrum s;
  s.background.resize(kBins);
  std::vector<double> around(2 * kAroundBins + 1);
  for (std::size_t k = 0; k < kBins; k += kBackgroundBins) {
    const std::size_t first = k + kBackgroundBins / 2 + kBins - kAroundBins;
    for (std::size_t i = 0; i < around.size(); ++i) around[i] = mean_[(first + i) % kBins];
    std::fill_n(s.background.begin() + static_cast<std::ptrdiff_t>(k), kBackgroundBins, median(around));
  }
  if (kept({}, s.background) > 1 - kWorthSloping - 1 / blocks_) {
    std::vector<double> all = mean_;
    std::fill(s.background.begin(), s.background.end(), median(all));
  }
  const double threshold = line_threshold(blocks_);
  s.all = s.background;
  for (std::size_t k = 0; k < kBins; ++k)
    // Lower, too: beside a wide line the background is not that of the bins around.
    if (mean_[k] > threshold * s.background[k] || threshold * mean_[k] < s.background[k]) s.all[k] = mean_[k];
  return s;
}

void SpectrumTracker::report(NoiseReport& out) const {
  out.filtered = !filter_.taps.empty();
  if (!out.filtered || known_) return;
  const Spectrum s = spectrum();
  const auto [low, high] = std::minmax_element(s.background.begin(), s.background.end());
  out.background_db = to_db(*high / *low);
  // From the lowest frequency on; bins beside each other are one line.
  double last = 0;
  for (std::size_t i = 0; i < kBins; ++i) {
    const std::size_t k = (i + kBins / 2) % kBins;
    const double over = s.all[k] / s.background[k], turns = static_cast<double>(i) / kBins - 0.5;
    if (over > 1 && last <= 1) out.lines.push_back({turns, 0, 0});
    if (over > 1) {
      NoiseReport::Line& line = out.lines.back();
      line.width += 1.0 / kBins;
      if (to_db(over) > line.over_db) line.over_db = to_db(over), line.turns = turns;
    }
    last = over;
  }
}

// 1/S, every line `widen` bins wider, its response cut to the length that a ChipBuffer has for it: which
// widens what the line leaks through.
SpectrumTracker::Filter SpectrumTracker::whitening(const Spectrum& s, std::size_t widen) {
  for (std::size_t k = 0; k < kBins; ++k) {
    double most = s.all[k];
    for (std::size_t i = 0; i <= 2 * widen; ++i) {
      const std::size_t beside = (k + kBins - widen + i) % kBins;
      if (s.all[beside] > s.background[beside]) most = std::max(most, s.all[beside]);
    }
    inverse_->input()[k] = static_cast<float>(1 / most);
  }
  inverse_->execute();
  const float scale = 1 / inverse_->output()[0].real();
  Filter f;
  f.taps.resize(kBins);
  for (std::size_t i = 0; i < kBins; ++i) {
    const double t = static_cast<double>(std::min(i, kBins - i)) / ChipBuffer::kFilterReach;
    const cf32 tap = scale * static_cast<float>(0.5 + 0.5 * std::cos(kPi * t)) * inverse_->output()[i];
    forward_->input()[i] = tap;
    f.taps[(i + kBins / 2) % kBins] = tap;
  }
  forward_->execute();
  for (std::size_t k = 0; k < kBins; ++k) f.response.push_back(forward_->output()[k].real());
  f.kept = kept(f.response, s.all);
  return f;
}

}  // namespace ngdsp
