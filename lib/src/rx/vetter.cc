#include "ngdsp/rx/vetter.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/multiversion.h"
#include "ngdsp/waveform/frame_energy.h"

namespace ngdsp {
namespace {

// Nats below which the symbols up to here end it. A 16-byte frame at its threshold has 34 after half its 2048
// symbols, below 15 once in a hundred; a 64-byte frame has 38 after 2048, below 24 once in a hundred.
struct Stage {
  std::size_t symbols;
  double least_evidence;
};
constexpr Stage kStages[] = {{1024, 12}, {2048, 18}, {kVettedSymbols, 0}};
constexpr double kHypothesisDrop = 11;  // nats below the best at which a clock offset is no longer tried

// Adds one block to every trial: its entry at the trial's drift, turned by the trial's carrier; `sign` -1 for
// a block before the preamble.
NGDSP_MULTIVERSION void add_block_to_trials(std::size_t n, const float* clock_quarters, float time,
                                            int lowest, int last, const float* re, const float* im,
                                            const float* constant, const float* w_re, const float* w_im,
                                            float sign, float* sum_re, float* sum_im, float* sum_constant) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; ++i) {
    int o = static_cast<int>(std::floor(clock_quarters[i] * time + 0.5F)) - lowest;
    o = o < 0 ? 0 : o > last ? last : o;
    const float c = w_re[i], s = sign * w_im[i];
    sum_re[i] += re[o] * c - im[o] * s;
    sum_im[i] += re[o] * s + im[o] * c;
    sum_constant[i] += constant[o];
  }
}

NGDSP_MULTIVERSION void turn_trials(std::size_t n, const float* step_re, const float* step_im, float* w_re,
                                    float* w_im) {
  for (std::size_t i = 0; i < n; ++i) {
    const float c = w_re[i], s = w_im[i];
    w_re[i] = c * step_re[i] - s * step_im[i];
    w_im[i] = c * step_im[i] + s * step_re[i];
  }
}

}  // namespace

void Vetter::Trial::resize(std::size_t n) {
  clock.resize(n);
  turns.resize(n);
  for (auto* v : {&clock_quarters, &w_re, &w_im, &step_re, &step_im, &re, &im, &constant}) v->resize(n);
}

Vetter::Vetter(const FrameEncoder& encoder, const OffsetRange& range) : reader_(encoder), range_(range) {
  const Profile& p = reader_.profile();
  for (int q = 0; q < p.sequence_count(); ++q)
    nominal_a2_.push_back(chip_ec_n0_from_ebn0_db(p, p.class_of(q), kNominalEbn0Db));
}

void Vetter::square_block(const ChipBuffer& chips, const PreambleHit& hit, const SplitSequence& s,
                          bool behind, std::size_t n, double low, double high, const EvidenceAmplitude& a) {
  const std::size_t half = reader_.code_bits(hit.sequence) / 2;
  const std::size_t first =
      reader_.symbol_chip(hit.sequence, behind ? half + n * kBlockSymbols : half - (n + 1) * kBlockSymbols);
  const std::size_t count = kBlockSymbols * reader_.spreading_factor();
  const double time = static_cast<double>(first) + static_cast<double>(count) / 2 -
                      static_cast<double>(reader_.reference(hit.sequence));
  const double at =
      hit.chip + static_cast<double>(first) - static_cast<double>(reader_.preamble_start(hit.sequence));
  const double weight = reader_.weight(chips, at, count);
  const auto drift = [time](double clock) { return static_cast<int>(std::lround(-4.0 * clock * time)); };
  const int from = std::min(drift(low), drift(high)), to = std::max(drift(low), drift(high));
  table_.rows.push_back({from, table_.re.size(), static_cast<std::size_t>(to - from + 1)});
  const double a2 = a.squares_a2(weight);
  const double symbol = a2 * weight * static_cast<double>(reader_.spreading_factor());
  variance_ += 2 * static_cast<double>(kBlockSymbols) * symbol * symbol;
  const double scale = a2 * weight * weight, expected = a2 * weight * static_cast<double>(count);
  float re[kBlockSymbols], im[kBlockSymbols];
  for (int o = from; o <= to; ++o) {
    despread(chips, at + o * 0.25, s, first, kBlockSymbols, re, im);
    cf64 squares;
    double energy;
    square_symbols(re, im, kBlockSymbols, squares, energy);
    table_.re.push_back(static_cast<float>(scale * squares.real()));
    table_.im.push_back(static_cast<float>(scale * squares.imag()));
    table_.constant.push_back(static_cast<float>(scale * energy - expected));
  }
}

void Vetter::judge(const PreambleHit& hit, double low, double high, int steps, const EvidenceAmplitude& a) {
  const Profile& p = reader_.profile();
  const double base_hz = range_.turns_by_chip() ? hit.carrier_offset_hz : 0;
  const auto span =
      static_cast<double>(reader_.span_chips(std::min(reader_.code_bits(hit.sequence), kVettedSymbols)));
  const int extra =
      range_.turns_by_chip()
          ? 0
          : static_cast<int>(std::ceil(range_.extra_carrier_hz * span / p.chip_rate_hz / kHypothesisStep));
  const auto carriers = static_cast<std::size_t>(2 * extra + 1);
  const std::size_t n = static_cast<std::size_t>(steps + 1) * carriers;
  Trial& t = trial_;
  t.resize(n);
  const double block_chips = static_cast<double>(kBlockSymbols * reader_.spreading_factor());
  const double first_time = static_cast<double>(reader_.preamble_chips()) / 2 + block_chips / 2;
  for (std::size_t i = 0; i < n; ++i) {
    t.clock[i] = low + (high - low) * static_cast<double>(i / carriers) / steps;
    t.turns[i] = (t.clock[i] * p.carrier_crystal_hz - base_hz) / p.chip_rate_hz +
                 (static_cast<double>(i % carriers) - extra) * kHypothesisStep / span;
    t.clock_quarters[i] = static_cast<float>(-4.0 * t.clock[i]);
    const cf64 w = std::polar(1.0, -4.0 * kPi * t.turns[i] * first_time);
    const cf64 step = std::polar(1.0, -4.0 * kPi * t.turns[i] * block_chips);
    t.w_re[i] = static_cast<float>(w.real());
    t.w_im[i] = static_cast<float>(w.imag());
    t.step_re[i] = static_cast<float>(step.real());
    t.step_im[i] = static_cast<float>(step.imag());
    t.re[i] = t.im[i] = t.constant[i] = 0;
  }
  for (std::size_t pair = 0; pair < table_.rows.size() / 2; ++pair) {
    for (std::size_t side = 0; side < 2; ++side) {
      const DriftTable::Row& row = table_.rows[2 * pair + side];
      const double time = first_time + static_cast<double>(pair) * block_chips, sign = side == 0 ? -1 : 1;
      add_block_to_trials(n, t.clock_quarters.data(), static_cast<float>(sign * time), row.lowest,
                          static_cast<int>(row.count) - 1, table_.re.data() + row.first,
                          table_.im.data() + row.first, table_.constant.data() + row.first, t.w_re.data(),
                          t.w_im.data(), static_cast<float>(sign), t.re.data(), t.im.data(),
                          t.constant.data());
    }
    turn_trials(n, t.step_re.data(), t.step_im.data(), t.w_re.data(), t.w_im.data());
  }
  found_.clear();
  for (std::size_t i = 0; i < n; ++i) {
    CarrierSums total = sum_blocks(preamble_, t.turns[i], a);
    total.squares += cf64(static_cast<double>(t.re[i]), static_cast<double>(t.im[i]));
    total.constant += static_cast<double>(t.constant[i]);
    const PhaseFit fit = fit_phase(total, t.turns[i]);
    found_.push_back({hit.sequence, hit.chip - static_cast<double>(reader_.preamble_start(hit.sequence)),
                      t.turns[i] * p.chip_rate_hz + base_hz, t.clock[i] * 1e6, fit.phase, fit.evidence});
  }
}

double Vetter::statistic(const ChipBuffer& chips, const PreambleHit& hit) {
  const std::size_t start = reader_.preamble_start(hit.sequence);
  const SplitSequence& sequence =
      reader_.sequence(hit.sequence, range_.turns_by_chip() ? hit.carrier_offset_hz : 0, 0);
  const cf64 sum = correlate(chips, hit.chip, sequence, start, reader_.preamble_chips());
  const double power = chips.mean_power(hit.chip, reader_.preamble_chips());
  return std::norm(sum) / (std::max(power, 1e-30) * static_cast<double>(reader_.preamble_chips()));
}

const std::vector<FrameHypothesis>& Vetter::vet(const ChipBuffer& chips, const PreambleHit& hit) {
  const Profile& p = reader_.profile();
  const std::size_t count = std::min(reader_.code_bits(hit.sequence), kVettedSymbols);
  const std::size_t span = reader_.span_chips(count);
  const double base_hz = range_.turns_by_chip() ? hit.carrier_offset_hz : 0;
  const SplitSequence& sequence = reader_.sequence(hit.sequence, base_hz, count);
  const double start = hit.chip - static_cast<double>(reader_.preamble_start(hit.sequence));
  reader_.limit_weights(chips, hit.sequence, start);

  // Clock offsets to try: all of them, or those of the carrier bin.
  double low = -range_.max_clock_ppm * 1e-6, high = -low;
  if (range_.turns_by_chip()) {
    const double reach = range_.carrier_bin_hz + range_.extra_carrier_hz;
    low = (base_hz - reach) / p.carrier_crystal_hz;
    high = (base_hz + reach) / p.carrier_crystal_hz;
  }
  const double step = kHypothesisStep * p.chip_rate_hz / static_cast<double>(span) / p.carrier_crystal_hz;
  const int steps = std::max(1, static_cast<int>(std::ceil((high - low) / step)));

  reader_.read_preamble(chips, hit.sequence, {start, (low + high) / 2, 0}, sequence, preamble_);
  const double hint = (hit.statistic - 1.0) / static_cast<double>(reader_.preamble_chips());
  const double nominal = nominal_a2_[static_cast<std::size_t>(hit.sequence)];
  const EvidenceAmplitude a{std::max(nominal, hint > 4 * nominal ? hint : 0.0) / preamble_.front().weight,
                            kMostEcN0 * nominal};

  // Variance that noise gives the preamble's part; that of the squares is added block by block.
  const double preamble_variance = 2 * nominal * static_cast<double>(reader_.preamble_chips());
  const double nominal_symbol = nominal * static_cast<double>(reader_.spreading_factor());
  variance_ = preamble_variance;
  table_.rows.clear();
  for (auto* v : {&table_.re, &table_.im, &table_.constant}) v->clear();
  const std::size_t blocks = count / (2 * kBlockSymbols) * 2;
  for (const Stage& stage : kStages) {
    const std::size_t end = std::min(blocks, stage.symbols / kBlockSymbols);
    while (table_.rows.size() < end)
      for (const bool behind : {false, true})
        square_block(chips, hit, sequence, behind, table_.rows.size() / 2, low, high, a);
    // A shorter span needs fewer steps.
    judge(hit, low, high,
          end == blocks ? steps : static_cast<int>(static_cast<std::size_t>(steps) * end / blocks) + 1, a);
    std::sort(found_.begin(), found_.end(),
              [](const FrameHypothesis& x, const FrameHypothesis& y) { return x.evidence > y.evidence; });
    // Blocks that count for more than others make it noisier.
    const double even =
        preamble_variance + 2 * static_cast<double>(end * kBlockSymbols) * nominal_symbol * nominal_symbol;
    const double scale = std::sqrt(std::min(1.0, even / variance_));
    for (FrameHypothesis& h : found_) h.evidence *= scale;
    if (end == blocks || found_.front().evidence < stage.least_evidence) break;
  }
  std::size_t kept = 1;
  while (kept < std::min(found_.size(), kMaxHypotheses) &&
         found_[kept].evidence > found_.front().evidence - kHypothesisDrop)
    ++kept;
  found_.resize(kept);
  return found_;
}

}  // namespace ngdsp
