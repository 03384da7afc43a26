// Keys of the link layer: one root key a device, and what is derived from it. docs/link_layer.md.
#pragma once

#include <cstdint>

#include "ngwire/link/ccm.h"

namespace ngwire {

/// Names a device for life: 64 bits, as in IEEE EUI-64.
using Eui = std::uint64_t;

/// First byte of every nonce: the same key never sees one nonce from two senders.
enum class LinkDirection : std::uint8_t { up = 0, down = 1, group = 2 };

/// direction ‖ EUI (8) ‖ counter (4), big-endian.
Nonce link_nonce(LinkDirection direction, Eui eui, std::uint32_t counter);

/// Both frames of a join: HKDF(root, no salt, "ngplc-link-1 join" ‖ EUI).
Key derive_join_key(const Key& root, Eui eui);

/// What a join agreed on.
struct SessionParameters {
  std::uint32_t epoch = 0;       ///< number of the session, its low four bits are on air
  std::uint32_t join_nonce = 0;  ///< chosen by the device
  std::uint32_t net_nonce = 0;   ///< chosen by the hub
};

struct SessionKeys {
  Key up{};    ///< device to hub
  Key down{};  ///< hub to device
};

/// HKDF(root, salt = join_nonce ‖ net_nonce, "ngplc-link-1 session" ‖ EUI ‖ epoch): 32 bytes, up then down.
SessionKeys derive_session_keys(const Key& root, Eui eui, const SessionParameters& session);

/// HKDF(root of the group, no salt, "ngplc-link-1 group" ‖ group).
Key derive_group_key(const Key& group_root, std::uint16_t group);

}  // namespace ngwire
