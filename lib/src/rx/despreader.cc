#include "ngdsp/rx/despreader.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ngdsp/base/db.h"
#include "ngdsp/base/multiversion.h"
#include "rx/vector.h"

namespace ngdsp {
namespace {

constexpr int kMaxLanes = 256;             // largest spreading factor
constexpr std::size_t kLeastPadding = 80;  // chips beside a row: what the widest pulses and paths reach to

std::size_t padding_rows(std::size_t lanes) { return (kLeastPadding + lanes - 1) / lanes + 1; }

// The two planes either side of a time, and what each counts for: linear interpolation, scaled so that the
// power of noise is the same between the planes as on them.
struct Between {
  std::int64_t chip, next_chip;
  int plane, next_plane;
  float here, next;
};

Between between_planes(double t) {
  const double quarters = t * ChipBuffer::kPlanes, whole = std::floor(quarters);
  const auto q = static_cast<std::int64_t>(whole);
  const double mu = quarters - whole < 1e-6 ? 0.0 : quarters - whole,
               gain = mu == 0 ? 1.0 : interpolation_gain(mu);
  return {q >> 2,
          (q + 1) >> 2,
          static_cast<int>(q & 3),
          static_cast<int>((q + 1) & 3),
          static_cast<float>(gain * (1 - mu)),
          static_cast<float>(gain * mu)};
}

// What one lane contributes to a block of symbols.
struct LaneInput {
  const float *a_re, *a_im, *b_re, *b_im, *c_re, *c_im;
};

constexpr std::size_t kVectors = kBlockSymbols / kVectorWidth;

// y = sum over the lanes of r conj(c), r = here a + next b, for a whole block.
NGDSP_MULTIVERSION void sum_block(const LaneInput* lanes, std::size_t count, float here, float next,
                                  float* y_re, float* y_im) {
  Vector sum_re[kVectors] = {}, sum_im[kVectors] = {};
  for (std::size_t l = 0; l < count; ++l) {
    const LaneInput& x = lanes[l];
    for (std::size_t v = 0; v < kVectors; ++v) {
      const std::size_t i = v * kVectorWidth;
      Vector re, im, next_re, next_im, c_re, c_im;
      load(x.a_re + i, re);
      load(x.a_im + i, im);
      load(x.b_re + i, next_re);
      load(x.b_im + i, next_im);
      load(x.c_re + i, c_re);
      load(x.c_im + i, c_im);
      re = here * re + next * next_re;
      im = here * im + next * next_im;
      sum_re[v] += re * c_re - im * c_im;
      sum_im[v] += re * c_im + im * c_re;
    }
  }
  std::memcpy(y_re, sum_re, sizeof sum_re);
  std::memcpy(y_im, sum_im, sizeof sum_im);
}

// What a lane holds at every one of the adjacent quarters, or of the sequence.
struct Rows {
  const float *re, *im;
};

// y[k] = sum over the lanes of r_k conj(c), k < kCount; lane l has r[kMostQuarters l + k]. The four products
// of the parts are summed apart: each is one fused multiplication and addition, and none waits for another.
template <std::size_t kCount>
inline __attribute__((always_inline)) void sum_some_quarters(const Rows* r, const Rows* c, std::size_t lanes,
                                                             float* y_re, float* y_im) {
  for (std::size_t i = 0; i < kBlockSymbols; i += kVectorWidth) {
    Vector re_re[kCount] = {}, im_im[kCount] = {}, re_im[kCount] = {}, im_re[kCount] = {};
    for (std::size_t l = 0; l < lanes; ++l) {
      Vector c_re, c_im;
      load(c[l].re + i, c_re);
      load(c[l].im + i, c_im);
      for (std::size_t k = 0; k < kCount; ++k) {
        Vector re, im;
        load(r[l * kMostQuarters + k].re + i, re);
        load(r[l * kMostQuarters + k].im + i, im);
        re_re[k] += re * c_re;
        im_im[k] += im * c_im;
        re_im[k] += re * c_im;
        im_re[k] += im * c_re;
      }
    }
    for (std::size_t k = 0; k < kCount; ++k) {
      const Vector re = re_re[k] - im_im[k], im = re_im[k] + im_re[k];
      std::memcpy(y_re + k * kBlockSymbols + i, &re, sizeof re);
      std::memcpy(y_im + k * kBlockSymbols + i, &im, sizeof im);
    }
  }
}

NGDSP_MULTIVERSION void sum_quarters(std::size_t count, const Rows* r, const Rows* c, std::size_t lanes,
                                     float* y_re, float* y_im) {
  switch (count) {
    case 1:
      return sum_some_quarters<1>(r, c, lanes, y_re, y_im);
    case 2:
      return sum_some_quarters<2>(r, c, lanes, y_re, y_im);
    case 3:
      return sum_some_quarters<3>(r, c, lanes, y_re, y_im);
    default:
      return sum_some_quarters<kMostQuarters>(r, c, lanes, y_re, y_im);
  }
}

// Sum over the lanes and their rows of r conj(c); lane l has rows[l].
NGDSP_MULTIVERSION void sum_products(const LaneInput* lanes, const std::size_t* rows, std::size_t count,
                                     float here, float next, float& sum_re, float& sum_im) {
  Vector re = {}, im = {};
  float rest_re = 0, rest_im = 0;
  for (std::size_t l = 0; l < count; ++l) {
    const LaneInput& x = lanes[l];
    std::size_t i = 0;
    for (; i + kVectorWidth <= rows[l]; i += kVectorWidth) {
      Vector r_re, r_im, next_re, next_im, c_re, c_im;
      load(x.a_re + i, r_re);
      load(x.a_im + i, r_im);
      load(x.b_re + i, next_re);
      load(x.b_im + i, next_im);
      load(x.c_re + i, c_re);
      load(x.c_im + i, c_im);
      r_re = here * r_re + next * next_re;
      r_im = here * r_im + next * next_im;
      re += r_re * c_re - r_im * c_im;
      im += r_re * c_im + r_im * c_re;
    }
    for (; i < rows[l]; ++i) {
      const float r_re = here * x.a_re[i] + next * x.b_re[i];
      const float r_im = here * x.a_im[i] + next * x.b_im[i];
      rest_re += r_re * x.c_re[i] - r_im * x.c_im[i];
      rest_im += r_re * x.c_im[i] + r_im * x.c_re[i];
    }
  }
  for (std::size_t i = 0; i < kVectorWidth; ++i) {
    rest_re += re[i];
    rest_im += im[i];
  }
  sum_re = rest_re;
  sum_im = rest_im;
}

// out = x times the turn of every row and w.
NGDSP_MULTIVERSION void turn_rows(const float* re, const float* im, const float* row_re, const float* row_im,
                                  float w_re, float w_im, std::size_t n, float* __restrict out_re,
                                  float* __restrict out_im) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; ++i) {
    const float c = row_re[i] * w_re - row_im[i] * w_im, s = row_re[i] * w_im + row_im[i] * w_re;
    out_re[i] = re[i] * c - im[i] * s;
    out_im[i] = re[i] * s + im[i] * c;
  }
}

}  // namespace

SplitSequence::SplitSequence(Span<const cf32> chips, int lanes)
    : re_(static_cast<std::size_t>(lanes)), im_(static_cast<std::size_t>(lanes)), chips_(chips.size()) {
  for (std::size_t n = 0; n < chips.size(); ++n) {
    re_[n % re_.size()].push_back(chips[n].real());
    im_[n % im_.size()].push_back(-chips[n].imag());
  }
}

void SplitSequence::assign_turned(const SplitSequence& from, double turns, std::size_t first,
                                  std::size_t last) {
  re_.resize(from.re_.size());
  im_.resize(from.im_.size());
  for (std::size_t l = 0; l < re_.size(); ++l) {
    re_[l].resize(from.re_[l].size());
    im_[l].resize(from.im_[l].size());
  }
  chips_ = from.chips_;
  const auto count = static_cast<std::size_t>(lanes());
  const cf64 chip_turn = std::polar(1.0, -2.0 * kPi * turns);
  const cf64 row_turn = std::polar(1.0, -2.0 * kPi * turns * lanes());
  float row_re[kBlockSymbols], row_im[kBlockSymbols];
  cf64 turn(1, 0);
  for (std::size_t i = 0; i < kBlockSymbols; ++i, turn *= row_turn) {
    row_re[i] = static_cast<float>(turn.real());
    row_im[i] = static_cast<float>(turn.imag());
  }
  for (std::size_t row = first / count; row * count < last; row += kBlockSymbols) {
    cf64 w = std::polar(1.0, -2.0 * kPi * turns * static_cast<double>(row * count));
    for (std::size_t l = 0; l < count; ++l, w *= chip_turn) {
      const std::size_t rows = std::min(kBlockSymbols, std::max(row, re_[l].size()) - row);
      turn_rows(from.re_[l].data() + row, from.im_[l].data() + row, row_re, row_im,
                static_cast<float>(w.real()), static_cast<float>(w.imag()), rows, re_[l].data() + row,
                im_[l].data() + row);
    }
  }
}

void SplitSequence::assign_part(const SplitSequence& from, std::size_t first, std::size_t count) {
  const std::size_t lanes = from.re_.size(), pad_rows = padding_rows(lanes);
  chips_ = count;
  padding_ = pad_rows * lanes;
  const std::size_t rows = 2 * pad_rows + (chips_ + lanes - 1) / lanes + kBlockSymbols;
  re_.resize(lanes);
  im_.resize(lanes);
  for (std::size_t l = 0; l < lanes; ++l)
    for (auto [to, of] : {std::pair(&re_[l], &from.re_[l]), std::pair(&im_[l], &from.im_[l])}) {
      to->assign(rows, 0.0F);
      std::copy_n(of->data() + first / lanes, (count + lanes - 1 - l) / lanes, to->data() + pad_rows);
    }
}

void SplitSequence::assign_modulated(const SplitSequence& from, std::size_t preamble_chips,
                                     Span<const float> symbols) {
  const std::size_t lanes = from.re_.size(), pad_rows = padding_rows(lanes);
  const std::size_t half = symbols.size() / 2;
  chips_ = preamble_chips + symbols.size() * lanes;
  padding_ = pad_rows * lanes;
  const std::size_t rows = 2 * pad_rows + (chips_ + lanes - 1) / lanes + kBlockSymbols;
  re_.resize(lanes);
  im_.resize(lanes);
  for (std::size_t l = 0; l < lanes; ++l) {
    // The first half's symbols lie on rows 0 ... half - 1 of every lane, then come the preamble's chips.
    const std::size_t plain = (preamble_chips + lanes - 1 - l) / lanes;
    for (auto [to, of] : {std::pair(&re_[l], &from.re_[l]), std::pair(&im_[l], &from.im_[l])}) {
      to->resize(rows);
      std::fill_n(to->begin(), pad_rows, 0.0F);
      std::fill(to->begin() + static_cast<std::ptrdiff_t>(pad_rows + plain + symbols.size()), to->end(),
                0.0F);
      float* out = to->data() + pad_rows;
      const float* in = of->data();
      for (std::size_t m = 0; m < half; ++m) out[m] = in[m] * symbols[m];
      std::copy_n(in + half, plain, out + half);
      for (std::size_t m = half; m < symbols.size(); ++m) out[plain + m] = in[plain + m] * symbols[m];
    }
  }
}

void despread(const ChipBuffer& chips, double t, const SplitSequence& s, std::size_t first, float* y_re,
              float* y_im) {
  LaneInput lanes[kMaxLanes];
  const Between b = between_planes(t);
  LanePosition at(b.chip, s.lanes()), next(b.next_chip, s.lanes()),
      of(static_cast<std::int64_t>(first), s.lanes());
  for (int i = 0; i < s.lanes(); ++i, ++at, ++next, ++of)
    lanes[i] = {chips.re(b.plane, at),
                chips.im(b.plane, at),
                chips.re(b.next_plane, next),
                chips.im(b.next_plane, next),
                s.re(of),
                s.im(of)};
  sum_block(lanes, static_cast<std::size_t>(s.lanes()), b.here, b.next, y_re, y_im);
}

void despread_quarters(const ChipBuffer& chips, std::int64_t quarter, std::size_t count,
                       const SplitSequence& s, std::size_t first, float* y_re, float* y_im) {
  Rows r[kMaxLanes * kMostQuarters], c[kMaxLanes];
  const auto lanes = static_cast<std::size_t>(s.lanes());
  for (std::size_t k = 0; k < count; ++k) {
    const std::int64_t q = quarter + static_cast<std::int64_t>(k);
    const int plane = static_cast<int>(q & 3);
    LanePosition at(q >> 2, s.lanes());
    for (std::size_t l = 0; l < lanes; ++l, ++at)
      r[l * kMostQuarters + k] = {chips.re(plane, at), chips.im(plane, at)};
  }
  LanePosition of(static_cast<std::int64_t>(first), s.lanes());
  for (std::size_t l = 0; l < lanes; ++l, ++of) c[l] = {s.re(of), s.im(of)};
  sum_quarters(count, r, c, lanes, y_re, y_im);
}

cf64 correlate(const ChipBuffer& chips, double t, const SplitSequence& s, std::size_t first,
               std::size_t count) {
  LaneInput inputs[kMaxLanes];
  std::size_t rows[kMaxLanes];
  const Between b = between_planes(t);
  const auto lanes = static_cast<std::size_t>(s.lanes());
  LanePosition at(b.chip, s.lanes()), next(b.next_chip, s.lanes()),
      of(static_cast<std::int64_t>(first), s.lanes());
  for (std::size_t i = 0; i < std::min(lanes, count); ++i, ++at, ++next, ++of) {
    inputs[i] = {chips.re(b.plane, at),
                 chips.im(b.plane, at),
                 chips.re(b.next_plane, next),
                 chips.im(b.next_plane, next),
                 s.re(of),
                 s.im(of)};
    rows[i] = (count - i + lanes - 1) / lanes;
  }
  float re, im;
  sum_products(inputs, rows, std::min(lanes, count), b.here, b.next, re, im);
  return {static_cast<double>(re), static_cast<double>(im)};
}

}  // namespace ngdsp
