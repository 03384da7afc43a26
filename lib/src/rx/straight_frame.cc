#include "rx/straight_frame.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ngdsp/base/db.h"
#include "ngdsp/base/multiversion.h"
#include "rx/vector.h"

namespace ngdsp {
namespace {

// out = here a + next b, times w and the turn of every row.
NGDSP_MULTIVERSION void straighten(const float* a_re, const float* a_im, const float* b_re, const float* b_im,
                                   float here, float next, const float* row_re, const float* row_im,
                                   float w_re, float w_im, std::size_t n, float* __restrict out_re,
                                   float* __restrict out_im) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; ++i) {
    const float re = here * a_re[i] + next * b_re[i], im = here * a_im[i] + next * b_im[i];
    const float c = row_re[i] * w_re - row_im[i] * w_im, s = row_re[i] * w_im + row_im[i] * w_re;
    out_re[i] = re * c - im * s;
    out_im[i] = re * s + im * c;
  }
}

NGDSP_MULTIVERSION void add_products(const float* re, const float* im, const float* c_re, const float* c_im,
                                     std::size_t n, float* sums) {
  constexpr std::size_t kWidth = sizeof(Vector) / sizeof(float);
  Vector x[2] = {}, y[2] = {};
  std::size_t i = 0;
  for (; i + 2 * kWidth <= n; i += 2 * kWidth)
    for (std::size_t v = 0; v < 2; ++v) {
      Vector a, b, c, d;
      load(re + i + v * kWidth, a);
      load(im + i + v * kWidth, b);
      load(c_re + i + v * kWidth, c);
      load(c_im + i + v * kWidth, d);
      x[v] += a * c - b * d;
      y[v] += a * d + b * c;
    }
  float rest_re = 0, rest_im = 0;
  for (; i < n; ++i) {
    rest_re += re[i] * c_re[i] - im[i] * c_im[i];
    rest_im += re[i] * c_im[i] + im[i] * c_re[i];
  }
  x[0] += x[1];
  y[0] += y[1];
  for (std::size_t k = 0; k < kWidth; ++k) {
    rest_re += x[0][k];
    rest_im += y[0][k];
  }
  sums[0] += rest_re;
  sums[1] += rest_im;
}

}  // namespace

void StraightFrame::assign(const ChipBuffer& chips, FrameTiming t, double offset, double turns,
                           std::size_t frame_chips, const std::vector<double>& weights,
                           std::size_t piece_chips) {
  lanes_ = chips.lanes();
  const auto lanes = static_cast<std::size_t>(lanes_);
  padding_ = (kReach + lanes - 1) / lanes * lanes;
  chips_ = frame_chips;
  const std::size_t rows = (padding_ + frame_chips + kReach + lanes - 1) / lanes;
  re_.resize(lanes);
  im_.resize(lanes);
  for (auto* part : {&re_, &im_})
    for (auto& lane : *part) lane.resize(rows);

  float row_re[kBlockSymbols], row_im[kBlockSymbols];
  const cf64 row_turn = std::polar(1.0, -2.0 * kPi * turns * lanes_),
             chip_turn = std::polar(1.0, -2.0 * kPi * turns);
  cf64 turn(1, 0);
  for (std::size_t i = 0; i < kBlockSymbols; ++i, turn *= row_turn) {
    row_re[i] = static_cast<float>(turn.real());
    row_im[i] = static_cast<float>(turn.imag());
  }
  for (std::size_t row = 0; row < rows; row += kBlockSymbols) {
    const std::size_t count = std::min(kBlockSymbols, rows - row);
    const double n = static_cast<double>(row * lanes) - static_cast<double>(padding_);
    const double middle = n + 0.5 * static_cast<double>(count * lanes);
    const double quarters = (t.chip + offset + n - t.clock * (middle - t.reference)) * ChipBuffer::kPlanes;
    const auto q = static_cast<std::int64_t>(std::floor(quarters));
    const double mu = quarters - static_cast<double>(q), gain = interpolation_gain(mu);
    const auto here = static_cast<float>(gain * (1 - mu)), behind = static_cast<float>(gain * mu);
    const auto piece = static_cast<std::size_t>(std::max(0.0, middle)) / piece_chips;
    cf64 w = std::polar(weights[std::min(piece, weights.size() - 1)], -2.0 * kPi * turns * (n - t.reference));
    LanePosition at(q >> 2, lanes_), next((q + 1) >> 2, lanes_);
    for (std::size_t l = 0; l < lanes; ++l, ++at, ++next, w *= chip_turn)
      straighten(chips.re(static_cast<int>(q & 3), at), chips.im(static_cast<int>(q & 3), at),
                 chips.re(static_cast<int>((q + 1) & 3), next), chips.im(static_cast<int>((q + 1) & 3), next),
                 here, behind, row_re, row_im, static_cast<float>(w.real()), static_cast<float>(w.imag()),
                 count, re_[l].data() + row, im_[l].data() + row);
  }
}

cf64 StraightFrame::correlate(const SplitSequence& replica, int delay) const {
  float sums[2] = {};
  const auto lanes = static_cast<std::size_t>(lanes_);
  LanePosition at(static_cast<std::int64_t>(padding_) + delay, lanes_);
  LanePosition of(static_cast<std::int64_t>(replica.padding()), lanes_);
  for (std::size_t l = 0; l < lanes; ++l, ++at, ++of) {
    const auto lane = static_cast<std::size_t>(at.lane);
    add_products(re_[lane].data() + at.row, im_[lane].data() + at.row, replica.re(of), replica.im(of),
                 (chips_ - l + lanes - 1) / lanes, sums);
  }
  return {static_cast<double>(sums[0]), static_cast<double>(sums[1])};
}

}  // namespace ngdsp
