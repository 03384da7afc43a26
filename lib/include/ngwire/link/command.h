// Commands to a device and its answers, matched by id.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ngwire/link/ccm.h"

namespace ngwire {

enum class Opcode : std::uint8_t {
  set_interval = 1,  ///< 2 bytes: seconds between readings, 1..65535; 2 bytes: phase
  set_levels = 2,    ///< 4 bytes: weights of 0, -3, -6, -9 dB
  send_reading = 3,  ///< 1 byte: reading set
  switch_load = 4,   ///< 1 byte: 0 off, 1 on; needs confirmation
  restart = 5,       ///< nothing; needs confirmation
  set_group = 6,     ///< 2 bytes: group, 16 bytes: its key
};

/// Bytes of arguments; nothing for an unknown opcode.
std::optional<std::size_t> argument_bytes(std::uint8_t opcode);
/// A person has to say yes twice.
bool needs_confirmation(Opcode opcode);

struct Command {
  std::uint16_t id = 0;
  std::uint32_t not_after_s = 0;  ///< link time; a device that knows the time does nothing after it
  Opcode opcode = Opcode::send_reading;
  std::vector<std::uint8_t> arguments;
};

enum class CommandResult : std::uint8_t { done = 0, refused = 1, expired = 2, unknown = 3, arguments = 4 };
const char* to_string(CommandResult result);

struct Answer {
  std::uint16_t id = 0;
  CommandResult result = CommandResult::done;
  std::uint16_t detail = 0;
};

/// Empty when the arguments do not fit the opcode.
std::vector<std::uint8_t> encode(const Command& command);
std::vector<std::uint8_t> encode(const Answer& answer);
/// Contents with their padding. A command with an opcode this version does not know is nothing.
std::optional<Command> decode_command(ByteView content);
std::optional<Answer> decode_answer(ByteView content);

/// The device's memory of what it did: a command that comes again is answered again and not done again.
class CommandJournal {
 public:
  /// Ids remembered; the oldest is forgotten first.
  static constexpr std::size_t kRemembered = 32;

  /// Known: the answer given then.
  std::optional<Answer> find(std::uint16_t id) const;
  void remember(const Answer& answer);

 private:
  std::vector<Answer> answers_;
};

}  // namespace ngwire
