// A ZeroMQ message of samples taken apart: GNU Radio's, with or without the header of `pass tags` (see
// zmq_device.h).
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>

#include "ngdsp/base/types.h"

namespace ngdevice {

inline constexpr std::uint16_t kSampleMagic = 0x5FF0;
inline constexpr std::uint8_t kSampleVersion = 1;
inline constexpr std::size_t kSampleHeaderBytes = 19;

/// Items, and the stream's index of the first where a header says it.
struct SampleMessage {
  const std::uint8_t* items = nullptr;
  std::size_t count = 0;
  std::optional<std::uint64_t> index;
};

/// Nothing for bytes that are no whole items, and for headers of another version, cut short, or with tags.
/// Items that begin as a header does, once in 2^24 messages, are taken for one: a header must never be
/// played.
inline std::optional<SampleMessage> parse_samples(ngdsp::Span<const std::uint8_t> bytes,
                                                  std::size_t item_bytes) {
  std::uint16_t magic = 0;
  if (bytes.size() >= 3) std::memcpy(&magic, bytes.data(), 2);
  if (magic != kSampleMagic || bytes[2] != kSampleVersion) {
    if (bytes.size() % item_bytes != 0) return std::nullopt;
    return SampleMessage{bytes.data(), bytes.size() / item_bytes, std::nullopt};
  }
  if (bytes.size() < kSampleHeaderBytes || (bytes.size() - kSampleHeaderBytes) % item_bytes != 0)
    return std::nullopt;
  std::uint64_t index = 0, tags = 0;
  std::memcpy(&index, bytes.data() + 3, 8);
  std::memcpy(&tags, bytes.data() + 11, 8);
  if (tags != 0) return std::nullopt;
  return SampleMessage{bytes.data() + kSampleHeaderBytes, (bytes.size() - kSampleHeaderBytes) / item_bytes,
                       index};
}

}  // namespace ngdevice
