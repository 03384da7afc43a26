#include "rx/offset_grid.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "ngdsp/base/db.h"
#include "ngdsp/base/multiversion.h"
#include "rx/vector.h"

namespace ngdsp {
namespace {

constexpr std::size_t kBatch = 4;  // phases whose segments are summed at a time
constexpr std::size_t kLargestSegment = 64;
// Of a turn within a segment, at the largest offset: 1.1 dB there, 0.4 on average, and in the grid alone.
constexpr double kLargestTurn = 0.28;
// Of the threshold, what a cell's best point must reach: of the half grid (it keeps 0.65 of a peak at worst,
// 0.86 on average, the turn within segments 0.92), then of the quarter grid (0.9; 0.92).
constexpr float kHalfGridShare = 0.6F, kQuarterGridShare = 0.82F;
// A value halfway between the middle two of four, of unit variance where these are white: sinc(1/2) and
// sinc(3/2), which the raised cosine's values at as many chips are within a hundredth.
constexpr float kInner = 0.671F, kOuter = -0.224F;
// |u + v|^2 of neighbours of the half grid, whose correlation is sinc(1/2), to unit mean.
constexpr float kQuarterScale = 0.305F;

std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

struct Lane {
  const float *re, *im;
};

// Sums of r c* over segments, for kBatch successive phases at once, so that the sequence is read from memory
// but once for them. Phase j pairs lane i of the sequence with lane i + j of the chips; `count` is a multiple
// of kVectorWidth and the pitch of the output.
NGDSP_MULTIVERSION void sum_segments(const Lane* chips, const Lane* sequence, std::size_t segment,
                                     std::size_t count, float* __restrict out_re, float* __restrict out_im) {
  for (std::size_t m = 0; m < count; m += kVectorWidth) {
    Vector re[kBatch] = {}, im[kBatch] = {};
    for (std::size_t i = 0; i < segment; ++i) {
      Vector c_re, c_im;
      load(sequence[i].re + m, c_re);
      load(sequence[i].im + m, c_im);
      for (std::size_t j = 0; j < kBatch; ++j) {
        Vector r_re, r_im;
        load(chips[i + j].re + m, r_re);
        load(chips[i + j].im + m, r_im);
        re[j] += r_re * c_re;
        im[j] += r_re * c_im;
        re[j] -= r_im * c_im;
        im[j] += r_im * c_re;
      }
    }
    for (std::size_t j = 0; j < kBatch; ++j) {
      std::memcpy(out_re + j * count + m, &re[j], sizeof re[j]);
      std::memcpy(out_im + j * count + m, &im[j], sizeof im[j]);
    }
  }
}

NGDSP_MULTIVERSION void interleave(const float* __restrict re, const float* __restrict im, std::size_t n,
                                   float* __restrict out) {
  for (std::size_t i = 0; i < n; ++i) {
    out[2 * i] = re[i];
    out[2 * i + 1] = im[i];
  }
}

NGDSP_MULTIVERSION void split(const float* __restrict in, std::size_t n, float* __restrict re,
                              float* __restrict im) {
  for (std::size_t i = 0; i < n; ++i) {
    re[i] = in[2 * i];
    im[i] = in[2 * i + 1];
  }
}

inline __attribute__((always_inline)) void raise(Vector& a, const Vector& b) { a = a > b ? a : b; }

// Values halfway between x[i + 1] and x[i + 2].
NGDSP_MULTIVERSION void halfway(const float* __restrict x, std::size_t n, float* __restrict out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = kInner * (x[i + 1] + x[i + 2]) + kOuter * (x[i] + x[i + 3]);
}

// Real or imaginary parts of four successive phases.
struct FourRows {
  const float* row[4];
};

// Raises `level` to gain |y|^2, y the second of the rows from k on and the value halfway to the third.
inline __attribute__((always_inline)) void raise_to(const FourRows& re, const FourRows& im, std::size_t k,
                                                    const Vector& gain, Vector& level) {
  Vector a_re, b_re, c_re, d_re, a_im, b_im, c_im, d_im;
  load(re.row[0] + k, a_re);
  load(re.row[1] + k, b_re);
  load(re.row[2] + k, c_re);
  load(re.row[3] + k, d_re);
  load(im.row[0] + k, a_im);
  load(im.row[1] + k, b_im);
  load(im.row[2] + k, c_im);
  load(im.row[3] + k, d_im);
  const Vector h_re = kInner * (b_re + c_re) + kOuter * (a_re + d_re);
  const Vector h_im = kInner * (b_im + c_im) + kOuter * (a_im + d_im);
  raise(level, gain * (b_re * b_re + b_im * b_im));
  raise(level, gain * (h_re * h_re + h_im * h_im));
}

// Which cells, of n, have a point of the half grid that reaches `low`; n is a multiple of kVectorWidth.
// `beside` are the rows half a bin further. Returns how many they are.
NGDSP_MULTIVERSION std::size_t cells_above(const FourRows& re, const FourRows& im, const FourRows& beside_re,
                                           const FourRows& beside_im, const float* gain, std::size_t n,
                                           float low, std::size_t* cells) {
  std::size_t count = 0;
  for (std::size_t k = 0; k < n; k += kVectorWidth) {
    Vector g, level = {};
    load(gain + k, g);
    raise_to(re, im, k, g, level);
    raise_to(beside_re, beside_im, k, g, level);
    const auto reached = level >= low;  // all bits of a place, or none
    std::uint64_t pairs[kVectorWidth / 2], any = 0;
    std::memcpy(pairs, &reached, sizeof pairs);
    for (const std::uint64_t pair : pairs) any |= pair;
    if (any == 0) continue;
    for (std::size_t i = 0; i < kVectorWidth; ++i)
      if (level[i] >= low) cells[count++] = k + i;
  }
  return count;
}

// Which segments a search over +-turns a chip takes: a power of two.
std::size_t segment_chips(double turns, std::size_t length) {
  std::size_t s = 1;
  while (2 * s <= kLargestSegment && 2 * s * kVectorWidth <= length && length % (2 * s) == 0 &&
         turns * static_cast<double>(2 * s) <= kLargestTurn)
    s *= 2;
  return s;
}

std::size_t power_of_two(std::size_t least) {
  std::size_t n = kVectorWidth;
  while (n < least) n *= 2;
  return n;
}

}  // namespace

OffsetGrid::OffsetGrid(const PreambleDetectorConfig& config, std::size_t phases, std::size_t workers)
    : exact_(config),
      length_(config.sequences.at(0).size()),
      phases_(phases),
      segment_(segment_chips(config.max_carrier_offset_hz / config.chip_rate_hz, length_)),
      segments_(length_ / segment_),
      size_(power_of_two(segments_)) {
  const auto size = static_cast<double>(size_);
  bin_cycles_ = static_cast<double>(length_) / (size * static_cast<double>(segment_));
  const double reach =
      config.max_carrier_offset_hz / config.chip_rate_hz * static_cast<double>(length_) / bin_cycles_;
  reach_ = std::min(static_cast<std::size_t>(std::ceil(reach)), size_ / 2 - 3);
  bins_ = 2 * reach_ + 1;
  for (std::size_t k = 0; k < bins_; ++k) {
    const double x = kPi * (static_cast<double>(k) - static_cast<double>(reach_)) / size;
    gain_.push_back(x == 0 ? 1.0F : static_cast<float>(x / std::sin(x)));
  }
  const std::size_t width = round_up(bins_, kVectorWidth);
  gain_.resize(width);
  for (const auto& c : config.sequences) {
    std::vector<cf32> turned(round_up(segments_, kVectorWidth) * segment_);
    for (std::size_t n = 0; n < length_; ++n)
      turned[n] =
          c[n] * cf32(std::polar(1.0, -2 * kPi * static_cast<double>((reach_ + 1) * (n / segment_)) / size));
    sequences_.emplace_back(turned, static_cast<int>(segment_));
  }
  chips_.resize(phases_ + length_);
  re_.assign(segment_, std::vector<float>((chips_.size() + kBatch) / segment_ + kVectorWidth + 2));
  im_ = re_;
  inverse_energy_.resize(phases_);
  for (std::size_t i = 0; i < workers; ++i) {
    work_.push_back({Fft(size_, Fft::Direction::kForward), {}, {}, {}, {}, {}});
    Work& w = work_.back();
    w.cells.resize(width);
    for (Row& row : w.rows)
      for (auto* v : {&row.re, &row.im, &row.half_re, &row.half_im}) v->resize(width + kVectorWidth);
    w.sum_re.resize(kBatch * round_up(segments_, kVectorWidth));
    w.sum_im.resize(w.sum_re.size());
  }
}

void OffsetGrid::read(const ChipBuffer& chips, std::int64_t first_chip) {
  buffer_begin_ = chips.begin();
  first_chip_ = first_chip;
  exact_.read(chips, first_chip, phases_);
  const auto missing = static_cast<std::size_t>(std::max<std::int64_t>(0, chips.begin() - first_chip));
  std::fill_n(chips_.begin(), missing, cf32{});
  LanePosition p(first_chip + static_cast<std::int64_t>(missing), chips.lanes());
  for (std::size_t n = missing; n < chips_.size(); ++n, ++p) chips_[n] = {*chips.re(0, p), *chips.im(0, p)};
  for (std::size_t n = 0; n < chips_.size(); ++n) {
    re_[n % segment_][n / segment_] = chips_[n].real();
    im_[n % segment_][n / segment_] = chips_[n].imag();
  }
  inverse_energies(chips_.data(), chips_.size(), length_, phases_, inverse_energy_.data());
}

void OffsetGrid::search(int sequence, double threshold, std::size_t worker, std::vector<PreambleHit>& found) {
  Work& w = work_[worker];
  w.points.clear();
  for (std::size_t n = 0; n <= phases_; ++n) {
    if (n % kBatch == 0) sum(sequences_[static_cast<std::size_t>(sequence)], n, w);
    transform(n, w);
    if (n >= 3) collect(n - 2, threshold, w);
  }
  for (std::size_t i = 0; i < w.points.size(); ++i) {
    const Point& p = w.points[i];
    const double chip = static_cast<double>(first_chip_) + p.chip;
    // What lies across the buffer's begin is the preamble of no whole frame.
    if (is_flank(w.points, i) || chip < 1 + static_cast<double>(buffer_begin_)) continue;
    const PreambleHit hit =
        exact_.at(sequence, chip, p.cycles, static_cast<double>(inverse_energy_[p.phase]), threshold);
    if (hit.statistic >= threshold) found.push_back(hit);
  }
}

// Segments of kBatch phases.
void OffsetGrid::sum(const SplitSequence& segments, std::size_t phase, Work& w) const {
  Lane chips[kLargestSegment + kBatch], sequence[kLargestSegment];
  for (std::size_t i = 0; i + 1 < segment_ + kBatch; ++i) {
    const std::size_t n = phase + i;
    chips[i] = {re_[n % segment_].data() + n / segment_, im_[n % segment_].data() + n / segment_};
  }
  LanePosition of(0, static_cast<int>(segment_));
  for (std::size_t i = 0; i < segment_; ++i, ++of) sequence[i] = {segments.re(of), segments.im(of)};
  sum_segments(chips, sequence, segment_, w.sum_re.size() / kBatch, w.sum_re.data(), w.sum_im.data());
}

void OffsetGrid::transform(std::size_t phase, Work& w) const {
  const std::size_t first = phase % kBatch * (w.sum_re.size() / kBatch);
  const float *re = w.sum_re.data() + first, *im = w.sum_im.data() + first;
  // Time zero is the preamble's middle: then neighbouring bins of one carrier have one phase.
  const std::size_t before = segments_ / 2;
  float* in = reinterpret_cast<float*>(w.fft.input());
  interleave(re, im, before, in + 2 * (size_ - before));
  interleave(re + before, im + before, segments_ - before, in);
  w.fft.execute();
  Row& row = w.rows[phase % 4];
  split(reinterpret_cast<const float*>(w.fft.output()), bins_ + 3, row.re.data(), row.im.data());
  halfway(row.re.data(), bins_, row.half_re.data() + 1);
  halfway(row.im.data(), bins_, row.half_im.data() + 1);
}

void OffsetGrid::collect(std::size_t phase, double threshold, Work& w) const {
  if (inverse_energy_[phase] == 0) return;
  FourRows re, im, half_re, half_im;
  for (std::size_t i = 0; i < 4; ++i) {
    const Row& row = w.rows[(phase + 3 + i) % 4];
    re.row[i] = row.re.data() + 1;
    im.row[i] = row.im.data() + 1;
    half_re.row[i] = row.half_re.data() + 1;
    half_im.row[i] = row.half_im.data() + 1;
  }
  const float low = kHalfGridShare * static_cast<float>(threshold) / inverse_energy_[phase];
  const std::size_t cells =
      cells_above(re, im, half_re, half_im, gain_.data(), gain_.size(), low, w.cells.data());
  for (std::size_t c = 0; c < cells; ++c) {
    const std::size_t k = w.cells[c];
    // The half grid around the cell, and in its quarters what lies between.
    cf32 half[3][3];
    const auto at = [&](std::size_t row, std::size_t f) {
      const std::size_t i = k + f / 2;
      return f % 2 ? cf32(half_re.row[row][i], half_im.row[row][i]) : cf32(re.row[row][i], im.row[row][i]);
    };
    for (std::size_t f = 0; f < 3; ++f) {
      half[0][f] = at(1, f);
      half[1][f] = kInner * (at(1, f) + at(2, f)) + kOuter * (at(0, f) + at(3, f));
      half[2][f] = at(2, f);
    }
    Point p{phase, k, 0, 0, 0};
    const auto look = [&](float power, int t, int f) {
      if (power <= p.level) return;
      p.level = power;
      p.chip = static_cast<double>(phase) + 0.25 * t;
      p.cycles = (static_cast<double>(k) - static_cast<double>(reach_) + 0.25 * f) * bin_cycles_;
    };
    for (int t = 0; t < 2; ++t)
      for (int f = 0; f < 2; ++f) {
        const cf32 here = half[t][f], up = here + half[t][f + 1], later = half[t + 1][f];
        look(std::norm(here), 2 * t, 2 * f);
        look(kQuarterScale * std::norm(up), 2 * t, 2 * f + 1);
        look(kQuarterScale * std::norm(here + later), 2 * t + 1, 2 * f);
        look(kQuarterScale * kQuarterScale * std::norm(up + later + half[t + 1][f + 1]), 2 * t + 1,
             2 * f + 1);
      }
    p.level *= gain_[k] * inverse_energy_[phase];
    if (p.level >= kQuarterGridShare * static_cast<float>(threshold)) w.points.push_back(p);
  }
}

// Is one of the cells around it stronger? Points lie in order of phase, then bin.
bool OffsetGrid::is_flank(const std::vector<Point>& points, std::size_t point) {
  const Point& p = points[point];
  const auto beside = [&p](const Point& o) { return o.bin + 1 >= p.bin && o.bin <= p.bin + 1; };
  for (std::size_t i = point; i-- > 0 && points[i].phase + 1 >= p.phase;)
    if (beside(points[i]) && points[i].level > p.level) return true;
  for (std::size_t i = point + 1; i < points.size() && points[i].phase <= p.phase + 1; ++i)
    if (beside(points[i]) && points[i].level >= p.level) return true;
  return false;
}

}  // namespace ngdsp
