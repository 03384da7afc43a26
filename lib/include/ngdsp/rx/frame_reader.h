// The parts of a frame as a hypothesis of its time and clock reads them from the chips.
#pragma once

#include <cstdint>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/rx/despreader.h"
#include "ngdsp/tx/frame_encoder.h"

namespace ngdsp {

/// Where a frame lies: its chip n at chip + n - clock (n), in the buffer's chips.
struct FrameTiming {
  double chip = 0;
  double clock = 0;  ///< offset of the sender's clock, 1e-6 for a ppm: a fast one makes the frame shorter
};

/// A stretch of a frame over which clock, carrier and noise hold still: a quarter of the preamble or
/// kBlockSymbols symbols.
struct FrameBlock {
  double time = 0;    ///< of its middle, chips from the frame's first
  double chips = 0;   ///< how many
  double weight = 0;  ///< 1/s^2, s^2 the mean power of the buffer's chips here: noise, for frames far below it
  cf64 known;         ///< preamble: its correlation with the sequence
  cf64 squares;       ///< symbols: sum y^2
  double energy = 0;  ///< symbols: sum |y|^2
};

/// Reads frames of one profile. Not for several threads at once: it keeps a sequence turned by a carrier.
class FrameReader {
 public:
  static constexpr std::size_t kPreambleParts = 4;
  /// Chips needed before a frame's first and behind its last.
  static constexpr int kMarginChips = 32;

  explicit FrameReader(const FrameEncoder& encoder);

  const Profile& profile() const { return profile_; }
  std::size_t preamble_chips() const { return static_cast<std::size_t>(profile_.preamble_chips); }
  std::size_t spreading_factor() const { return static_cast<std::size_t>(profile_.spreading_factor); }
  std::size_t code_bits(int sequence) const {
    return static_cast<std::size_t>(profile_.class_of(sequence).code_bits);
  }
  std::size_t frame_chips(int sequence) const {
    return preamble_chips() + code_bits(sequence) * spreading_factor();
  }
  /// First chip of symbol m, from the frame's first.
  std::size_t symbol_chip(std::size_t m) const { return preamble_chips() + m * spreading_factor(); }
  std::size_t part_chip(std::size_t i) const { return i * preamble_chips() / kPreambleParts; }

  /// The sequence to despread with, turned chip by chip by a carrier that moves within a block; valid until
  /// the next call.
  const SplitSequence& sequence(int q, double carrier_hz, std::size_t chips_needed);

  /// A silent block must not outweigh the rest of its frame: weights up to the next call are at most 1000
  /// times that of the frame's mean power.
  void limit_weights(const ChipBuffer& chips, int q, double chip);
  double weight(const ChipBuffer& chips, double chip, std::size_t count) const;

  /// The preamble in kPreambleParts parts; clears `blocks`.
  void read_preamble(const ChipBuffer& chips, FrameTiming t, const SplitSequence& s,
                     std::vector<FrameBlock>& blocks) const;
  /// The first `count` symbols.
  void read_symbols(const ChipBuffer& chips, FrameTiming t, const SplitSequence& s, std::size_t count,
                    SplitSymbols& y) const;
  /// Appends the blocks of the first `count` symbols y.
  void add_symbol_blocks(const ChipBuffer& chips, FrameTiming t, std::size_t count, const SplitSymbols& y,
                         std::vector<FrameBlock>& blocks) const;

 private:
  Profile profile_;
  std::vector<SplitSequence> sequences_;
  SplitSequence turned_;
  double power_floor_ = 0;
};

/// sum y^2 and sum |y|^2.
void square_symbols(const float* re, const float* im, std::size_t n, cf64& squares, double& energy);

}  // namespace ngdsp
