#include "ngdsp/rx/vetter.h"

#include <algorithm>
#include <array>
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
constexpr std::array<Stage, 2> kStages = {{{1024, 12}, {2048, 18}}};
// Where several carriers are searched, hits have the higher threshold of that search behind them: more
// evidence from the preamble, in noise as well.
constexpr std::array<Stage, 3> kCarrierStages = {{{512, 11}, {1024, 16}, {2048, 22}}};
constexpr std::size_t kTogether = 16;   // trials that are summed at a time
constexpr double kHypothesisDrop = 11;  // nats below the best at which a clock offset is no longer tried

// Adds one block to every trial: its entry at the trial's drift, turned by the trial's carrier; `sign` -1 for
// a block before the preamble.
NGDSP_MULTIVERSION void add_block_to_trials(std::size_t n, const float* clock_quarters, float middle,
                                            float time, int lowest, int last, const float* re,
                                            const float* im, const float* constant, const float* w_re,
                                            const float* w_im, float sign, float* sum_re, float* sum_im,
                                            float* sum_constant) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; ++i) {
    int o = static_cast<int>(std::floor((middle + clock_quarters[i]) * time + 0.5F)) - lowest;
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

// sum += x w
NGDSP_MULTIVERSION void add_turned(std::size_t n, float re, float im, const float* w_re, const float* w_im,
                                   float* sum_re, float* sum_im) {
  for (std::size_t i = 0; i < n; ++i) {
    sum_re[i] += re * w_re[i] - im * w_im[i];
    sum_im[i] += re * w_im[i] + im * w_re[i];
  }
}

// No phase gives more evidence than constant + |known| + |squares|.
NGDSP_MULTIVERSION void bound_trials(std::size_t n, const float* known_re, const float* known_im,
                                     const float* squares_re, const float* squares_im, const float* constant,
                                     float* bound) {
  for (std::size_t i = 0; i < n; ++i)
    bound[i] = std::sqrt(known_re[i] * known_re[i] + known_im[i] * known_im[i]) +
               std::sqrt(squares_re[i] * squares_re[i] + squares_im[i] * squares_im[i]) + constant[i];
}

}  // namespace

void Vetter::Trials::resize(std::size_t n) {
  for (auto* v : {&squares_re, &squares_im, &constant, &known_re, &known_im}) v->assign(n, 0.0F);
  bound.resize(n);
}

Vetter::Vetter(const FrameEncoder& encoder, const OffsetRange& range) : reader_(encoder), range_(range) {
  const Profile& p = reader_.profile();
  clock_reach_ = range_.turns_by_chip()
                     ? (range_.carrier_bin_hz + range_.extra_carrier_hz) / p.carrier_crystal_hz
                     : range_.max_clock_ppm * 1e-6;
  const Span<const Stage> stages =
      range_.turns_by_chip() ? Span<const Stage>(kCarrierStages) : Span<const Stage>(kStages);
  for (int q = 0; q < p.sequence_count(); ++q) {
    nominal_a2_.push_back(chip_ec_n0_from_ebn0_db(p, p.class_of(q), kNominalEbn0Db));
    const std::size_t blocks = std::min(reader_.code_bits(q), kVettedSymbols) / (2 * kBlockSymbols) * 2;
    std::vector<TrialGrid>& grids = grids_.emplace_back();
    for (const Stage& stage : stages)
      if (stage.symbols / kBlockSymbols < blocks)
        grids.push_back(trial_grid(q, stage.symbols / kBlockSymbols, blocks, stage.least_evidence));
    grids.push_back(trial_grid(q, blocks, blocks, 0));
  }
}

Vetter::TrialGrid Vetter::trial_grid(int sequence, std::size_t blocks, std::size_t of_blocks,
                                     double least_evidence) const {
  const Profile& p = reader_.profile();
  const double rate = p.chip_rate_hz;
  const auto span = static_cast<double>(reader_.span_chips(of_blocks * kBlockSymbols));
  const double step = kHypothesisStep * rate / span / p.carrier_crystal_hz;
  int steps = std::max(1, static_cast<int>(std::ceil(2 * clock_reach_ / step)));
  if (blocks < of_blocks)  // a shorter span needs fewer
    steps = static_cast<int>(static_cast<std::size_t>(steps) * blocks / of_blocks) + 1;
  const int extra =
      range_.turns_by_chip()
          ? 0
          : static_cast<int>(std::ceil(range_.extra_carrier_hz * span / rate / kHypothesisStep));
  const double block_chips = static_cast<double>(kBlockSymbols * reader_.spreading_factor());
  TrialGrid g{blocks, least_evidence, {}, {}, {}, {}, {}, {}, {}, {}, {}};
  const auto push = [](double turns, double chips, std::vector<float>& re, std::vector<float>& im) {
    const cf64 w = std::polar(1.0, -2.0 * kPi * turns * chips);
    re.push_back(static_cast<float>(w.real()));
    im.push_back(static_cast<float>(w.imag()));
  };
  for (int i = 0; i <= steps; ++i)
    for (int k = -extra; k <= extra; ++k) {
      const double clock = clock_reach_ * (2.0 * i / steps - 1);
      const double turns = clock * p.carrier_crystal_hz / rate + k * kHypothesisStep / span;
      g.clock.push_back(clock);
      g.turns.push_back(turns);
      g.clock_quarters.push_back(static_cast<float>(-4.0 * clock));
      push(2 * turns, first_pair_time(), g.first_re, g.first_im);
      push(2 * turns, block_chips, g.step_re, g.step_im);
      for (std::size_t part = 0; part < FrameReader::kPreambleParts; ++part)
        push(turns, reader_.preamble_part(sequence, part).time, g.part_re[part], g.part_im[part]);
    }
  // Further ones, which nothing is made of: whole vectors are summed.
  const std::size_t padded = (g.clock.size() + kTogether - 1) / kTogether * kTogether;
  for (auto* v : {&g.clock_quarters, &g.first_re, &g.first_im, &g.step_re, &g.step_im}) v->resize(padded);
  for (auto* parts : {&g.part_re, &g.part_im})
    for (std::vector<float>& v : *parts) v.resize(padded);
  return g;
}

void Vetter::square_block(const ChipBuffer& chips, const PreambleHit& hit, const SplitSequence& s,
                          bool behind, std::size_t n, double middle_clock, const EvidenceAmplitude& a) {
  const std::size_t half = reader_.code_bits(hit.sequence) / 2;
  const std::size_t first =
      reader_.symbol_chip(hit.sequence, behind ? half + n * kBlockSymbols : half - (n + 1) * kBlockSymbols);
  const std::size_t count = kBlockSymbols * reader_.spreading_factor();
  const double time = static_cast<double>(first) + static_cast<double>(count) / 2 -
                      static_cast<double>(reader_.reference(hit.sequence));
  const double at =
      hit.chip + static_cast<double>(first) - static_cast<double>(reader_.preamble_start(hit.sequence));
  const double weight = reader_.weight(chips, at, count), share = chips.mean_weight(at, count);
  const auto drift = [time](double clock) { return static_cast<int>(std::lround(-4.0 * clock * time)); };
  const int one = drift(middle_clock - clock_reach_), other = drift(middle_clock + clock_reach_);
  const int from = std::min(one, other), to = std::max(one, other);
  table_.rows.push_back({from, table_.re.size(), static_cast<std::size_t>(to - from + 1)});
  const double a2 = a.squares_a2(1 / (share * weight));
  const double symbol = a2 * weight * share * static_cast<double>(reader_.spreading_factor());
  variance_ += 2 * static_cast<double>(kBlockSymbols) * symbol * symbol;
  const double scale = a2 * weight * weight, expected = a2 * weight * share * static_cast<double>(count);
  const std::int64_t quarter = std::llround(at * ChipBuffer::kPlanes) + from;
  const std::size_t drifts = table_.rows.back().count;
  float re[kMostQuarters * kBlockSymbols], im[kMostQuarters * kBlockSymbols];
  for (std::size_t o = 0; o < drifts; o += kMostQuarters) {
    const std::size_t together = std::min(kMostQuarters, drifts - o);
    despread_quarters(chips, quarter + static_cast<std::int64_t>(o), together, s, first, re, im);
    for (std::size_t k = 0; k < together; ++k) {
      cf64 squares;
      double energy;
      square_symbols(re + k * kBlockSymbols, im + k * kBlockSymbols, kBlockSymbols, squares, energy);
      table_.re.push_back(static_cast<float>(scale * squares.real()));
      table_.im.push_back(static_cast<float>(scale * squares.imag()));
      table_.constant.push_back(static_cast<float>(scale * energy - expected));
    }
  }
}

// Fills `found_`, best first, with what is at most `drop` nats below the best.
void Vetter::judge(const PreambleHit& hit, const TrialGrid& grid, double middle_clock,
                   const EvidenceAmplitude& a, double drop) {
  const std::size_t n = grid.clock.size(), padded = grid.clock_quarters.size();
  Trials& t = trials_;
  t.resize(padded);
  t.w_re = grid.first_re;
  t.w_im = grid.first_im;
  const auto middle_quarters = static_cast<float>(-4.0 * middle_clock);
  const double block_chips = static_cast<double>(kBlockSymbols * reader_.spreading_factor());
  for (std::size_t pair = 0; pair < grid.blocks / 2; ++pair) {
    for (std::size_t side = 0; side < 2; ++side) {
      const DriftTable::Row& row = table_.rows[2 * pair + side];
      const double time = first_pair_time() + static_cast<double>(pair) * block_chips,
                   sign = side == 0 ? -1 : 1;
      add_block_to_trials(
          padded, grid.clock_quarters.data(), middle_quarters, static_cast<float>(sign * time), row.lowest,
          static_cast<int>(row.count) - 1, table_.re.data() + row.first, table_.im.data() + row.first,
          table_.constant.data() + row.first, t.w_re.data(), t.w_im.data(), static_cast<float>(sign),
          t.squares_re.data(), t.squares_im.data(), t.constant.data());
    }
    turn_trials(padded, grid.step_re.data(), grid.step_im.data(), t.w_re.data(), t.w_im.data());
  }
  double preamble_constant = 0;
  for (std::size_t part = 0; part < preamble_.size(); ++part) {
    const FrameBlock& b = preamble_[part];
    const cf64 known = b.known * (2.0 * std::sqrt(a.a2) * b.weight);
    preamble_constant -= a.a2 * b.chips * b.weight;
    add_turned(padded, static_cast<float>(known.real()), static_cast<float>(known.imag()),
               grid.part_re[part].data(), grid.part_im[part].data(), t.known_re.data(), t.known_im.data());
  }
  bound_trials(padded, t.known_re.data(), t.known_im.data(), t.squares_re.data(), t.squares_im.data(),
               t.constant.data(), t.bound.data());

  const Profile& p = reader_.profile();
  const double base_hz = range_.turns_by_chip() ? hit.carrier_offset_hz : 0;
  found_.clear();
  const auto first = static_cast<std::size_t>(
      std::max_element(t.bound.begin(), t.bound.begin() + static_cast<std::ptrdiff_t>(n)) - t.bound.begin());
  double best = -1e300;
  for (std::size_t k = 0; k < n; ++k) {
    // The most promising one first: it rules out most others.
    const std::size_t i = k == 0 ? first : k <= first ? k - 1 : k;
    if (static_cast<double>(t.bound[i]) + preamble_constant < best - drop) continue;
    const CarrierSums sums{{static_cast<double>(t.known_re[i]), static_cast<double>(t.known_im[i])},
                           {static_cast<double>(t.squares_re[i]), static_cast<double>(t.squares_im[i])},
                           static_cast<double>(t.constant[i]) + preamble_constant};
    const PhaseFit fit = fit_phase(sums, grid.turns[i]);
    best = std::max(best, fit.evidence);
    found_.push_back({hit.sequence, hit.chip - static_cast<double>(reader_.preamble_start(hit.sequence)),
                      grid.turns[i] * p.chip_rate_hz + base_hz, (middle_clock + grid.clock[i]) * 1e6,
                      fit.phase, fit.evidence});
  }
  std::sort(found_.begin(), found_.end(),
            [](const FrameHypothesis& x, const FrameHypothesis& y) { return x.evidence > y.evidence; });
}

double Vetter::statistic(const ChipBuffer& chips, const PreambleHit& hit) {
  const std::size_t start = reader_.preamble_start(hit.sequence);
  const SplitSequence& sequence =
      reader_.sequence(hit.sequence, range_.turns_by_chip() ? hit.carrier_offset_hz : 0, 0);
  const cf64 sum = correlate(chips, hit.chip, sequence, start, reader_.preamble_chips());
  const double power = chips.noise_power(hit.chip, reader_.preamble_chips()) *
                       chips.mean_weight(hit.chip, reader_.preamble_chips());
  return std::norm(sum) / (std::max(power, 1e-30) * static_cast<double>(reader_.preamble_chips()));
}

const std::vector<FrameHypothesis>& Vetter::vet(const ChipBuffer& chips, const PreambleHit& hit,
                                                bool to_the_end) {
  const auto q = static_cast<std::size_t>(hit.sequence);
  const std::vector<TrialGrid>& grids = grids_[q];
  const double base_hz = range_.turns_by_chip() ? hit.carrier_offset_hz : 0;
  const double middle_clock = base_hz / reader_.profile().carrier_crystal_hz;
  const SplitSequence& sequence = reader_.sequence(hit.sequence, base_hz, 0);
  const double start = hit.chip - static_cast<double>(reader_.preamble_start(hit.sequence));
  reader_.limit_weights(chips, hit.sequence, start);

  reader_.read_preamble(chips, hit.sequence, {start, middle_clock, 0}, sequence, preamble_);
  const double hint = (hit.statistic - 1.0) / static_cast<double>(reader_.preamble_chips());
  const double nominal = nominal_a2_[q];
  const EvidenceAmplitude a{
      std::max(nominal, hint > 4 * nominal ? hint : 0.0) * preamble_.front().noise_power(),
      kMostEcN0 * nominal};

  // Variance that noise gives the preamble's part; that of the squares is added block by block.
  const double preamble_variance = 2 * nominal * static_cast<double>(reader_.preamble_chips());
  const double nominal_symbol = nominal * static_cast<double>(reader_.spreading_factor());
  variance_ = preamble_variance;
  missed_evidence_ = 0;
  table_.rows.clear();
  for (auto* v : {&table_.re, &table_.im, &table_.constant}) v->clear();
  for (const TrialGrid& grid : grids) {
    if (to_the_end && &grid != &grids.back()) continue;
    reader_.widen_sequence(hit.sequence, base_hz, table_.rows.size() * kBlockSymbols,
                           grid.blocks * kBlockSymbols);
    while (table_.rows.size() < grid.blocks)
      for (const bool behind : {false, true})
        square_block(chips, hit, sequence, behind, table_.rows.size() / 2, middle_clock, a);
    // Blocks that count for more than others make it noisier.
    const double even = preamble_variance + 2 * static_cast<double>(grid.blocks * kBlockSymbols) *
                                                nominal_symbol * nominal_symbol;
    const double scale = std::sqrt(std::min(1.0, even / variance_));
    judge(hit, grid, middle_clock, a, &grid == &grids.back() ? kHypothesisDrop / scale : 0);
    for (FrameHypothesis& h : found_) h.evidence *= scale;
    if (found_.front().evidence < grid.least_evidence) {
      missed_evidence_ = grid.least_evidence;
      break;
    }
  }
  std::size_t kept = 1;
  while (kept < std::min(found_.size(), kMaxHypotheses) &&
         found_[kept].evidence > found_.front().evidence - kHypothesisDrop)
    ++kept;
  found_.resize(kept);
  return found_;
}

}  // namespace ngdsp
