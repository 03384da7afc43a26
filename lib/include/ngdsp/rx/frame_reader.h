// The parts of a frame as a hypothesis of its time and clock reads them from the chips.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/rx/despreader.h"
#include "ngdsp/tx/frame_encoder.h"

namespace ngdsp {

/// A stretch of a frame over which clock, carrier and noise hold still: a quarter of the preamble or
/// kBlockSymbols symbols.
struct FrameStretch {
  std::size_t first = 0, count = 0;  ///< chips of the frame
  double time = 0;                   ///< of its middle, chips from the frame's reference
};

/// Where a frame lies: its chip n at chip + n - clock (n - reference), in the buffer's chips. The reference
/// is the middle of the preamble, which is what is found first and known best.
struct FrameTiming {
  double chip = 0;   ///< where chip 0 would be without a clock offset
  double clock = 0;  ///< offset of the sender's clock, 1e-6 for a ppm: a fast one makes the frame shorter
  double reference = 0;

  double first_chip() const { return chip + clock * reference; }
  /// Where a stretch begins, its drift that of its middle.
  double at(const FrameStretch& x) const { return chip + static_cast<double>(x.first) - clock * x.time; }
};

/// What a stretch holds.
struct FrameBlock {
  double time = 0;   ///< of its middle, chips from the frame's reference
  double chips = 0;  ///< how many it counts for: sum w
  double share = 0;  ///< of how many it has: the mean of w
  double weight =
      0;         ///< 1/s^2, s^2 the power of the buffer's chips of weight 1: noise, for frames far below it
  cf64 known;    ///< preamble: its correlation with the sequence
  cf64 squares;  ///< symbols: sum y^2
  double energy = 0;  ///< symbols: sum |y|^2

  /// Of even noise that is as much.
  double noise_power() const { return 1 / (share * weight); }
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
  std::size_t preamble_start(int sequence) const { return code_bits(sequence) / 2 * spreading_factor(); }
  std::size_t reference(int sequence) const { return preamble_start(sequence) + preamble_chips() / 2; }
  /// First chip of symbol m.
  std::size_t symbol_chip(int sequence, std::size_t m) const {
    return m * spreading_factor() + (m < code_bits(sequence) / 2 ? 0 : preamble_chips());
  }
  FrameStretch preamble_part(int sequence, std::size_t i) const;
  /// The block of kBlockSymbols symbols that begins with symbol m. Frames have a power of two of them, at
  /// least 64: so blocks are whole, and none straddles the preamble.
  FrameStretch symbol_block(int sequence, std::size_t m) const;
  /// Chips that `count` symbols around the preamble span with it.
  std::size_t span_chips(std::size_t count) const { return preamble_chips() + count * spreading_factor(); }

  /// The sequence to despread the `symbols` around the preamble with, turned chip by chip by a carrier that
  /// moves within a block; valid until the next call.
  const SplitSequence& sequence(int q, double carrier_hz, std::size_t symbols);
  /// The same sequence as at the last call, from `symbols` around the preamble to `wider`.
  void widen_sequence(int q, double carrier_hz, std::size_t symbols, std::size_t wider);

  /// A silent block must not outweigh the rest of its frame: weights up to the next call are at most 1000
  /// times that of the frame's noise_power().
  void limit_weights(const ChipBuffer& chips, int q, double chip);
  double weight(double power) const { return 1.0 / std::max(power, power_floor_); }
  double weight(const ChipBuffer& chips, double chip, std::size_t count) const {
    return weight(chips.noise_power(chip, count));
  }

  /// The preamble in kPreambleParts parts; clears `blocks`.
  void read_preamble(const ChipBuffer& chips, int q, FrameTiming t, const SplitSequence& s,
                     std::vector<FrameBlock>& blocks) const;
  /// All symbols.
  void read_symbols(const ChipBuffer& chips, int q, FrameTiming t, const SplitSequence& s,
                    SplitSymbols& y) const;

 private:
  Profile profile_;
  std::vector<SplitSequence> sequences_;
  SplitSequence turned_;
  double power_floor_ = 0;
};

/// sum y^2 and sum |y|^2.
void square_symbols(const float* re, const float* im, std::size_t n, cf64& squares, double& energy);

}  // namespace ngdsp
