// What finds the peaks of a block of code phases, before they are compared with each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ngdsp/rx/chip_buffer.h"
#include "ngdsp/rx/preamble_detector.h"

namespace ngdsp {

class PreambleSearch {
 public:
  virtual ~PreambleSearch() = default;

  /// Carriers searched, at most a cycle a preamble apart.
  virtual int carrier_bins() const = 0;
  /// Takes the chips that as many code phases as it was made for need, from first_chip on; what lies before
  /// the buffer's begin counts as zero. The buffer must stay as it is for search().
  virtual void read(const ChipBuffer& chips, std::int64_t first_chip) = 0;
  /// Appends the peaks of a sequence with statistic >= threshold, in no order and one perhaps more than once.
  /// Several threads may search at once, each as another of the workers it was made for.
  virtual void search(int sequence, double threshold, std::size_t worker,
                      std::vector<PreambleHit>& found) = 0;
};

/// 1/sum |r|^2 under a sequence of `length` chips at each of `phases` first chips. What is 90 dB below the
/// `count` chips read is rounding noise of a transform, not a signal: 0.
void inverse_energies(const cf32* chips, std::size_t count, std::size_t length, std::size_t phases,
                      float* inverse);

}  // namespace ngdsp
