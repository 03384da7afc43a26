// Whether the noise of the received stream follows the mains, and how.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ngdsp/rx/chip_buffer.h"
#include "ngdsp/rx/mains_tracker.h"
#include "ngdsp/rx/noise_report.h"

namespace ngdsp {

/// The phase of the mains about a chip.
struct MainsClock {
  double chip, turns;  ///< cycles of the mains there, from wherever they are counted
  double rate;         ///< cycles a chip
  std::uint64_t lock;  ///< phases of different locks have nothing to do with each other

  double turns_at(double other) const { return turns + rate * (other - chip); }
};

/// A MainsTracker of the logarithm of the power of what is left of the chips beside lines, by the
/// half millisecond. For people, and for what of a frame's paths changes with the mains; weights know the
/// bursts already.
class NoiseRhythm {
 public:
  explicit NoiseRhythm(double chip_rate_hz);

  /// Of new chips, all before `end`.
  void learn(const ChipBuffer& chips, std::int64_t end);
  /// For a new stream.
  void restart();
  void report(NoiseReport& out) const;
  const MainsTracker& mains() const { return tracker_; }
  /// Middle of the half millisecond that comes next, where mains().turns() is: chips from the stream's start.
  double next_chip() const;
  /// Empty while mains() is not locked.
  std::optional<MainsClock> clock() const;

 private:
  double chip_rate_hz_;
  std::size_t step_chips_;
  MainsTracker tracker_;
  std::int64_t next_ = 0;
  std::vector<float> power_, level_;
};

}  // namespace ngdsp
