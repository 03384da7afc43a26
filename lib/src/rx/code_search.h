// Search for preambles where the carrier is known well enough: over code phases alone.
#pragma once

#include <array>
#include <vector>

#include "ngdsp/base/fft.h"
#include "rx/preamble_search.h"

namespace ngdsp {

/// All code phases of a half-chip plane by one transform, quarter chips by interpolation.
class CodeSearch : public PreambleSearch {
 public:
  /// Blocks of size - preamble code phases.
  CodeSearch(const PreambleDetectorConfig& config, std::size_t size, std::size_t workers);

  int carrier_bins() const override { return 1; }
  void read(const ChipBuffer& chips, std::int64_t first_chip) override;
  void search(int sequence, double threshold, std::size_t worker, std::vector<PreambleHit>& found) override;

 private:
  std::size_t length_, size_;
  std::vector<std::vector<cf32>> conj_spectra_;  // by sequence
  Fft forward_;
  using HalfChipPlanes = std::array<Fft, 2>;   // their outputs are the correlations
  std::vector<HalfChipPlanes> inverse_;        // by worker
  std::array<std::vector<cf32>, 2> spectrum_;  // of the half-chip planes
  std::array<std::vector<float>, 2> inverse_energy_;
  std::int64_t first_chip_ = 0;
};

}  // namespace ngdsp
