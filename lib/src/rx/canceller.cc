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

constexpr int kPulseReach = 8;    // chips; what is left of the pulse there is 50 dB below its peak
constexpr int kFarReach = 16;     // for strong frames: 68 dB
constexpr int kPulseSteps = 256;  // a chip: an error of 75 dB below the peak by linear interpolation
constexpr int kMaxTaps = 2 * kFarReach + static_cast<int>(kLastDelay - kFirstDelay) * 2 + 2;

constexpr std::size_t kVectors = kBlockSymbols * sizeof(float) / sizeof(Vector);

struct Taps {
  int first = 0, count = 0;
  float re[kMaxTaps][ChipBuffer::kPlanes], im[kMaxTaps][ChipBuffer::kPlanes];
};

// One lane of one block: where the replica's chips of every tap lie, and where the sums go.
struct LaneBlock {
  const float* s_re[kMaxTaps];
  const float* s_im[kMaxTaps];
  float* r_re[ChipBuffer::kPlanes];
  float* r_im[ChipBuffer::kPlanes];
};

// r += turn * row_turn * sum_j w_j s_j for kBlockSymbols rows; s is kept conjugated.
NGDSP_MULTIVERSION void add_lane(const LaneBlock& b, const Taps& w, const float* row_re, const float* row_im,
                                 float turn_re, float turn_im) {
  for (std::size_t v = 0; v < kVectors; ++v) {
    const std::size_t at = v * sizeof(Vector) / sizeof(float);
    Vector sum_re[ChipBuffer::kPlanes] = {}, sum_im[ChipBuffer::kPlanes] = {};
    for (int j = 0; j < w.count; ++j) {
      Vector re, im;
      load(b.s_re[j] + at, re);
      load(b.s_im[j] + at, im);
      for (int k = 0; k < ChipBuffer::kPlanes; ++k) {
        sum_re[k] += w.re[j][k] * re + w.im[j][k] * im;
        sum_im[k] += w.im[j][k] * re - w.re[j][k] * im;
      }
    }
    Vector x, y;
    load(row_re + at, x);
    load(row_im + at, y);
    const Vector c = x * turn_re - y * turn_im, s = x * turn_im + y * turn_re;
    for (int k = 0; k < ChipBuffer::kPlanes; ++k) {
      Vector re, im;
      load(b.r_re[k] + at, re);
      load(b.r_im[k] + at, im);
      re += sum_re[k] * c - sum_im[k] * s;
      im += sum_re[k] * s + sum_im[k] * c;
      std::memcpy(b.r_re[k] + at, &re, sizeof re);
      std::memcpy(b.r_im[k] + at, &im, sizeof im);
    }
  }
}

void add_part_of_lane(const LaneBlock& b, const Taps& w, const float* row_re, const float* row_im,
                      float turn_re, float turn_im, std::size_t rows) {
  for (std::size_t i = 0; i < rows; ++i) {
    const float c = row_re[i] * turn_re - row_im[i] * turn_im, s = row_re[i] * turn_im + row_im[i] * turn_re;
    for (int k = 0; k < ChipBuffer::kPlanes; ++k) {
      float re = 0, im = 0;
      for (int j = 0; j < w.count; ++j) {
        re += w.re[j][k] * b.s_re[j][i] + w.im[j][k] * b.s_im[j][i];
        im += w.im[j][k] * b.s_re[j][i] - w.re[j][k] * b.s_im[j][i];
      }
      b.r_re[k][i] += re * c - im * s;
      b.r_im[k][i] += re * s + im * c;
    }
  }
}

}  // namespace

Canceller::Canceller(double rolloff) : rolloff_(rolloff), table_(kFarReach * kPulseSteps + 2) {
  for (std::size_t i = 0; i < table_.size(); ++i)
    table_[i] = static_cast<float>(rc_pulse(static_cast<double>(i) / kPulseSteps, rolloff));
}

double Canceller::pulse(double t) const {
  const double x = std::abs(t) * kPulseSteps;
  const auto i = static_cast<std::size_t>(x);
  if (i + 1 >= table_.size()) return 0;
  const double mu = x - static_cast<double>(i);
  return (1 - mu) * static_cast<double>(table_[i]) + mu * static_cast<double>(table_[i + 1]);
}

Canceller::Extent Canceller::add(ChipBuffer& chips, const FrameEstimate& frame, const SplitSequence& replica,
                                 double scale) {
  paths_.clear();
  add_paths(frame, frame, scale);
  return draw(chips, frame, replica);
}

void Canceller::replace(ChipBuffer& chips, const FrameEstimate& before, const FrameEstimate& after,
                        const SplitSequence& replica) {
  paths_.clear();
  add_paths(before, after, 1);
  add_paths(after, after, -1);
  draw(chips, after, replica);
}

// The paths of a frame as they look against the timing and carrier of `reference`, another estimate of it.
void Canceller::add_paths(const FrameEstimate& frame, const FrameEstimate& reference, double scale) {
  const double slip = reference.timing.clock - frame.timing.clock, turns = frame.turns - reference.turns;
  for (const auto* fingers : {&frame.fingers, &frame.rest})
    for (const Finger& f : *fingers)
      paths_.push_back(
          {frame.timing.chip - reference.timing.chip + f.delay_chips, scale * f.gain, slip, turns});
}

Canceller::Extent Canceller::draw(ChipBuffer& chips, const FrameEstimate& frame,
                                  const SplitSequence& replica) {
  const int lanes = chips.lanes();
  double first_delay = 0, last_delay = 0;
  for (const Path& f : paths_) {
    const double slipped = std::abs(f.slip) * static_cast<double>(replica.chips());
    first_delay = std::min(first_delay, f.delay - slipped);
    last_delay = std::max(last_delay, f.delay + slipped);
  }
  const int reach = frame.rest.empty() ? kPulseReach : kFarReach;
  Taps w;
  w.first = static_cast<int>(std::floor(first_delay)) - reach;
  w.count = std::min(kMaxTaps, static_cast<int>(std::ceil(last_delay)) + reach + 1 - w.first + 1);
  const auto frame_chips = static_cast<double>(replica.chips());
  const auto row_of = [lanes](double chip) { return static_cast<std::int64_t>(std::floor(chip / lanes)); };
  const std::int64_t first_row =
      std::max(row_of(frame.timing.chip - 1 + w.first), (chips.begin() + lanes - 1) / lanes);
  const std::int64_t last_row =
      std::min(row_of(frame.timing.chip + frame_chips + 1 + w.first + w.count) + 1, chips.end() / lanes);
  const auto block_rows = static_cast<std::int64_t>(kBlockSymbols);
  const cf64 chip_turn = std::polar(1.0, 2 * kPi * frame.turns),
             row_turn = std::polar(1.0, 2 * kPi * frame.turns * lanes);
  cf64 back[kMaxTaps];  // the turn that a tap's chip lags behind
  for (int j = 0; j < w.count; ++j) back[j] = std::polar(1.0, -2 * kPi * frame.turns * (w.first + j));
  float row_re[kBlockSymbols], row_im[kBlockSymbols], still_re[kBlockSymbols], still_im[kBlockSymbols];
  cf64 turn(1, 0);
  for (std::size_t i = 0; i < kBlockSymbols; ++i, turn *= row_turn) {
    row_re[i] = still_re[i] = static_cast<float>(turn.real());
    row_im[i] = still_im[i] = static_cast<float>(turn.imag());
  }
  for (std::int64_t row = first_row; row < last_row; row += block_rows) {
    const std::int64_t rows = std::min(block_rows, last_row - row), chip = row * lanes;
    // Over the block the frame's chip n is at shift + n.
    const double middle = static_cast<double>(chip) + 0.5 * static_cast<double>(rows * lanes) -
                          frame.timing.chip - frame.timing.reference;
    const double shift = frame.timing.chip - frame.timing.clock * middle * (1 + frame.timing.clock);
    const auto whole = static_cast<std::int64_t>(std::floor(shift));
    const double part = shift - static_cast<double>(whole);
    for (Path& f : paths_) {
      f.delay_here = f.delay + f.slip * middle;
      f.gain_here = f.gain * std::polar(1.0, 2 * kPi * f.turns * middle);
    }
    for (int j = 0; j < w.count; ++j) {
      for (int k = 0; k < ChipBuffer::kPlanes; ++k) {
        cf64 g;
        for (const Path& f : paths_) g += f.gain_here * pulse(w.first + j + 0.25 * k - part - f.delay_here);
        g *= back[j];
        w.re[j][k] = static_cast<float>(g.real());
        w.im[j][k] = static_cast<float>(g.imag());
      }
    }
    const std::int64_t n = chip - whole;  // the frame's chip under tap 0 of the first lane
    cf64 lane_turn =
        std::polar(1.0, 2 * kPi * frame.turns * (static_cast<double>(n) - frame.timing.reference));
    for (int l = 0; l < lanes; ++l, lane_turn *= chip_turn) {
      LaneBlock b;
      for (int j = 0; j < w.count; ++j) {
        const LanePosition of(n + l - w.first - j + static_cast<std::int64_t>(replica.padding()), lanes);
        b.s_re[j] = replica.re(of);
        b.s_im[j] = replica.im(of);
      }
      const auto turn_re = static_cast<float>(lane_turn.real()),
                 turn_im = static_cast<float>(lane_turn.imag());
      const LanePosition at(chip + l, lanes);
      for (int k = 0; k < ChipBuffer::kPlanes; ++k) {
        b.r_re[k] = chips.re(k, at);
        b.r_im[k] = chips.im(k, at);
      }
      if (!frame.gain.values.empty()) {
        // The gain in place of the one that holds still.
        for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
          const double at_chip = static_cast<double>(chip + l + static_cast<std::int64_t>(i) * lanes);
          const cf32 g = frame.gain.at(at_chip - frame.timing.chip) * cf32(still_re[i], still_im[i]);
          row_re[i] = g.real();
          row_im[i] = g.imag();
        }
      }
      if (rows == block_rows)
        add_lane(b, w, row_re, row_im, turn_re, turn_im);
      else
        add_part_of_lane(b, w, row_re, row_im, turn_re, turn_im, static_cast<std::size_t>(rows));
    }
  }
  const Extent touched{first_row * lanes, std::max(first_row, last_row) * lanes};
  chips.refresh_power(touched.first, touched.last);
  return touched;
}

}  // namespace ngdsp
