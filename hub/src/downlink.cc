#include "downlink.h"

#include <sys/timex.h>

#include <algorithm>

#include "ngwire/link/frame_counter.h"
#include "ngwire/link/link_time.h"

namespace ngplc::hub {
namespace {

using ngwire::LinkKind;

constexpr std::int64_t kSecondNs = 1'000'000'000;
// A time frame is sealed ahead of the instant it names, so that it passes the feed and the transaction.
constexpr std::int64_t kTimeLeadNs = 2 * kSecondNs;
// Half of what a device leaves uncorrected (ClockRules::ignore_ms): later than that the frame says nothing.
constexpr std::int64_t kTimeWindowNs = kSecondNs / 4;
// A receiver that heard nobody for so long is not told the time.
constexpr std::int64_t kWayLifeNs = 24 * 3600 * kSecondNs;
// What a frame that was not sent waits before it is tried again.
constexpr std::int64_t kFailedRetryNs = 2 * kSecondNs;
// Answers come late over modems that were cut off.
constexpr std::int64_t kAnswerLifeNs = 24 * 3600 * kSecondNs;
// Frames whose report is still awaited; the oldest are forgotten.
constexpr std::size_t kMaxOnAir = 4096;

ngwire::ByteView view(const std::vector<std::uint8_t>& bytes) { return {bytes.data(), bytes.size()}; }

std::vector<std::uint8_t> time_content(std::int64_t unix_ns) {
  ngwire::TimeFrame frame;
  frame.time_s = ngwire::to_link_time(unix_ns / kSecondNs);
  frame.fraction_2_16 = static_cast<std::uint16_t>(unix_ns % kSecondNs * 65536 / kSecondNs);
  return encode(frame);
}

}  // namespace

const char* to_string(CommandState state) {
  switch (state) {
    case CommandState::queued:
      return "queued";
    case CommandState::sent:
      return "sent";
    case CommandState::acknowledged:
      return "acknowledged";
    case CommandState::rejected:
      return "rejected";
    case CommandState::expired:
      return "expired";
  }
  return "unknown";
}

std::string opcode_name(std::uint8_t opcode) {
  switch (static_cast<ngwire::Opcode>(opcode)) {
    case ngwire::Opcode::set_interval:
      return "set_interval";
    case ngwire::Opcode::set_levels:
      return "set_levels";
    case ngwire::Opcode::send_reading:
      return "send_reading";
    case ngwire::Opcode::switch_load:
      return "switch_load";
    case ngwire::Opcode::restart:
      return "restart";
    case ngwire::Opcode::set_group:
      return "set_group";
  }
  return "opcode " + std::to_string(opcode);
}

bool clock_is_synchronised() {
  timex state{};
  return ::adjtimex(&state) != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

Downlink::Downlink(LinkGate& gate, const KeyVault* vault, DownlinkRules rules)
    : gate_(gate), vault_(vault), rules_(std::move(rules)), frame_id_(ngwire::random_run_id() >> 2U) {
  if (!rules_.clock_is_good) rules_.clock_is_good = clock_is_synchronised;
}

void Downlink::load(std::vector<CommandRow> commands, std::vector<GroupRow> groups,
                    const std::vector<NodeRow>& nodes) {
  commands_.clear();
  for (CommandRow& command : commands) commands_[command.id] = std::move(command);
  groups_ = std::move(groups);
  for (const NodeRow& node : nodes) {
    if (!node.receiver.empty()) ways_.insert({node.id, {node.receiver, node.profile, 0}});
  }
}

void Downlink::heard(std::int64_t node, const std::string& receiver, const std::string& profile,
                     std::int64_t now_ns) {
  ways_[node] = {receiver, profile, now_ns};
}

void Downlink::journal(const CommandRow& command, std::int64_t now_ns, const std::string& what) {
  events_.push_back({now_ns, command.device, command.node, "command",
                     std::to_string(command.id) + " " + opcode_name(command.opcode) + ": " + what});
}

void Downlink::end(CommandRow& command, CommandState state, std::int64_t now_ns, const std::string& why) {
  journal(command, now_ns, std::string(to_string(command.state)) + " -> " + to_string(state) + ", " + why);
  command.state = state;
  changed_.insert(command.id);
}

void Downlink::answered(const LinkMark& from, const ngwire::Answer& answer, std::int64_t now_ns) {
  const auto found = std::find_if(commands_.begin(), commands_.end(), [&](const auto& entry) {
    const CommandRow& c = entry.second;
    return c.node == from.node && c.link_id() == answer.id && c.tries > 0 &&
           (c.state == CommandState::sent || c.state == CommandState::expired);
  });
  // A second answer to a command that was sent twice is the rule, not an event.
  if (found == commands_.end()) return;
  CommandRow& command = found->second;
  const CommandState state = answer.result == ngwire::CommandResult::done      ? CommandState::acknowledged
                             : answer.result == ngwire::CommandResult::expired ? CommandState::expired
                                                                               : CommandState::rejected;
  if (state == command.state) return;
  command.result = static_cast<int>(answer.result);
  command.detail = answer.detail;
  end(command, state, now_ns,
      std::string("answer ") + to_string(answer.result) + ", detail " + std::to_string(answer.detail));
}

void Downlink::post(const Way& way, std::vector<std::uint8_t> payload, std::int64_t not_before_ns,
                    std::int64_t not_after_ns) {
  frames_.push_back(
      {way.receiver, {++frame_id_, way.profile, not_before_ns, not_after_ns, std::move(payload)}});
}

void Downlink::send(CommandRow& command, std::int64_t now_ns) {
  const auto way = ways_.find(command.node);
  if (way == ways_.end()) return;  // waits until the device is heard
  ngwire::Command wanted;
  wanted.id = command.link_id();
  wanted.not_after_s = ngwire::to_link_time(command.not_after_ns / kSecondNs);
  wanted.opcode = static_cast<ngwire::Opcode>(command.opcode);
  wanted.arguments = command.arguments;
  if (wanted.opcode == ngwire::Opcode::set_group) {
    const auto group = std::find_if(groups_.begin(), groups_.end(), [&](const GroupRow& g) {
      return wanted.arguments.size() == 2 && g.id == (wanted.arguments[0] << 8 | wanted.arguments[1]);
    });
    const auto number = static_cast<std::uint16_t>(group == groups_.end() ? 0 : group->id);
    const auto root = group == groups_.end() || vault_ == nullptr
                          ? std::nullopt
                          : vault_->open(ngwire::group_eui(number), group->sealed_key);
    if (!root) return end(command, CommandState::rejected, now_ns, "its group has no key that opens");
    const ngwire::Key key = ngwire::derive_group_key(*root, number);
    wanted.arguments.insert(wanted.arguments.end(), key.begin(), key.end());
  }
  const std::vector<std::uint8_t> content = encode(wanted);
  if (content.empty()) return end(command, CommandState::rejected, now_ns, "its arguments do not fit");
  auto sealed = gate_.seal_down(command.node, LinkKind::command, view(content));
  if (!sealed) return;  // not active, or not heard in its session yet
  const std::int64_t wait =
      std::min(rules_.longest_retry_ns, rules_.first_retry_ns << std::min<std::int64_t>(command.tries, 20));
  ++command.tries;
  command.next_ns = now_ns + wait;
  changed_.insert(command.id);
  if (command.state == CommandState::queued) {
    journal(command, now_ns, "queued -> sent, over " + way->second.receiver);
    command.state = CommandState::sent;
  } else {
    journal(command, now_ns, "try " + std::to_string(command.tries) + ", over " + way->second.receiver);
  }
  // Gone from the line before the next try: the modem never has two of one command.
  post(way->second, std::move(sealed->payload), 0,
       std::min(command.not_after_ns, now_ns + rules_.first_retry_ns / 8 * 7));
  if (on_air_.size() >= kMaxOnAir) on_air_.erase(on_air_.begin());
  on_air_[frame_id_] = command.id;
}

void Downlink::reported(const ngwire::TransmitReport& report, std::int64_t now_ns) {
  const auto frame = on_air_.find(report.id);
  if (frame == on_air_.end()) return;
  const auto found = commands_.find(frame->second);
  on_air_.erase(frame);
  if (found == commands_.end() || found->second.state != CommandState::sent ||
      report.status == ngwire::TransmitStatus::sent)
    return;
  CommandRow& command = found->second;
  journal(command, now_ns,
          "try " + std::to_string(command.tries) + " was not sent, " + to_string(report.status) +
              (report.reason.empty() ? "" : ": " + report.reason));
  command.next_ns = now_ns + kFailedRetryNs;
  changed_.insert(command.id);
}

void Downlink::clock_seen(const LinkMark& from, std::int64_t device_unix_s, std::int64_t time_ns,
                          std::int64_t now_ns) {
  const std::int64_t off_s = device_unix_s - time_ns / kSecondNs;
  if (rules_.time_period_ns == 0 || std::abs(off_s) <= rules_.clock_limit_s) return;
  const auto way = ways_.find(from.node);
  auto& told = told_time_ns_[from.node];
  if (way == ways_.end() || (told != 0 && now_ns - told < rules_.time_period_ns && now_ns >= told)) return;
  told = now_ns;
  events_.push_back({now_ns, from.address, from.node, "clock", "off by " + std::to_string(off_s) + " s"});
  if (rules_.clock_is_good()) send_time(from.node, way->second, now_ns);
}

void Downlink::send_time(std::int64_t node, const Way& way, std::int64_t now_ns) {
  const std::int64_t at = now_ns + kTimeLeadNs;
  auto sealed = gate_.seal_down(node, LinkKind::time, view(time_content(at)));
  if (sealed) post(way, std::move(sealed->payload), at, at + kTimeWindowNs);
}

void Downlink::send_group_time(GroupRow& group, const Receivers& receivers, std::int64_t now_ns) {
  const auto number = static_cast<std::uint16_t>(group.id);
  const auto root =
      vault_ != nullptr ? vault_->open(ngwire::group_eui(number), group.sealed_key) : std::nullopt;
  if (!root || group.next_counter > ngwire::kLastCounter) return;
  const std::int64_t at = now_ns + kTimeLeadNs;
  const auto payload = seal_link_frame(
      ccm_, ngwire::derive_group_key(*root, number), ngwire::group_eui(number), LinkKind::group_time,
      ngwire::kFirstGroupAddress + number, 0, group.next_counter, view(time_content(at)));
  if (!payload) return;
  ++group.next_counter;
  groups_changed_.insert(group.id);
  for (const auto& [receiver, profile] : receivers)
    post({receiver, profile, 0}, *payload, at, at + kTimeWindowNs);
}

void Downlink::work(std::int64_t now_ns) {
  for (auto it = commands_.begin(); it != commands_.end();) {
    CommandRow& command = it->second;
    if (command.state == CommandState::queued || command.state == CommandState::sent) {
      if (now_ns > command.not_after_ns) {
        end(command, CommandState::expired, now_ns, "after " + std::to_string(command.tries) + " tries");
      } else if (now_ns >= command.next_ns || command.next_ns - now_ns > rules_.longest_retry_ns) {
        send(command, now_ns);
      }
    }
    const bool forget = command.state == CommandState::acknowledged ||
                        command.state == CommandState::rejected ||
                        now_ns - command.not_after_ns > kAnswerLifeNs;
    // What changed stays until it is written.
    it = forget && changed_.count(command.id) == 0 ? commands_.erase(it) : std::next(it);
  }
  const bool due =
      group_time_ns_ == 0 || now_ns - group_time_ns_ >= rules_.time_period_ns || now_ns < group_time_ns_;
  if (groups_.empty() || rules_.time_period_ns == 0 || !due) return;
  // Over every receiver that heard anybody lately; devices take the counter once.
  Receivers receivers;
  for (const auto& [node, way] : ways_) {
    if (way.heard_ns != 0 && now_ns - way.heard_ns < kWayLifeNs)
      receivers.insert({way.receiver, way.profile});
  }
  if (receivers.empty()) return;
  group_time_ns_ = now_ns;
  const bool good = rules_.clock_is_good();
  if (!good && !told_unsynchronised_)
    events_.push_back({now_ns, {}, {}, "clock", "of the hub is not synchronised: no time is told"});
  told_unsynchronised_ = !good;
  if (!good) return;
  for (GroupRow& group : groups_) send_group_time(group, receivers, now_ns);
}

void Downlink::changes(Changes& out) const {
  for (const std::int64_t id : changed_) {
    if (const auto it = commands_.find(id); it != commands_.end()) out.commands.push_back(it->second);
  }
  for (const GroupRow& group : groups_) {
    if (groups_changed_.count(group.id) > 0) out.groups.push_back(group);
  }
  out.events.insert(out.events.end(), events_.begin(), events_.end());
}

void Downlink::committed() {
  changed_.clear();
  groups_changed_.clear();
  events_.clear();
  std::move(frames_.begin(), frames_.end(), std::back_inserter(ready_));
  frames_.clear();
}

std::vector<Reply> Downlink::take_frames() { return std::exchange(ready_, {}); }

}  // namespace ngplc::hub
