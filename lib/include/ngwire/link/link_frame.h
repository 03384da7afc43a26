// The secured link frame: header in the clear, content sealed. Layout, bit by bit, in docs/link_layer.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "ngwire/link/ccm.h"
#include "ngwire/link/link_keys.h"

namespace ngwire {

/// What the content of a frame is. Reserved: 8 to 13.
enum class LinkKind : std::uint8_t {
  short_reading = 0,  ///< up, 16 bytes, tag of 4 bytes; all others have 8
  reading = 1,        ///< up
  relay = 2,          ///< up: frames heard on the radio
  answer = 3,         ///< up: to a command
  command = 4,        ///< down
  time = 5,           ///< down, to one device
  group_time = 6,     ///< down, to all devices of a group
  join_request = 14,
  join_accept = 15,
};

/// First byte of every secured frame: type 2, version 1.
inline constexpr std::uint8_t kLinkFirstByte = 0x21;
inline constexpr std::size_t kLinkHeaderBytes = 7;
inline constexpr std::size_t kMaxLinkPayload = 64;

/// Addresses are 24 bits: 0 is nobody, from kFirstGroupAddress on they are groups.
inline constexpr std::uint32_t kFirstGroupAddress = 0xff0000;
inline constexpr std::uint32_t kLastDeviceAddress = kFirstGroupAddress - 1;

struct LinkHeader {
  LinkKind kind = LinkKind::reading;
  std::uint32_t address = 0;  ///< device 1..kLastDeviceAddress, or kFirstGroupAddress + group
  std::uint8_t epoch = 0;     ///< low four bits of the epoch
  std::uint16_t counter = 0;  ///< low 16 bits of the counter
};

enum class LinkError : std::uint8_t { none, empty, other_type, version, size, kind, tag, padding };
/// "ok", "empty", "other_type", "version", "size", "kind", "tag", "padding".
const char* to_string(LinkError error);

/// A payload class of the waveform: 16, 32 or 64 bytes.
bool is_payload_class(std::size_t bytes);
bool is_known_kind(std::uint8_t nibble);
LinkDirection direction_of(LinkKind kind);
/// 4 for short readings, 8 for all others.
std::size_t tag_bytes(LinkKind kind);
/// Room for content in a frame of that payload class; 0 when the kind does not go with the class.
std::size_t content_bytes(LinkKind kind, std::size_t payload_bytes);
/// The smallest class that holds so much content; 0 when none does.
std::size_t payload_class_for(LinkKind kind, std::size_t content);

/// Reads the header of an untrusted payload of any size. `header` only changes when all is well. Join frames
/// have a layout of their own (join.h); here they yield their kind alone.
LinkError read_link_header(ByteView payload, LinkHeader& header);

/// A frame of the smallest class that holds `content`, which is padded with zeros. Nothing when it is too
/// long or the kind is one of the join. `counter`: all 32 bits. `eui`: of the device, or group_eui().
std::optional<std::vector<std::uint8_t>> seal_link_frame(Ccm& ccm, const Key& key, Eui eui, LinkKind kind,
                                                         std::uint32_t address, std::uint32_t epoch,
                                                         std::uint32_t counter, ByteView content);

/// The content with its padding, or nothing when the tag does not fit. `header` as read from this payload.
std::optional<std::vector<std::uint8_t>> open_link_frame(Ccm& ccm, const Key& key, Eui eui,
                                                         const LinkHeader& header, std::uint32_t counter,
                                                         ByteView payload);

/// What stands for the EUI in the nonces of a group.
constexpr Eui group_eui(std::uint16_t group) { return 0xffffffffffff0000ULL | group; }

/// The bytes from `used` on are all zero, as they must be.
bool is_padding(ByteView content, std::size_t used);

}  // namespace ngwire
