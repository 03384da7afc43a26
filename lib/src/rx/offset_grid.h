// Search for preambles over many carrier offsets at once.
#pragma once

#include <vector>

#include "ngdsp/base/fft.h"
#include "ngdsp/rx/despreader.h"
#include "rx/exact_correlation.h"
#include "rx/preamble_search.h"

namespace ngdsp {

/// y_n(f) = sum_m x_n[m] exp(-j 2 pi f m S), x_n[m] = sum_{i < S} r[n + m S + i] c*[m S + i]: the sums over
/// segments of S chips, within which a carrier hardly turns, and one FFT over them give all carriers of a
/// code phase n, a cycle a preamble apart. Between these points, half a chip and half a cycle off, sums of
/// neighbours serve. What is near the threshold there is correlated exactly: on quarter chips and eighths of
/// a cycle.
class OffsetGrid : public PreambleSearch {
 public:
  /// Blocks of `phases` code phases.
  OffsetGrid(const PreambleDetectorConfig& config, std::size_t phases, std::size_t workers);

  int carrier_bins() const override { return static_cast<int>(bins_); }
  void read(const ChipBuffer& chips, std::int64_t first_chip) override;
  void search(int sequence, double threshold, std::size_t worker, std::vector<PreambleHit>& found) override;

 private:
  // A point of the grid near the threshold.
  struct Point {
    std::size_t phase, bin;
    float level;
    double chip, cycles;  // best of its cell: from first_chip on; a preamble
  };
  struct Row {
    std::vector<float> re, im, half_re, half_im;  // by bin, from one below the lowest; half a bin further
  };

  // Of a worker.
  struct Work {
    Fft fft;
    std::vector<std::size_t> cells;     // bins to be looked at
    std::vector<float> sum_re, sum_im;  // by phase of a batch, then segment
    Row rows[4];                        // of successive phases
    std::vector<Point> points;
  };

  void sum(const SplitSequence& segments, std::size_t phase, Work& w) const;
  void transform(std::size_t phase, Work& w) const;
  void collect(std::size_t phase, double threshold, Work& w) const;
  static bool is_flank(const std::vector<Point>& points, std::size_t point);

  ExactCorrelation exact_;
  double bin_cycles_;  // from bin to bin, cycles a preamble
  std::size_t length_, phases_, segment_, segments_, size_, reach_, bins_;  // size_: of the transform
  std::vector<SplitSequence> sequences_;  // turned segment by segment: the lowest carrier lands in bin 1
  std::int64_t buffer_begin_ = 0, first_chip_ = 0;
  std::vector<cf32> chips_;                  // from first_chip_ on
  std::vector<std::vector<float>> re_, im_;  // the same: chip n in place n / segment_ of lane n % segment_
  std::vector<float> inverse_energy_;        // by phase
  std::vector<float> gain_;                  // by bin: against the carrier's turn within a segment
  std::vector<Work> work_;
};

}  // namespace ngdsp
