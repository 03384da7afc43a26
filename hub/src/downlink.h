// What goes down: commands until they are answered or too late, and the time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "link_gate.h"
#include "ngwire/wire/feed_message.h"

namespace ngplc::hub {

/// A frame for the modem of that receiver.
struct Reply {
  std::string receiver;
  ngwire::DownlinkFrame frame;
};

struct DownlinkRules {
  /// A command that is not answered is sent again after this time, then after twice as long, and so on.
  std::int64_t first_retry_ns = 15'000'000'000;
  std::int64_t longest_retry_ns = 600'000'000'000;
  /// Groups are told the time so often; 0: never.
  std::int64_t time_period_ns = 3'600'000'000'000;
  /// A device whose clock is further off than group frames may correct in a day is told the time by itself,
  /// at most once in `time_period_ns`.
  std::int64_t clock_limit_s = 30;
  /// Only a synchronised clock is handed on.
  std::function<bool()> clock_is_good;
};

/// The kernel says that the clock is steered by somebody (chrony, ntpd).
bool clock_is_synchronised();

/// Commands and time frames. Everything it decides waits in changes() for the transaction that must be
/// durable before the frames of take_frames() may go out. Used by one thread.
class Downlink {
 public:
  /// `vault`: null when there are no secured devices.
  Downlink(LinkGate& gate, const KeyVault* vault, DownlinkRules rules);

  /// Replaces everything by what the database holds. Only when changes() is empty.
  void load(std::vector<CommandRow> commands, std::vector<GroupRow> groups,
            const std::vector<NodeRow>& nodes);

  /// A frame of the device came this way; commands go back by it.
  void heard(std::int64_t node, const std::string& receiver, const std::string& profile, std::int64_t now_ns);
  /// An answer that passed the gate for the first time.
  void answered(const LinkMark& from, const ngwire::Answer& answer, std::int64_t now_ns);
  /// A device said what its clock shows in a frame that was captured at `time_ns`.
  void clock_seen(const LinkMark& from, std::int64_t device_unix_s, std::int64_t time_ns,
                  std::int64_t now_ns);
  /// What became of a frame of take_frames().
  void reported(const ngwire::TransmitReport& report, std::int64_t now_ns);
  /// Seals what is due, ends what is too late.
  void work(std::int64_t now_ns);

  bool has_changes() const { return !changed_.empty() || !groups_changed_.empty() || !events_.empty(); }
  /// Adds everything since committed().
  void changes(Changes& out) const;
  void committed();
  /// Frames whose counters and states changes() had before the last committed().
  std::vector<Reply> take_frames();

 private:
  struct Way {
    std::string receiver, profile;
    std::int64_t heard_ns = 0;
  };
  void send(CommandRow& command, std::int64_t now_ns);
  void send_time(std::int64_t node, const Way& way, std::int64_t now_ns);
  using Receivers = std::set<std::pair<std::string, std::string>>;  // with their profiles
  void send_group_time(GroupRow& group, const Receivers& receivers, std::int64_t now_ns);
  void post(const Way& way, std::vector<std::uint8_t> payload, std::int64_t not_before_ns,
            std::int64_t not_after_ns);
  void journal(const CommandRow& command, std::int64_t now_ns, const std::string& what);
  void end(CommandRow& command, CommandState state, std::int64_t now_ns, const std::string& why);

  LinkGate& gate_;
  const KeyVault* vault_;
  DownlinkRules rules_;
  ngwire::Ccm ccm_;
  std::map<std::int64_t, CommandRow> commands_;  // open ones, and those that an answer may still reach
  std::vector<GroupRow> groups_;
  std::unordered_map<std::int64_t, Way> ways_;  // by node
  std::unordered_map<std::int64_t, std::int64_t> told_time_ns_;
  std::int64_t group_time_ns_ = 0;
  bool told_unsynchronised_ = false;
  std::set<std::int64_t> changed_;  // commands
  std::set<std::int64_t> groups_changed_;
  std::vector<EventRow> events_;
  std::vector<Reply> frames_, ready_;
  std::map<std::uint64_t, std::int64_t> on_air_;  // frame to command
  std::uint64_t frame_id_;
};

}  // namespace ngplc::hub
