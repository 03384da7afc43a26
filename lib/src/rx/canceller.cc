#include "ngdsp/rx/canceller.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ngdsp/base/db.h"
#include "ngdsp/base/multiversion.h"
#include "ngdsp/waveform/pulse.h"
#include "rx/vector.h"

namespace ngdsp {
namespace {

// What lies further than the reach from a chip is left of it: 39 dB below an ordinary frame, whose estimate
// is 22 to 25 dB good and whose chips stand below the noise; 60 dB below a strong one.
constexpr int kReach = 6;  // chips
constexpr int kStrongReach = 16;
constexpr int kFilteredReach = 4;    // until it is settled a filter's long tail, 17 dB below, stays anyhow
constexpr int kCorrectionReach = 3;  // between two estimates of a frame lies a thirtieth of it or less
constexpr double kBesideTap = 0.25;  // chips by which a path may miss the next tap
constexpr int kPulseSteps = 256;     // a chip: an error of 75 dB below the peak by linear interpolation
constexpr int kPulseTaps = 2 * kStrongReach;
// Paths lie within kFirstDelay ... kLastDelay of where the frame was looked for, so at most their difference
// either side of the strongest.
constexpr int kMaxTaps = 2 * kStrongReach + static_cast<int>(kLastDelay - kFirstDelay) * 2 + 2;
// Cycles a chip up to which the carrier holds still over a pulse: what turns is 51 dB below the frame.
constexpr double kStillTurns = 5e-4;
constexpr std::int64_t kPieceRows = 16 * kBlockSymbols;  // drawn by a thread at a time

// Weights of successive chips of the replica, the oldest first.
struct Taps {
  int count = 0;
  bool real = false;
  // Filled by whole vectors.
  float re[ChipBuffer::kPlanes][kMaxTaps + kVectorWidth], im[ChipBuffer::kPlanes][kMaxTaps + kVectorWidth];
};

// tap += gain (row + mu (next row - row)) for `count` taps; whole vectors are read and written.
NGDSP_MULTIVERSION void add_row(const float* row_re, const float* row_im, float mu, float g_re, float g_im,
                                std::size_t count, float* re, float* im) {
  constexpr Vector kTap = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  for (std::size_t m = 0; m < count; m += kVectorWidth) {
    Vector p_re, p_im, next, x, y;
    load(row_re + m, p_re);
    load(row_re + m + kPulseTaps, next);
    p_re += mu * (next - p_re);
    load(row_im + m, p_im);
    load(row_im + m + kPulseTaps, next);
    p_im += mu * (next - p_im);
    load(re + m, x);
    load(im + m, y);
    const auto meant = kTap < static_cast<float>(count - m);
    x = meant ? x + g_re * p_re - g_im * p_im : x;
    y = meant ? y + g_re * p_im + g_im * p_re : y;
    std::memcpy(re + m, &x, sizeof x);
    std::memcpy(im + m, &y, sizeof y);
  }
}

// Rows of one lane: where the replica's chips of every tap lie, where the sums go, and what they count for
// there, null: all the same.
struct LaneBlock {
  const float* const* s_re;
  const float* const* s_im;
  const float* weight;
  float* r_re[ChipBuffer::kPlanes];
  float* r_im[ChipBuffer::kPlanes];
};

// r += weight * turn * row_turn * sum_m w_m s_m for n <= kVectorWidth rows; s is kept conjugated.
template <bool kReal>
inline __attribute__((always_inline)) void add_rows(const LaneBlock& b, const Taps& w, const float* row_re,
                                                    const float* row_im, float turn_re, float turn_im,
                                                    std::size_t at, std::size_t n) {
  Vector sum_re[ChipBuffer::kPlanes] = {}, sum_im[ChipBuffer::kPlanes] = {};
  for (int m = 0; m < w.count; ++m) {
    Vector re, im;
    load_some(b.s_re[m] + at, n, re);
    load_some(b.s_im[m] + at, n, im);
    for (int k = 0; k < ChipBuffer::kPlanes; ++k) {
      sum_re[k] += w.re[k][m] * re;
      sum_im[k] -= w.re[k][m] * im;
      if (kReal) continue;
      sum_re[k] += w.im[k][m] * im;
      sum_im[k] += w.im[k][m] * re;
    }
  }
  Vector x, y;
  load_some(row_re + at, n, x);
  load_some(row_im + at, n, y);
  Vector c = x * turn_re - y * turn_im, s = x * turn_im + y * turn_re;
  if (b.weight) {
    load_some(b.weight + at, n, x);
    c *= x;
    s *= x;
  }
  for (int k = 0; k < ChipBuffer::kPlanes; ++k) {
    Vector re, im;
    load_some(b.r_re[k] + at, n, re);
    load_some(b.r_im[k] + at, n, im);
    re += sum_re[k] * c - sum_im[k] * s;
    im += sum_re[k] * s + sum_im[k] * c;
    std::memcpy(b.r_re[k] + at, &re, n * sizeof(float));
    std::memcpy(b.r_im[k] + at, &im, n * sizeof(float));
  }
}

template <bool kReal>
inline __attribute__((always_inline)) void add_all_rows(const LaneBlock& b, const Taps& w,
                                                        const float* row_re, const float* row_im,
                                                        float turn_re, float turn_im, std::size_t rows) {
  std::size_t at = 0;
  for (; at + kVectorWidth <= rows; at += kVectorWidth)
    add_rows<kReal>(b, w, row_re, row_im, turn_re, turn_im, at, kVectorWidth);
  if (at < rows) add_rows<kReal>(b, w, row_re, row_im, turn_re, turn_im, at, rows - at);
}

NGDSP_MULTIVERSION void add_lane(const LaneBlock& b, const Taps& w, const float* row_re, const float* row_im,
                                 float turn_re, float turn_im, std::size_t rows) {
  if (w.real)
    add_all_rows<true>(b, w, row_re, row_im, turn_re, turn_im, rows);
  else
    add_all_rows<false>(b, w, row_re, row_im, turn_re, turn_im, rows);
}

// A gain along a block: where its rows begin and one more, by parts.
struct RowGain {
  float re[kBlockSymbols + 1], im[kBlockSymbols + 1];
};

// row = gain still, the gain a share of a row further than where the rows begin.
NGDSP_MULTIVERSION void turn_rows(const RowGain& gain, float share, const float* still_re,
                                  const float* still_im, std::size_t rows, float* __restrict row_re,
                                  float* __restrict row_im) {
  for (std::size_t i = 0; i < rows; ++i) {
    const float re = gain.re[i] + share * (gain.re[i + 1] - gain.re[i]),
                im = gain.im[i] + share * (gain.im[i + 1] - gain.im[i]);
    row_re[i] = re * still_re[i] - im * still_im[i];
    row_im[i] = re * still_im[i] + im * still_re[i];
  }
}

}  // namespace

Canceller::Canceller(double rolloff, WorkerPool& workers) : workers_(&workers), pulse_(rolloff) {
  received_ = table_of(pulse_);
}

void Canceller::set_filter(const std::vector<cf32>& taps) {
  pulse_.set_filter(taps);
  filtered_ = table_of(pulse_);
}

Canceller::PulseTable Canceller::table_of(const ChipPulse& pulse) {
  PulseTable table;
  for (int phase = 0; phase <= kPulseSteps; ++phase)
    for (int q = 0; q < kPulseTaps; ++q) {
      const cf64 p = pulse.at(q - kStrongReach + static_cast<double>(phase) / kPulseSteps);
      table.re.push_back(static_cast<float>(p.real()));
      table.im.push_back(static_cast<float>(-p.imag()));
    }
  for (auto* part : {&table.re, &table.im}) part->resize(part->size() + kVectorWidth);
  return table;
}

void Canceller::add_pulse(const PulseTable& table, double t, cf64 gain, int count, float* re, float* im) {
  const double whole = std::floor(t), steps = (t - whole) * kPulseSteps;
  const int phase = std::min(static_cast<int>(steps), kPulseSteps - 1);
  const auto mu = static_cast<float>(steps - phase);
  const int from = static_cast<int>(whole) + kStrongReach;  // where in the table's row tap 0 is
  const int begin = std::max(0, -from), end = std::min(count, kPulseTaps - from);
  if (begin >= end) return;
  const int at = phase * kPulseTaps + from + begin;
  add_row(table.re.data() + at, table.im.data() + at, mu, static_cast<float>(gain.real()),
          static_cast<float>(gain.imag()), static_cast<std::size_t>(end - begin), re + begin, im + begin);
}

Canceller::Extent Canceller::add(ChipBuffer& chips, const FrameEstimate& frame, const SplitSequence& replica,
                                 double scale) {
  paths_.clear();
  add_paths(frame, frame, scale);
  return draw(chips, frame, replica, frame.rest.empty() ? kReach : kStrongReach);
}

void Canceller::replace(ChipBuffer& chips, const FrameEstimate& before, const FrameEstimate& after,
                        const SplitSequence& replica) {
  paths_.clear();
  add_paths(before, after, 1);
  add_paths(after, after, -1);
  draw(chips, after, replica, kCorrectionReach);
}

// The paths of a frame as they look against the timing and carrier of `reference`, another estimate of it.
void Canceller::add_paths(const FrameEstimate& frame, const FrameEstimate& reference, double scale) {
  const double slip = reference.timing.clock - frame.timing.clock, turns = frame.turns - reference.turns;
  for (const auto* fingers : {&frame.fingers, &frame.rest})
    for (const Finger& f : *fingers)
      paths_.push_back(
          {frame.timing.chip - reference.timing.chip + f.delay_chips, scale * f.gain, slip, turns});
}

// Adds the paths; `frame` says how they move along it.
Canceller::Extent Canceller::draw(ChipBuffer& chips, const FrameEstimate& frame, const SplitSequence& replica,
                                  int reach) {
  const Extent touched = draw_behind(false, chips, frame, replica, reach);
  if (chips.filter()) draw_behind(true, chips, frame, replica, std::min(reach, kFilteredReach));
  chips.drawn(touched.first, touched.last);
  return touched;
}

Canceller::Extent Canceller::draw_behind(bool filter, ChipBuffer& chips, const FrameEstimate& frame,
                                         const SplitSequence& replica, int reach) {
  const PulseTable& table = filter ? filtered_ : received_;
  const int lanes = chips.lanes();
  double first_delay = 0, last_delay = 0;
  for (const Path& path : paths_) {
    const double slipped = std::abs(path.slip) * static_cast<double>(replica.chips());
    first_delay = std::min(first_delay, path.delay - slipped);
    last_delay = std::max(last_delay, path.delay + slipped);
  }
  const int first = static_cast<int>(std::floor(first_delay + kBesideTap)) - reach;
  const int count =
      std::min(kMaxTaps, static_cast<int>(std::ceil(last_delay - kBesideTap)) + reach + 1 - first);
  const int last = first + count - 1;
  // All taps of one path have its phase: half the work.
  const bool real = !filter && paths_.size() == 1 && std::abs(frame.turns) < kStillTurns;
  const cf64 common = real ? paths_[0].gain : 1;
  const auto frame_chips = static_cast<double>(replica.chips());
  const auto row_of = [lanes](double chip) { return static_cast<std::int64_t>(std::floor(chip / lanes)); };
  const double begin = frame.timing.first_chip(), end = begin + (1 - frame.timing.clock) * frame_chips;
  const std::int64_t first_row = std::max(row_of(begin - 1 + first), (chips.begin() + lanes - 1) / lanes);
  const std::int64_t last_row = std::min(row_of(end + 1 + last) + 1, chips.end() / lanes);
  const auto block_rows = static_cast<std::int64_t>(kBlockSymbols);
  const cf64 chip_turn = std::polar(1.0, 2 * kPi * frame.turns),
             row_turn = std::polar(1.0, 2 * kPi * frame.turns * lanes);
  float back_re[kMaxTaps], back_im[kMaxTaps];  // the turn that a tap's chip lags behind
  for (int m = 0; m < count; ++m) {
    const cf64 back = std::polar(1.0, -2 * kPi * frame.turns * (last - m));
    back_re[m] = static_cast<float>(back.real());
    back_im[m] = static_cast<float>(back.imag());
  }
  float still_re[kBlockSymbols], still_im[kBlockSymbols];
  cf64 turn(1, 0);
  for (std::size_t i = 0; i < kBlockSymbols; ++i, turn *= row_turn) {
    still_re[i] = static_cast<float>(turn.real());
    still_im[i] = static_cast<float>(turn.imag());
  }
  const std::int64_t pieces = (std::max(first_row, last_row) - first_row + kPieceRows - 1) / kPieceRows;
  workers_->run(static_cast<std::size_t>(pieces), [&](std::size_t piece, std::size_t) {
    const std::int64_t from = first_row + static_cast<std::int64_t>(piece) * kPieceRows,
                       to = std::min(from + kPieceRows, last_row);
    Taps w;
    w.count = count;
    w.real = real;
    // The replica's chips under a block: those of a lane's taps, from its own number on.
    std::vector<const float*> s_re(static_cast<std::size_t>(lanes + count - 1)), s_im(s_re.size());
    const bool moving = !frame.gain.values.empty();
    RowGain gain_along;
    float row_re[kBlockSymbols], row_im[kBlockSymbols];
    std::copy_n(still_re, kBlockSymbols, row_re);
    std::copy_n(still_im, kBlockSymbols, row_im);
    for (std::int64_t row = from; row < to; row += block_rows) {
      const std::int64_t rows = std::min(block_rows, to - row), chip = row * lanes;
      // Over the block the frame's chip n is at shift + n.
      const double middle = static_cast<double>(chip) + 0.5 * static_cast<double>(rows * lanes) -
                            frame.timing.chip - frame.timing.reference;
      const double shift = frame.timing.chip - frame.timing.clock * middle * (1 + frame.timing.clock);
      const auto whole = static_cast<std::int64_t>(std::floor(shift));
      const double part = shift - static_cast<double>(whole);
      for (int k = 0; k < ChipBuffer::kPlanes; ++k) {
        std::fill_n(w.re[k], w.count + static_cast<int>(kVectorWidth), 0.0F);
        std::fill_n(w.im[k], w.count + static_cast<int>(kVectorWidth), 0.0F);
      }
      for (const Path& path : paths_) {
        const cf64 still = real ? 1 : path.gain,
                   gain = path.turns == 0 ? still : still * std::polar(1.0, 2 * kPi * path.turns * middle);
        for (int k = 0; k < ChipBuffer::kPlanes; ++k)
          add_pulse(table, part + path.delay + path.slip * middle - 0.25 * k - last, gain, w.count, w.re[k],
                    w.im[k]);
      }
      for (int k = 0; k < ChipBuffer::kPlanes && !w.real; ++k) {
        float *re = w.re[k], *im = w.im[k];
        for (int m = 0; m < w.count; ++m) {
          const float x = re[m], y = im[m];
          re[m] = x * back_re[m] - y * back_im[m];
          im[m] = x * back_im[m] + y * back_re[m];
        }
      }
      const std::int64_t n = chip - whole;  // the frame's chip under no delay in the first lane
      cf64 lane_turn =
          common * std::polar(1.0, 2 * kPi * frame.turns * (static_cast<double>(n) - frame.timing.reference));
      LanePosition of(n - last + static_cast<std::int64_t>(replica.padding()), lanes), at(chip, lanes);
      for (std::size_t m = 0; m < s_re.size(); ++m, ++of) {
        s_re[m] = replica.re(of);
        s_im[m] = replica.im(of);
      }
      if (moving)
        frame.gain.along(static_cast<double>(chip) - frame.timing.chip, lanes,
                         static_cast<std::size_t>(rows) + 1, gain_along.re, gain_along.im);
      for (int l = 0; l < lanes; ++l, ++at, lane_turn *= chip_turn) {
        LaneBlock b;
        b.s_re = s_re.data() + l;
        b.s_im = s_im.data() + l;
        const auto turn_re = static_cast<float>(lane_turn.real()),
                   turn_im = static_cast<float>(lane_turn.imag());
        b.weight = filter ? chips.weight(at) : nullptr;
        for (int k = 0; k < ChipBuffer::kPlanes; ++k) {
          b.r_re[k] = filter ? chips.psi_re(k, at) : chips.sample_re(k, at);
          b.r_im[k] = filter ? chips.psi_im(k, at) : chips.sample_im(k, at);
        }
        // In place of the one that holds still, linear along a row.
        if (moving)
          turn_rows(gain_along, static_cast<float>(l) / static_cast<float>(lanes), still_re, still_im,
                    static_cast<std::size_t>(rows), row_re, row_im);
        add_lane(b, w, row_re, row_im, turn_re, turn_im, static_cast<std::size_t>(rows));
      }
    }
  });
  return {first_row * lanes, std::max(first_row, last_row) * lanes};
}

}  // namespace ngdsp
