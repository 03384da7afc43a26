#include "ngdsp/rx/demodulator.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/multiversion.h"
#include "ngdsp/waveform/frame_energy.h"
#include "rx/straight_frame.h"

namespace ngdsp {
namespace {

// The timing search: chips to either side, as far as planes held about the middle reach; and how many times
// that its parabola is believed.
constexpr double kTimingStep = 0.125, kLargestShift = 1.5;
// |response to the preamble|^2 over noise, exponential(1) on noise, from which a delay is looked at with the
// symbols' help, and what noise may give the best of a few: a path's gain is lowered by its share.
constexpr double kFingerStatistic = 6, kFingerNoise = 3;

// y *= turn.
NGDSP_MULTIVERSION void turn_symbols(const float* turn_re, const float* turn_im, std::size_t n,
                                     float* __restrict re, float* __restrict im) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; ++i) {
    const float x = re[i] * turn_re[i] - im[i] * turn_im[i];
    im[i] = re[i] * turn_im[i] + im[i] * turn_re[i];
    re[i] = x;
  }
}

// soft = tanh(Re(g* y)), to 2 % (Pade); returns the sum of its squares.
NGDSP_MULTIVERSION float decide_softly(float g_re, float g_im, const float* re, const float* im,
                                       std::size_t n, float* soft) {
  float squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float x = std::min(3.0F, std::max(-3.0F, g_re * re[i] + g_im * im[i]));
    soft[i] = x * (27 + x * x) / (27 + 9 * x * x);
    squares += soft[i] * soft[i];
  }
  return squares;
}

NGDSP_MULTIVERSION void add_soft_products(const float* soft, const float* re, const float* im, std::size_t n,
                                          float* sums) {
  float a = 0, b = 0;
  for (std::size_t i = 0; i < n; ++i) {
    a += soft[i] * re[i];
    b += soft[i] * im[i];
  }
  sums[0] = a;
  sums[1] = b;
}

// sum += conj(g) y
NGDSP_MULTIVERSION void add_path(float g_re, float g_im, const float* re, const float* im, std::size_t n,
                                 float* __restrict sum_re, float* __restrict sum_im) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; ++i) {
    sum_re[i] += g_re * re[i] + g_im * im[i];
    sum_im[i] += g_re * im[i] - g_im * re[i];
  }
}

}  // namespace

Demodulator::Demodulator(const FrameEncoder& encoder, const OffsetRange& range)

    : reader_(encoder), range_(range), pulse_(encoder.profile().rolloff), straight_(new StraightFrame) {
  const Profile& p = reader_.profile();
  for (int q = 0; q < p.sequence_count(); ++q)
    nominal_a2_.push_back(chip_ec_n0_from_ebn0_db(p, p.class_of(q), kNominalEbn0Db));
}

Demodulator::~Demodulator() = default;

// From the preamble alone, drawn straight.
void Demodulator::find_paths(const ChipBuffer& chips, const FrameHypothesis& h, const SplitSequence& s) {
  const std::size_t start = reader_.preamble_start(h.sequence), count = reader_.preamble_chips();
  const double turns = range_.turns_by_chip() ? 0 : h.carrier_offset_hz / reader_.profile().chip_rate_hz;
  const FrameTiming t{h.chip + static_cast<double>(start), h.clock_ppm * 1e-6,
                      0.5 * static_cast<double>(count)};
  preamble_.assign_part(s, start, count);
  halves_.resize(StraightFrame::kHalves);
  straight_->respond(chips, t, turns, preamble_, {1.0}, count, StraightFrame::kFirstHalf, halves_);
  response_.assign(kDelays, cf64{});
  for (std::size_t d = 0; d < kDelays; d += 2) response_[d] = halves_[d / 2];
  fill_quarters(response_);
  const double shared = chips.mean_weight(t.chip, count) * static_cast<double>(count);
  find_fingers(response_, shared, kFingerStatistic * shared / reader_.weight(chips, t.chip, count), pulse_,
               fingers_);
}

// What `blocks_` say at a carrier.
PhaseFit Demodulator::fit(int q, double turns) const {
  const double nominal = nominal_a2_[static_cast<std::size_t>(q)];
  return fit_phase(blocks_, turns, {nominal * blocks_.front().noise_power(), kMostEcN0 * nominal});
}

// The best carrier within `reach` of `turns`, where the evidence is nearly a parabola.
PhaseFit Demodulator::fit_near(int q, double turns, double reach) const {
  const PhaseFit low = fit(q, turns - reach), middle = fit(q, turns), high = fit(q, turns + reach);
  const double bend = low.evidence - 2 * middle.evidence + high.evidence;
  if (bend >= 0) return low.evidence > high.evidence ? low : high;
  return fit(q, turns + std::clamp(0.5 * (low.evidence - high.evidence) / bend, -1.0, 1.0) * reach);
}

// Preamble and symbols of every finger, the carrier taken out. Of the first `blocks_` are what the last fit
// read: the clock that it found moves them by less than weights and preamble show.
void Demodulator::read_paths(const ChipBuffer& chips, const FrameHypothesis& h, double clock, double turns,
                             const SplitSequence& s) {
  const std::size_t code_bits = reader_.code_bits(h.sequence);
  turn_.resize(code_bits);
  const double middle = 0.5 * static_cast<double>(reader_.spreading_factor()) -
                        static_cast<double>(reader_.reference(h.sequence));
  const cf64 symbol_turn =
      std::polar(1.0, -2.0 * kPi * turns * static_cast<double>(reader_.spreading_factor()));
  cf32 block_turn[kBlockSymbols];
  cf64 within(1, 0);
  for (cf32& w : block_turn) {
    w = cf32(within);
    within *= symbol_turn;
  }
  cf64 block(1, 0);
  for (std::size_t m = 0; m < code_bits; m += kBlockSymbols, block *= within) {
    const double t = static_cast<double>(reader_.symbol_chip(h.sequence, m)) + middle;
    if (m % (code_bits / 2) == 0) block = std::polar(1.0, -2.0 * kPi * turns * t);
    const cf32 w(block);
    for (std::size_t i = 0; i < kBlockSymbols; ++i) {
      turn_.re[m + i] = w.real() * block_turn[i].real() - w.imag() * block_turn[i].imag();
      turn_.im[m + i] = w.real() * block_turn[i].imag() + w.imag() * block_turn[i].real();
    }
  }
  if (paths_.size() < fingers_.size()) paths_.resize(fingers_.size());
  for (std::size_t l = 0; l < fingers_.size(); ++l) {
    const FrameTiming t{h.chip + fingers_[l].delay_chips, clock, 0};
    Path& path = paths_[l];
    if (l == 0) {
      planes_.read_symbols(t, path.symbols);
      path.preamble.assign(blocks_.begin(), blocks_.begin() + FrameReader::kPreambleParts);
    } else {
      reader_.read_preamble(chips, h.sequence, t, s, path.preamble);
      reader_.read_symbols(chips, h.sequence, t, s, path.symbols);
    }
    for (FrameBlock& b : path.preamble) b.known *= std::polar(1.0, -2.0 * kPi * turns * b.time);
    turn_symbols(turn_.re.data(), turn_.im.data(), code_bits, path.symbols.re.data(), path.symbols.im.data());
  }
}

// Gains of the paths, the first of which has `phase` and decides softly on the symbols. What a path holds of
// the first one's pulse is taken off, with the noise they share: so that
//   a_l = sum_b P_l,b/s_b^2 + sum_m soft_m y_l,m/s_b^2
// has the gain times e, the energy of what is known, and noise e. Weights of the symbol blocks in `blocks_`.
void Demodulator::weigh_paths(double phase) {
  const auto overlap = [this](std::size_t k, std::size_t l) {
    return pulse_.at(fingers_[k].delay_chips - fingers_[l].delay_chips);
  };
  const std::vector<FrameBlock>& preamble = paths_.front().preamble;
  double e = 0;
  std::vector<cf64> a(fingers_.size());
  for (std::size_t b = 0; b < preamble.size(); ++b) {
    e += preamble[b].weight * preamble[b].chips;
    for (std::size_t l = 0; l < a.size(); ++l) a[l] += paths_[l].preamble[b].known * preamble[b].weight;
  }
  const cf64 first = std::polar(std::abs(a[0]) / e, phase);
  soft_.resize(kBlockSymbols);
  std::size_t m = 0;
  for (auto b = blocks_.begin() + FrameReader::kPreambleParts; b != blocks_.end(); ++b) {
    const cf64 g = first * (2 * b->weight);
    e += b->weight * b->chips / static_cast<double>(kBlockSymbols) *
         static_cast<double>(decide_softly(static_cast<float>(g.real()), static_cast<float>(g.imag()),
                                           paths_[0].symbols.re.data() + m, paths_[0].symbols.im.data() + m,
                                           kBlockSymbols, soft_.data()));
    for (std::size_t l = 0; l < a.size(); ++l) {
      float sums[2];
      add_soft_products(soft_.data(), paths_[l].symbols.re.data() + m, paths_[l].symbols.im.data() + m,
                        kBlockSymbols, sums);
      a[l] += b->weight * cf64(static_cast<double>(sums[0]), static_cast<double>(sums[1]));
    }
    m += kBlockSymbols;
  }
  fingers_[0].gain = first;
  for (std::size_t l = 1; l < fingers_.size(); ++l) {
    const cf64 shared = overlap(l, 0);
    const double left = std::max(1 - std::norm(shared), 0.02);
    cf64 g = (a[l] - shared * a[0]) / e;
    for (std::size_t k = 1; k < l; ++k) g -= fingers_[k].gain * (overlap(l, k) - shared * overlap(0, k));
    const double statistic = std::norm(g) * e / left;
    fingers_[l].gain = g / left * std::max(0.0, 1 - kFingerNoise / std::max(statistic, 1e-30));
    fingers_[0].gain -= std::conj(shared) * fingers_[l].gain;
  }
}

const std::vector<Finger>& Demodulator::demodulate(const ChipBuffer& chips, FrameHypothesis& h,
                                                   std::vector<float>& llr) {
  const Profile& p = reader_.profile();
  const std::size_t code_bits = reader_.code_bits(h.sequence);
  const std::size_t vetted = std::min(code_bits, kVettedSymbols);
  const double rate = p.chip_rate_hz, crystal = p.carrier_crystal_hz;
  const double base_hz = range_.turns_by_chip() ? h.carrier_offset_hz : 0;
  const SplitSequence& sequence = reader_.sequence(h.sequence, base_hz, code_bits);
  reader_.limit_weights(chips, h.sequence, h.chip);
  const double untied_hz = h.carrier_offset_hz - h.clock_ppm * 1e-6 * crystal;
  double turns = (h.carrier_offset_hz - base_hz) / rate, clock = h.clock_ppm * 1e-6;

  find_paths(chips, h, sequence);
  planes_.assign(chips, reader_, h.sequence, sequence);
  // The symbols know the timing as well as the preamble does: the evidence at three times, and its parabola.
  const auto evidence = [&](double shift) {
    planes_.read_blocks({h.chip + fingers_.front().delay_chips + shift, clock, 0}, vetted, blocks_);
    return fit(h.sequence, turns).evidence;
  };
  const double middle = evidence(0), early = evidence(-kTimingStep), late = evidence(kTimingStep);
  if (const double bend = early - 2 * middle + late; bend < 0) {
    const double shift = std::clamp(0.5 * (early - late) / bend, -kLargestShift, kLargestShift) * kTimingStep;
    for (Finger& f : fingers_) f.delay_chips += shift;
  }
  // Clock and carrier over longer and longer spans, from the strongest path.
  const double first_chip = h.chip + fingers_.front().delay_chips;
  PhaseFit first;
  for (std::size_t count = vetted;; count = std::min(2 * count, code_bits)) {
    const double reach = (count <= kVettedSymbols ? 0.5 : 1.5) * kHypothesisStep;
    planes_.read_blocks({first_chip, clock, 0}, count, blocks_);
    first = fit_near(h.sequence, turns, reach / static_cast<double>(reader_.span_chips(count)));
    turns = first.turns;
    clock = (turns * rate + base_hz - untied_hz) / crystal;
    if (count == code_bits) break;
  }

  // All paths at the final clock, combined by their gains; then the phase of the sum.
  read_paths(chips, h, clock, turns, sequence);
  weigh_paths(first.phase);
  SplitSymbols& sum = sum_;
  sum.re.assign(code_bits, 0.0F);
  sum.im.assign(code_bits, 0.0F);
  const auto symbol_blocks = blocks_.begin() + FrameReader::kPreambleParts;
  for (auto b = blocks_.begin(); b != symbol_blocks; ++b) b->known = 0;
  double power = 0;  // of the noise in the sum, over that of a path
  for (std::size_t l = 0; l < fingers_.size(); ++l) {
    const cf64 gain = fingers_[l].gain;
    if (gain == 0.0) continue;
    for (std::size_t b = 0; b < FrameReader::kPreambleParts; ++b)
      blocks_[b].known += std::conj(gain) * paths_[l].preamble[b].known;
    add_path(static_cast<float>(gain.real()), static_cast<float>(gain.imag()), paths_[l].symbols.re.data(),
             paths_[l].symbols.im.data(), code_bits, sum.re.data(), sum.im.data());
    for (const Finger& f : fingers_)
      power += (std::conj(gain) * f.gain * pulse_.at(fingers_[l].delay_chips - f.delay_chips)).real();
  }
  power = std::max(power, 1e-30);
  // Scaled to the noise of one path the evidence formula holds.
  for (auto b = blocks_.begin(); b != symbol_blocks; ++b) b->known /= std::sqrt(power);
  std::size_t m = 0;
  for (auto b = symbol_blocks; b != blocks_.end(); ++b, m += kBlockSymbols) {
    square_symbols(sum.re.data() + m, sum.im.data() + m, kBlockSymbols, b->squares, b->energy);
    b->squares /= power;
    b->energy /= power;
  }
  const PhaseFit last = fit(h.sequence, 0);
  h.carrier_offset_hz = turns * rate + base_hz;
  h.clock_ppm = clock * 1e6;
  h.phase_rad = last.phase;
  h.evidence = last.evidence;

  llr.resize(code_bits);
  const double re = 4.0 * std::cos(last.phase), im = 4.0 * std::sin(last.phase);
  m = 0;
  for (auto b = symbol_blocks; b != blocks_.end(); ++b, m += kBlockSymbols) {
    const auto w_re = static_cast<float>(b->weight * re), w_im = static_cast<float>(b->weight * im);
    for (std::size_t i = m; i < m + kBlockSymbols; ++i) llr[i] = sum.re[i] * w_re + sum.im[i] * w_im;
  }
  return fingers_;
}

}  // namespace ngdsp
