// A command to a device as the database holds it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ngwire/link/command.h"
#include "ngwire/wire/frame_record.h"

namespace ngplc::hub {

/// commands.state. The last three are the end; only an answer that comes late still changes `expired`.
enum class CommandState : std::uint8_t { queued, sent, acknowledged, rejected, expired };
const char* to_string(CommandState state);
/// "set_interval", ... or "opcode 77".
std::string opcode_name(std::uint8_t opcode);

struct CommandRow {
  std::int64_t id = 0;
  std::int64_t node = 0;  ///< nodes.id
  std::uint8_t opcode = 0;
  ngwire::Bytes arguments;  ///< of set_group the number alone; its key is put in when it is sealed
  CommandState state = CommandState::queued;
  std::int64_t created_ns = 0;
  std::int64_t not_after_ns = 0;
  std::int64_t tries = 0;
  std::int64_t next_ns = 0;  ///< the next try not before
  std::optional<int> result;
  std::optional<int> detail;
  std::optional<std::uint32_t> device;  ///< address; read side only

  /// What names the command on air.
  std::uint16_t link_id() const { return static_cast<std::uint16_t>(id); }
};

/// A group that takes frames.
struct GroupRow {
  std::int64_t id = 0;  ///< also its number on air
  ngwire::Bytes sealed_key;
  std::uint32_t next_counter = 0;
};

}  // namespace ngplc::hub
