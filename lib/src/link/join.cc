#include "ngwire/link/join.h"

#include <array>

#include "octets.h"

namespace ngwire {
namespace {

// Request: first byte, address 0 (3), kind (1), EUI (8), join nonce (4) in the clear; 7 bytes sealed; tag 8.
constexpr std::size_t kRequestHeader = 17;
// Accept: first byte, low 24 bits of the EUI, kind (1) in the clear; 19 bytes sealed; tag 8.
constexpr std::size_t kAcceptHeader = 5;
constexpr std::size_t kBytes = 32;
constexpr std::size_t kTag = 8;
constexpr std::size_t kRequestContent = kBytes - kRequestHeader - kTag;
constexpr std::size_t kAcceptContent = kBytes - kAcceptHeader - kTag;
static_assert(kRequestContent == 7 && kAcceptContent == 19);

void write_head(std::uint8_t* at, LinkKind kind, std::uint32_t address) {
  at[0] = kLinkFirstByte;
  store_number(at + 1, address, 3);
  at[4] = static_cast<std::uint8_t>(static_cast<unsigned>(kind) << 4U);
}

LinkError check_head(ByteView payload, LinkKind kind) {
  LinkHeader header;
  if (const LinkError error = read_link_header(payload, header); error != LinkError::none) return error;
  return header.kind == kind && (payload.data[4] & 15U) == 0 ? LinkError::none : LinkError::kind;
}

std::uint32_t short_eui(Eui eui) { return static_cast<std::uint32_t>(eui & 0xffffffU); }

}  // namespace

std::optional<std::vector<std::uint8_t>> seal_join_request(Ccm& ccm, const Key& join_key,
                                                           const JoinRequest& request) {
  std::vector<std::uint8_t> out(kBytes);
  write_head(out.data(), LinkKind::join_request, 0);
  store_number(out.data() + 5, request.eui, 8);
  store_number(out.data() + 13, request.join_nonce, 4);
  std::array<std::uint8_t, kRequestContent> plain{};
  plain[0] = request.capabilities;
  store_number(plain.data() + 1, request.hardware, 2);
  store_number(plain.data() + 3, request.firmware, 2);
  if (!ccm.seal(join_key, link_nonce(LinkDirection::up, request.eui, request.join_nonce),
                {out.data(), kRequestHeader}, {plain.data(), plain.size()}, kTag,
                out.data() + kRequestHeader))
    return std::nullopt;
  return out;
}

Eui join_request_eui(ByteView payload) {
  return check_head(payload, LinkKind::join_request) == LinkError::none ? load_number(payload.data + 5, 8)
                                                                        : 0;
}

LinkError open_join_request(Ccm& ccm, const Key& join_key, ByteView payload, JoinRequest& request) {
  if (const LinkError error = check_head(payload, LinkKind::join_request); error != LinkError::none)
    return error;
  JoinRequest out;
  out.eui = load_number(payload.data + 5, 8);
  out.join_nonce = static_cast<std::uint32_t>(load_number(payload.data + 13, 4));
  std::array<std::uint8_t, kRequestContent> plain{};
  if (!ccm.open(join_key, link_nonce(LinkDirection::up, out.eui, out.join_nonce),
                {payload.data, kRequestHeader},
                {payload.data + kRequestHeader, payload.size - kRequestHeader}, kTag, plain.data()))
    return LinkError::tag;
  if (!is_padding({plain.data(), plain.size()}, 5)) return LinkError::padding;
  out.capabilities = plain[0];
  out.hardware = static_cast<std::uint16_t>(load_number(plain.data() + 1, 2));
  out.firmware = static_cast<std::uint16_t>(load_number(plain.data() + 3, 2));
  request = out;
  return LinkError::none;
}

std::optional<std::vector<std::uint8_t>> seal_join_accept(Ccm& ccm, const Key& join_key,
                                                          const JoinRequest& request,
                                                          const JoinAccept& accept) {
  std::vector<std::uint8_t> out(kBytes);
  write_head(out.data(), LinkKind::join_accept, short_eui(request.eui));
  std::array<std::uint8_t, kAcceptContent> plain{};
  store_number(plain.data(), accept.address, 3);
  store_number(plain.data() + 3, accept.epoch, 4);
  store_number(plain.data() + 7, accept.net_nonce, 4);
  store_number(plain.data() + 11, accept.time_s, 4);
  store_number(plain.data() + 15, accept.interval_s, 2);
  store_number(plain.data() + 17, accept.phase_s, 2);
  if (!ccm.seal(join_key, link_nonce(LinkDirection::down, request.eui, request.join_nonce),
                {out.data(), kAcceptHeader}, {plain.data(), plain.size()}, kTag, out.data() + kAcceptHeader))
    return std::nullopt;
  return out;
}

LinkError open_join_accept(Ccm& ccm, const Key& join_key, const JoinRequest& request, ByteView payload,
                           JoinAccept& accept) {
  if (const LinkError error = check_head(payload, LinkKind::join_accept); error != LinkError::none)
    return error;
  std::array<std::uint8_t, kAcceptContent> plain{};
  if (load_number(payload.data + 1, 3) != short_eui(request.eui) ||
      !ccm.open(join_key, link_nonce(LinkDirection::down, request.eui, request.join_nonce),
                {payload.data, kAcceptHeader}, {payload.data + kAcceptHeader, payload.size - kAcceptHeader},
                kTag, plain.data()))
    return LinkError::tag;
  JoinAccept out;
  out.address = static_cast<std::uint32_t>(load_number(plain.data(), 3));
  out.epoch = static_cast<std::uint32_t>(load_number(plain.data() + 3, 4));
  out.net_nonce = static_cast<std::uint32_t>(load_number(plain.data() + 7, 4));
  out.time_s = static_cast<std::uint32_t>(load_number(plain.data() + 11, 4));
  out.interval_s = static_cast<std::uint16_t>(load_number(plain.data() + 15, 2));
  out.phase_s = static_cast<std::uint16_t>(load_number(plain.data() + 17, 2));
  accept = out;
  return LinkError::none;
}

}  // namespace ngwire
