// Unsourced random access: from the sum of all senders and noise to the list of messages.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/eval/unsourced_code.h"

namespace ngdsp {

inline constexpr int kMaxUnsourcedSenders = 2000;

struct UnsourcedReceiverConfig {
  double ebn0_db = 1;    ///< what the senders spend: the signal is scaled by it, for noise of variance 1
  int max_list = 128;    ///< of the polar decoder, a power of two up to 128
  int max_passes = 250;  ///< detection, decoding, cancellation
};

/// What one decode did.
struct UnsourcedStats {
  int passes = 0;
  std::uint64_t decodes = 0;  ///< attempts of the polar decoder
};

/// Joint receiver for an unknown number of senders. Until nothing more is found: the odds that each spreading
/// sequence is in use, from the covariance of the received symbols (src/eval/activity_model.h); LLRs of every
/// likely sequence by the linear MMSE receiver that these odds give; list decoding; what is found for certain
/// is taken away exactly, since its amplitude is known; words that fit badly once others are gone are decoded
/// again, replaced or given up. docs/unsourced_access.md has the measurements. One object per thread.
class UnsourcedReceiver {
 public:
  /// The code must live as long as the receiver.
  UnsourcedReceiver(const UnsourcedCode& code, const UnsourcedReceiverConfig& config);
  ~UnsourcedReceiver();
  UnsourcedReceiver(UnsourcedReceiver&&) noexcept;
  UnsourcedReceiver& operator=(UnsourcedReceiver&&) noexcept;

  /// samples: channel_uses items with noise of variance 1. Returns the messages found, each once. Other sizes
  /// give none, and so does more power than kMaxUnsourcedSenders senders have; NaN and infinity count as 0.
  std::vector<UnsourcedMessage> decode(Span<const float> samples);
  const UnsourcedStats& stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngdsp
