// Is there a frame behind a preamble hit, and at which clock offset?
#pragma once

#include <cstdint>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/rx/evidence.h"
#include "ngdsp/rx/frame_reader.h"
#include "ngdsp/rx/preamble_detector.h"

namespace ngdsp {

/// What is believed of a candidate frame; times and phases as in FrameTiming, about the preamble's middle.
struct FrameHypothesis {
  int sequence = 0;
  double chip = 0;
  double carrier_offset_hz = 0;
  double clock_ppm = 0;
  double phase_rad = 0;  ///< in the middle of the preamble
  double evidence = 0;   ///< log-likelihood ratio against noise, scaled to the noise of even blocks; nats
};

/// Where clock and carrier may be.
struct OffsetRange {
  double max_clock_ppm = 100;
  double carrier_bin_hz = 0;    ///< how far the preamble search may miss the carrier, 0 where it has one bin
  double extra_carrier_hz = 0;  ///< carrier offset not tied to the clock

  /// Several carrier bins: the carrier may turn within a block of symbols, so sequences are turned with it.
  bool turns_by_chip() const { return carrier_bin_hz > 0; }
};

/// Clock offsets closer than this many cycles of carrier over a span are one: 0.2 dB at worst in the squared
/// symbols.
constexpr double kHypothesisStep = 0.12;
/// Symbols around the preamble that tell a frame from noise, whatever its length.
constexpr std::size_t kVettedSymbols = 4096;

/// Evidence that a frame lies about a hit, from its preamble and the squares of its symbols: CarrierSums
/// maximised over phase and clock offset (which drives carrier and drift alike), at the amplitude that a
/// frame at the decoding threshold has. One object a thread.
class Vetter {
 public:
  static constexpr std::size_t kMaxHypotheses = 20;

  Vetter(const FrameEncoder& encoder, const OffsetRange& range);

  /// The most likely clock offsets, best first: near the threshold the best one is wrong for one frame in
  /// thirty. Valid until the next call. `to_the_end`: symbols are read on even where the first of them look
  /// like noise.
  const std::vector<FrameHypothesis>& vet(const ChipBuffer& chips, const PreambleHit& hit,
                                          bool to_the_end = false);
  /// What a part of the symbols shows to be noise is not read to its end: the evidence that the last one
  /// lacked to be read on, or 0 where all was read.
  double missed_evidence() const { return missed_evidence_; }
  /// Symbols about the preamble that were read.
  std::size_t symbols_read() const { return table_.rows.size() * kBlockSymbols; }
  /// The preamble statistic at the hit as the chips are now: exponential(1) on noise.
  double statistic(const ChipBuffer& chips, const PreambleHit& hit);

 private:
  // One value for every block and quarter chip of drift. Blocks come in pairs: the n-th before the preamble
  // and the n-th behind it, whose times from its middle differ in sign alone.
  struct DriftTable {
    struct Row {
      int lowest;  // drift, quarter chips
      std::size_t first, count;
    };
    std::vector<Row> rows;
    std::vector<float> re, im, constant;
  };
  // Clock offsets tried with so many blocks, from the middle of their range, and how their carriers turn.
  struct TrialGrid {
    std::size_t blocks;
    double least_evidence;  // nats, below which no more blocks are read
    std::vector<double> clock, turns;
    std::vector<float> clock_quarters;                        // like what follows, padded
    std::vector<float> first_re, first_im, step_re, step_im;  // of squares: the first pair, from pair to pair
    std::vector<float> part_re[FrameReader::kPreambleParts], part_im[FrameReader::kPreambleParts];
  };
  // Sums of every trial.
  struct Trials {
    std::vector<float> w_re, w_im, squares_re, squares_im, constant, known_re, known_im, bound;
    void resize(std::size_t n);
  };
  TrialGrid trial_grid(int sequence, std::size_t blocks, std::size_t of_blocks, double least_evidence) const;
  // Middle of the first block behind the preamble, chips from the preamble's.
  double first_pair_time() const {
    return 0.5 * static_cast<double>(reader_.preamble_chips() + kBlockSymbols * reader_.spreading_factor());
  }
  void square_block(const ChipBuffer& chips, const PreambleHit& hit, const SplitSequence& s, bool behind,
                    std::size_t n, double middle_clock, const EvidenceAmplitude& a);
  void judge(const PreambleHit& hit, const TrialGrid& grid, double middle_clock, const EvidenceAmplitude& a,
             double drop);

  FrameReader reader_;
  OffsetRange range_;
  double clock_reach_;                         // either side of the middle
  std::vector<std::vector<TrialGrid>> grids_;  // by sequence
  std::vector<double> nominal_a2_;             // E_c/N0 of a frame at the decoding threshold, by sequence
  std::vector<FrameBlock> preamble_;
  DriftTable table_;
  double missed_evidence_ = 0;
  double variance_ = 0;  // that noise gives the evidence
  Trials trials_;
  std::vector<FrameHypothesis> found_;
};

/// E_b/N0 near which frames are lost: evidence is computed for the amplitude that belongs to it.
constexpr double kNominalEbn0Db = 2.0;
/// Times a frame's E_c/N0 there: the most that squares are taken for. A symbol then has 0.17 of its noise.
constexpr double kMostEcN0 = 2.0;

}  // namespace ngdsp
