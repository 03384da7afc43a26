// Where people ask for commands.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "command_row.h"
#include "key_vault.h"
#include "ngwire/wire/result.h"

namespace ngplc::hub {

struct CommandOrder {
  ngwire::Eui eui = 0;
  ngwire::Opcode opcode = ngwire::Opcode::send_reading;
  ngwire::Bytes arguments;
  std::int64_t expires_s = 3600;  ///< 1 s to 30 days from now
  /// The asker's name for it, at most 64 printable characters, or empty: asked again under the same name it
  /// is the same command, and nothing is queued.
  std::string request;
  bool confirmed = false;  ///< needed where needs_confirmation()
};

/// Writes orders into the queue, on a connection of its own: works beside a running hub, which takes them
/// over within a second, and without one. Every order is journalled. Errors are one line.
class CommandDesk {
 public:
  /// The database must have been opened by a hub of this version before.
  static ngwire::Result<std::unique_ptr<CommandDesk>> open(const std::string& file);
  ~CommandDesk();
  CommandDesk(const CommandDesk&) = delete;
  CommandDesk& operator=(const CommandDesk&) = delete;

  /// The number of the command.
  ngwire::Result<std::int64_t> order(const CommandOrder& order);

  /// Gives the group a key when it has none, and orders set_group for the device, which must be a member.
  ngwire::Result<std::int64_t> give_group(ngwire::Eui eui, const std::string& group, const KeyVault& vault);

 private:
  struct State;
  explicit CommandDesk(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// "set_interval 900 17", "set_levels 4 2 1 1", "send_reading 5", "switch_load 1", "restart" as words.
/// Fails with one line that names the word.
ngwire::Result<CommandOrder> parse_order(const std::vector<std::string>& words);

}  // namespace ngplc::hub
