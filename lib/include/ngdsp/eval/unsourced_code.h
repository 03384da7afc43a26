// Unsourced random access: from a message to what its sender puts on the channel.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/base/types.h"
#include "ngdsp/fec/polar.h"

namespace ngdsp {

/// What all senders and the receiver agree on. Every sender uses the same code book: nobody has a name, a key
/// or a slot (Polyanskiy 2017). The number of active senders is no part of it; `for_load` picks the settings
/// from the load a network is planned for, which it may announce.
struct UnsourcedScheme {
  int message_bits = 100;
  int channel_uses = 30000;    ///< real; what does not divide is left silent
  int sequence_bits = 15;      ///< of the message, choose the spreading sequence; 8 ... 17
  int code_bits = 256;         ///< polar code of the other bits, a power of two
  int crc_bits = 11;           ///< one of 6, 8, 11, 12, 16
  double design_ebn0_db = 1;   ///< of the polar code
  int power_levels = 1;        ///< a power of two, chosen by the sequence; 1 ... 256
  double power_spread_db = 0;  ///< strongest to weakest level, evenly spaced in dB; the mean power is kept
  double power_floor = 0;      ///< share of the levels that have the weakest power

  int spread_chips() const { return channel_uses / code_bits; }
  /// Information bits of the polar code.
  int polar_bits() const { return message_bits - sequence_bits + crc_bits; }
  int sequences() const { return 1 << sequence_bits; }

  static UnsourcedScheme for_load(double senders);
  /// Empty, or what is wrong.
  std::string validate() const;
};

/// Message bits, most significant first; what is beyond message_bits is zero.
using UnsourcedMessage = std::array<std::uint8_t, 16>;

/// The code book. Sequence j: spread_chips() signs and a mask of code_bits signs, all from the generator
/// stream j, so that no code word is valid under another sequence. Sender of message (j, w):
///   y[m * spread_chips + c] = a_j  mask_j[m] (1 - 2 x_m)  s_j[c],   x = polar(w, crc(w)).
/// One user's frame has the energy 2 k E_b/N0 for unit noise variance a real use, times its power level.
class UnsourcedCode {
 public:
  /// Errors: validate().
  static Result<UnsourcedCode> create(const UnsourcedScheme& scheme);

  const UnsourcedScheme& scheme() const { return scheme_; }
  const PolarCode& polar() const { return polar_; }
  /// Power of sequence j as a share of the mean power.
  float power(int sequence) const {
    return level_power_[static_cast<std::size_t>(sequence) & (level_power_.size() - 1)];
  }
  /// Writes spread_chips() signs.
  void sequence(int j, Span<float> signs) const;
  /// Writes code_bits signs.
  void mask(int j, Span<float> signs) const;

  int sequence_of(const UnsourcedMessage& message) const;
  /// Signs of the code word of a message, mask included.
  void code_word(const UnsourcedMessage& message, Span<float> signs) const;
  /// Adds `scale` times sqrt(power) times the spread signal to `samples` (channel_uses items).
  void add_signal(const UnsourcedMessage& message, double scale, Span<float> samples) const;

  /// `info`: polar_bits() bits, packed. True when the CRC holds.
  bool check(const std::uint8_t* info) const;
  UnsourcedMessage message(int sequence, const std::uint8_t* info) const;

  /// Sequences in blocks of 32: chip c of sequence 32 b + i at block(b)[32 c + i].
  static constexpr int kBlock = 32;
  const float* block(int b) const {
    return blocks_.data() + static_cast<std::size_t>(b) * static_cast<std::size_t>(padded_chips_) * kBlock;
  }
  /// spread_chips() rounded up to 16; the rest of a sequence is zero.
  int padded_chips() const { return padded_chips_; }

 private:
  explicit UnsourcedCode(const UnsourcedScheme& scheme);

  UnsourcedScheme scheme_;
  PolarCode polar_;
  int padded_chips_;
  std::vector<float> level_power_;
  std::vector<float> blocks_;
  std::vector<std::array<std::uint16_t, 256>> syndrome_;  // by byte of the information, and its value
};

}  // namespace ngdsp
