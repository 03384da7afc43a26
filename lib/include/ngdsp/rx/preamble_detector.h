// Search for known chip sequences over code phase and carrier offset.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/base/worker_pool.h"
#include "ngdsp/rx/chip_buffer.h"

namespace ngdsp {

/// One peak of the search.
struct PreambleHit {
  int sequence = 0;
  double chip = 0;               ///< time of the first chip, on a grid of 1/4 chip
  double carrier_offset_hz = 0;  ///< to an eighth of a cycle a preamble; 0 where there is one bin
  double statistic = 0;
};

struct PreambleDetectorConfig {
  std::vector<std::vector<cf32>> sequences;  ///< unit-energy chips, all of one length
  double chip_rate_hz = 48000;
  double max_carrier_offset_hz = 0;  ///< above 3/16 cycle a preamble, bins cover -max ... +max
  double threshold = 5.5;
};

/// For every code phase, carrier and sequence: |sum_n r[n] c*[n] exp(-j w n)|^2 / sum_n |r[n]|^2; on noise
/// alone it is exponential(1) whatever the level, so P(statistic > T) = exp(-T) per cell. Times are looked at
/// a quarter chip apart where the statistic is near the threshold (worst scalloping 0.2 dB). Of peaks of one
/// sequence less than kPeakSpacing chips and kCarrierSpacing cycles a preamble apart the strongest is kept.
class PreambleDetector {
 public:
  static constexpr int kPeakSpacing = 3;
  static constexpr double kCarrierSpacing = 3;

  /// The workers share out the sequences; the pool lives as long as the detector.
  explicit PreambleDetector(const PreambleDetectorConfig& config, WorkerPool& workers = WorkerPool::alone());
  ~PreambleDetector();
  PreambleDetector(PreambleDetector&&) noexcept;
  PreambleDetector& operator=(PreambleDetector&&) noexcept;

  /// Start positions a call covers, and chips it needs from the first of them on.
  int hop_chips() const;
  int span_chips() const;
  /// Carriers searched: 1, a few half a cycle a preamble apart, or many a cycle apart.
  int carrier_bins() const;
  /// Hits that a sequence has on noise alone in a call, at continuous time and carrier: upcrossings (Rice)
  /// 2 sqrt(pi T) f exp(-T) a chip where there is one bin; peaks over both 2 pi f d (2T - 1) exp(-T) a chip
  /// and cycle (Adler, Worsley); f = 0.29 chip rates the rms bandwidth of the pulse's correlation, d = 1/sqrt
  /// 12 the rms duration of the preamble.
  double noise_hits(double threshold) const;

  /// Appends the hits above their sequence's threshold (one each; infinite: not searched) with first_chip <=
  /// chip < first_chip + hop_chips(), ascending in time. The buffer holds first_chip ... first_chip +
  /// span_chips() - 1.
  void search(const ChipBuffer& chips, std::int64_t first_chip, Span<const double> thresholds,
              std::vector<PreambleHit>& hits);
  /// All sequences at the configured threshold.
  void search(const ChipBuffer& chips, std::int64_t first_chip, std::vector<PreambleHit>& hits);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngdsp
