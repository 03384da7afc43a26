#include "ngwire/link/link_keys.h"

#include <algorithm>
#include <string_view>

#include "octets.h"

namespace ngwire {
namespace {

std::vector<std::uint8_t> labelled(std::string_view label) { return {label.begin(), label.end()}; }

ByteView view(const std::vector<std::uint8_t>& bytes) { return {bytes.data(), bytes.size()}; }

Key first_key(const std::vector<std::uint8_t>& bytes) {
  Key key{};
  if (bytes.size() >= key.size()) std::copy_n(bytes.begin(), key.size(), key.begin());
  return key;
}

}  // namespace

Nonce link_nonce(LinkDirection direction, Eui eui, std::uint32_t counter) {
  Nonce nonce{};
  nonce[0] = static_cast<std::uint8_t>(direction);
  store_number(nonce.data() + 1, eui, 8);
  store_number(nonce.data() + 9, counter, 4);
  return nonce;
}

Key derive_join_key(const Key& root, Eui eui) {
  auto info = labelled("ngplc-link-1 join");
  append_number(info, eui, 8);
  return first_key(hkdf_sha256({root.data(), root.size()}, {}, view(info), 16));
}

SessionKeys derive_session_keys(const Key& root, Eui eui, const SessionParameters& session) {
  std::vector<std::uint8_t> salt;
  append_number(salt, session.join_nonce, 4);
  append_number(salt, session.net_nonce, 4);
  auto info = labelled("ngplc-link-1 session");
  append_number(info, eui, 8);
  append_number(info, session.epoch, 4);
  const auto bytes = hkdf_sha256({root.data(), root.size()}, view(salt), view(info), 32);
  SessionKeys keys;
  keys.up = first_key(bytes);
  keys.down = first_key({bytes.begin() + 16, bytes.end()});
  return keys;
}

Key derive_group_key(const Key& group_root, std::uint16_t group) {
  auto info = labelled("ngplc-link-1 group");
  append_number(info, group, 2);
  return first_key(hkdf_sha256({group_root.data(), group_root.size()}, {}, view(info), 16));
}

}  // namespace ngwire
