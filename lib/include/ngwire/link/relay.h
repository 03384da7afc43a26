// Frames a mains node heard on the radio, carried to the hub as they were: still sealed by their sender.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ngwire/link/ccm.h"

namespace ngwire {

/// One radio frame of 16 or 32 bytes. Larger ones do not fit behind a second header and tag.
struct SubFrame {
  std::int8_t snr_db = 0;   ///< -32..31, as the relay measured it
  std::uint16_t age_s = 0;  ///< since it was heard
  std::vector<std::uint8_t> payload;
};

/// Content of LinkKind::relay: per sub-frame 3 bytes and its payload, at most two of 16 bytes or one of 32.
/// Empty when they do not fit, or one is itself a relay frame.
std::vector<std::uint8_t> encode(const std::vector<SubFrame>& frames);

/// Content with its padding. Nothing when it is malformed, holds no frame, or holds a relay frame: what was
/// relayed is not relayed again.
std::optional<std::vector<SubFrame>> decode_sub_frames(ByteView content);

}  // namespace ngwire
