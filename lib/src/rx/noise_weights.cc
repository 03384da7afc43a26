#include "ngdsp/rx/noise_weights.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ngdsp {
namespace {

constexpr std::size_t kStretchChips = 1024;
constexpr double kLearnAnyway = 1e300;
// The floor under a chip: a quarter of the chips around it are below that. Bursts may take most of the time,
// and two cycles of the mains are about this long.
constexpr std::size_t kFloorChips = 1024;
// Mean over quartile of noise; a chip's power is a mean over four planes.
constexpr float kMeanOverQuartile = 2.5F;
constexpr float kLeastPower = 1e-30F;
// Of the noise: frames that hide what rings of a burst, 17 dB below it, of bursts up to 20 dB.
constexpr double kHidesRinging = 3, kHidesNothing = 1e300;
// Gain of SNR in a stretch by the learned weights, below which they are 1: where it happens once, as where a
// frame begins or ends, and where it goes on, as bursts 3 dB high a tenth of the time make it 0.05. White
// noise alone has 1e-5.
constexpr float kWorthOnce = 0.1F, kWorthUsually = 0.01F;
constexpr float kUsualStretches = 64;

}  // namespace

// Weights that gain nothing are 1 exactly: it is less work. Whether they are. Chips of variance 1/w have an
// SNR of sum w, and of n^2/sum(1/w) where all count the same: the gain is mean(w) mean(1/w) - 1, whatever the
// scale of w, which is none where a line is dead.
bool NoiseWeights::even_out(Span<float> weights) {
  double sum = 0, inverse = 0;
  for (const float w : weights) sum += static_cast<double>(w), inverse += 1 / static_cast<double>(w);
  const auto count = static_cast<double>(weights.size());
  const auto gain = static_cast<float>(sum * inverse / (count * count) - 1);
  usual_gain_ += (std::min(gain, kWorthOnce) - usual_gain_) / kUsualStretches;
  if (gain >= (usual_gain_ < kWorthUsually ? kWorthOnce : kWorthUsually)) return false;
  std::fill(weights.begin(), weights.end(), 1.0F);
  return true;
}

void NoiseWeights::restart() {
  const std::uint64_t weighted = weighted_chips_, again = again_chips_;
  *this = NoiseWeights(std::move(known_));
  weighted_chips_ = weighted;
  again_chips_ = again;
}

void NoiseWeights::report(NoiseReport& out) const {
  out.weighted = usual_gain_ >= kWorthUsually;
  const BurstModel::States share = model_.shares();
  std::copy(share.begin(), share.end(), out.level_share.begin());
}

void NoiseWeights::learn(ChipBuffer& chips, std::int64_t end, double noise) {
  const std::int64_t from = std::max(chips.begin(), end_ - kBesideChips);
  const std::int64_t first = std::max(chips.begin(), end_);
  if (end <= first) return;
  end_ = end;
  weigh(chips, from, end, noise > 0 ? kHidesRinging * noise : kHidesNothing);
  constexpr auto kStretch = static_cast<std::int64_t>(kStretchChips);
  for (std::int64_t chip = first; chip < end; chip += kStretch) {
    const std::int64_t last = std::min(chip + kStretch, end);
    stretches_.push_back(
        {chip, last, chips.noise_power(static_cast<double>(chip), static_cast<std::size_t>(last - chip))});
  }
}

void NoiseWeights::learn_again(ChipBuffer& chips, double share) {
  learn_again(chips, {chips.begin(), chips.end()}, share);
}

void NoiseWeights::learn_again(ChipBuffer& chips, ChipRange where, double share) {
  while (!stretches_.empty() && stretches_.front().first < chips.begin()) stretches_.pop_front();
  const auto power = [&chips](const Stretch& s) {
    return chips.noise_power(static_cast<double>(s.first), static_cast<std::size_t>(s.last - s.first));
  };
  const auto fell = [&](const Stretch& s) {
    return where.meets(static_cast<double>(s.first), s.last - s.first) && power(s) < share * s.power;
  };
  for (auto from = stretches_.begin();
       (from = std::find_if(from, stretches_.end(), fell)) != stretches_.end();) {
    const auto to = std::find_if_not(from, stretches_.end(), fell);
    // What rings amid what frames left, one beside the other, costs nothing that could be measured.
    const bool anyway = std::any_of(from, to, [](const Stretch& s) { return s.power == kLearnAnyway; });
    weigh(chips, from->first, std::prev(to)->last, anyway ? kHidesNothing : 0);
    again_chips_ += static_cast<std::uint64_t>(std::prev(to)->last - from->first);
    for (; from != to; ++from) from->power = power(*from);
  }
}

void NoiseWeights::learn_again(ChipBuffer& chips, std::int64_t first, std::int64_t last) {
  for (Stretch& s : stretches_) {
    if (s.first >= last || s.last <= first || s.first < chips.begin()) continue;
    s.power = kLearnAnyway;
    // As if it were new: where chips do not count lines are predicted from those beside them, and where that
    // is too far, as at the end of a strong frame, a line looks like a burst, so that they would never count.
    weights_.assign(static_cast<std::size_t>(s.last - s.first), 1.0F);
    chips.try_weights(s.first, weights_);
  }
  learn_again(chips);
}

void NoiseWeights::weigh(ChipBuffer& chips, std::int64_t first, std::int64_t last, double hiding) {
  const std::int64_t most = chips.filter() ? chips.separable() : last - first;
  for (; last - first > most; first += most - kBesideChips) weigh_piece(chips, first, first + most, hiding);
  weigh_piece(chips, first, last, hiding);
}

void NoiseWeights::weigh_piece(ChipBuffer& chips, std::int64_t first, std::int64_t last, double hiding) {
  weights_.resize(static_cast<std::size_t>(last - first));
  const std::int64_t from = std::max(chips.begin(), first - kBesideChips),
                     to = std::min(end_, last + kBesideChips);
  if (known_) {
    for (std::size_t i = 0; i < weights_.size(); ++i)
      weights_[i] = static_cast<float>(1 / known_(first + static_cast<std::int64_t>(i)));
    chips.set_weights(first, weights_);
    return;
  }
  const auto count = static_cast<std::size_t>(to - from);
  std::vector<float> all(count);
  chips.separate(first, last);
  const double floor = read_powers(chips, from, count);
  // What rings through notches of a burst that counted shows as long as it counts.
  if (floor < hiding && chips.filter() && chips.filter()->has_lines()) {
    model_.guess(power_, Span<float>(all));
    std::copy_n(all.begin() + (first - from), weights_.size(), weights_.begin());
    chips.separate(first, weights_);
    read_powers(chips, from, count);
  }
  model_.weigh(power_, Span<float>(all));
  std::copy_n(all.begin() + (first - from), weights_.size(), weights_.begin());
  for (std::size_t i = 0; i < weights_.size(); i += kStretchChips) {
    const std::size_t stretch = std::min<std::size_t>(kStretchChips, weights_.size() - i);
    if (!even_out(Span<float>(weights_).subspan(i, stretch))) weighted_chips_ += stretch;
  }
  chips.set_weights(first, weights_);
}

// Of chips, over their floor, whose geometric mean is returned.
double NoiseWeights::read_powers(const ChipBuffer& chips, std::int64_t from, std::size_t count) {
  power_.resize(count);
  chips.powers(from, power_);
  // The floor by pieces, its logarithm linear between their middles.
  const std::size_t pieces = std::max<std::size_t>(1, count / kFloorChips);
  const auto begin = [count, pieces](std::size_t piece) { return piece * count / pieces; };
  std::vector<float> floors(pieces);
  for (std::size_t p = 0; p < pieces; ++p) {
    sorted_.assign(power_.begin() + static_cast<std::ptrdiff_t>(begin(p)),
                   power_.begin() + static_cast<std::ptrdiff_t>(begin(p + 1)));
    const auto quartile = sorted_.begin() + static_cast<std::ptrdiff_t>(sorted_.size() / 4);
    std::nth_element(sorted_.begin(), quartile, sorted_.end());
    floors[p] = std::log(std::max(kMeanOverQuartile * *quartile, kLeastPower));
  }
  const auto length = static_cast<float>(count) / static_cast<float>(pieces);
  for (std::size_t p = 0; p < pieces; ++p) {
    const float before = floors[p > 0 ? p - 1 : 0], here = floors[p],
                after = floors[std::min(p + 1, pieces - 1)];
    float floor = 0.5F * (before + here);
    const std::size_t half = (begin(p) + begin(p + 1)) / 2;
    // By factors of a step from chip to chip.
    float inverse = std::exp(-floor), step = std::exp((before - here) / length);
    for (std::size_t i = begin(p); i < half; ++i, inverse *= step) power_[i] *= inverse;
    inverse = std::exp(-here), step = std::exp((here - after) / length);
    for (std::size_t i = half; i < begin(p + 1); ++i, inverse *= step) power_[i] *= inverse;
  }
  return std::exp(std::accumulate(floors.begin(), floors.end(), 0.0) / static_cast<double>(pieces));
}

}  // namespace ngdsp
