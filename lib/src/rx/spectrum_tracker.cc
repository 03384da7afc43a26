#include "ngdsp/rx/spectrum_tracker.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ngdsp/base/db.h"
#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

constexpr std::size_t kBins = NoiseShape::kBins;
constexpr std::size_t kSamples = NoiseFilter::kSamples;
constexpr std::size_t kBlockChips = kBins / kSamples;
constexpr std::int64_t kHop = kBlockChips / 2;
constexpr double kBinsATurn = kBlockChips;
constexpr double kLeastEnergy =
    0.02;  // of a frame in a bin, against the middle of the band: beyond, as there
// Bins that tell frames F from noise N, by their energy e. F/N is known from the median of m bins at an edge
// whose mean is e to (1 + F/N e)/(sqrt(m) (1 - e)), but for a factor. With energies as cos^2 over the
// roll-off and from kLeastEnergy on that is least below 0.1 where F/N is 36, below 0.15 at 10 and 0.4 at 1;
// at 0.1 at most half more than its least from 1/4 to 36, and the slope of the noise is seen as far out as
// can be.
constexpr double kEdgeEnergy = 0.1;
// The median of cos^2 above it is 0.974, so that F is known to less than kWorthSloping whatever the roll-off.
constexpr double kMiddleEnergy = 0.9;
constexpr double kMemoryBlocks = 188;        // two seconds at 48 kchip/s
constexpr std::size_t kAroundBins = 48;      // either side of a bin, whose median is the background there
constexpr std::size_t kBackgroundBins = 16;  // that share it
constexpr std::size_t kMedianStep = 4;       // of a window's bins so many tell its median to a tenth
constexpr double kLooksInMemory = 8;
constexpr double kMeanOverMedian = 1.4427;  // of an exponential
constexpr double kFloorRise = 1.02;         // a block: 3 dB in 0.4 s
constexpr double kLeastBlocks = 2;          // that tell anything
constexpr double kFloorBlocks = 94;         // a second: the lowest of so many that are
constexpr double kFloorJump = 4;            // so much above the floor are the floor
// A seventh of a second of them tell lines 6 dB high; it is looked at again after so many more.
constexpr double kRisenBlocks = 12;
constexpr double kRisenKept = 0.5;  // of the SNR
constexpr double kSilence = 1e-30;
// Of its power when it came, below which a block is read again: where nothing fell the same noise would
// count twice, and chance would look surer than it is.
constexpr double kFell = 0.5;
constexpr double kMostFrames = 36;            // F/N, of a block; a strong frame is no traffic
constexpr double kLeastLeft = 0.1;            // of a block by bursts, that tells anything
constexpr std::int64_t kLookBackBlocks = 47;  // half a second: more than a frame of 16 bytes
constexpr double kWorthChanging = 2;          // of what was known
constexpr double kKnownBefore = 8;            // blocks that count then of what was learned before
constexpr double kWorthFiltering = 0.01;      // of SNR lost by the filter that there is
constexpr double kLeastDensity = 1e-6;        // of the median: what is told of less is chance
constexpr std::size_t kWidest = 6;            // bins either side of a line
constexpr double kWorthSloping = 0.03;        // by a background taken for flat; more while few blocks tell it

// The mean of n blocks of noise exceeds it in a bin with less than 1e-7, of n above 20 with 1e-9 (tails of
// the gamma distribution).
double line_threshold(double blocks) { return 1 + 7 / std::sqrt(blocks) + 12 / blocks; }

double median(std::vector<double>& x) {
  const auto middle = x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2);
  std::nth_element(x.begin(), middle, x.end());
  return *middle;
}

}  // namespace

SpectrumTracker::SpectrumTracker(double rolloff, KnownSpectrum known)
    : rolloff_(rolloff),
      known_(std::move(known)),
      window_(kBins),
      forward_(std::make_unique<Fft>(kBins, Fft::Direction::kForward)),
      inverse_(std::make_unique<Fft>(kBins, Fft::Direction::kInverse)),
      weights_(kBlockChips) {
  for (std::size_t i = 0; i < kBins; ++i)
    window_[i] = static_cast<float>(0.5 - 0.5 * std::cos(2 * kPi * static_cast<double>(i) / kBins));
  for (std::size_t i = kBins / 2; i < kBins + kBins / 2; ++i) {
    const double energy = std::pow(
        rrc_spectrum((static_cast<double>(i) - static_cast<double>(kBins)) / kBinsATurn, rolloff), 2);
    if (energy < kLeastEnergy) continue;
    bin_.push_back(i % kBins);
    energy_.push_back(energy);
  }
  block_.power.resize(bin_.size());
}

void SpectrumTracker::restart() {
  mean_ = risen_ = {};
  filter_.reset();
  seen_ = unseen_ = risen_unseen_ = since_least_ = fell_ = 0;
  next_ = 0;
  came_.clear();
}

// SNR that the filter keeps in noise of this spectrum, of that of the best.
double SpectrumTracker::kept(const NoiseFilter* filter, const std::vector<double>& spectrum) const {
  double signal = 0, noise = 0, best = 0;
  for (std::size_t k = 0; k < bin_.size(); ++k) {
    const double g = filter ? static_cast<double>(filter->response()[bin_[k]]) : 1;
    signal += energy_[k] * g;
    noise += energy_[k] * g * g * spectrum[k];
    best += energy_[k] / spectrum[k];
  }
  return signal * signal / (noise * best);
}

bool SpectrumTracker::learn(const ChipBuffer& chips, std::int64_t end, std::int64_t settled) {
  if (known_) {
    if (filter_) return false;
    Spectrum told;
    for (const std::size_t bin : bin_)
      told.all.push_back(known_(
          (static_cast<double>(bin) - (bin < kBins / 2 ? 0 : static_cast<double>(kBins))) / kBinsATurn));
    told.background = told.all;
    filter_ = std::make_shared<NoiseFilter>(shape(told, 0), rolloff_);
    return true;
  }
  constexpr auto kBlock = static_cast<std::int64_t>(kBlockChips);
  for (next_ = std::max(next_, chips.begin()); next_ + kBlock <= end; next_ += kHop) {
    if (read_block(chips, next_)) add_block();
    came_.push_back({next_, chips.mean_power(static_cast<double>(next_), kBlockChips)});
  }
  read_settled(chips, settled);
  const bool rose = rose_with_lines();
  if (rose) mean_ = std::exchange(risen_, {});
  if (!rose && (unseen_ * kLooksInMemory < seen_ || mean_.blocks < kLeastBlocks)) return false;
  return choose();
}

void SpectrumTracker::read_settled(const ChipBuffer& chips, std::int64_t settled) {
  for (; !came_.empty() && came_.front().first + static_cast<std::int64_t>(kBlockChips) <= settled;
       came_.pop_front()) {
    const auto [first, power] = came_.front();
    if (first < chips.begin()) continue;
    const double now = std::max(chips.mean_power(static_cast<double>(first), kBlockChips), kSilence);
    fell_ += (std::clamp(power / now - 1, 0.0, kMostFrames) - fell_) / kMemoryBlocks;
    if (now > kFell * power || !read_block(chips, first)) continue;
    least_ = std::min(least_, block_.scale);
    mean_.add(block_);
  }
}

void SpectrumTracker::filtered(const ChipBuffer& chips) {
  for (Came& c : came_)
    if (c.first >= chips.begin()) c.power = chips.mean_power(static_cast<double>(c.first), kBlockChips);
}

bool SpectrumTracker::learn_again(const ChipBuffer& chips) {
  const std::int64_t held = std::min((next_ - chips.begin()) / kHop, kLookBackBlocks);
  if (known_ || mean_.blocks >= static_cast<double>(held)) return false;
  Mean now;
  for (std::int64_t first = next_ - held * kHop; first < next_; first += kHop)
    if (read_block(chips, first)) now.add(block_);
  if (now.blocks < kLeastBlocks || now.weight() < kWorthChanging * mean_.weight()) return false;
  mean_ = std::move(now);
  return choose();
}

// A filter for what is known, where it is worth having.
bool SpectrumTracker::choose() {
  unseen_ = 0;
  Spectrum s = spectrum(mean_);
  // Frames alone, which fall towards the edges of the band, are not worth a filter's time.
  if (kept(nullptr, s.all) < 1 - kWorthFiltering) s = amid_frames(std::move(s));
  const double now = kept(filter_.get(), s.all);
  if (now > 1 - kWorthFiltering) return false;
  std::shared_ptr<NoiseFilter> best;
  double most = 0;
  for (std::size_t widen = 0; widen <= kWidest; ++widen) {
    auto filter = std::make_shared<NoiseFilter>(shape(s, widen), rolloff_);
    if (const double keeps = kept(filter.get(), s.all); keeps > most) most = keeps, best = std::move(filter);
  }
  if (most < (1 + kWorthFiltering) * now) return false;
  filter_ = std::move(best);
  return true;
}

// The samples of a block less what bursts put into them, as far as that is not of a line: their share 1 - m
// of what is left beside lines, of noise as the background makes it. Returns how much of the block's noise
// that leaves.
double SpectrumTracker::read_between_bursts(const ChipBuffer& chips, std::int64_t first) {
  LanePosition p(first, chips.lanes());
  for (float& w : weights_) w = *chips.weight(p), ++p;
  cf32* x = forward_->input();
  const auto each = [&](auto act) {
    LanePosition at(first, chips.lanes());
    for (std::size_t i = 0; i < kBlockChips; ++i, ++at)
      for (std::size_t k = 0; k < kSamples; ++k) act(i, i * kSamples + k, ChipBuffer::kFilterPlanes[k], at);
  };
  std::vector<cf32> burst;
  double left = 1;
  // Not before lines are known: one that comes on looks like a burst until then, and would stay one.
  if (filter_ &&
      std::any_of(weights_.begin(), weights_.end(), [this](float w) { return w != weights_[0]; })) {
    std::vector<float> sorted = weights_;
    const auto upper = sorted.begin() + kBlockChips * 3 / 4;
    std::nth_element(sorted.begin(), upper, sorted.end());
    burst.resize(kBins);
    double all = 0;
    left = 0;
    each([&](std::size_t i, std::size_t n, int k, LanePosition at) {
      const float share = std::max(0.0F, 1 - weights_[i] / *upper);
      const float energy = window_[n] * window_[n];
      all += static_cast<double>(energy);
      left += static_cast<double>(energy * (1 - share) * (1 - share));
      burst[n] = share * cf32(*chips.residual_re(k, at), *chips.residual_im(k, at));
    });
    left /= all;
    std::copy(burst.begin(), burst.end(), x);
    forward_->execute();
    for (std::size_t k = 0; k < kBins; ++k)
      inverse_->input()[k] = forward_->output()[k] / (filter_->whitening()[k] * static_cast<float>(kBins));
    inverse_->execute();
    std::copy_n(inverse_->output(), kBins, burst.begin());
  }
  each([&](std::size_t, std::size_t n, int k, LanePosition at) {
    x[n] = window_[n] *
           (cf32(*chips.sample_re(k, at), *chips.sample_im(k, at)) - (burst.empty() ? cf32{} : burst[n]));
  });
  return left;
}

// False where there is nothing to tell.
bool SpectrumTracker::read_block(const ChipBuffer& chips, std::int64_t first) {
  block_.left = read_between_bursts(chips, first);
  forward_->execute();
  std::vector<double>& power = block_.power;
  for (std::size_t k = 0; k < bin_.size(); ++k)
    power[k] = static_cast<double>(std::norm(forward_->output()[bin_[k]])) / energy_[k];
  sorted_.clear();
  for (std::size_t k = 0; k < power.size(); k += kMedianStep) sorted_.push_back(power[k]);
  block_.scale = kMeanOverMedian * median(sorted_) / std::max(block_.left, kLeastLeft);
  return block_.left >= kLeastLeft && block_.scale > kSilence;
}

void SpectrumTracker::add_block() {
  const double scale = block_.scale;
  // A line that was dead, or quieter by another load.
  least_ = since_least_ == 0 ? scale : std::min(least_, scale);
  if (++since_least_ >= kFloorBlocks) {
    since_least_ = 0;
    if (least_ > kFloorJump * mean_.floor) {
      mean_.floor = least_;
      mean_.blocks = std::min(mean_.blocks, kKnownBefore);
    }
  }
  mean_.add(block_);
  if (scale > kFloorJump * mean_.floor) {
    risen_.add(block_);
    ++risen_unseen_;
  } else {
    risen_ = {};
    risen_unseen_ = 0;
  }
  seen_ = std::min(seen_ + 1, kMemoryBlocks);
  ++unseen_;
}

// Where bursts left little of a block, lines stand too high over its noise.
void SpectrumTracker::Mean::add(const Block& block) {
  const double scale = block.scale;
  power.resize(block.power.size());
  if (floor == 0) floor = scale;
  if (scale < floor) blocks *= scale * scale / (floor * floor);
  floor = std::min(scale, floor * kFloorRise);
  const double share = block.left * floor * floor / (scale * scale);
  blocks = std::min(blocks + share, kMemoryBlocks);
  for (std::size_t k = 0; k < power.size(); ++k)
    power[k] += share / blocks * (block.power[k] / (block.left * scale) - power[k]);
}

// What lies far above the floor is frames, or a line that comes back from being dead. Frames have no lines;
// where the filter of before leaves lines that cost more than half of the SNR, it is the line.
bool SpectrumTracker::rose_with_lines() {
  if (risen_.blocks < kRisenBlocks || risen_unseen_ < kRisenBlocks) return false;
  risen_unseen_ = 0;
  const Spectrum s = spectrum(risen_);
  return kept(filter_.get(), s.all) < kRisenKept * kept(filter_.get(), s.background);
}

// What frames that lie everywhere put into the mean falls towards both edges of the band as their energy
// does; noise that slopes falls to one. So the middle of the band, N + F, and the higher edge, N + F e, tell
// how much of it is frames.
std::vector<double> SpectrumTracker::without_frames(const Mean& mean) const {
  const std::size_t bins = bin_.size();
  std::vector<double> middle, low, high;
  double share = 0;
  for (std::size_t k = 0; k < bins; ++k) {
    if (energy_[k] > kMiddleEnergy) middle.push_back(mean.power[k]);
    if (energy_[k] >= kEdgeEnergy) continue;
    (k < bins / 2 ? low : high).push_back(mean.power[k]);
    share += energy_[k];
  }
  // A band that falls within a bin or two has no edge to read.
  if (low.empty() || high.empty() || middle.empty()) return mean.power;
  share /= static_cast<double>(low.size() + high.size());
  const double here = std::max(median(middle), kLeastDensity), edge = std::max(median(low), median(high));
  const double frames = std::clamp((here - edge) / (1 - share), 0.0, here);
  std::vector<double> noise = mean.power;
  for (std::size_t k = 0; k < bins; ++k) noise[k] /= here - frames * (1 - energy_[k]);
  return noise;
}

// The median of the bins around each.
std::vector<double> SpectrumTracker::background_of(const std::vector<double>& mean) const {
  const std::size_t bins = mean.size();
  std::vector<double> background(bins), around;
  for (std::size_t k = 0; k < bins; k += kBackgroundBins) {
    const std::size_t middle = k + kBackgroundBins / 2,
                      first = middle < kAroundBins ? 0 : middle - kAroundBins,
                      end = std::min(bins, middle + kAroundBins + 1);
    around.assign(mean.begin() + static_cast<std::ptrdiff_t>(first),
                  mean.begin() + static_cast<std::ptrdiff_t>(end));
    std::fill(background.begin() + static_cast<std::ptrdiff_t>(k),
              background.begin() + static_cast<std::ptrdiff_t>(std::min(bins, k + kBackgroundBins)),
              std::max(median(around), kLeastDensity));
  }
  return background;
}

SpectrumTracker::Spectrum SpectrumTracker::spectrum(const Mean& known) const {
  Spectrum s;
  const std::size_t bins = bin_.size();
  std::vector<double> mean = without_frames(known);
  s.background = background_of(mean);
  if (kept(nullptr, s.background) > 1 - kWorthSloping - 1 / known.blocks) {
    std::vector<double> all = mean;
    std::fill(s.background.begin(), s.background.end(), std::max(median(all), kLeastDensity));
  } else {  // more than frames explain
    mean = known.power;
    s.background = background_of(mean);
  }
  const double threshold = line_threshold(known.blocks);
  // Lower, too: beside a wide line the background is not that of the bins around.
  for (std::size_t k = 0; k < bins; ++k)
    if (threshold * mean[k] < s.background[k]) s.background[k] = std::max(mean[k], kLeastDensity);
  s.all = s.background;
  for (std::size_t k = 0; k < bins; ++k)
    if (mean[k] > threshold * s.background[k]) s.all[k] = mean[k];
  return s;
}

SpectrumTracker::Spectrum SpectrumTracker::amid_frames(Spectrum s) const {
  if (!(fell_ > 0)) return s;
  double energy = 0, inverse = 0;
  for (std::size_t k = 0; k < bin_.size(); ++k) {
    energy += energy_[k];
    inverse += energy_[k] / s.all[k];
  }
  const double kappa = (1 + 1 / fell_) * std::log1p(fell_) - 1;
  const double frames = kappa * energy / inverse;
  for (std::size_t k = 0; k < bin_.size(); ++k) {
    s.all[k] += frames * energy_[k];
    s.background[k] += frames * energy_[k];
  }
  return s;
}

// Every line `widen` bins wider: the filter's reach widens what the line leaks through. Out of the band as at
// its edges.
NoiseShape SpectrumTracker::shape(const Spectrum& s, std::size_t widen) const {
  NoiseShape shape;
  const std::size_t bins = bin_.size();
  for (std::size_t k = 0; k < kBins; ++k)
    shape.background.push_back(k < kBins / 2 ? s.background.back() : s.background.front());
  shape.all = shape.background;
  for (std::size_t k = 0; k < bins; ++k) {
    double most = s.all[k];
    for (std::size_t i = k < widen ? 0 : k - widen; i <= std::min(bins - 1, k + widen); ++i)
      if (s.all[i] > s.background[i]) most = std::max(most, s.all[i]);
    shape.background[bin_[k]] = s.background[k];
    shape.all[bin_[k]] = most;
  }
  return shape;
}

std::vector<float> SpectrumTracker::density() const {
  if (mean_.blocks < kLeastBlocks) return {};
  const std::vector<double> all = spectrum(mean_).all;
  std::vector<double> s(kBlockChips);  // the bins of the band lie evenly about the carrier
  for (std::size_t i = 0; i < s.size(); ++i) {
    const std::size_t k = std::max(i + all.size() / 2, kBlockChips / 2) - kBlockChips / 2;
    s[i] = all[std::min(k, all.size() - 1)];
  }
  std::vector<double> sorted = s;
  const double middle = median(sorted);
  std::vector<float> over(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) over[i] = static_cast<float>(s[i] / middle);
  return over;
}

void SpectrumTracker::report(NoiseReport& out) const {
  out.filtered = filter_ != nullptr;
  if (!out.filtered || known_) return;
  const Spectrum s = spectrum(mean_);
  const auto [low, high] = std::minmax_element(s.background.begin(), s.background.end());
  out.background_db = to_db(*high / *low);
  // Bins beside each other are one line.
  double last = 0;
  for (std::size_t k = 0; k < bin_.size(); ++k) {
    const double over = s.all[k] / s.background[k];
    const double turns =
        (static_cast<double>(bin_[k]) - (bin_[k] < kBins / 2 ? 0 : static_cast<double>(kBins))) / kBinsATurn;
    if (over > 1 && last <= 1) out.lines.push_back({turns, 0, 0});
    if (over > 1) {
      NoiseReport::Line& line = out.lines.back();
      line.width += 1 / kBinsATurn;
      if (to_db(over) > line.over_db) line.over_db = to_db(over), line.turns = turns;
    }
    last = over;
  }
}

}  // namespace ngdsp
