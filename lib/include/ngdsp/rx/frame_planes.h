// A frame at any time near its own, from chips that are despread once.
#pragma once

#include <cstdint>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/rx/frame_reader.h"

namespace ngdsp {

/// Despreading is linear, and so is the interpolation between the planes of a ChipBuffer: symbols between two
/// quarter chips are those of the two, interpolated, and sums of their squares follow from sums over the
/// planes. So a block is despread once, at the quarter chip nearest to the time it is first read at and one
/// on either side. That holds for 1/8 chip around that time; where another lies beyond, it is despread anew.
class FramePlanes {
 public:
  /// The frame to read from now on. All must stay, and the chips as they are, while it is read.
  void assign(const ChipBuffer& chips, const FrameReader& reader, int q, const SplitSequence& s);

  /// The preamble's parts, then the blocks of the `count` symbols around it (even; all: code_bits(q)), as a
  /// frame at `t` has them.
  void read_blocks(FrameTiming t, std::size_t count, std::vector<FrameBlock>& blocks);
  /// All its symbols.
  void read_symbols(FrameTiming t, SplitSymbols& y);

 private:
  static constexpr std::size_t kAdjacentQuarters = 3;
  // Sums over a block of the symbols of one or two planes.
  struct Products {
    float re, im;  // sum y z
    float energy;  // Re sum y z*
  };
  // A stretch at the times (quarter + k)/4, k < kAdjacentQuarters.
  struct Planes {
    FrameStretch stretch;
    bool held = false;
    std::int64_t quarter = 0;
    double share;  // mean weight of its chips, at all of them
    double power[kAdjacentQuarters];
    cf64 known[kAdjacentQuarters];  // of a part of the preamble
    // Of a block of symbols; products of planes k and k + 1 from `next` on.
    float re[kAdjacentQuarters * kBlockSymbols], im[kAdjacentQuarters * kBlockSymbols];
    Products own[kAdjacentQuarters], next[kAdjacentQuarters - 1];
  };
  // A time between planes k and k + 1, and what these count for.
  struct Place {
    std::size_t k;
    double here, next, mu;
  };
  Place hold(Planes& p, FrameTiming t, bool preamble) const;
  void describe(const Planes& p, const Place& at, FrameBlock& b) const;

  const ChipBuffer* chips_ = nullptr;
  const FrameReader* reader_ = nullptr;
  const SplitSequence* sequence_ = nullptr;
  std::vector<Planes> parts_, blocks_;
};

}  // namespace ngdsp
