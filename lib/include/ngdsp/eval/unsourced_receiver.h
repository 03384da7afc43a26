// Unsourced random access: from the sum of all senders and noise to the list of messages.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/eval/unsourced_code.h"

namespace ngdsp {

struct UnsourcedReceiverConfig {
  double ebn0_db = 1;    ///< what the senders spend: the signal is scaled by it, for noise of variance 1
  int max_list = 128;    ///< of the polar decoder, a power of two up to 128
  int max_passes = 60;   ///< detection, decoding, cancellation
};

/// What one decode did.
struct UnsourcedStats {
  int passes = 0;
  std::uint64_t decodes = 0;       ///< attempts of the polar decoder
  std::uint64_t crc_rejected = 0;  ///< attempts in which no path had a CRC
  std::uint64_t metric_rejected = 0;
};

/// Joint receiver for an unknown number of senders; see docs/unsourced_access.md. One object per thread.
class UnsourcedReceiver {
 public:
  /// The code must live as long as the receiver.
  UnsourcedReceiver(const UnsourcedCode& code, const UnsourcedReceiverConfig& config);
  ~UnsourcedReceiver();
  UnsourcedReceiver(UnsourcedReceiver&&) noexcept;
  UnsourcedReceiver& operator=(UnsourcedReceiver&&) noexcept;

  /// samples: channel_uses items with noise of variance 1. Returns the messages found, each once. Other sizes
  /// give none; NaN and infinity count as 0.
  std::vector<UnsourcedMessage> decode(Span<const float> samples);
  const UnsourcedStats& stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngdsp
