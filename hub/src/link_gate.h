// The hub's end of the link: which frames are authentic, which counters are new, who may join.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "key_vault.h"
#include "metrics.h"
#include "ngwire/link/join.h"
#include "ngwire/link/link_frame.h"
#include "store.h"

namespace ngplc::hub {

/// Life of a device; nodes.state.
enum class NodeState : std::uint8_t { created, claimed, joining, active, suspended, retired };
const char* to_string(NodeState state);

/// What the gate says about a frame.
struct Verdict {
  /// "ok", "copy", "join", or why it was refused: a label of ngplc_hub_link_frames_total.
  const char* result = "ok";
  /// Set for "ok" and "copy".
  LinkMark mark;
  ngwire::LinkKind kind = ngwire::LinkKind::reading;
  std::vector<std::uint8_t> content;  ///< with its padding
  /// Set for "join": the accept to send to who asked.
  std::vector<std::uint8_t> answer;

  bool taken() const { return mark.node != 0; }
};

/// A frame for a device.
struct SealedDown {
  std::uint32_t address = 0;
  std::vector<std::uint8_t> payload;
};

/// Keys, sessions and counters of all devices in memory; what changes waits in changes() for the transaction
/// that holds the frames. Used by one thread.
class LinkGate {
 public:
  /// Without a vault every secured frame is refused as "unknown_device".
  explicit LinkGate(const KeyVault* vault) : vault_(vault) {}

  /// Replaces everything by what the database holds. Only when changes() is empty. Devices whose key does
  /// not open are left out; returns their number.
  std::size_t load(const std::vector<NodeRow>& nodes);

  /// `payload` has the type of a secured frame. `now_ns`: Unix time.
  Verdict examine(ngwire::ByteView payload, std::int64_t now_ns);

  /// Under the session that the device was heard in last, with a counter that changes() makes durable.
  /// Nothing while it was not heard, is not active, or the session has no counters left.
  std::optional<SealedDown> seal_down(std::int64_t node, ngwire::LinkKind kind, ngwire::ByteView content);

  /// No device is in the registry.
  bool empty() const { return nodes_.empty(); }
  bool knows(std::uint32_t address) const { return by_address_.count(address) > 0; }

  /// Everything since committed(), each session once.
  Changes changes() const;
  void committed();
  bool has_changes() const { return !touched_.empty() || !journal_.empty(); }

 private:
  struct Session {
    SessionRow row;
    ngwire::SessionKeys keys;
    std::map<std::uint32_t, std::uint32_t> holes;  // first to last
    bool told_ahead = false;
  };
  struct Node {
    NodeRow row;
    ngwire::Key join_key{};
    ngwire::Key root{};
    std::vector<Session> sessions;    // by epoch
    std::uint32_t current_epoch = 0;  // newest epoch a frame was taken from; 0: none
    std::set<std::uint32_t> join_nonces;
  };

  Verdict open(const ngwire::LinkHeader& header, ngwire::ByteView payload, std::int64_t now_ns);
  Verdict join(ngwire::ByteView payload, std::int64_t now_ns);
  const char* take(Node& node, Session& session, std::uint32_t counter, std::int64_t now_ns, LinkMark& mark);
  void set_state(Node& node, NodeState state, std::int64_t now_ns, const char* why);
  void drop_old_sessions(Node& node);
  std::uint32_t free_address();

  const KeyVault* vault_;
  ngwire::Ccm ccm_;
  std::deque<Node> nodes_;
  std::unordered_map<std::uint32_t, Node*> by_address_;
  std::unordered_map<ngwire::Eui, Node*> by_eui_;
  std::uint32_t next_address_ = 1;
  std::set<std::pair<Node*, std::uint32_t>> touched_;  // sessions, by epoch
  Changes journal_;                                    // all but the sessions
};

}  // namespace ngplc::hub
