// Counters of the link layer: 32 bits counted, 16 on air.
#pragma once

#include <cstdint>
#include <optional>

namespace ngwire {

/// Furthest a counter may run ahead of the newest one seen.
inline constexpr std::uint32_t kMaxCounterAhead = 16384;
/// Oldest counter that can still be told apart: the rest of the 65 536 values of the field on air.
inline constexpr std::uint32_t kMaxCounterBehind = 65536 - kMaxCounterAhead;
/// A session ends before its counter does: the device joins again.
inline constexpr std::uint32_t kLastCounter = 0x7fffffff;

/// The only counter with these 16 low bits within [next - kMaxCounterBehind, next + kMaxCounterAhead), where
/// `next` is one more than the newest counter seen (0: none yet). Nothing when that would be negative or
/// above kLastCounter.
std::optional<std::uint32_t> rebuild_counter(std::uint32_t next, std::uint16_t low_bits);

/// What a receiver with little memory knows of the counters it took: the newest, and which of the 64 before
/// it.
class ReplayWindow {
 public:
  static constexpr std::uint32_t kSize = 64;

  /// Never taken, and not older than the window.
  bool is_new(std::uint32_t counter) const;
  /// Call after the tag was checked. False when it was not new.
  bool take(std::uint32_t counter);
  /// One more than the newest counter taken; 0: none yet.
  std::uint32_t next() const { return next_; }

 private:
  std::uint32_t next_ = 0;
  std::uint64_t taken_ = 0;  // bit i: counter next_ - 1 - i
};

/// The sender's side: a counter that never comes back, although flash is written once in 256 frames. On a
/// start it continues at the number written last, which no frame has used.
class SendCounter {
 public:
  static constexpr std::uint32_t kStep = 256;

  /// `stored`: what memory holds from the last must_store(), 0 in a new session.
  explicit SendCounter(std::uint32_t stored) : next_(stored), stored_(stored) {}

  /// The value to write to memory before next() may be called, or nothing.
  std::optional<std::uint32_t> must_store() const;
  void stored(std::uint32_t value) { stored_ = value; }
  /// Nothing when memory was not written first, or when the session has no counters left.
  std::optional<std::uint32_t> next();

 private:
  std::uint32_t next_;
  std::uint32_t stored_;  // counters below this one may be used
};

}  // namespace ngwire
