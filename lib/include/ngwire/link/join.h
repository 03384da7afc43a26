// Joining: two frames that give a device its address and both ends the keys of a session.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ngwire/link/link_frame.h"

namespace ngwire {

/// Asked by the device. Header and EUI travel in the clear, the rest sealed with the join key.
struct JoinRequest {
  Eui eui = 0;
  std::uint32_t join_nonce = 0;   ///< never used before by this device: counted, or drawn at random
  std::uint8_t capabilities = 0;  ///< bit 0: listens at any time, bit 1: relays, bit 2: switches a load
  std::uint16_t hardware = 0;
  std::uint16_t firmware = 0;
};

/// Answered by the hub, sealed with the join key and the nonce of the request.
struct JoinAccept {
  std::uint32_t address = 0;     ///< 1..kLastDeviceAddress
  std::uint32_t epoch = 0;       ///< of the new session; its first frame has counter 0
  std::uint32_t net_nonce = 0;   ///< random
  std::uint32_t time_s = 0;      ///< link time (link_time.h), 0: the hub does not know it
  std::uint16_t interval_s = 0;  ///< between readings, 0: as the device was set
  std::uint16_t phase_s = 0;     ///< of this device within the interval
};

/// 32 bytes.
std::optional<std::vector<std::uint8_t>> seal_join_request(Ccm& ccm, const Key& join_key,
                                                           const JoinRequest& request);
/// EUI of a join request, before its key is known; 0 when the payload is none.
Eui join_request_eui(ByteView payload);
/// Checks tag and padding. `request` only changes when all is well.
LinkError open_join_request(Ccm& ccm, const Key& join_key, ByteView payload, JoinRequest& request);

/// 32 bytes. `request`: EUI and join nonce of the request answered.
std::optional<std::vector<std::uint8_t>> seal_join_accept(Ccm& ccm, const Key& join_key,
                                                          const JoinRequest& request,
                                                          const JoinAccept& accept);
/// LinkError::tag for an accept meant for another device or another request. `accept` only changes when all
/// is well.
LinkError open_join_accept(Ccm& ccm, const Key& join_key, const JoinRequest& request, ByteView payload,
                           JoinAccept& accept);

}  // namespace ngwire
