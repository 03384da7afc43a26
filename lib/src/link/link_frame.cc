#include "ngwire/link/link_frame.h"

#include <algorithm>

#include "ngwire/link/reading_codec.h"
#include "octets.h"

namespace ngwire {
namespace {

static_assert(kLinkFirstByte >> 4U == static_cast<std::uint8_t>(FrameType::secured));

bool is_join(LinkKind kind) { return kind == LinkKind::join_request || kind == LinkKind::join_accept; }

}  // namespace

const char* to_string(LinkError error) {
  switch (error) {
    case LinkError::none:
      return "ok";
    case LinkError::empty:
      return "empty";
    case LinkError::other_type:
      return "other_type";
    case LinkError::version:
      return "version";
    case LinkError::size:
      return "size";
    case LinkError::kind:
      return "kind";
    case LinkError::tag:
      return "tag";
    case LinkError::padding:
      return "padding";
  }
  return "unknown";
}

bool is_payload_class(std::size_t bytes) { return bytes == 16 || bytes == 32 || bytes == 64; }

bool is_known_kind(std::uint8_t nibble) { return nibble <= 6 || nibble == 14 || nibble == 15; }

LinkDirection direction_of(LinkKind kind) {
  switch (kind) {
    case LinkKind::command:
    case LinkKind::time:
    case LinkKind::join_accept:
      return LinkDirection::down;
    case LinkKind::group_time:
      return LinkDirection::group;
    default:
      return LinkDirection::up;
  }
}

std::size_t tag_bytes(LinkKind kind) { return kind == LinkKind::short_reading ? 4 : 8; }

std::size_t content_bytes(LinkKind kind, std::size_t payload_bytes) {
  if (!is_payload_class(payload_bytes) || is_join(kind)) return 0;
  if (kind == LinkKind::short_reading && payload_bytes != 16) return 0;
  return payload_bytes - kLinkHeaderBytes - tag_bytes(kind);
}

std::size_t payload_class_for(LinkKind kind, std::size_t content) {
  for (const std::size_t size : {16U, 32U, 64U}) {
    const std::size_t room = content_bytes(kind, size);
    if (room > 0 && content <= room) return size;
  }
  return 0;
}

LinkError read_link_header(ByteView payload, LinkHeader& header) {
  if (payload.size == 0) return LinkError::empty;
  if (frame_type_nibble(payload.data, payload.size) != static_cast<std::uint8_t>(FrameType::secured))
    return LinkError::other_type;
  if (payload.data[0] != kLinkFirstByte) return LinkError::version;
  if (!is_payload_class(payload.size)) return LinkError::size;
  const std::uint8_t nibble = payload.data[4] >> 4U;
  if (!is_known_kind(nibble)) return LinkError::kind;
  const auto kind = static_cast<LinkKind>(nibble);
  if (is_join(kind)) {
    if (payload.size != 32) return LinkError::size;
    header = {};
    header.kind = kind;
    return LinkError::none;
  }
  if (content_bytes(kind, payload.size) == 0) return LinkError::size;
  header.kind = kind;
  header.address = static_cast<std::uint32_t>(load_number(payload.data + 1, 3));
  header.epoch = payload.data[4] & 15U;
  header.counter = static_cast<std::uint16_t>(load_number(payload.data + 5, 2));
  return LinkError::none;
}

std::optional<std::vector<std::uint8_t>> seal_link_frame(Ccm& ccm, const Key& key, Eui eui, LinkKind kind,
                                                         std::uint32_t address, std::uint32_t epoch,
                                                         std::uint32_t counter, ByteView content) {
  const std::size_t size = payload_class_for(kind, content.size);
  if (size == 0) return std::nullopt;
  std::vector<std::uint8_t> plain(content_bytes(kind, size), 0);
  std::copy(content.data, content.data + content.size, plain.begin());
  std::vector<std::uint8_t> out(size);
  out[0] = kLinkFirstByte;
  store_number(out.data() + 1, address, 3);
  out[4] = static_cast<std::uint8_t>(static_cast<unsigned>(kind) << 4U | (epoch & 15U));
  store_number(out.data() + 5, counter, 2);
  if (!ccm.seal(key, link_nonce(direction_of(kind), eui, counter), {out.data(), kLinkHeaderBytes},
                {plain.data(), plain.size()}, tag_bytes(kind), out.data() + kLinkHeaderBytes)) {
    return std::nullopt;
  }
  return out;
}

std::optional<std::vector<std::uint8_t>> open_link_frame(Ccm& ccm, const Key& key, Eui eui,
                                                         const LinkHeader& header, std::uint32_t counter,
                                                         ByteView payload) {
  std::vector<std::uint8_t> content(content_bytes(header.kind, payload.size));
  if (content.empty() ||
      !ccm.open(key, link_nonce(direction_of(header.kind), eui, counter), {payload.data, kLinkHeaderBytes},
                {payload.data + kLinkHeaderBytes, payload.size - kLinkHeaderBytes}, tag_bytes(header.kind),
                content.data())) {
    return std::nullopt;
  }
  return content;
}

bool is_padding(ByteView content, std::size_t used) {
  return used <= content.size && std::all_of(content.data + used, content.data + content.size,
                                             [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace ngwire
