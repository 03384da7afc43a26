#include "ngdsp/rx/demodulator.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/multiversion.h"
#include "ngdsp/rx/despreader.h"
#include "ngdsp/waveform/frame_energy.h"
#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

constexpr std::size_t kVettedSymbols = 4096;  // enough to tell a frame from noise, whatever its length
// Nats below which the symbols up to here end it. A 16-byte frame at its threshold has 34 after half its 2048
// symbols, below 15 once in a hundred; a 64-byte frame has 38 after 2048, below 24 once in a hundred.
struct VettingStage {
  std::size_t symbols;
  double least_evidence;
};
constexpr VettingStage kVettingStages[] = {{1024, 12}, {2048, 18}, {kVettedSymbols, 0}};
constexpr std::size_t kPreambleParts = 4;
constexpr double kHypothesisStep = 0.12;  // cycles over the span: 0.2 dB at worst in the squared symbols
constexpr double kHypothesisDrop = 11;    // nats below the best at which a clock offset is no longer tried
constexpr double kTimingStep = 0.15;      // chips, of the timing search
constexpr double kNominalEbn0Db = 2.0;
constexpr std::size_t kPhases = 48;
constexpr double kFirstDelay = -3, kLastDelay = 12;  // where paths are looked for, chips
constexpr std::size_t kMaxFingers = 8;
constexpr double kFingerStatistic =
    10;  // exponential(1) on noise, about 30 independent delays: 1 in 700 frames
constexpr double kFingerRangeDb = -20;

// Sums over one block that the phase search needs.
NGDSP_MULTIVERSION void block_squares(const float* re, const float* im, std::size_t n, float& z_re,
                                      float& z_im, float& energy) {
  float a = 0, b = 0, e = 0;
  for (std::size_t i = 0; i < n; ++i) {
    a += re[i] * re[i] - im[i] * im[i];
    b += 2 * re[i] * im[i];
    e += re[i] * re[i] + im[i] * im[i];
  }
  z_re = a;
  z_im = b;
  energy = e;
}

// One block of known (preamble) or unknown (data) symbols.
struct Block {
  double time = 0;    // of its middle, chips from the first chip
  double weight = 0;  // 1/s_b^2
  cf64 known;         // preamble correlation
  cf64 squares;       // sum y^2
  double energy = 0;  // sum |y|^2
  double chips = 0;
};

struct PhaseFit {
  double turns = 0;  // carrier, cycles a chip
  double phase = 0;
  double evidence = -1e300;
};

// cos and sin of the phase grid, and of twice its phases.
struct PhaseGrid {
  std::array<float, kPhases> cos1, sin1, cos2, sin2;
};
const PhaseGrid& phase_grid() {
  static const PhaseGrid grid = [] {
    PhaseGrid g;
    for (std::size_t i = 0; i < kPhases; ++i) {
      const double th = 2.0 * kPi * static_cast<double>(i) / kPhases;
      g.cos1[i] = static_cast<float>(std::cos(th));
      g.sin1[i] = static_cast<float>(std::sin(th));
      g.cos2[i] = static_cast<float>(std::cos(2 * th));
      g.sin2[i] = static_cast<float>(std::sin(2 * th));
    }
    return g;
  }();
  return grid;
}

NGDSP_MULTIVERSION void evidence_on_grid(const PhaseGrid& g, float k_re, float k_im, float s_re, float s_im,
                                         float* out) {
  for (std::size_t i = 0; i < kPhases; ++i)
    out[i] = k_re * g.cos1[i] + k_im * g.sin1[i] + s_re * g.cos2[i] + s_im * g.sin2[i];
}

// What the blocks say at one carrier: the evidence is constant + Re(known e^-j th) + Re(squares e^-2j th).
struct CarrierSums {
  cf64 known, squares;
  double constant = 0;
};

// The evidence of one carrier, maximised over the phase: on a grid, then by a parabola.
PhaseFit fit_phase(const CarrierSums& sums, double turns) {
  PhaseFit best;
  best.turns = turns;
  float grid[kPhases];
  evidence_on_grid(phase_grid(), static_cast<float>(sums.known.real()), static_cast<float>(sums.known.imag()),
                   static_cast<float>(sums.squares.real()), static_cast<float>(sums.squares.imag()), grid);
  const auto peak = static_cast<std::size_t>(std::max_element(grid, grid + kPhases) - grid);
  const auto value = [&](std::size_t i) { return static_cast<double>(grid[i % kPhases]); };
  const double before = value(peak + kPhases - 1), after = value(peak + 1);
  const double bend = before - 2 * value(peak) + after;
  const double shift = bend < 0 ? 0.5 * (before - after) / bend : 0.0;
  best.phase = 2.0 * kPi * (static_cast<double>(peak) + shift) / kPhases;
  best.evidence = value(peak) - 0.25 * (before - after) * shift + sums.constant;
  return best;
}

// a2 is the squared amplitude of a chip that the evidence is taken at.
void add_block(CarrierSums& sums, const Block& b, cf64 w, double a2) {
  sums.known += b.known * (w * (2.0 * std::sqrt(a2) * b.weight));
  sums.squares += b.squares * (w * w * (a2 * b.weight * b.weight));
  sums.constant += a2 * (b.energy * b.weight * b.weight - b.chips * b.weight);
}

PhaseFit fit_phase(const std::vector<Block>& blocks, double turns, double a2) {
  CarrierSums sums;
  for (const Block& b : blocks) add_block(sums, b, std::polar(1.0, -2.0 * kPi * turns * b.time), a2);
  return fit_phase(sums, turns);
}

}  // namespace

struct Demodulator::Impl {
  DemodulatorConfig config;
  Profile profile;
  std::vector<SplitSequence> sequences;
  std::vector<double> nominal_a2;  // E_c/N0 of a frame at the decoding threshold, by sequence

  SplitSequence turned;
  std::vector<Block> blocks;
  std::vector<Finger> fingers;
  SplitSymbols path, combined;  // symbols of one finger, of all
  std::vector<float> scratch_re, scratch_im;
  double power_floor = 0;  // a silent block must not outweigh the rest of the frame

  std::size_t head() const { return static_cast<std::size_t>(profile.preamble_chips); }
  std::size_t sf() const { return static_cast<std::size_t>(profile.spreading_factor); }

  void set_power_floor(const ChipBuffer& chips, double chip, std::size_t count) {
    power_floor =
        std::max(1e-3 * mean_power(chips, static_cast<std::int64_t>(std::floor(chip)), count), 1e-30);
  }
  double local_weight(const ChipBuffer& chips, double chip, std::size_t count) const {
    const auto first = static_cast<std::int64_t>(std::lround(chip));
    return 1.0 / std::max(mean_power(chips, first, count), power_floor);
  }
  // The sequence to despread with: turned chip by chip where the carrier moves within a block of symbols.
  const SplitSequence& despreading(int q, double carrier_hz, std::size_t chips_needed) {
    const SplitSequence& plain = sequences[static_cast<std::size_t>(q)];
    if (carrier_hz == 0) return plain;
    turned.assign_turned(plain, carrier_hz / profile.chip_rate_hz, chips_needed);
    return turned;
  }
  bool turns_by_chip() const { return config.carrier_bin_hz > 0; }

  void preamble_blocks(const ChipBuffer& chips, double t0, double clock, const SplitSequence& s);
  void read_symbols(const ChipBuffer& chips, double t0, double clock, const SplitSequence& s,
                    std::size_t count, SplitSymbols& out);
  void data_blocks(const ChipBuffer& chips, double t0, double clock, std::size_t count,
                   const SplitSymbols& y);
  void find_fingers(const ChipBuffer& chips, const FrameHypothesis& h, const SplitSequence& s);
};

Demodulator::Demodulator(const FrameEncoder& encoder, const DemodulatorConfig& config)
    : impl_(new Impl{config, encoder.profile(), {}, {}, {}, {}, {}, {}, {}, {}, {}, 0}) {
  for (int q = 0; q < impl_->profile.sequence_count(); ++q) {
    impl_->sequences.emplace_back(encoder.sequence(q), impl_->profile.spreading_factor);
    impl_->nominal_a2.push_back(
        chip_ec_n0_from_ebn0_db(impl_->profile, impl_->profile.class_of(q), kNominalEbn0Db));
  }
  impl_->scratch_re.resize(kBlockSymbols);
  impl_->scratch_im.resize(kBlockSymbols);
}

Demodulator::~Demodulator() = default;
Demodulator::Demodulator(Demodulator&&) noexcept = default;
Demodulator& Demodulator::operator=(Demodulator&&) noexcept = default;

void Demodulator::Impl::preamble_blocks(const ChipBuffer& chips, double t0, double clock,
                                        const SplitSequence& s) {
  blocks.clear();
  const std::size_t part = head() / kPreambleParts;
  for (std::size_t i = 0; i < kPreambleParts; ++i) {
    const std::size_t first = i * part, count = i + 1 == kPreambleParts ? head() - first : part;
    Block b;
    b.time = static_cast<double>(first) + static_cast<double>(count) / 2.0;
    const double t = t0 + static_cast<double>(first) - clock * b.time;
    b.weight = local_weight(chips, t, count);
    b.known = correlate(chips, t, s, first, count);
    b.chips = static_cast<double>(count);
    blocks.push_back(b);
  }
}

void Demodulator::Impl::read_symbols(const ChipBuffer& chips, double t0, double clock, const SplitSequence& s,
                                     std::size_t count, SplitSymbols& out) {
  out.resize(count);
  for (std::size_t m = 0; m < count; m += kBlockSymbols) {
    const std::size_t n = std::min(kBlockSymbols, count - m), first = head() + m * sf();
    const double middle = static_cast<double>(first) + static_cast<double>(n * sf()) / 2.0;
    despread(chips, t0 + static_cast<double>(first) - clock * middle, s, first, n,
             out.re.data() + m, out.im.data() + m);
  }
}

void Demodulator::Impl::data_blocks(const ChipBuffer& chips, double t0, double clock, std::size_t count,
                                    const SplitSymbols& y) {
  for (std::size_t m = 0; m < count; m += kBlockSymbols) {
    const std::size_t n = std::min(kBlockSymbols, count - m), first = head() + m * sf();
    Block b;
    b.time = static_cast<double>(first) + static_cast<double>(n * sf()) / 2.0;
    b.weight = local_weight(chips, t0 + static_cast<double>(first) - clock * b.time, n * sf());
    b.chips = static_cast<double>(n * sf());
    float z_re, z_im, energy;
    block_squares(y.re.data() + m, y.im.data() + m, n, z_re, z_im, energy);
    b.squares = {static_cast<double>(z_re), static_cast<double>(z_im)};
    b.energy = static_cast<double>(energy);
    blocks.push_back(b);
  }
}

std::vector<FrameHypothesis> Demodulator::vet(const ChipBuffer& chips, const PreambleHit& hit) {
  Impl& s = *impl_;
  const auto q = static_cast<std::size_t>(hit.sequence);
  const auto code_bits = static_cast<std::size_t>(s.profile.class_of(hit.sequence).code_bits);
  const std::size_t count = std::min(code_bits, kVettedSymbols);
  const std::size_t span = s.head() + count * s.sf();
  const SplitSequence& sequence =
      s.despreading(hit.sequence, s.turns_by_chip() ? hit.carrier_offset_hz : 0, span);
  s.set_power_floor(chips, hit.chip, span);
  const double crystal = s.profile.carrier_crystal_hz, rate = s.profile.chip_rate_hz;
  const double base_hz = s.turns_by_chip() ? hit.carrier_offset_hz : 0;

  // Clock offsets to try: all of them, or those of the carrier bin.
  double low = -s.config.max_clock_ppm * 1e-6, high = -low;
  if (s.turns_by_chip()) {
    const double reach = s.config.carrier_bin_hz + s.config.extra_carrier_hz;
    low = (base_hz - reach) / crystal;
    high = (base_hz + reach) / crystal;
  }
  const double step = kHypothesisStep * rate / static_cast<double>(span) / crystal;
  const int steps = std::max(1, static_cast<int>(std::ceil((high - low) / step)));

  s.preamble_blocks(chips, hit.chip, (low + high) / 2, sequence);

  const double hint = (hit.statistic - 1.0) / static_cast<double>(s.head());
  const double a2 =
      std::max(s.nominal_a2[q], hint > 4 * s.nominal_a2[q] ? hint : 0.0) / s.blocks.front().weight;

  // Squares of every block at every quarter-chip drift the clock range allows there, weighted.
  struct Drifted {
    int lowest;
    std::size_t first;
  };
  struct Weighted {
    cf64 squares;
    double constant;
  };
  thread_local std::vector<Drifted> index;
  thread_local std::vector<Weighted> sums;
  index.clear();
  sums.clear();
  const std::size_t block_chips = kBlockSymbols * s.sf();
  const auto time_of = [&](std::size_t b) {
    return static_cast<double>(s.head()) + (static_cast<double>(b) + 0.5) * static_cast<double>(block_chips);
  };
  const auto square = [&](std::size_t b) {
    const std::size_t first = s.head() + b * block_chips;
    const double weight = s.local_weight(chips, hit.chip + static_cast<double>(first), block_chips);
    const int from = static_cast<int>(std::lround(-4.0 * high * time_of(b)));
    const int to = static_cast<int>(std::lround(-4.0 * low * time_of(b)));
    index.push_back({from, sums.size()});
    for (int o = from; o <= to; ++o) {
      despread(chips, hit.chip + static_cast<double>(first) + o * 0.25, sequence, first,
               kBlockSymbols, s.scratch_re.data(), s.scratch_im.data());
      float z_re, z_im, energy;
      block_squares(s.scratch_re.data(), s.scratch_im.data(), kBlockSymbols, z_re, z_im, energy);
      const double scale = a2 * weight * weight;
      sums.push_back({{scale * static_cast<double>(z_re), scale * static_cast<double>(z_im)},
                      scale * static_cast<double>(energy) - a2 * weight * static_cast<double>(block_chips)});
    }
  };

  // The evidence of all blocks squared so far, over the clock range in `count` steps.
  std::vector<FrameHypothesis> all;
  const int extra = s.turns_by_chip()
                        ? 0
                        : static_cast<int>(std::ceil(s.config.extra_carrier_hz * static_cast<double>(span) /
                                                     rate / kHypothesisStep));
  const auto judge = [&](int clock_steps) {
    all.clear();
    for (int i = 0; i <= clock_steps; ++i) {
      const double clock = low + (high - low) * i / clock_steps;
      for (int e = -extra; e <= extra; ++e) {
        const double turns =
            (clock * crystal - base_hz) / rate + e * kHypothesisStep / static_cast<double>(span);
        CarrierSums total;
        for (const Block& b : s.blocks) add_block(total, b, std::polar(1.0, -2.0 * kPi * turns * b.time), a2);
        cf64 w2 = std::polar(1.0, -4.0 * kPi * turns * time_of(0));
        const cf64 step2 = std::polar(1.0, -4.0 * kPi * turns * static_cast<double>(block_chips));
        for (std::size_t b = 0; b < index.size(); ++b, w2 *= step2) {
          const auto o = static_cast<std::size_t>(static_cast<int>(std::lround(-4.0 * clock * time_of(b))) -
                                                  index[b].lowest);
          const Weighted& x = sums[index[b].first + o];
          total.squares += x.squares * w2;
          total.constant += x.constant;
        }
        const PhaseFit fit = fit_phase(total, turns);
        all.push_back({hit.sequence, hit.chip, turns * rate + base_hz, clock * 1e6, fit.phase, fit.evidence});
      }
    }
  };
  // A part of the frame tells most noise from a frame at a part of the price.
  const std::size_t block_count = count / kBlockSymbols;
  for (const VettingStage& stage : kVettingStages) {
    const std::size_t end = std::min(block_count, stage.symbols / kBlockSymbols);
    while (index.size() < end) square(index.size());
    const auto steps_now = static_cast<int>(static_cast<std::size_t>(steps) * end / block_count) + 1;
    judge(end == block_count ? steps : steps_now);
    const double evidence = std::max_element(all.begin(), all.end(), [](const auto& x, const auto& y) {
                              return x.evidence < y.evidence;
                            })->evidence;
    if (end == block_count || evidence < stage.least_evidence) break;
  }
  std::sort(all.begin(), all.end(),
            [](const FrameHypothesis& a, const FrameHypothesis& b) { return a.evidence > b.evidence; });
  std::size_t kept = 1;
  while (kept < std::min(all.size(), kMaxHypotheses) &&
         all[kept].evidence > all.front().evidence - kHypothesisDrop)
    ++kept;
  all.resize(kept);
  return all;
}

void Demodulator::Impl::find_fingers(const ChipBuffer& chips, const FrameHypothesis& h,
                                     const SplitSequence& s) {
  // Response of the preamble at quarter-chip delays, then strongest first, each taken out with the pulse it
  // leaves.
  constexpr int kQuarters = static_cast<int>((kLastDelay - kFirstDelay) * 4) + 1;
  std::vector<cf64> response(kQuarters);
  const double turns = turns_by_chip() ? 0 : h.carrier_offset_hz / profile.chip_rate_hz;
  const std::size_t part = head() / kPreambleParts;
  double noise = 0;
  for (std::size_t i = 0; i < kPreambleParts; ++i) {
    const std::size_t first = i * part, count = i + 1 == kPreambleParts ? head() - first : part;
    const double middle = static_cast<double>(first) + static_cast<double>(count) / 2.0;
    const cf64 turn = std::polar(1.0, -2.0 * kPi * turns * middle);
    for (int d = 0; d < kQuarters; ++d)
      response[static_cast<std::size_t>(d)] +=
          turn * correlate(chips,
                           h.chip + static_cast<double>(first) + kFirstDelay + d * 0.25 -
                               h.clock_ppm * 1e-6 * middle,
                           s, first, count);
    noise += static_cast<double>(count) / local_weight(chips, h.chip + static_cast<double>(first), count);
  }
  const auto length = static_cast<double>(head());
  fingers.clear();
  double strongest = 0;
  for (std::size_t k = 0; k < kMaxFingers; ++k) {
    std::size_t peak = 1;
    for (std::size_t d = 1; d + 1 < response.size(); ++d)
      if (std::norm(response[d]) > std::norm(response[peak])) peak = d;
    const double left = std::abs(response[peak - 1]), mid = std::abs(response[peak]),
                 right = std::abs(response[peak + 1]);
    const double power = mid * mid;
    if (k > 0 && (power < kFingerStatistic * noise || power < strongest * from_db(kFingerRangeDb))) break;
    if (k == 0) strongest = power;
    const double bend = left - 2 * mid + right;
    const double shift = bend < 0 ? std::clamp(0.5 * (left - right) / bend, -0.5, 0.5) * 0.25 : 0.0;
    Finger f;
    f.delay_chips = kFirstDelay + static_cast<double>(peak) * 0.25 + shift;
    f.gain = response[peak] / (length * rc_pulse(shift, profile.rolloff));
    for (std::size_t d = 0; d < response.size(); ++d)
      response[d] -= f.gain * length *
                     rc_pulse(kFirstDelay + static_cast<double>(d) * 0.25 - f.delay_chips, profile.rolloff);
    fingers.push_back(f);
  }
}

const std::vector<Finger>& Demodulator::demodulate(const ChipBuffer& chips, FrameHypothesis& h,
                                                   std::vector<float>& llr) {
  Impl& s = *impl_;
  const auto q = static_cast<std::size_t>(h.sequence);
  const auto code_bits = static_cast<std::size_t>(s.profile.class_of(h.sequence).code_bits);
  const double rate = s.profile.chip_rate_hz, crystal = s.profile.carrier_crystal_hz;
  // A carrier above an eighth of a turn in a block of symbols is taken out chip by chip.
  const double base_hz = s.turns_by_chip() ? h.carrier_offset_hz : 0;
  const SplitSequence& sequence = s.despreading(h.sequence, base_hz, s.head() + code_bits * s.sf());
  s.set_power_floor(chips, h.chip, s.head() + code_bits * s.sf());
  const double untied_hz = h.carrier_offset_hz - h.clock_ppm * 1e-6 * crystal;

  s.find_fingers(chips, h, sequence);
  PhaseFit fit;
  const double a2 = s.nominal_a2[q];
  double delay = s.fingers.front().delay_chips;
  {
    // The symbols know the timing as well as the preamble does: the evidence at three times, and its
    // parabola.
    const std::size_t count = std::min(code_bits, kVettedSymbols);
    double evidence[3];
    for (int i = 0; i < 3; ++i) {
      const double t = h.chip + delay + (i - 1) * kTimingStep, clock = h.clock_ppm * 1e-6;
      s.preamble_blocks(chips, t, clock, sequence);
      s.read_symbols(chips, t, clock, sequence, count, s.path);
      s.data_blocks(chips, t, clock, count, s.path);
      evidence[i] =
          fit_phase(s.blocks, (h.carrier_offset_hz - base_hz) / rate, a2 / s.blocks.front().weight).evidence;
    }
    if (const double bend = evidence[0] - 2 * evidence[1] + evidence[2]; bend < 0) {
      const double shift = std::clamp(0.5 * (evidence[0] - evidence[2]) / bend, -1.5, 1.5) * kTimingStep;
      for (Finger& f : s.fingers) f.delay_chips += shift;
      delay += shift;
    }
  }
  // Clock and carrier over longer and longer spans, from the strongest path.
  for (std::size_t count = std::min(code_bits, kVettedSymbols);; count = std::min(2 * count, code_bits)) {
    const std::size_t span = s.head() + count * s.sf();
    const double clock = h.clock_ppm * 1e-6;
    s.preamble_blocks(chips, h.chip + delay, clock, sequence);
    s.read_symbols(chips, h.chip + delay, clock, sequence, count, s.path);
    s.data_blocks(chips, h.chip + delay, clock, count, s.path);
    const double noise = 1.0 / s.blocks.front().weight;
    fit = {};
    const double middle = (h.carrier_offset_hz - base_hz) / rate;
    const double reach = count <= kVettedSymbols ? 0.5 * kHypothesisStep : 1.5 * kHypothesisStep;
    for (int i = -4; i <= 4; ++i) {
      const PhaseFit f = fit_phase(s.blocks, middle + i * reach / 4 / static_cast<double>(span), a2 * noise);
      if (f.evidence > fit.evidence) fit = f;
    }
    h.carrier_offset_hz = fit.turns * rate + base_hz;
    h.clock_ppm = (h.carrier_offset_hz - untied_hz) / crystal * 1e6;
    h.phase_rad = fit.phase;
    h.evidence = fit.evidence;
    if (count == code_bits) break;
  }

  // All paths at the final clock, combined by their gains; then the phase of the sum.
  const double clock = h.clock_ppm * 1e-6;
  s.combined.resize(code_bits);
  std::fill(s.combined.re.begin(), s.combined.re.end(), 0.0F);
  std::fill(s.combined.im.begin(), s.combined.im.end(), 0.0F);
  std::vector<Block> sum;
  for (const Finger& f : s.fingers) {
    s.preamble_blocks(chips, h.chip + f.delay_chips, clock, sequence);
    if (sum.empty()) sum = s.blocks;
    for (std::size_t b = 0; b < sum.size(); ++b)
      sum[b].known =
          (&f == &s.fingers.front() ? cf64{} : sum[b].known) + std::conj(f.gain) * s.blocks[b].known;
    s.read_symbols(chips, h.chip + f.delay_chips, clock, sequence, code_bits, s.path);
    const auto g_re = static_cast<float>(f.gain.real()), g_im = static_cast<float>(f.gain.imag());
    for (std::size_t m = 0; m < code_bits; ++m) {
      s.combined.re[m] += g_re * s.path.re[m] + g_im * s.path.im[m];
      s.combined.im[m] += g_re * s.path.im[m] - g_im * s.path.re[m];
    }
  }
  double power = 0;
  for (const Finger& f : s.fingers) power += std::norm(f.gain);
  power = std::max(power, 1e-30);
  // Combined symbols have amplitude `power` a chip and noise variance power s^2: scaled, the evidence formula
  // holds.
  s.blocks = sum;
  s.data_blocks(chips, h.chip + delay, clock, code_bits, s.combined);
  for (std::size_t b = 0; b < s.blocks.size(); ++b) {
    s.blocks[b].known /= std::sqrt(power);
    s.blocks[b].squares /= power;
    s.blocks[b].energy /= power;
  }
  const double noise = 1.0 / s.blocks.front().weight;
  const double middle = (h.carrier_offset_hz - base_hz) / rate;
  fit = fit_phase(s.blocks, middle, a2 * noise);
  h.carrier_offset_hz = fit.turns * rate + base_hz;
  h.phase_rad = fit.phase;
  h.evidence = fit.evidence;

  llr.resize(code_bits);
  for (std::size_t m = 0; m < code_bits; m += kBlockSymbols) {
    const Block& b = s.blocks[sum.size() + m / kBlockSymbols];
    for (std::size_t i = m; i < std::min(m + kBlockSymbols, code_bits); ++i) {
      const double t =
          static_cast<double>(s.head()) + (static_cast<double>(i) + 0.5) * static_cast<double>(s.sf());
      const cf64 w = std::polar(1.0, -2.0 * kPi * fit.turns * t - fit.phase);
      llr[i] = static_cast<float>(4.0 * b.weight *
                                  (static_cast<double>(s.combined.re[i]) * w.real() -
                                   static_cast<double>(s.combined.im[i]) * w.imag()));
    }
  }
  return s.fingers;
}

FrameMeasurement Demodulator::measure(const ChipBuffer& chips, const FrameHypothesis& h,
                                      const std::vector<float>& symbols) {
  Impl& s = *impl_;
  const double rate = s.profile.chip_rate_hz;
  const double base_hz = s.turns_by_chip() ? h.carrier_offset_hz : 0;
  const std::size_t count = symbols.size(), span = s.head() + count * s.sf();
  const double clock = h.clock_ppm * 1e-6;
  const SplitSequence& sequence = s.despreading(h.sequence, base_hz, span);
  const double delay = s.fingers.front().delay_chips;

  // Weighted correlation of block b with the known chips, at three times for the timing.
  struct Correlation {
    double time, weight, chips;
    cf64 value;
  };
  const auto correlations = [&](double t0, std::vector<Correlation>& out, SplitSymbols& y) {
    out.clear();
    s.preamble_blocks(chips, t0, clock, sequence);
    for (const Block& b : s.blocks) out.push_back({b.time, b.weight, b.chips, b.known});
    s.read_symbols(chips, t0, clock, sequence, count, y);
    for (std::size_t m = 0; m < count; m += kBlockSymbols) {
      const std::size_t n = std::min(kBlockSymbols, count - m), first = s.head() + m * s.sf();
      cf64 v;
      for (std::size_t i = m; i < m + n; ++i)
        v += cf64(static_cast<double>(y.re[i] * symbols[i]), static_cast<double>(y.im[i] * symbols[i]));
      const double time = static_cast<double>(first) + static_cast<double>(n * s.sf()) / 2.0;
      out.push_back({time, s.local_weight(chips, t0 + static_cast<double>(first) - clock * time, n * s.sf()),
                     static_cast<double>(n * s.sf()), v});
    }
  };
  const auto total = [](const std::vector<Correlation>& list, double turns) {
    cf64 sum;
    for (const Correlation& c : list) sum += c.value * std::polar(c.weight, -2.0 * kPi * turns * c.time);
    return sum;
  };

  std::vector<Correlation> middle, side;
  const double t0 = h.chip + delay;
  double turns = (h.carrier_offset_hz - base_hz) / rate;
  SplitSymbols early_symbols;
  correlations(t0, middle, s.path);
  // Carrier: peak of the periodogram of the block correlations, by a parabola on a grid of 1/16 cycle.
  double best = -1;
  const double grid = 1.0 / 16 / static_cast<double>(span);
  int best_i = 0;
  for (int i = -8; i <= 8; ++i)
    if (const double p = std::norm(total(middle, turns + i * grid)); p > best) best = p, best_i = i;
  turns += best_i * grid;
  const double below = std::norm(total(middle, turns - grid)), above = std::norm(total(middle, turns + grid));
  if (const double bend = below - 2 * best + above; bend < 0)
    turns += std::clamp(0.5 * (below - above) / bend, -1.0, 1.0) * grid;

  FrameMeasurement r;
  const cf64 sum = total(middle, turns);
  double weighted_chips = 0;
  for (const Correlation& c : middle) weighted_chips += c.weight * c.chips;
  const cf64 gain = sum / weighted_chips;
  r.frame_metric = std::norm(sum) / weighted_chips;
  r.phase_rad = std::arg(gain);
  r.carrier_offset_hz = turns * rate + base_hz;

  // Timing: parabola through the correlation a quarter chip either side; the pulse is flat to fourth order
  // there.
  correlations(t0 - 0.25, side, early_symbols);
  const double early = std::abs(total(side, turns)) / weighted_chips;
  correlations(t0 + 0.25, side, early_symbols);
  const double late = std::abs(total(side, turns)) / weighted_chips, mid = std::abs(gain);
  const double bend = early - 2 * mid + late;
  const double shift = bend < 0 ? std::clamp(0.5 * (early - late) / bend, -1.0, 1.0) * 0.25 : 0.0;
  r.chip = t0 + shift;
  r.clock_ppm = h.clock_ppm;

  // Noise from what the symbols leave when the frame's mean is taken out.
  double left = 0;
  for (std::size_t m = 0; m < count; ++m) {
    const double t =
        static_cast<double>(s.head()) + (static_cast<double>(m) + 0.5) * static_cast<double>(s.sf());
    const cf64 model = gain * std::polar(static_cast<double>(s.sf()) * static_cast<double>(symbols[m]),
                                         2.0 * kPi * turns * t);
    left += std::norm(cf64(static_cast<double>(s.path.re[m]), static_cast<double>(s.path.im[m])) - model);
  }
  r.noise_variance = std::max(left / static_cast<double>(count * s.sf()), 1e-30);
  double power = 0, first_moment = 0, second_moment = 0;
  for (const Finger& f : s.fingers) {
    const double p = std::norm(f.gain);
    power += p;
    first_moment += p * f.delay_chips;
    second_moment += p * f.delay_chips * f.delay_chips;
  }
  const double strongest = std::max(std::norm(s.fingers.front().gain), 1e-30);
  power = std::max(power, 1e-30);
  // The other paths keep the ratio to the strongest that the preamble showed.
  r.amplitude = std::abs(gain) * std::sqrt(power / strongest);
  r.delay_spread_chips =
      std::sqrt(std::max(0.0, second_moment / power - (first_moment / power) * (first_moment / power)));
  double chip_power = 0;
  for (const Correlation& c : middle) chip_power += c.chips / c.weight;
  chip_power /= static_cast<double>(span);
  r.residual_db =
      to_db(std::max(chip_power - r.amplitude * r.amplitude, 1e-3 * r.noise_variance) / r.noise_variance);
  return r;
}

}  // namespace ngdsp
