// At which frequencies the noise of the received stream is stronger.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ngdsp/base/fft.h"
#include "ngdsp/rx/chip_buffer.h"

namespace ngdsp {

/// Learns S(f), the noise at chip rate over its median, and proposes the filter 1/S for a ChipBuffer. Every
/// block of 1024 chips counts by its spectrum over its own median: so bursts, impulses and frames, which fill
/// the band, tell nothing, however strong they are. S is the mean of about two seconds, always added to,
/// never multiplied. Lines are what stands above the median of the bins around by more than chance, and that
/// median tells how the background slopes; where neither is seen there is no filter.
class NoiseSpectrum {
 public:
  static constexpr std::size_t kBins = ChipBuffer::kFilterBins;

  NoiseSpectrum();

  /// New chips, all before `end`, which may hold frames. True where another filter is worth having.
  bool learn(const ChipBuffer& chips, std::int64_t end);
  /// By bin, its mean 1; empty: none.
  const std::vector<float>& response() const { return response_; }
  /// For a new stream.
  void restart();

 private:
  void add_block(const ChipBuffer& chips, std::int64_t first);
  std::vector<double> spectrum() const;
  std::vector<float> whitening(const std::vector<double>& spectrum);

  std::vector<float> window_;
  std::unique_ptr<Fft> forward_, inverse_;
  std::vector<double> mean_;  // of blocks, each over its median
  std::vector<double> power_, sorted_;
  std::vector<float> response_;
  double blocks_ = 0;  // that the mean is of
  std::int64_t next_ = 0;
};

}  // namespace ngdsp
