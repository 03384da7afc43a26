#include "ngdsp/rx/frame_estimator.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "rx/straight_frame.h"

namespace ngdsp {
namespace {

// Chips over which the carrier and the drift hold still: 0.07 cycles at 100 ppm of 63 kHz, 0.05 chips.
constexpr std::size_t kPieceChips = 448;
constexpr double kCarrierGrid = 1.0 / 16;  // cycles over the frame
constexpr int kCarrierReach = 8;           // steps of it
constexpr int kNearHalves = 3;             // half chips beside the paths that are known
// |response|^2 over noise, exponential(1) on noise, from which a path is taken out. What is left of a true
// one is its statistic; a false one, in 3 of 100 frames with 30 independent delays, leaves as much.
constexpr double kFingerStatistic = 7;
// Nats off the metric for a further path: the best of 30 delays beside a metric of 100 to 400 makes e^8 as
// many ways to reach it on noise.
constexpr double kFingerCost = 8;

}  // namespace

void FrameGain::along(double chip, double step, std::size_t count, float* re, float* im) const {
  const double first = (chip - first_chip) / step_chips, by = step / step_chips,
               last = static_cast<double>(values.size()) - 1;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = std::max(0.0, std::min(first + by * static_cast<double>(i), last));
    const auto k = static_cast<std::size_t>(x);
    const cf32 here = values.empty() ? 1 : values[k], next = k + 1 < values.size() ? values[k + 1] : here;
    const auto mu = static_cast<float>(x - static_cast<double>(k));
    re[i] = here.real() + mu * (next.real() - here.real());
    im[i] = here.imag() + mu * (next.imag() - here.imag());
  }
}

double FrameEstimate::amplitude() const {
  double power = 0;
  for (const Finger& f : fingers) power += std::norm(f.gain);
  return std::sqrt(power);
}

FrameHypothesis FrameEstimate::hypothesis(const Profile& profile) const {
  FrameHypothesis h;
  h.sequence = sequence;
  h.chip = timing.chip;
  h.carrier_offset_hz = turns * profile.chip_rate_hz + base_hz;
  h.clock_ppm = timing.clock * 1e6;
  return h;
}

double FrameEstimate::delay_spread_chips() const {
  double power = 1e-30, first = 0, second = 0;
  for (const Finger& f : fingers) {
    const double p = std::norm(f.gain);
    power += p;
    first += p * f.delay_chips;
    second += p * f.delay_chips * f.delay_chips;
  }
  return std::sqrt(std::max(0.0, second / power - (first / power) * (first / power)));
}

FrameEstimator::FrameEstimator(const FrameEncoder& encoder, const OffsetRange& range)
    : reader_(encoder), range_(range), pulse_(encoder.profile().rolloff), straight_(new StraightFrame) {}
FrameEstimator::~FrameEstimator() = default;

const SplitSequence& FrameEstimator::replica(const FrameHypothesis& h, const std::vector<float>& symbols) {
  const double base_hz = range_.turns_by_chip() ? h.carrier_offset_hz : 0;
  replica_.assign_modulated(reader_.sequence(h.sequence, base_hz, reader_.code_bits(h.sequence)),
                            reader_.preamble_chips(), symbols);
  return replica_;
}

void FrameEstimator::correlate_pieces(const ChipBuffer& chips, FrameTiming t, const SplitSequence& replica,
                                      std::vector<cf64>& out) const {
  out.clear();
  std::size_t first = 0;
  for (const Piece& p : pieces_) {
    out.push_back(correlate(chips, t.chip + static_cast<double>(first) - t.clock * p.time, replica,
                            first + replica.padding(), p.count));
    first += p.count;
  }
  if (taken_.fingers.empty()) return;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& p = pieces_[i];
    const double delay = t.chip - taken_.timing.chip - (t.clock - taken_.timing.clock) * p.time;
    const double turn = kPi * taken_.turns * static_cast<double>(p.count);  // half of that within the piece
    const double kept = std::abs(turn) > 1e-6 ? std::sin(turn) / turn : 1;
    out[i] += std::polar(kept * p.chips, 2 * kPi * taken_.turns * p.time) * taken_response(delay);
  }
}

// What a chip of the taken frame gives at a delay against its timing.
cf64 FrameEstimator::taken_response(double delay) const {
  cf64 sum;
  for (const Finger& f : taken_.fingers) sum += f.gain * pulse_.at(delay - f.delay_chips);
  return sum;
}

cf64 FrameEstimator::sum(const std::vector<cf64>& values, double turns) const {
  cf64 total;
  cf64 w = std::polar(1.0, -2.0 * kPi * turns * pieces_.front().time);
  const cf64 step = std::polar(1.0, -2.0 * kPi * turns * static_cast<double>(kPieceChips));
  for (std::size_t i = 0; i + 1 < values.size(); ++i, w *= step) total += values[i] * (w * pieces_[i].weight);
  // The last piece may be shorter.
  return total + values.back() * std::polar(pieces_.back().weight, -2.0 * kPi * turns * pieces_.back().time);
}

// Sum over the pieces of |C|^2 over its noise, less the 1 that noise alone gives each.
double FrameEstimator::coherent_energy(const std::vector<cf64>& values) const {
  double energy = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    energy += std::norm(values[i]) * pieces_[i].weight / pieces_[i].chips - 1;
  return std::max(energy, 1.0);
}

double FrameEstimator::cancellation_db(const ChipBuffer& chips, const FrameEstimate& frame,
                                       const SplitSequence& replica) {
  correlate_pieces(chips, frame.timing, replica, correlations_);
  return to_db(energy_ / coherent_energy(correlations_));
}

// Response to the whole frame, at half chips from the frame drawn straight, between them by cubic
// interpolation.
void FrameEstimator::respond(const ChipBuffer& chips, const FrameEstimate& at, const SplitSequence& replica) {
  weights_.clear();
  for (const Piece& p : pieces_) weights_.push_back(p.weight);
  halves_.assign(StraightFrame::kHalves, cf64{});
  // Of a frame estimated before only the neighbourhood of its paths is looked at.
  int first = 0, last = static_cast<int>(halves_.size()) - 1;
  if (!taken_.fingers.empty()) {
    const auto by_delay = [](const Finger& a, const Finger& b) { return a.delay_chips < b.delay_chips; };
    const auto ends = std::minmax_element(taken_.fingers.begin(), taken_.fingers.end(), by_delay);
    first = std::max(first, static_cast<int>(std::floor(2 * ends.first->delay_chips)) -
                                StraightFrame::kFirstHalf - kNearHalves);
    last = std::min(last, static_cast<int>(std::ceil(2 * ends.second->delay_chips)) -
                              StraightFrame::kFirstHalf + kNearHalves);
  }
  straight_->respond(chips, at.timing, at.turns, replica, weights_, kPieceChips,
                     StraightFrame::kFirstHalf + first,
                     Span<cf64>(halves_).subspan(static_cast<std::size_t>(first),
                                                 static_cast<std::size_t>(last - first + 1)));
  if (!taken_.fingers.empty()) {
    cf64 all;
    for (const Piece& p : pieces_)
      all += std::polar(p.weight * p.chips, 2 * kPi * (taken_.turns - at.turns) * p.time);
    for (std::size_t i = 0; i < halves_.size(); ++i)
      halves_[i] += all * taken_response(kFirstDelay + 0.5 * static_cast<double>(i) + at.timing.chip -
                                         taken_.timing.chip);
  }
  response_.assign(kDelays, cf64{});
  for (std::size_t i = 0; i < halves_.size(); ++i) response_[2 * i] = halves_[i];
  fill_quarters(response_);
}

void FrameEstimator::estimate(const ChipBuffer& chips, const FrameHypothesis& h, double first_chip,
                              const SplitSequence& replica, FrameEstimate& out) {
  taken_.fingers.clear();
  out.base_hz = range_.turns_by_chip() ? h.carrier_offset_hz : 0;
  estimate_from(chips, h, first_chip, replica, out);
}

void FrameEstimator::estimate_again(const ChipBuffer& chips, const SplitSequence& replica,
                                    FrameEstimate& frame) {
  taken_ = frame;
  estimate_from(chips, taken_.hypothesis(reader_.profile()), taken_.timing.chip, replica, frame);
}

void FrameEstimator::estimate_from(const ChipBuffer& chips, const FrameHypothesis& h, double first_chip,
                                   const SplitSequence& replica, FrameEstimate& out) {
  const Profile& p = reader_.profile();
  const std::size_t frame_chips = reader_.frame_chips(h.sequence);
  const double untied_hz = h.carrier_offset_hz - h.clock_ppm * 1e-6 * p.carrier_crystal_hz;
  out.sequence = h.sequence;
  out.rest.clear();
  out.gain = {};
  out.turns = (h.carrier_offset_hz - out.base_hz) / p.chip_rate_hz;
  const auto reference = static_cast<double>(reader_.reference(h.sequence));
  out.timing = {first_chip, h.clock_ppm * 1e-6, reference};
  reader_.limit_weights(chips, h.sequence, first_chip);

  pieces_.clear();
  double weighted_chips = 0;
  for (std::size_t first = 0; first < frame_chips; first += kPieceChips) {
    const std::size_t count = std::min(kPieceChips, frame_chips - first);
    const double begin = static_cast<double>(first), n = static_cast<double>(count);
    pieces_.push_back({begin + n / 2 - reference, reader_.weight(chips, first_chip + begin, count),
                       chips.mean_weight(first_chip + begin, count) * n, count});
    weighted_chips += pieces_.back().weight * pieces_.back().chips;
  }

  correlate_pieces(chips, out.timing, replica, correlations_);
  const double step = kCarrierGrid / static_cast<double>(frame_chips);
  double best = -1;
  int best_i = 0;
  for (int i = -kCarrierReach; i <= kCarrierReach; ++i)
    if (const double power = std::norm(sum(correlations_, out.turns + i * step)); power > best)
      best = power, best_i = i;
  out.turns += best_i * step;
  const double below = std::norm(sum(correlations_, out.turns - step));
  const double above = std::norm(sum(correlations_, out.turns + step));
  if (const double bend = below - 2 * best + above; bend < 0)
    out.turns += std::clamp(0.5 * (below - above) / bend, -1.0, 1.0) * step;
  out.metric = std::norm(sum(correlations_, out.turns)) / weighted_chips;
  energy_ = coherent_energy(correlations_);
  out.timing.clock = (out.turns * p.chip_rate_hz + out.base_hz - untied_hz) / p.carrier_crystal_hz;

  respond(chips, out, replica);
  left_ = response_;
  find_fingers(left_, weighted_chips, kFingerStatistic * weighted_chips, pulse_, out.fingers);
  for (std::size_t l = 1; l < out.fingers.size(); ++l)
    out.metric += std::max(0.0, std::norm(out.fingers[l].gain) * weighted_chips - kFingerCost);
  fit_fingers(response_, weighted_chips, pulse_, out.fingers);
  out.timing.chip += out.fingers.front().delay_chips;
  const double strongest = out.fingers.front().delay_chips;
  for (Finger& f : out.fingers) f.delay_chips -= strongest;
}

}  // namespace ngdsp
