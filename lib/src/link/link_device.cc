#include "ngwire/link/link_device.h"

namespace ngwire {

std::optional<std::vector<std::uint8_t>> LinkDevice::join_request(std::uint32_t join_nonce) {
  request_ = {};
  request_.eui = eui_;
  request_.join_nonce = join_nonce;
  asked_ = true;
  return seal_join_request(ccm_, join_key_, request_);
}

bool LinkDevice::take_accept(ByteView payload) {
  JoinAccept accept;
  if (!asked_ || open_join_accept(ccm_, join_key_, request_, payload, accept) != LinkError::none)
    return false;
  accept_ = accept;
  keys_ = derive_session_keys(root_, eui_, {accept.epoch, request_.join_nonce, accept.net_nonce});
  counter_ = SendCounter(0);
  window_ = {};
  asked_ = false;
  joined_ = true;
  return true;
}

std::optional<std::vector<std::uint8_t>> LinkDevice::seal(LinkKind kind, ByteView content) {
  if (!joined_ || payload_class_for(kind, content.size) == 0) return std::nullopt;
  const auto counter = counter_.next();
  if (!counter) return std::nullopt;
  return seal_link_frame(ccm_, keys_.up, eui_, kind, accept_.address, accept_.epoch, *counter, content);
}

std::optional<DownFrame> LinkDevice::open(ByteView payload) {
  LinkHeader header;
  if (!joined_ || read_link_header(payload, header) != LinkError::none ||
      direction_of(header.kind) != LinkDirection::down || header.address != accept_.address ||
      header.epoch != (accept_.epoch & 15U))
    return std::nullopt;
  const auto counter = rebuild_counter(window_.next(), header.counter);
  if (!counter || !window_.is_new(*counter)) return std::nullopt;
  auto content = open_link_frame(ccm_, keys_.down, eui_, header, *counter, payload);
  if (!content || !window_.take(*counter)) return std::nullopt;
  return DownFrame{header.kind, *counter, std::move(*content)};
}

}  // namespace ngwire
