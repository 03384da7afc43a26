// The device's end of the link: joins, seals what goes up, opens what comes down.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ngwire/link/frame_counter.h"
#include "ngwire/link/join.h"
#include "ngwire/link/link_frame.h"

namespace ngwire {

/// What came down and passed.
struct DownFrame {
  LinkKind kind = LinkKind::command;
  std::uint32_t counter = 0;
  std::vector<std::uint8_t> content;  ///< with its padding
};

/// State of one device in one session. Its only persistent state is the counter of the session; without it a
/// device joins again.
class LinkDevice {
 public:
  LinkDevice(Eui eui, const Key& root) : eui_(eui), root_(root), join_key_(derive_join_key(root, eui)) {}

  /// `join_nonce` must not have been used before: counted in memory, or 32 random bits.
  std::optional<std::vector<std::uint8_t>> join_request(std::uint32_t join_nonce);
  /// True when the payload answers the last request: the new session has begun.
  bool take_accept(ByteView payload);
  const JoinAccept& accept() const { return accept_; }
  bool joined() const { return joined_; }

  /// Nothing before the join, when the content does not fit, or when the session is used up.
  std::optional<std::vector<std::uint8_t>> seal(LinkKind kind, ByteView content);
  /// Frames to this device, each counter once.
  std::optional<DownFrame> open(ByteView payload);

  SendCounter& counter() { return counter_; }

 private:
  Eui eui_;
  Key root_;
  Key join_key_;
  Ccm ccm_;
  JoinRequest request_;
  JoinAccept accept_;
  SessionKeys keys_;
  SendCounter counter_{0};
  ReplayWindow window_;
  bool asked_ = false;
  bool joined_ = false;
};

}  // namespace ngwire
