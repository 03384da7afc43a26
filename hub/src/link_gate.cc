#include "link_gate.h"

#include <sodium.h>

#include <algorithm>

#include "ngwire/link/frame_counter.h"
#include "ngwire/link/link_time.h"

namespace ngplc::hub {
namespace {

using ngwire::LinkError;
using ngwire::LinkHeader;
using ngwire::LinkKind;

// Sessions kept before the current one, for frames that a modem delivers after a new join, and granted ones
// that no frame was heard from. All stay within the 16 epochs that the field on air tells apart.
constexpr std::size_t kOldSessions = 3;
constexpr std::size_t kGrantedSessions = 8;
// Ranges of missing counters remembered; beyond it the oldest are given up.
constexpr std::size_t kMaxHoles = 256;
// Copies come within the spread of relays and receivers; what is older is a replay.
constexpr std::uint32_t kCopyWindow = ngwire::ReplayWindow::kSize;
constexpr std::int64_t kSecondNs = 1'000'000'000;

const char* refusal(LinkError error) {
  switch (error) {
    case LinkError::version:
      return "version";
    case LinkError::kind:
      return "kind";
    default:
      return "size";
  }
}

}  // namespace

const char* to_string(NodeState state) {
  switch (state) {
    case NodeState::created:
      return "created";
    case NodeState::claimed:
      return "claimed";
    case NodeState::joining:
      return "joining";
    case NodeState::active:
      return "active";
    case NodeState::suspended:
      return "suspended";
    case NodeState::retired:
      return "retired";
  }
  return "unknown";
}

std::size_t LinkGate::load(const std::vector<NodeRow>& rows) {
  by_address_.clear();
  by_eui_.clear();
  nodes_.clear();
  std::size_t closed = 0;
  for (const NodeRow& row : rows) {
    const auto root = vault_ != nullptr ? vault_->open(row.eui, row.sealed_key) : std::nullopt;
    next_address_ = std::max(next_address_, row.address + 1);
    if (!root) {
      ++closed;
      continue;
    }
    Node& node = nodes_.emplace_back();
    node.row = row;
    node.root = *root;
    node.join_key = ngwire::derive_join_key(*root, row.eui);
    for (const SessionRow& s : row.sessions) {
      Session session;
      session.row = s;
      session.keys = ngwire::derive_session_keys(*root, row.eui, s.session);
      for (const Hole& hole : s.holes) session.holes[hole.first] = hole.last;
      if (s.next_counter > 0) node.current_epoch = std::max(node.current_epoch, s.session.epoch);
      node.sessions.push_back(std::move(session));
    }
    for (const JoinRow& join : row.joins) node.join_nonces.insert(join.join_nonce);
    // Only the newest answer is ever repeated.
    if (node.row.joins.size() > 1) node.row.joins.erase(node.row.joins.begin(), node.row.joins.end() - 1);
    node.row.sessions.clear();
    by_eui_[row.eui] = &node;
    if (row.address != 0) by_address_[row.address] = &node;
  }
  return closed;
}

Verdict LinkGate::examine(ngwire::ByteView payload, std::int64_t now_ns) {
  Verdict verdict;
  LinkHeader header;
  if (const LinkError error = read_link_header(payload, header); error != LinkError::none) {
    verdict.result = refusal(error);
    return verdict;
  }
  if (direction_of(header.kind) != ngwire::LinkDirection::up) {
    verdict.result = "direction";  // a frame of the hub, heard on the line
    return verdict;
  }
  return header.kind == LinkKind::join_request ? join(payload, now_ns) : open(header, payload, now_ns);
}

Verdict LinkGate::open(const LinkHeader& header, ngwire::ByteView payload, std::int64_t now_ns) {
  Verdict verdict;
  const auto found = by_address_.find(header.address);
  if (found == by_address_.end()) {
    verdict.result = "unknown_device";
    return verdict;
  }
  Node& node = *found->second;
  if (static_cast<NodeState>(node.row.state) >= NodeState::suspended) {
    verdict.result = to_string(static_cast<NodeState>(node.row.state));
    return verdict;
  }
  const auto session = std::find_if(node.sessions.begin(), node.sessions.end(), [&](const Session& s) {
    return (s.row.session.epoch & 15U) == header.epoch;
  });
  if (session == node.sessions.end()) {
    verdict.result = "unknown_epoch";
    return verdict;
  }
  const std::uint32_t next = session->row.next_counter;
  const auto try_counter = [&](std::uint32_t counter) {
    auto content = open_link_frame(ccm_, session->keys.up, node.row.eui, header, counter, payload);
    if (content) verdict.content = std::move(*content);
    return content.has_value();
  };
  const auto counter = ngwire::rebuild_counter(next, header.counter);
  if (counter && try_counter(*counter)) {
    verdict.kind = header.kind;
    verdict.mark.node = node.row.id;
    verdict.mark.address = header.address;
    verdict.mark.epoch = session->row.session.epoch;
    verdict.mark.counter = *counter;
    verdict.result = take(node, *session, *counter, now_ns, verdict.mark);
    if (verdict.mark.node == 0) verdict.content.clear();
    return verdict;
  }
  // The next counters with these bits are too far ahead to be believed; one is tried to tell why.
  const std::uint32_t ahead = counter ? *counter + 65536 : header.counter;
  if (ahead >= next && try_counter(ahead)) {
    verdict.content.clear();
    verdict.result = "counter_ahead";
    if (!session->told_ahead) {
      session->told_ahead = true;
      journal_.events.push_back(
          {now_ns, header.address, node.row.id, "counter_ahead",
           "counter " + std::to_string(ahead) + ", expected about " + std::to_string(next)});
    }
    return verdict;
  }
  verdict.result = "bad_tag";
  return verdict;
}

const char* LinkGate::take(Node& node, Session& session, std::uint32_t counter, std::int64_t now_ns,
                           LinkMark& mark) {
  SessionRow& row = session.row;
  const std::uint32_t epoch = row.session.epoch;
  const bool first_of_session = row.next_counter == 0;
  if (counter >= row.next_counter) {
    if (counter > row.next_counter) {
      session.holes[row.next_counter] = counter - 1;
      row.holes_changed = true;
    }
    row.next_counter = counter + 1;
    mark.late = epoch < node.current_epoch;
  } else {
    auto hole = session.holes.upper_bound(counter);
    if (hole == session.holes.begin() || (--hole)->second < counter) {
      if (row.next_counter - 1 - counter >= kCopyWindow) {
        mark = {};
        return "replayed";
      }
      mark.copy = true;
      return "copy";
    }
    const auto [first, last] = *hole;
    session.holes.erase(hole);
    if (first < counter) session.holes[first] = counter - 1;
    if (counter < last) session.holes[counter + 1] = last;
    row.holes_changed = true;
    mark.late = true;
  }
  // Below that distance a counter cannot be rebuilt any more.
  while (!session.holes.empty() &&
         (session.holes.size() > kMaxHoles ||
          std::uint64_t{session.holes.begin()->second} + ngwire::kMaxCounterBehind < row.next_counter)) {
    session.holes.erase(session.holes.begin());
    row.holes_changed = true;
  }
  touched_.insert({&node, epoch});
  if (first_of_session && epoch > node.current_epoch) {
    node.current_epoch = epoch;
    journal_.events.push_back(
        {now_ns, mark.address, node.row.id, "session", "epoch " + std::to_string(epoch)});
    if (static_cast<NodeState>(node.row.state) == NodeState::joining)
      set_state(node, NodeState::active, now_ns, "first frame");
    drop_old_sessions(node);  // may move `session`
  }
  return "ok";
}

void LinkGate::set_state(Node& node, NodeState state, std::int64_t now_ns, const char* why) {
  journal_.events.push_back({now_ns, node.row.address, node.row.id, "state",
                             std::string(to_string(static_cast<NodeState>(node.row.state))) + " -> " +
                                 to_string(state) + ": " + why});
  node.row.state = static_cast<int>(state);
  journal_.states.push_back({node.row.id, node.row.state});
}

std::uint32_t LinkGate::free_address() {
  return next_address_ <= ngwire::kLastDeviceAddress ? next_address_++ : 0;
}

void LinkGate::drop_old_sessions(Node& node) {
  const auto count = [&node](bool granted) {
    return static_cast<std::size_t>(std::count_if(
        node.sessions.begin(), node.sessions.end(),
        [&](const Session& s) { return (s.row.session.epoch > node.current_epoch) == granted; }));
  };
  const auto drop_first = [&](bool granted) {
    const auto it = std::find_if(node.sessions.begin(), node.sessions.end(), [&](const Session& s) {
      return (s.row.session.epoch > node.current_epoch) == granted;
    });
    SessionRow gone = it->row;
    gone.gone = true;
    journal_.sessions.push_back(std::move(gone));
    touched_.erase({&node, it->row.session.epoch});
    node.sessions.erase(it);
  };
  while (count(false) > kOldSessions + 1) drop_first(false);
  while (count(true) > kGrantedSessions) drop_first(true);
}

Verdict LinkGate::join(ngwire::ByteView payload, std::int64_t now_ns) {
  Verdict verdict;
  const auto found = by_eui_.find(ngwire::join_request_eui(payload));
  if (found == by_eui_.end()) {
    verdict.result = "unknown_eui";
    return verdict;
  }
  Node& node = *found->second;
  ngwire::JoinRequest request;
  if (open_join_request(ccm_, node.join_key, payload, request) != LinkError::none) {
    verdict.result = "bad_tag";
    return verdict;
  }
  if (node.join_nonces.count(request.join_nonce) > 0) {
    if (node.row.joins.empty() || node.row.joins.back().join_nonce != request.join_nonce) {
      verdict.result = "join_replayed";
      return verdict;
    }
    verdict.answer = node.row.joins.back().accept;
    verdict.result = "join_copy";
    return verdict;
  }
  const auto state = static_cast<NodeState>(node.row.state);
  const bool window = state == NodeState::joining && now_ns <= node.row.join_until_ns;
  if (state != NodeState::active && !window) {
    verdict.result = "join_closed";
    return verdict;
  }
  const std::uint32_t address = node.row.address != 0 ? node.row.address : free_address();
  if (address == 0) {
    verdict.result = "no_address";
    return verdict;
  }
  ngwire::JoinAccept accept;
  accept.address = address;
  accept.epoch = node.row.next_epoch;
  accept.net_nonce = randombytes_random();
  accept.time_s = ngwire::to_link_time(now_ns / kSecondNs);
  auto frame = seal_join_accept(ccm_, node.join_key, request, accept);
  if (!frame) {
    verdict.result = "join_failed";
    return verdict;
  }
  if (node.row.address == 0) {
    node.row.address = address;
    by_address_[address] = &node;
  }
  ++node.row.next_epoch;
  Session session;
  session.row.node = node.row.id;
  session.row.session = {accept.epoch, request.join_nonce, accept.net_nonce};
  session.keys = derive_session_keys(node.root, node.row.eui, session.row.session);
  node.sessions.push_back(std::move(session));
  touched_.insert({&node, accept.epoch});
  drop_old_sessions(node);
  node.join_nonces.insert(request.join_nonce);
  node.row.joins = {{node.row.id, request.join_nonce, accept.epoch, address, *frame}};
  journal_.joins.push_back(node.row.joins.back());
  journal_.events.push_back({now_ns, address, node.row.id, "join", "epoch " + std::to_string(accept.epoch)});
  verdict.answer = std::move(*frame);
  verdict.result = "join";
  return verdict;
}

std::optional<SealedDown> LinkGate::seal_down(std::int64_t id, LinkKind kind, ngwire::ByteView content) {
  const auto node =
      std::find_if(nodes_.begin(), nodes_.end(), [id](const Node& n) { return n.row.id == id; });
  if (node == nodes_.end() || static_cast<NodeState>(node->row.state) != NodeState::active)
    return std::nullopt;
  const auto session = std::find_if(node->sessions.begin(), node->sessions.end(), [&](const Session& s) {
    return node->current_epoch != 0 && s.row.session.epoch == node->current_epoch;
  });
  if (session == node->sessions.end() || session->row.next_down > ngwire::kLastCounter) return std::nullopt;
  auto payload = seal_link_frame(ccm_, session->keys.down, node->row.eui, kind, node->row.address,
                                 session->row.session.epoch, session->row.next_down, content);
  if (!payload) return std::nullopt;
  ++session->row.next_down;
  touched_.insert({&*node, session->row.session.epoch});
  return SealedDown{node->row.address, std::move(*payload)};
}

Changes LinkGate::changes() const {
  Changes out = journal_;
  for (const auto& [node, epoch] : touched_) {
    for (const Session& session : node->sessions) {
      if (session.row.session.epoch != epoch) continue;
      SessionRow row = session.row;
      row.holes.clear();
      if (row.holes_changed) {
        for (const auto& [first, last] : session.holes) row.holes.push_back({first, last});
      }
      out.sessions.push_back(std::move(row));
    }
  }
  return out;
}

void LinkGate::committed() {
  for (const auto& [node, epoch] : touched_) {
    for (Session& session : node->sessions) {
      if (session.row.session.epoch == epoch) session.row.holes_changed = false;
    }
  }
  touched_.clear();
  journal_ = {};
}

}  // namespace ngplc::hub
