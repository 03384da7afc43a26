#include "ngdsp/rx/chip_buffer.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/multiversion.h"

namespace ngdsp {
namespace {

bool all_one(Span<const float> weights) {
  return std::all_of(weights.begin(), weights.end(), [](float w) { return w == 1; });
}

// out = w r, power += |out|^2.
NGDSP_MULTIVERSION void weigh(const float* re, const float* im, const float* w, std::size_t n,
                              float* __restrict out_re, float* __restrict out_im, float* __restrict power) {
  for (std::size_t i = 0; i < n; ++i) {
    out_re[i] = w[i] * re[i];
    out_im[i] = w[i] * im[i];
    power[i] += out_re[i] * out_re[i] + out_im[i] * out_im[i];
  }
}

NGDSP_MULTIVERSION void add_power(const float* re, const float* im, std::size_t n, float* power) {
  for (std::size_t i = 0; i < n; ++i) power[i] += re[i] * re[i] + im[i] * im[i];
}

NGDSP_MULTIVERSION void add(const float* x, std::size_t n, float* __restrict sum) {
  for (std::size_t i = 0; i < n; ++i) sum[i] += x[i];
}

NGDSP_MULTIVERSION float sum_of(const float* x, std::size_t n) {
  float sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += x[i];
  return sum;
}

}  // namespace

void ChipBuffer::RowSums::resize(std::size_t n) {
  rows.resize(n);
  groups.resize((n + kGroupRows - 1) / kGroupRows);
}

void ChipBuffer::RowSums::discard(std::ptrdiff_t dead) {
  rows.erase(rows.begin(), rows.begin() + dead);
  groups.erase(groups.begin(), groups.begin() + dead / static_cast<std::ptrdiff_t>(kGroupRows));
}

void ChipBuffer::RowSums::refresh_groups(std::size_t from, std::size_t to) {
  for (std::size_t g = from / kGroupRows; g * kGroupRows < to; ++g)
    groups[g] = sum_of(rows.data() + g * kGroupRows, std::min(kGroupRows, rows.size() - g * kGroupRows));
}

double ChipBuffer::RowSums::sum(std::size_t from, std::size_t to) const {
  const std::size_t first_group = (from + kGroupRows - 1) / kGroupRows, end_group = to / kGroupRows;
  const auto sum_rows = [this](std::size_t begin, std::size_t end) {
    return static_cast<double>(sum_of(rows.data() + begin, end - begin));
  };
  if (first_group >= end_group) return sum_rows(from, to);
  return sum_rows(from, first_group * kGroupRows) + sum_rows(end_group * kGroupRows, to) +
         static_cast<double>(sum_of(groups.data() + first_group, end_group - first_group));
}

ChipBuffer::ChipBuffer(int lanes) : lanes_(lanes), weights_(static_cast<std::size_t>(lanes)) {
  for (auto& plane : planes_) plane.resize(static_cast<std::size_t>(lanes));
}

void ChipBuffer::append(Span<const cf32> samples) {
  const auto chips = static_cast<std::int64_t>(samples.size() / kPlanes);
  if (chips == 0) return;
  const auto rows = static_cast<std::size_t>((end_ + chips - 1) / lanes_ + 1 - first_row_);
  each_plane([rows](std::vector<Lane>& plane) {
    for (Lane& lane : plane) {
      lane.re.resize(rows);
      lane.im.resize(rows);
    }
  });
  for (auto& lane : weights_) lane.resize(rows, 1.0F);
  for (RowSums& power : power_) power.resize(rows);
  const std::size_t before = weight_.rows.size();
  weight_.resize(rows);
  std::fill(weight_.rows.begin() + static_cast<std::ptrdiff_t>(before), weight_.rows.end(),
            static_cast<float>(lanes_));
  weight_.refresh_groups(before, rows);
  LanePosition p(end_, lanes_);
  for (std::int64_t i = 0; i < chips; ++i, ++p)
    for (int k = 0; k < kPlanes; ++k) {
      const cf32 x = samples[static_cast<std::size_t>(i * kPlanes + k)];
      *sample_re(k, p) = x.real();
      *sample_im(k, p) = x.imag();
    }
  end_ += chips;
  drawn(end_ - chips, end_);
}

void ChipBuffer::discard_before(std::int64_t chip) {
  const ChipRange left{begin_, std::max(begin_, std::min(chip, end_))};
  begin_ = left.last;
  if (leaving_ && !left.empty()) leaving_(*this, left);
  if (even() && !filter_)
    for (auto& plane : psi_) plane.clear();
  constexpr auto kGroup = static_cast<std::int64_t>(kGroupRows);
  const std::int64_t dead = (begin_ / lanes_ - first_row_) / kGroup * kGroup;
  const auto rows = static_cast<std::int64_t>(weight_.rows.size());
  if (dead < rows / 2 || dead == 0) return;  // moving only when half is dead: a constant cost per chip
  each_plane([dead](std::vector<Lane>& plane) {
    for (Lane& lane : plane) {
      lane.re.erase(lane.re.begin(), lane.re.begin() + dead);
      lane.im.erase(lane.im.begin(), lane.im.begin() + dead);
    }
  });
  for (auto& lane : weights_) lane.erase(lane.begin(), lane.begin() + dead);
  for (RowSums& power : power_) power.discard(dead);
  weight_.discard(dead);
  first_row_ += dead;
}

void ChipBuffer::restart() {
  Leaving leaving = std::move(leaving_);
  *this = ChipBuffer(lanes_);
  leaving_ = std::move(leaving);
}

// At least one, all held.
ChipBuffer::Rows ChipBuffer::rows_of(std::int64_t chip, std::size_t count) const {
  const auto lanes = static_cast<std::size_t>(lanes_);
  const auto held = static_cast<std::int64_t>(weight_.rows.size());
  const auto rows =
      std::min(held, static_cast<std::int64_t>(std::max<std::size_t>(1, (count + lanes / 2) / lanes)));
  const std::int64_t row =
      std::clamp<std::int64_t>((chip + lanes_ / 2) / lanes_ - first_row_, 0, held - rows);
  return {static_cast<std::size_t>(row), static_cast<std::size_t>(row + rows)};
}

double ChipBuffer::mean(const RowSums& sums, Rows rows) const {
  return rows.from == rows.to
             ? 0
             : sums.sum(rows.from, rows.to) / (static_cast<double>(rows.to - rows.from) * lanes_);
}

double ChipBuffer::mean_weight(double chip, std::size_t count) const {
  if (even()) return 1;
  return mean(weight_, rows_of(static_cast<std::int64_t>(std::floor(chip)), count));
}

double ChipBuffer::mean_square(double chip, std::size_t count) const {
  const double quarters = chip * kPlanes, whole = std::floor(quarters), mu = quarters - whole;
  const auto q = static_cast<std::int64_t>(whole);
  const double here = mean(power_[q & 3], rows_of(q >> 2, count));
  return mu == 0 ? here : here + mu * (mean(power_[(q + 1) & 3], rows_of((q + 1) >> 2, count)) - here);
}

double ChipBuffer::noise_power(double chip, std::size_t count) const {
  return mean_square(chip, count) / std::max(mean_weight(chip, count), 1e-30);
}

double ChipBuffer::mean_power(double chip, std::size_t count) const {
  const double weight = std::max(mean_weight(chip, count), 1e-30);
  return mean_square(chip, count) / (weight * weight);
}

double ChipBuffer::effective_power(double chip, std::size_t count) const {
  const std::int64_t quarter = std::llround(chip * kPlanes);
  const std::vector<float>& groups = power_[quarter & 3].groups;
  const auto rows = static_cast<std::int64_t>(weight_.rows.size());
  constexpr auto kGroup = static_cast<std::int64_t>(kGroupRows);
  // Groups of which half at least is meant.
  const std::int64_t row = (quarter >> 2) / lanes_ - first_row_;
  const std::int64_t first = std::max<std::int64_t>(0, (row + kGroup / 2) / kGroup);
  const std::int64_t end =
      std::min<std::int64_t>(static_cast<std::int64_t>(groups.size()),
                             (row + static_cast<std::int64_t>(count) / lanes_ + kGroup / 2) / kGroup);
  if (end - first < 2) return mean_power(chip, count);
  double inverse = 0;
  for (auto g = static_cast<std::size_t>(first); g < static_cast<std::size_t>(end); ++g) {
    const auto share = static_cast<double>(weight_.groups[g]);
    inverse += share * share / std::max(static_cast<double>(groups[g]), 1e-30);
  }
  const std::int64_t held = std::min(rows, end * kGroup) - first * kGroup;
  return static_cast<double>(held * lanes_) / inverse;
}

void ChipBuffer::powers(std::int64_t first, Span<float> power) const {
  const int step = filter_ ? kHalf : 1;
  const float share = static_cast<float>(step) / kPlanes;
  const auto lanes = static_cast<std::size_t>(lanes_);
  std::vector<float> sum;
  LanePosition p(first, lanes_);
  for (std::size_t l = 0; l < std::min(lanes, power.size()); ++l, ++p) {
    const std::size_t rows = (power.size() - l + lanes - 1) / lanes;
    sum.assign(rows, 0.0F);
    for (int k = 0; k < kPlanes; k += step) {
      const Lane& lane = at(left(k), p);
      add_power(lane.re.data() + index(p), lane.im.data() + index(p), rows, sum.data());
    }
    for (std::size_t i = 0; i < rows; ++i) power[l + i * lanes] = share * sum[i];
  }
}

void ChipBuffer::set_weights(std::int64_t first, Span<const float> weights) {
  if (weights.size() == 0) return;
  const auto last = first + static_cast<std::int64_t>(weights.size());
  const ChipRange separated = std::exchange(separated_, {});
  const bool even_now = all_one(weights);
  if (even_now && first >= uneven_end_ && !unsettled_.meets(static_cast<double>(first), last - first)) return;
  try_weights(first, weights);
  if (filter_ && separated.first == first && separated.last == last) {
    const Rows rows = rows_around(first, last);
    const std::vector<float> all = window_weights();
    // What was tried need not have been even.
    if (even_now) filter_->separate(all);
    filter_->correlate(all);
    keep_psi(rows);
    sum_rows(rows);
  } else if (filter_) {
    refresh(first, last);
  } else if (!plain()) {
    weigh_rows(rows_between(first, last));
  } else {
    for (int k = 0; k < kPlanes; ++k) psi_[k] = planes_[k];
    weigh_rows(rows_between(begin_, end_));
  }
}

void ChipBuffer::try_weights(std::int64_t first, Span<const float> weights) {
  const auto last = first + static_cast<std::int64_t>(weights.size());
  if (!all_one(weights)) uneven_end_ = std::max(uneven_end_, last);
  LanePosition p(first, lanes_);
  for (const float w : weights) {
    weights_[static_cast<std::size_t>(p.lane)][static_cast<std::size_t>(index(p))] = w;
    ++p;
  }
  const Rows rows = rows_between(first, last);
  std::fill_n(weight_.rows.begin() + static_cast<std::ptrdiff_t>(rows.from), rows.to - rows.from, 0.0F);
  for (const auto& lane : weights_)
    add(lane.data() + rows.from, rows.to - rows.from, weight_.rows.data() + rows.from);
  weight_.refresh_groups(rows.from, rows.to);
}

void ChipBuffer::separate(std::int64_t first, std::int64_t last) {
  if (!filter_ || first >= last) return;
  separated_ = {first, last};
  const Rows rows = rows_around(first, last);
  read_window(chip_of(rows.from) - kFilterReach);
  filter_->separate();
  keep_residual(rows);
}

void ChipBuffer::separate(std::int64_t first, Span<const float> weights) {
  if (!filter_ || weights.size() == 0) return;
  try_weights(first, weights);
  filter_->separate(window_weights());
  keep_residual(rows_around(separated_.first, separated_.last));
}

void ChipBuffer::set_filter(std::shared_ptr<NoiseFilter> filter) {
  filter_ = std::move(filter);
  for (auto& plane : residual_) plane = filter_ ? planes_[0] : std::vector<Lane>{};
  for (int k = 0; k < kPlanes; ++k) {
    psi_[k].clear();
    if (filter_ || !even()) psi_[k] = planes_[k];
  }
  unsettled_ = {};
  refresh(begin_, end_);
}

// act(where the lane's first one of the chips `first` ... last - 1 is, its place in the filter's window, how
// many there are).
template <class Act>
void ChipBuffer::each_lane(std::int64_t first, std::int64_t last, Act act) const {
  LanePosition p(first, lanes_);
  for (std::int64_t chip = first; chip < std::min(last, first + lanes_); ++chip, ++p)
    act(p, static_cast<std::size_t>(chip - window_),
        static_cast<std::size_t>((last - chip + lanes_ - 1) / lanes_));
}

// Of the filter's window, what is held.
ChipRange ChipBuffer::held_in_window() const {
  return {std::max(window_, chip_of(0)), std::min(window_ + NoiseFilter::kWindowChips, end_)};
}

void ChipBuffer::read_window(std::int64_t from) {
  window_ = from;
  constexpr std::size_t kSamples = NoiseFilter::kSamples;
  const ChipRange held = held_in_window();
  const auto lanes = static_cast<std::size_t>(lanes_);
  cf32* samples = filter_->samples();
  if (held.last - held.first < NoiseFilter::kWindowChips)
    std::fill_n(samples, kSamples * NoiseFilter::kWindowChips, cf32{});
  each_lane(held.first, held.last, [&](LanePosition p, std::size_t place, std::size_t count) {
    for (std::size_t k = 0; k < kSamples; ++k) {
      const float *re = sample_re(kFilterPlanes[k], p), *im = sample_im(kFilterPlanes[k], p);
      for (std::size_t i = 0; i < count; ++i) samples[(place + i * lanes) * kSamples + k] = {re[i], im[i]};
    }
  });
  filter_->read();
}

// By chip, 0 where none is held.
std::vector<float> ChipBuffer::window_weights() const {
  std::vector<float> weights(static_cast<std::size_t>(NoiseFilter::kWindowChips));
  const ChipRange held = held_in_window();
  const auto lanes = static_cast<std::size_t>(lanes_);
  each_lane(held.first, held.last, [&](LanePosition p, std::size_t place, std::size_t count) {
    const float* w = weight(p);
    for (std::size_t i = 0; i < count; ++i) weights[place + i * lanes] = w[i];
  });
  return weights;
}

void ChipBuffer::keep(const cf32* x, int samples, std::vector<Lane>* planes, Rows rows) {
  const auto step = static_cast<std::size_t>(samples), lanes = static_cast<std::size_t>(lanes_);
  each_lane(chip_of(rows.from), std::min(chip_of(rows.to), end_),
            [&](LanePosition p, std::size_t place, std::size_t count) {
              for (std::size_t k = 0; k < step; ++k) {
                const cf32* from = x + place * step + k;
                Lane& lane = at(planes[k], p);
                float *re = lane.re.data() + index(p), *im = lane.im.data() + index(p);
                for (std::size_t i = 0; i < count; ++i)
                  re[i] = from[i * lanes * step].real(), im[i] = from[i * lanes * step].imag();
              }
            });
}

void ChipBuffer::keep_residual(Rows rows) {
  keep(filter_->residual(), NoiseFilter::kSamples, residual_, rows);
}

void ChipBuffer::keep_psi(Rows rows) { keep(filter_->psi(), NoiseFilter::kPsiSamples, psi_, rows); }

// By overlapping windows.
void ChipBuffer::filter_rows(Rows rows) {
  const auto hop = static_cast<std::size_t>(NoiseFilter::kHopChips / lanes_);
  for (; rows.from < rows.to; rows.from += hop) {
    const Rows piece{rows.from, std::min(rows.from + hop, rows.to)};
    read_window(chip_of(piece.from) - kFilterReach);
    const std::vector<float> weights = window_weights();
    filter_->separate(weights);
    filter_->correlate(weights);
    keep_residual(piece);
    keep_psi(piece);
  }
}

// At least one chip.
ChipBuffer::Rows ChipBuffer::rows_between(std::int64_t first, std::int64_t last) const {
  return {static_cast<std::size_t>(first / lanes_ - first_row_),
          static_cast<std::size_t>((last - 1) / lanes_ + 1 - first_row_)};
}

// Of chips that are held at least one; the filter carries what they are so far.
ChipBuffer::Rows ChipBuffer::rows_around(std::int64_t first, std::int64_t last) const {
  return rows_between(std::max(first - kFilterReach, first_row_ * lanes_),
                      std::min(last + kFilterReach, end_));
}

void ChipBuffer::refresh(std::int64_t first, std::int64_t last) {
  if (first >= last) return;
  if (!filter_) return weigh_rows(rows_between(first, last));
  const Rows rows = rows_around(first, last);
  filter_rows(rows);
  sum_rows(rows);
}

void ChipBuffer::drawn(std::int64_t first, std::int64_t last) {
  if (first >= last) return;
  if (!filter_) return weigh_rows(rows_between(first, last));
  sum_rows(rows_between(first, last));
  unsettled_.widen({first, last});
}

void ChipBuffer::settle_before(std::int64_t chip) {
  const ChipRange now{std::max(unsettled_.first, begin_), std::min(unsettled_.last, chip)};
  unsettled_ = {std::max(unsettled_.first, chip), unsettled_.last};
  refresh(now.first, now.last);
}

void ChipBuffer::settle(std::int64_t first, std::int64_t last) {
  if (unsettled_.meets(static_cast<double>(first), last - first))
    refresh(std::max(first, begin_), std::min(last, end_));
}

void ChipBuffer::weigh_rows(Rows rows) {
  const auto [from, to] = rows;
  if (plain()) return sum_rows(rows);
  for (int k = 0; k < kPlanes; ++k) {
    float* power = power_[k].rows.data() + from;
    std::fill_n(power, to - from, 0.0F);
    for (std::size_t l = 0; l < weights_.size(); ++l) {
      const Lane& lane = planes_[k][l];
      Lane& out = psi_[k][l];
      weigh(lane.re.data() + from, lane.im.data() + from, weights_[l].data() + from, to - from,
            out.re.data() + from, out.im.data() + from, power);
    }
    power_[k].refresh_groups(from, to);
  }
  note_changed(rows);
}

// The power of psi.
void ChipBuffer::sum_rows(Rows rows) {
  const auto [from, to] = rows;
  for (int k = 0; k < kPlanes; ++k) {
    float* power = power_[k].rows.data() + from;
    std::fill_n(power, to - from, 0.0F);
    for (const Lane& lane : psi(k)) add_power(lane.re.data() + from, lane.im.data() + from, to - from, power);
    power_[k].refresh_groups(from, to);
  }
  note_changed(rows);
}

// A stretch is asked for by whole groups, of which half may lie beside it.
void ChipBuffer::note_changed(Rows rows) {
  const auto group = static_cast<std::int64_t>(kGroupRows);
  const std::int64_t first = first_row_ + static_cast<std::int64_t>(rows.from) - group,
                     last = first_row_ + static_cast<std::int64_t>(rows.to) + group;
  changed_.widen({first * lanes_, last * lanes_});
}

}  // namespace ngdsp
