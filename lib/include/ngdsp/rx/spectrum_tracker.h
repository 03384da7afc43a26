// At which frequencies the noise of the received stream is stronger.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ngdsp/base/fft.h"
#include "ngdsp/rx/chip_buffer.h"
#include "ngdsp/rx/noise_report.h"

namespace ngdsp {

/// Spectrum of the noise at chip rate, cycles a chip, on any scale: for measurements of what not knowing it
/// costs.
using KnownSpectrum = std::function<double(double turns)>;

/// Learns S(f), the noise at chip rate over its median, and proposes the filter 1/S for a ChipBuffer. Every
/// block of 1024 chips counts by its spectrum over its own median, and the less the further that is above the
/// lowest of late, with the square: so bursts, impulses and frames tell little, however strong they are. S is
/// the mean of about two seconds, always added to, never multiplied. Lines are what stands above the median
/// of the bins around by more than chance, and that median tells how the background slopes; where neither is
/// seen there is no filter.
class SpectrumTracker {
 public:
  static constexpr std::size_t kBins = 2 * static_cast<std::size_t>(ChipBuffer::kFilterReach);

  explicit SpectrumTracker(KnownSpectrum known = {});

  /// New chips, all before `end`, which may hold frames. True where another filter is worth having.
  bool learn(const ChipBuffer& chips, std::int64_t end);
  /// As ChipBuffer::set_filter() takes it; empty: none.
  const std::vector<cf32>& taps() const { return filter_.taps; }
  /// For a new stream.
  void restart();
  /// Of what was learned; nothing where there is no filter.
  void report(NoiseReport& out) const;

 private:
  void add_block(const ChipBuffer& chips, std::int64_t first);
  struct Spectrum {
    std::vector<double> all, background;  // by bin; where there is no line both are the same
  };
  struct Filter {
    std::vector<float> response;
    std::vector<cf32> taps;
    double kept = 0;  // SNR, of that of 1/S
  };
  Spectrum spectrum() const;
  Filter whitening(const Spectrum& s, std::size_t widen);

  KnownSpectrum known_;
  std::vector<float> window_;
  std::unique_ptr<Fft> forward_, inverse_;
  std::vector<double> mean_;  // of blocks, each over its median
  std::vector<double> power_, sorted_;
  Filter filter_;
  double blocks_ = 0;             // that the mean is of, by their weights
  double floor_ = 0;              // lowest power of a block of late
  double seen_ = 0, unseen_ = 0;  // windows, at most the memory; those since the filter was thought of
  std::int64_t next_ = 0;
};

}  // namespace ngdsp
