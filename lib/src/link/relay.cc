#include "ngwire/link/relay.h"

#include <algorithm>

#include "ngwire/link/link_frame.h"
#include "octets.h"

namespace ngwire {
namespace {

constexpr std::size_t kHead = 3;
// Behind an unused byte of padding there is no sub-frame: a head of zero bits 7 and 6 ends the list.
constexpr std::uint8_t kClass16 = 1;
constexpr std::uint8_t kClass32 = 2;
constexpr int kSnrBias = 32;

bool is_relay(ByteView payload) {
  LinkHeader header;
  return read_link_header(payload, header) == LinkError::none && header.kind == LinkKind::relay;
}

}  // namespace

std::vector<std::uint8_t> encode(const std::vector<SubFrame>& frames) {
  std::vector<std::uint8_t> out;
  for (const SubFrame& frame : frames) {
    const std::size_t size = frame.payload.size();
    if ((size != 16 && size != 32) || is_relay({frame.payload.data(), size})) return {};
    const int snr = std::clamp<int>(frame.snr_db, -kSnrBias, kSnrBias - 1) + kSnrBias;
    const unsigned code = size == 16 ? kClass16 : kClass32;
    append_number(out, code << 6U | static_cast<unsigned>(snr), 1);
    append_number(out, frame.age_s, 2);
    out.insert(out.end(), frame.payload.begin(), frame.payload.end());
  }
  return out.size() <= content_bytes(LinkKind::relay, kMaxLinkPayload) ? out : std::vector<std::uint8_t>{};
}

std::optional<std::vector<SubFrame>> decode_sub_frames(ByteView content) {
  std::vector<SubFrame> frames;
  std::size_t at = 0;
  while (at < content.size && content.data[at] >> 6U != 0) {
    const unsigned code = content.data[at] >> 6U;
    const std::size_t size = code == kClass16 ? 16 : code == kClass32 ? 32 : 0;
    if (size == 0 || content.size - at < kHead + size) return std::nullopt;
    SubFrame frame;
    frame.snr_db = static_cast<std::int8_t>((content.data[at] & 63) - kSnrBias);
    frame.age_s = static_cast<std::uint16_t>(load_number(content.data + at + 1, 2));
    at += kHead;
    if (is_relay({content.data + at, size})) return std::nullopt;
    frame.payload.assign(content.data + at, content.data + at + size);
    at += size;
    frames.push_back(std::move(frame));
  }
  if (frames.empty() || !is_padding(content, at)) return std::nullopt;
  return frames;
}

}  // namespace ngwire
