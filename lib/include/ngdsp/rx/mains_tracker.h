// The phase of the mains, from whatever follows it.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "ngdsp/base/types.h"

namespace ngdsp {

/// Follows the phase of the mains in values x(t) that repeat with it: the voltage, pulses at its zero
/// crossings, or the logarithm of a noise's power. Nothing else is known: the mains has 50, 60 or 16.7 Hz
/// +-1 %, or there is none.
///
/// Found in the last second: the frequency whose harmonics up to 400 Hz hold most, against what lies half-way
/// between them. On noise that is Gamma(harmonics), so that a threshold gives the rate of false locks. Then
/// by a loop of second order over pieces of 0.1 s, with y_h the harmonic h of a piece against the phase
/// expected and c_h its mean of late,
///
///     e = sum h Im(c_h* y_h)/(2 pi sum h^2 |c_h|^2) turns.
///
/// Unlocked when the last second no longer holds what it takes to find it. Phase 0 is where the strongest
/// harmonic was highest when it locked; of noise that may be any of several places in the cycle.
class MainsTracker {
 public:
  static constexpr int kProfileBins = 40;

  /// Of values `step_s` apart, 0.1 ... 2.5 ms.
  explicit MainsTracker(double step_s);

  /// Values that are no numbers count as the one before.
  void process(Span<const float> x);
  bool locked() const { return grid_ != nullptr; }
  double frequency_hz() const { return frequency_hz_; }  ///< while locked
  double turns() const;  ///< while locked: at the value that comes next, 0 ... 1
  std::uint64_t locks() const { return locks_; }
  /// Mean of x over the phase, from 0 on; empty while not locked.
  std::vector<double> profile() const;
  void restart();

 private:
  struct Grid;
  static constexpr std::size_t kGridCount = 3;
  static const Grid kGrids[kGridCount];
  static constexpr std::size_t kPieces = 10;
  static constexpr std::size_t kMostHarmonics = 24;
  using Harmonics = std::array<cf64, kMostHarmonics>;

  void work();
  std::size_t count_of(const Grid& grid) const;
  Harmonics harmonics(const float* x, double turns, double frequency_hz, double offset) const;
  struct Piece {
    Harmonics on;
    double between;  // the harmonics, their mean power
  };
  using Second = std::array<Piece, kPieces>;
  Piece look(const Grid& grid, std::size_t piece, double hz) const;
  double statistic(const Grid& grid, const Second& second, double looked_hz, double hz) const;
  void find();
  void follow();
  void fold(const float* x, std::size_t n, double turns);

  double step_s_;
  std::size_t piece_;          // values
  std::vector<float> second_;  // the last pieces, and what has come of the next
  std::uint64_t pieces_ = 0;   // in all
  std::array<Second, kGridCount> looks_{};
  bool looked_ = false;  // at all of the second but its newest piece
  float last_ = 0;
  const Grid* grid_ = nullptr;
  double frequency_hz_ = 0, turns_ = 0;
  Harmonics mean_{};
  double seen_ = 0;  // pieces that the mean is of
  int weak_ = 0;     // pieces in a row that hold too little
  std::uint64_t locks_ = 0;
  std::array<double, kProfileBins> sum_{}, count_{};
};

}  // namespace ngdsp
