#include "rx/exact_correlation.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ngdsp/base/db.h"
#include "ngdsp/base/multiversion.h"
#include "rx/vector.h"

namespace ngdsp {
namespace {

constexpr std::size_t kWidth = sizeof(Vector) / sizeof(float);
constexpr std::size_t kParts = 4;        // 3/8 cycle a preamble turns little in a part: 0.13 dB
constexpr std::size_t kMostBlocks = 64;  // of kWidth chips in a part, for preambles of up to 4096 chips
// Of the threshold, at the grid's time: a quarter chip nearer adds 0.9 dB.
constexpr double kFirstShare = 0.85;

// Carriers, cycles a preamble from the point's.
constexpr std::size_t kFineCarriers = 7;
double fine_cycles(std::size_t f) { return 0.125 * (static_cast<double>(f) - 3); }

// exp(-j w n) for the chips of a part: n = kWidth b + i is turned by block b's and place i's.
struct Turns {
  float block_re[kMostBlocks], block_im[kMostBlocks];
  float place_re[kWidth], place_im[kWidth];
};

void turn_steadily(double turns, std::size_t n, float* re, float* im) {
  const cf64 step = std::polar(1.0, -2 * kPi * turns);
  cf64 w = 1;
  for (std::size_t i = 0; i < n; ++i, w *= step) {
    re[i] = static_cast<float>(w.real());
    im[i] = static_cast<float>(w.imag());
  }
}

// sum r c turned, over `blocks` blocks.
NGDSP_MULTIVERSION void correlate_turned(const float* r_re, const float* r_im, const float* c_re,
                                         const float* c_im, const Turns& turns, std::size_t blocks,
                                         float& sum_re, float& sum_im) {
  Vector re = {}, im = {};
  for (std::size_t b = 0; b < blocks; ++b) {
    const std::size_t i = b * kWidth;
    Vector x_re, x_im, y_re, y_im;
    load(r_re + i, x_re);
    load(r_im + i, x_im);
    load(c_re + i, y_re);
    load(c_im + i, y_im);
    const Vector p_re = x_re * y_re - x_im * y_im, p_im = x_re * y_im + x_im * y_re;
    re += p_re * turns.block_re[b] - p_im * turns.block_im[b];
    im += p_re * turns.block_im[b] + p_im * turns.block_re[b];
  }
  Vector w_re, w_im;
  load(turns.place_re, w_re);
  load(turns.place_im, w_im);
  const Vector turned_re = re * w_re - im * w_im, turned_im = re * w_im + im * w_re;
  float all_re = 0, all_im = 0;
  for (std::size_t i = 0; i < kWidth; ++i) {
    all_re += turned_re[i];
    all_im += turned_im[i];
  }
  sum_re = all_re;
  sum_im = all_im;
}

}  // namespace

ExactCorrelation::ExactCorrelation(const PreambleDetectorConfig& config)
    : chip_rate_hz_(config.chip_rate_hz),
      length_(config.sequences.at(0).size()),
      part_((length_ + kParts * kWidth - 1) / (kParts * kWidth) * kWidth) {
  for (const auto& c : config.sequences) {
    Split& s = sequences_.emplace_back();
    s.re.resize(kParts * part_);
    s.im.resize(kParts * part_);
    for (std::size_t n = 0; n < length_; ++n) {
      s.re[n] = c[n].real();
      s.im[n] = -c[n].imag();
    }
  }
  const auto length = static_cast<double>(length_);
  for (std::size_t part = 0; part < kParts; ++part)
    for (std::size_t f = 0; f < kFineCarriers; ++f) {
      const double middle = (static_cast<double>(part) + 0.5) * static_cast<double>(part_);
      part_turns_.push_back(std::polar(1.0, -2 * kPi * fine_cycles(f) * middle / length));
    }
}

void ExactCorrelation::read(const ChipBuffer& chips, std::int64_t first, std::size_t phases) {
  first_ = first - 1;  // a quarter chip before the first
  const std::size_t count = phases + kParts * part_ + 2;
  const std::int64_t from = std::max(first_, chips.begin()),
                     to = std::min(first_ + static_cast<std::int64_t>(count), chips.end());
  for (int k = 0; k < ChipBuffer::kPlanes; ++k) {
    Split& plane = planes_[k];
    plane.re.assign(count, 0.0F);
    plane.im.assign(count, 0.0F);
    LanePosition p(from, chips.lanes());
    for (std::int64_t n = from; n < to; ++n, ++p) {
      plane.re[static_cast<std::size_t>(n - first_)] = *chips.re(k, p);
      plane.im[static_cast<std::size_t>(n - first_)] = *chips.im(k, p);
    }
  }
}

PreambleHit ExactCorrelation::at(int sequence, double chip, double cycles, double inverse_energy,
                                 double threshold) const {
  const Split& c = sequences_[static_cast<std::size_t>(sequence)];
  const auto length = static_cast<double>(length_);
  const std::size_t blocks = part_ / kWidth;
  Turns turns;
  turn_steadily(cycles / length, kWidth, turns.place_re, turns.place_im);
  turn_steadily(cycles * kWidth / length, blocks, turns.block_re, turns.block_im);
  const cf64 part_turn = std::polar(1.0, -2 * kPi * cycles * static_cast<double>(part_) / length);
  PreambleHit best;
  best.sequence = sequence;
  const auto quarter = std::llround(chip * ChipBuffer::kPlanes);
  for (const int side : {0, -1, 1}) {
    const std::int64_t q = quarter + side;
    const Split& plane = planes_[q & 3];
    const auto begin = static_cast<std::size_t>((q >> 2) - first_);
    cf64 sums[kFineCarriers] = {}, turn = 1;
    for (std::size_t part = 0; part < kParts; ++part, turn *= part_turn) {
      const std::size_t from = part * part_;
      float re, im;
      correlate_turned(plane.re.data() + begin + from, plane.im.data() + begin + from, c.re.data() + from,
                       c.im.data() + from, turns, blocks, re, im);
      const cf64 sum = turn * cf64(static_cast<double>(re), static_cast<double>(im));
      for (std::size_t f = 0; f < kFineCarriers; ++f) sums[f] += sum * part_turns_[part * kFineCarriers + f];
    }
    for (std::size_t f = 0; f < kFineCarriers; ++f) {
      const double statistic = std::norm(sums[f]) * inverse_energy;
      if (statistic > best.statistic) {
        best.chip = static_cast<double>(q) / ChipBuffer::kPlanes;
        best.carrier_offset_hz = (cycles + fine_cycles(f)) * chip_rate_hz_ / length;
        best.statistic = statistic;
      }
    }
    if (best.statistic < kFirstShare * threshold) break;
  }
  return best;
}

}  // namespace ngdsp
