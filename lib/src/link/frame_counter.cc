#include "ngwire/link/frame_counter.h"

namespace ngwire {

std::optional<std::uint32_t> rebuild_counter(std::uint32_t next, std::uint16_t low_bits) {
  // Counted from the oldest value that can be meant, so that the distance is the field itself.
  const std::int64_t oldest = std::int64_t{next} - kMaxCounterBehind;
  const auto distance = static_cast<std::uint16_t>(low_bits - static_cast<std::uint16_t>(oldest & 0xffff));
  const std::int64_t counter = oldest + distance;
  if (counter < 0 || counter > kLastCounter) return std::nullopt;
  return static_cast<std::uint32_t>(counter);
}

bool ReplayWindow::is_new(std::uint32_t counter) const {
  if (counter >= next_) return true;
  const std::uint32_t age = next_ - 1 - counter;
  return age < kSize && (taken_ >> age & 1U) == 0;
}

bool ReplayWindow::take(std::uint32_t counter) {
  if (!is_new(counter)) return false;
  if (counter >= next_) {
    const std::uint32_t shift = counter - next_ + 1;
    taken_ = shift < kSize ? taken_ << shift : 0;
    next_ = counter + 1;
  }
  taken_ |= std::uint64_t{1} << (next_ - 1 - counter);
  return true;
}

std::optional<std::uint32_t> SendCounter::must_store() const {
  if (next_ < stored_ || next_ > kLastCounter) return std::nullopt;
  return next_ + kStep;
}

std::optional<std::uint32_t> SendCounter::next() {
  if (next_ >= stored_ || next_ > kLastCounter) return std::nullopt;
  return next_++;
}

}  // namespace ngwire
