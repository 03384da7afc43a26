#include "ngdsp/rx/demodulator.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/waveform/frame_energy.h"

namespace ngdsp {
namespace {

constexpr double kTimingStep = 0.15;  // chips, of the timing search

}  // namespace

Demodulator::Demodulator(const FrameEncoder& encoder, const OffsetRange& range)
    : reader_(encoder), range_(range) {
  const Profile& p = reader_.profile();
  for (int q = 0; q < p.sequence_count(); ++q)
    nominal_a2_.push_back(chip_ec_n0_from_ebn0_db(p, p.class_of(q), kNominalEbn0Db));
}

void Demodulator::find_paths(const ChipBuffer& chips, const FrameHypothesis& h, const SplitSequence& s) {
  response_.assign(kDelays, cf64{});
  const double turns = range_.turns_by_chip() ? 0 : h.carrier_offset_hz / reader_.profile().chip_rate_hz;
  double noise = 0;
  for (std::size_t i = 0; i < FrameReader::kPreambleParts; ++i) {
    const std::size_t from = i * reader_.preamble_chips() / FrameReader::kPreambleParts;
    const std::size_t count = (i + 1) * reader_.preamble_chips() / FrameReader::kPreambleParts - from;
    const std::size_t first = reader_.preamble_start(h.sequence) + from;
    const double middle = static_cast<double>(first) + static_cast<double>(count) / 2.0 -
                          static_cast<double>(reader_.reference(h.sequence));
    const double at = h.chip + static_cast<double>(first) - h.clock_ppm * 1e-6 * middle;
    const cf64 turn = std::polar(1.0, -2.0 * kPi * turns * middle);
    for (std::size_t d = 0; d < kDelays; ++d)
      response_[d] +=
          turn * correlate(chips, at + kFirstDelay + static_cast<double>(d) * kDelayStep, s, first, count);
    noise += static_cast<double>(count) / reader_.weight(chips, at, count);
  }
  find_fingers(response_, static_cast<double>(reader_.preamble_chips()), noise, reader_.profile().rolloff,
               fingers_);
}

// The best of nine carriers within `reach` cycles a span of `turns`, from the preamble and the symbols around
// it.
PhaseFit Demodulator::fit(const ChipBuffer& chips, int q, FrameTiming t, const SplitSequence& s,
                          std::size_t symbols, double turns, double reach) {
  reader_.read_preamble(chips, q, t, s, blocks_);
  reader_.read_symbols(chips, q, t, s, symbols, path_);
  reader_.add_symbol_blocks(chips, q, t, symbols, path_, blocks_);
  const double nominal = nominal_a2_[static_cast<std::size_t>(q)];
  const EvidenceAmplitude a{nominal / blocks_.front().weight, kMostEcN0 * nominal};
  if (reach == 0) return fit_phase(blocks_, turns, a);
  PhaseFit best;
  const auto span = static_cast<double>(reader_.span_chips(symbols));
  for (int i = -4; i <= 4; ++i)
    if (const PhaseFit f = fit_phase(blocks_, turns + i * reach / 4 / span, a); f.evidence > best.evidence)
      best = f;
  return best;
}

const std::vector<Finger>& Demodulator::demodulate(const ChipBuffer& chips, FrameHypothesis& h,
                                                   std::vector<float>& llr) {
  const Profile& p = reader_.profile();
  const std::size_t code_bits = reader_.code_bits(h.sequence);
  const std::size_t vetted = std::min(code_bits, kVettedSymbols);
  const double nominal = nominal_a2_[static_cast<std::size_t>(h.sequence)];
  const double rate = p.chip_rate_hz, crystal = p.carrier_crystal_hz;
  const double base_hz = range_.turns_by_chip() ? h.carrier_offset_hz : 0;
  const SplitSequence& sequence = reader_.sequence(h.sequence, base_hz, code_bits);
  reader_.limit_weights(chips, h.sequence, h.chip);
  const double untied_hz = h.carrier_offset_hz - h.clock_ppm * 1e-6 * crystal;
  double turns = (h.carrier_offset_hz - base_hz) / rate, clock = h.clock_ppm * 1e-6;

  find_paths(chips, h, sequence);
  // The symbols know the timing as well as the preamble does: the evidence at three times, and its parabola.
  double evidence[3];
  for (int i = 0; i < 3; ++i)
    evidence[i] =
        fit(chips, h.sequence, {h.chip + fingers_.front().delay_chips + (i - 1) * kTimingStep, clock, 0},
            sequence, vetted, turns, 0)
            .evidence;
  if (const double bend = evidence[0] - 2 * evidence[1] + evidence[2]; bend < 0) {
    const double shift = std::clamp(0.5 * (evidence[0] - evidence[2]) / bend, -1.5, 1.5) * kTimingStep;
    for (Finger& f : fingers_) f.delay_chips += shift;
  }
  // Clock and carrier over longer and longer spans, from the strongest path.
  const double first_chip = h.chip + fingers_.front().delay_chips;
  for (std::size_t count = vetted;; count = std::min(2 * count, code_bits)) {
    const double reach = (count <= kVettedSymbols ? 0.5 : 1.5) * kHypothesisStep;
    turns = fit(chips, h.sequence, {first_chip, clock, 0}, sequence, count, turns, reach).turns;
    clock = (turns * rate + base_hz - untied_hz) / crystal;
    if (count == code_bits) break;
  }

  // All paths at the final clock, combined by their gains; then the phase of the sum.
  combined_.re.assign(code_bits, 0.0F);
  combined_.im.assign(code_bits, 0.0F);
  sum_.clear();
  double power = 0;
  for (const Finger& f : fingers_) {
    const FrameTiming t{h.chip + f.delay_chips, clock, 0};
    reader_.read_preamble(chips, h.sequence, t, sequence, blocks_);
    if (sum_.empty()) {
      sum_ = blocks_;
      for (FrameBlock& b : sum_) b.known = 0;
    }
    for (std::size_t b = 0; b < sum_.size(); ++b) sum_[b].known += std::conj(f.gain) * blocks_[b].known;
    reader_.read_symbols(chips, h.sequence, t, sequence, code_bits, path_);
    const auto g_re = static_cast<float>(f.gain.real()), g_im = static_cast<float>(f.gain.imag());
    for (std::size_t m = 0; m < code_bits; ++m) {
      combined_.re[m] += g_re * path_.re[m] + g_im * path_.im[m];
      combined_.im[m] += g_re * path_.im[m] - g_im * path_.re[m];
    }
    power += std::norm(f.gain);
  }
  power = std::max(power, 1e-30);
  reader_.add_symbol_blocks(chips, h.sequence, {first_chip, clock, 0}, code_bits, combined_, sum_);
  // Combined symbols have amplitude `power` a chip and noise variance power s^2: scaled, the evidence formula
  // holds.
  for (FrameBlock& b : sum_) {
    b.known /= std::sqrt(power);
    b.squares /= power;
    b.energy /= power;
  }
  const PhaseFit last = fit_phase(sum_, turns, {nominal / sum_.front().weight, kMostEcN0 * nominal});
  h.carrier_offset_hz = turns * rate + base_hz;
  h.clock_ppm = clock * 1e6;
  h.phase_rad = last.phase;
  h.evidence = last.evidence;

  llr.resize(code_bits);
  const double middle = 0.5 * static_cast<double>(reader_.spreading_factor()) -
                        static_cast<double>(reader_.reference(h.sequence));
  const cf64 symbol_turn =
      std::polar(1.0, -2.0 * kPi * turns * static_cast<double>(reader_.spreading_factor()));
  auto block = sum_.begin() + FrameReader::kPreambleParts;
  for (std::size_t m = 0, n; m < code_bits; m += n, ++block) {
    n = reader_.block_symbols(h.sequence, m, code_bits);
    const double t = static_cast<double>(reader_.symbol_chip(h.sequence, m)) + middle;
    cf64 w = std::polar(4.0 * block->weight, -2.0 * kPi * turns * t - last.phase);
    for (std::size_t i = m; i < m + n; ++i, w *= symbol_turn)
      llr[i] = static_cast<float>(static_cast<double>(combined_.re[i]) * w.real() -
                                  static_cast<double>(combined_.im[i]) * w.imag());
  }
  return fingers_;
}

}  // namespace ngdsp
