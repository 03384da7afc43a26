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

// Rows that stay in the nearest cache while all delays pass over them.
constexpr std::size_t kNearRows = 128;

// Rows of a lane, a whole number of vectors of them.
std::size_t whole_rows(std::size_t chips, std::size_t lanes) {
  return ((chips + lanes - 1) / lanes + kVectorWidth - 1) / kVectorWidth * kVectorWidth;
}

// Delays summed at a time: they share what is loaded of the replica.
constexpr std::size_t kDelayGroup = 4;

struct Sum {
  float re[kVectorWidth] = {}, im[kVectorWidth] = {};
};

// Where a run of rows begins in every position, delay + lane, of the frame and in every lane of the replica.
struct Rows {
  const float *re, *im;
};

// sums[d] += r conj(s) over `n` rows, a multiple of kVectorWidth, of all lanes; position d + lane of r meets
// that lane of s.
NGDSP_MULTIVERSION void add_products(const Rows* r, const Rows* s, std::size_t lanes, std::size_t n,
                                     Sum* sums) {
  Vector x[kDelayGroup] = {}, y[kDelayGroup] = {};
  for (std::size_t i = 0; i < n; i += kVectorWidth)
    for (std::size_t l = 0; l < lanes; ++l) {
      Vector c, d;
      load(s[l].re + i, c);
      load(s[l].im + i, d);
      for (std::size_t k = 0; k < kDelayGroup; ++k) {
        Vector a, b;
        load(r[l + k].re + i, a);
        load(r[l + k].im + i, b);
        x[k] += a * c - b * d;
        y[k] += a * d + b * c;
      }
    }
  for (std::size_t k = 0; k < kDelayGroup; ++k) {
    Vector re, im;
    load(sums[k].re, re);
    load(sums[k].im, im);
    re += x[k];
    im += y[k];
    std::memcpy(sums[k].re, &re, sizeof re);
    std::memcpy(sums[k].im, &im, sizeof im);
  }
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
  // Sums run over whole vectors; behind the frame the replica is 0, and so must be what it meets.
  for (auto* part : {&re_, &im_})
    for (auto& lane : *part) {
      lane.resize((padding_ + kReach + kDelayGroup) / lanes + 2 + whole_rows(frame_chips, lanes));
      std::fill(lane.begin() + static_cast<std::ptrdiff_t>(std::min(rows, lane.size())), lane.end(), 0.0F);
    }

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

void StraightFrame::correlate(const SplitSequence& replica, int first_delay, std::vector<cf64>& sums) const {
  const auto lanes = static_cast<std::size_t>(lanes_);
  const std::size_t groups = (sums.size() + kDelayGroup - 1) / kDelayGroup, rows = whole_rows(chips_, lanes);
  std::vector<Sum> partial(groups * kDelayGroup);
  std::vector<Rows> r(partial.size() + lanes), s(lanes);
  for (std::size_t row = 0; row < rows; row += kNearRows) {
    LanePosition at(static_cast<std::int64_t>(padding_) + first_delay, lanes_);
    for (Rows& x : r) {
      const auto lane = static_cast<std::size_t>(at.lane);
      const std::size_t from = static_cast<std::size_t>(at.row) + row;
      x = {re_[lane].data() + from, im_[lane].data() + from};
      ++at;
    }
    LanePosition of(static_cast<std::int64_t>(replica.padding()), lanes_);
    for (Rows& x : s) {
      x = {replica.re(of) + row, replica.im(of) + row};
      ++of;
    }
    for (std::size_t g = 0; g < groups; ++g)
      add_products(r.data() + g * kDelayGroup, s.data(), lanes, std::min(kNearRows, rows - row),
                   partial.data() + g * kDelayGroup);
  }
  for (std::size_t d = 0; d < sums.size(); ++d) {
    sums[d] = {};
    for (std::size_t k = 0; k < kVectorWidth; ++k)
      sums[d] += cf64(static_cast<double>(partial[d].re[k]), static_cast<double>(partial[d].im[k]));
  }
}

void StraightFrame::respond(const ChipBuffer& chips, FrameTiming t, double turns,
                            const SplitSequence& replica, const std::vector<double>& weights,
                            std::size_t piece_chips, int first_half, Span<cf64> halves) {
  for (int h = 0; h < 2; ++h) {
    const int half = first_half + h, whole = half >= 0 ? half / 2 : -((1 - half) / 2);
    assign(chips, t, 0.5 * (half - 2 * whole), turns, replica.chips(), weights, piece_chips);
    sums_.resize((halves.size() + 1 - static_cast<std::size_t>(h)) / 2);
    correlate(replica, whole, sums_);
    for (std::size_t i = 0; i < sums_.size(); ++i)
      halves[2 * i + static_cast<std::size_t>(h)] =
          std::polar(1.0, 2.0 * kPi * turns * (whole + static_cast<double>(i))) * sums_[i];
  }
}

}  // namespace ngdsp
