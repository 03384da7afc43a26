// What a search over carriers found on its grid, correlated exactly.
#pragma once

#include <cstdint>
#include <vector>

#include "ngdsp/rx/chip_buffer.h"
#include "ngdsp/rx/preamble_detector.h"

namespace ngdsp {

/// |sum_n r(t + n) c*[n] exp(-j 2 pi f n)|^2 / sum |r|^2 at a point of the search and around it: times a
/// quarter chip apart, carriers f an eighth of a cycle a preamble.
class ExactCorrelation {
 public:
  explicit ExactCorrelation(const PreambleDetectorConfig& config);

  /// Takes the planes from chip `first` on, for preambles that begin at it or at most `phases` later; what
  /// lies before the buffer's begin counts as zero, and so does what lies behind its end.
  void read(const ChipBuffer& chips, std::int64_t first, std::size_t phases);
  /// The best of the times `chip` (on the grid of quarter chips) and a quarter either side, and of the
  /// carriers within 3/8 cycle a preamble of `cycles`. What is far below the threshold at `chip` is not
  /// looked at beside it. For several threads at once.
  PreambleHit at(int sequence, double chip, double cycles, double inverse_energy, double threshold) const;

 private:
  struct Split {
    std::vector<float> re, im;
  };

  double chip_rate_hz_;
  std::size_t length_, part_;     // chips of the preamble, and of a part of it
  std::vector<Split> sequences_;  // conjugated, zeros behind
  std::vector<cf64> part_turns_;  // by part, then fine carrier
  Split planes_[ChipBuffer::kPlanes];
  std::int64_t first_ = 0;  // chip in place 0 of the planes
};

}  // namespace ngdsp
