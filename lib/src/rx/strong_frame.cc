#include "ngdsp/rx/strong_frame.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "rx/solve.h"
#include "rx/straight_frame.h"

namespace ngdsp {
namespace {

constexpr int kRounds = 3;
constexpr double kRidge =
    0.02;  // of 2, the spectrum of the pulse on half chips: what lies out of band stays 0
constexpr std::size_t kHalves = StraightFrame::kHalves;
constexpr double kPieceChips = 64;  // of the gain: 7 to a period of 100 Hz at 48 kchip/s
constexpr double kGainShows = 2;    // nats a piece that a gain must explain; noise alone gives 1

// conj(b) a, and w |b|^2, over a piece of a lane.
struct Products {
  double re = 0, im = 0, energy = 0;
};
void add_products(const float* a_re, const float* a_im, const float* b_re, const float* b_im, const float* w,
                  std::size_t n, Products& sum) {
  float re = 0, im = 0, energy = 0;
  for (std::size_t i = 0; i < n; ++i) {
    re += a_re[i] * b_re[i] + a_im[i] * b_im[i];
    im += a_im[i] * b_re[i] - a_re[i] * b_im[i];
    energy += w[i] * (b_re[i] * b_re[i] + b_im[i] * b_im[i]);
  }
  sum.re += static_cast<double>(re);
  sum.im += static_cast<double>(im);
  sum.energy += static_cast<double>(energy);
}

}  // namespace

struct StrongFrame::Work {
  StraightFrame straight;
  ChipBuffer model;
  FrameEstimate part;
};

StrongFrame::StrongFrame() : work_(new Work) {}
StrongFrame::~StrongFrame() = default;

void StrongFrame::take_out_rest(ChipBuffer& chips, const ChipPulse& pulse, Canceller& canceller,
                                const SplitSequence& replica, FrameEstimate& frame) {
  // With a response of its own, as yet nothing, it is drawn with longer pulses.
  canceller.add(chips, frame, replica, +1);
  frame.rest.resize(kHalves);
  for (std::size_t d = 0; d < kHalves; ++d) frame.rest[d] = {kFirstDelay + 0.5 * static_cast<double>(d), {}};
  const auto extent = canceller.add(chips, frame, replica, -1);
  chips.settle(extent.first, extent.last);
  for (int round = 0; round < kRounds; ++round) {
    take_out_response(chips, pulse, canceller, replica, frame);
    take_out_gain(chips, canceller, replica, frame);
  }
}

void StrongFrame::take_out_response(ChipBuffer& chips, const ChipPulse& pulse, Canceller& canceller,
                                    const SplitSequence& replica, FrameEstimate& frame) {
  std::vector<cf64> response(kHalves);
  FrameEstimate& part = work_->part;
  part = frame;
  part.fingers.clear();
  work_->straight.respond(chips, frame.timing, frame.turns, replica, {1.0}, replica.chips(),
                          StraightFrame::kFirstHalf, response);
  const double shared =
      chips.mean_weight(frame.timing.chip, replica.chips()) * static_cast<double>(replica.chips());
  for (cf64& r : response) r /= std::max(shared, 1e-30);
  std::vector<cf64> gram(kHalves * kHalves);
  for (std::size_t i = 0; i < kHalves; ++i)
    for (std::size_t j = 0; j < kHalves; ++j)
      gram[i * kHalves + j] =
          pulse.at(0.5 * (static_cast<double>(i) - static_cast<double>(j))) + (i == j ? kRidge : 0);
  solve(gram, response);
  for (std::size_t d = 0; d < kHalves; ++d) part.rest[d].gain = response[d];
  const auto extent = canceller.add(chips, part, replica, -1);
  chips.settle(extent.first, extent.last);
  for (std::size_t d = 0; d < kHalves; ++d) frame.rest[d].gain += part.rest[d].gain;
}

void StrongFrame::take_out_gain(ChipBuffer& chips, Canceller& canceller, const SplitSequence& replica,
                                FrameEstimate& frame) {
  const int lanes = chips.lanes();
  FrameEstimate& part = work_->part;
  part = frame;
  part.gain = {};
  // The frame alone, in a buffer that begins `base` chips later.
  const auto start = static_cast<std::int64_t>(std::floor(frame.timing.chip));
  const std::int64_t base = start / lanes * lanes;
  const auto rows = static_cast<std::int64_t>(replica.chips()) / lanes;
  const auto needed = static_cast<std::size_t>((rows + 2) * lanes + 2 * FrameReader::kMarginChips);
  work_->model = ChipBuffer(lanes);
  work_->model.append(std::vector<cf32>(ChipBuffer::kPlanes * needed));
  part.timing.chip -= static_cast<double>(base);
  canceller.add(work_->model, part, replica, 1);
  part.timing.chip += static_cast<double>(base);

  const auto piece_rows = std::max<std::int64_t>(1, std::lround(kPieceChips / static_cast<double>(lanes)));
  const auto pieces = static_cast<std::size_t>(rows / piece_rows);
  part.gain.step_chips = static_cast<double>(piece_rows * lanes);
  part.gain.first_chip = static_cast<double>(base) - frame.timing.chip + 0.5 * part.gain.step_chips;
  double explained = 0;
  for (std::size_t p = 0; p < pieces; ++p) {
    Products sum;
    for (int l = 0; l < lanes; ++l) {
      const std::int64_t n = static_cast<std::int64_t>(p) * piece_rows * lanes + l;
      const LanePosition of(n, lanes), at(n + base, lanes);
      add_products(chips.re(0, at), chips.im(0, at), work_->model.re(0, of), work_->model.im(0, of),
                   chips.weight(at), static_cast<std::size_t>(piece_rows), sum);
    }
    const double energy = std::max(sum.energy, 1e-30);
    explained += (sum.re * sum.re + sum.im * sum.im) / energy;
    part.gain.values.emplace_back(static_cast<float>(sum.re / energy), static_cast<float>(sum.im / energy));
  }
  const double noise = chips.noise_power(static_cast<double>(start), replica.chips());
  if (frame.gain.values.empty() && explained < kGainShows * static_cast<double>(pieces) * noise) return;
  const auto extent = canceller.add(chips, part, replica, -1);
  chips.settle(extent.first, extent.last);
  if (frame.gain.values.empty()) {
    frame.gain = part.gain;
    for (cf32& g : frame.gain.values) g += 1.0F;
  } else {
    for (std::size_t p = 0; p < pieces; ++p) frame.gain.values[p] += part.gain.values[p];
  }
}

}  // namespace ngdsp
