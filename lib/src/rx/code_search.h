// Search for preambles at one carrier or a few: all code phases of each by one transform.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "ngdsp/base/fft.h"
#include "rx/exact_correlation.h"
#include "rx/preamble_search.h"

namespace ngdsp {

/// All code phases of a half-chip plane by one transform, quarter chips by interpolation. Carriers lie half a
/// cycle a preamble apart: a whole number of the transform's bins, so that another carrier is the same
/// spectrum, moved. What one of several carriers shows is then correlated exactly.
class CodeSearch : public PreambleSearch {
 public:
  /// Blocks of size - preamble code phases; size >= 4 preambles.
  CodeSearch(const PreambleDetectorConfig& config, std::size_t size, std::size_t workers);
  /// Carriers that it would search.
  static int carriers(const PreambleDetectorConfig& config, std::size_t size);

  int carrier_bins() const override { return 2 * reach_ + 1; }
  void read(const ChipBuffer& chips, std::int64_t first_chip) override;
  void search(int sequence, double threshold, std::size_t worker, std::vector<PreambleHit>& found) override;

 private:
  using HalfChipPlanes = std::array<Fft, 2>;  // their outputs are the correlations
  void correlate(std::size_t sequence, int carrier, HalfChipPlanes& planes) const;
  template <typename Peak>
  void find_peaks(const HalfChipPlanes& planes, double threshold, const Peak& peak) const;

  std::size_t length_, size_, step_;             // from carrier to carrier, bins of the transform
  int reach_;                                    // carriers either side
  std::optional<ExactCorrelation> exact_;        // of several carriers
  std::vector<std::vector<cf32>> conj_spectra_;  // by sequence
  Fft forward_;
  std::vector<HalfChipPlanes> inverse_;        // by worker
  std::array<std::vector<cf32>, 2> spectrum_;  // of the half-chip planes, goes on around beyond both ends
  std::array<std::vector<float>, 2> inverse_energy_;
  std::int64_t first_chip_ = 0;
};

}  // namespace ngdsp
