#include "ngdsp/rx/chip_buffer.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/multiversion.h"

namespace ngdsp {
namespace {

NGDSP_MULTIVERSION void add_power(const float* re, const float* im, std::size_t n, float* power) {
  for (std::size_t i = 0; i < n; ++i) power[i] += re[i] * re[i] + im[i] * im[i];
}

// Many sums at a time: one alone would wait for itself.
NGDSP_MULTIVERSION float sum_of(const float* x, std::size_t n) {
  constexpr std::size_t kSums = 16;
  float sums[kSums] = {}, rest = 0;
  std::size_t i = 0;
  for (; i + kSums <= n; i += kSums)
    for (std::size_t k = 0; k < kSums; ++k) sums[k] += x[i + k];
  for (; i < n; ++i) rest += x[i];
  for (const float s : sums) rest += s;
  return rest;
}

}  // namespace

void ChipBuffer::append(Span<const cf32> samples) {
  const auto chips = static_cast<std::int64_t>(samples.size() / kPlanes);
  if (chips == 0) return;
  const auto rows = static_cast<std::size_t>((end_ + chips - 1) / lanes_ + 1 - first_row_);
  for (auto& plane : planes_)
    for (Lane& lane : plane) {
      lane.re.resize(rows);
      lane.im.resize(rows);
    }
  for (auto& power : row_power_) power.resize(rows);
  for (auto& power : group_power_) power.resize((rows + kGroupRows - 1) / kGroupRows);
  LanePosition p(end_, lanes_);
  for (std::int64_t i = 0; i < chips; ++i, ++p)
    for (int k = 0; k < kPlanes; ++k) {
      const cf32 x = samples[static_cast<std::size_t>(i * kPlanes + k)];
      *re(k, p) = x.real();
      *im(k, p) = x.imag();
    }
  end_ += chips;
  refresh_power(end_ - chips, end_);
}

void ChipBuffer::discard_before(std::int64_t chip) {
  begin_ = std::max(begin_, std::min(chip, end_));
  constexpr auto kGroup = static_cast<std::int64_t>(kGroupRows);
  const std::int64_t dead = (begin_ / lanes_ - first_row_) / kGroup * kGroup;
  const auto rows = static_cast<std::int64_t>(row_power_[0].size());
  if (dead < rows / 2 || dead == 0) return;  // moving only when half is dead: a constant cost per chip
  for (auto& plane : planes_)
    for (Lane& lane : plane) {
      lane.re.erase(lane.re.begin(), lane.re.begin() + dead);
      lane.im.erase(lane.im.begin(), lane.im.begin() + dead);
    }
  for (auto& power : row_power_) power.erase(power.begin(), power.begin() + dead);
  for (auto& power : group_power_) power.erase(power.begin(), power.begin() + dead / kGroup);
  first_row_ += dead;
}

void ChipBuffer::restart() {
  for (auto& plane : planes_) std::fill(plane.begin(), plane.end(), Lane{});
  for (auto& power : row_power_) power.clear();
  for (auto& power : group_power_) power.clear();
  begin_ = end_ = first_row_ = 0;
}

double ChipBuffer::mean_power(double chip, std::size_t count) const {
  const double quarters = chip * kPlanes, whole = std::floor(quarters), mu = quarters - whole;
  const auto q = static_cast<std::int64_t>(whole);
  const double here = plane_power(static_cast<int>(q & 3), q >> 2, count);
  if (mu == 0) return here;
  return here + mu * (plane_power(static_cast<int>((q + 1) & 3), (q + 1) >> 2, count) - here);
}

double ChipBuffer::plane_power(int plane, std::int64_t chip, std::size_t count) const {
  const std::vector<float>& power = row_power_[plane];
  const auto lanes = static_cast<std::size_t>(lanes_);
  const auto held = static_cast<std::int64_t>(power.size());
  if (held == 0) return 0;
  const auto rows =
      std::min(held, static_cast<std::int64_t>(std::max<std::size_t>(1, (count + lanes / 2) / lanes)));
  const std::int64_t row =
      std::clamp<std::int64_t>((chip + lanes_ / 2) / lanes_ - first_row_, 0, held - rows);
  const auto from = static_cast<std::size_t>(row), to = from + static_cast<std::size_t>(rows);
  const std::size_t first_group = (from + kGroupRows - 1) / kGroupRows, end_group = to / kGroupRows;
  const auto sum_rows = [&power](std::size_t begin, std::size_t end) {
    return static_cast<double>(sum_of(power.data() + begin, end - begin));
  };
  const double sum = first_group >= end_group
                         ? sum_rows(from, to)
                         : sum_rows(from, first_group * kGroupRows) + sum_rows(end_group * kGroupRows, to) +
                               static_cast<double>(
                                   sum_of(group_power_[plane].data() + first_group, end_group - first_group));
  return sum / static_cast<double>(rows * lanes_);
}

double ChipBuffer::effective_power(double chip, std::size_t count) const {
  const std::int64_t quarter = std::llround(chip * kPlanes);
  const std::vector<float>& groups = group_power_[quarter & 3];
  const auto rows = static_cast<std::int64_t>(row_power_[0].size());
  constexpr auto kGroup = static_cast<std::int64_t>(kGroupRows);
  // Groups of which half at least is meant.
  const std::int64_t row = (quarter >> 2) / lanes_ - first_row_;
  const std::int64_t first = std::max<std::int64_t>(0, (row + kGroup / 2) / kGroup);
  const std::int64_t end =
      std::min<std::int64_t>(static_cast<std::int64_t>(groups.size()),
                             (row + static_cast<std::int64_t>(count) / lanes_ + kGroup / 2) / kGroup);
  if (end - first < 2) return mean_power(chip, count);
  double inverse = 0, total = 0;
  for (std::int64_t g = first; g < end; ++g) {
    const auto held = static_cast<double>(std::min(kGroup, rows - g * kGroup));
    inverse += held * held / std::max(static_cast<double>(groups[static_cast<std::size_t>(g)]), 1e-30);
    total += held;
  }
  return total / inverse / static_cast<double>(lanes_);
}

void ChipBuffer::refresh_power(std::int64_t first, std::int64_t last) {
  if (first >= last) return;
  const auto from = static_cast<std::size_t>(first / lanes_ - first_row_);
  const auto to = static_cast<std::size_t>((last - 1) / lanes_ + 1 - first_row_);
  for (int k = 0; k < kPlanes; ++k) {
    std::fill_n(row_power_[k].begin() + static_cast<std::ptrdiff_t>(from), to - from, 0.0F);
    for (const Lane& lane : planes_[k])
      add_power(lane.re.data() + from, lane.im.data() + from, to - from, row_power_[k].data() + from);
    for (std::size_t g = from / kGroupRows; g * kGroupRows < to; ++g)
      group_power_[k][g] = sum_of(row_power_[k].data() + g * kGroupRows,
                                  std::min(kGroupRows, row_power_[k].size() - g * kGroupRows));
  }
}

}  // namespace ngdsp
