// From payload bytes to chips.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/fec/polar.h"
#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// The polar code of a payload class: payload and CRC-24 in, code_bits out.
PolarCode frame_code(const PayloadClass& c);

/// Makes frames of one profile: payload -> CRC-24 -> polar code -> interleaver -> BPSK -> spreading
/// (docs/waveform.md). Construction makes the codes and sequences; encode() is const and may be used by many
/// threads.
class FrameEncoder {
 public:
  /// The profile must be valid (Profile::validate).
  explicit FrameEncoder(const Profile& profile);
  ~FrameEncoder();
  FrameEncoder(FrameEncoder&&) noexcept;
  FrameEncoder& operator=(FrameEncoder&&) noexcept;

  const Profile& profile() const;

  /// The chips of a frame on sequence q: the first half of the symbols, the preamble, the second half. c[n]
  /// is unmodulated in the preamble, elsewhere times +1 (bit 0) or -1 (bit 1) of its symbol, SF chips a
  /// symbol. Unit energy a chip. 0 <= q < sequence_count(); payload has exactly class_of(q).payload_bytes
  /// bytes.
  std::vector<cf32> encode(Span<const std::uint8_t> payload, int q) const;

  /// The BPSK symbols (+1 / -1 in order of transmission) alone.
  void encode_symbols(Span<const std::uint8_t> payload, int q, std::vector<float>& symbols) const;

  /// The whole unmodulated sequence q, frame_chips(class_of(q)) chips.
  const std::vector<cf32>& sequence(int q) const;
  /// Its chips that are the preamble.
  Span<const cf32> preamble(int q) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngdsp
