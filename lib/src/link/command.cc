#include "ngwire/link/command.h"

#include <algorithm>

#include "ngwire/link/link_frame.h"
#include "octets.h"

namespace ngwire {
namespace {

constexpr std::size_t kCommandHead = 7;
constexpr std::size_t kAnswerBytes = 5;

}  // namespace

std::optional<std::size_t> argument_bytes(std::uint8_t opcode) {
  switch (static_cast<Opcode>(opcode)) {
    case Opcode::set_interval:
    case Opcode::set_levels:
      return 4;
    case Opcode::send_reading:
    case Opcode::switch_load:
      return 1;
    case Opcode::restart:
      return 0;
    case Opcode::set_group:
      return 18;
  }
  return std::nullopt;
}

bool needs_confirmation(Opcode opcode) { return opcode == Opcode::switch_load || opcode == Opcode::restart; }

const char* to_string(CommandResult result) {
  switch (result) {
    case CommandResult::done:
      return "done";
    case CommandResult::refused:
      return "refused";
    case CommandResult::expired:
      return "expired";
    case CommandResult::unknown:
      return "unknown";
    case CommandResult::arguments:
      return "arguments";
  }
  return "unknown";
}

std::vector<std::uint8_t> encode(const Command& command) {
  std::vector<std::uint8_t> out;
  const auto opcode = static_cast<std::uint8_t>(command.opcode);
  if (argument_bytes(opcode) != command.arguments.size()) return out;
  append_number(out, command.id, 2);
  append_number(out, command.not_after_s, 4);
  append_number(out, opcode, 1);
  out.insert(out.end(), command.arguments.begin(), command.arguments.end());
  return out;
}

std::vector<std::uint8_t> encode(const Answer& answer) {
  std::vector<std::uint8_t> out;
  append_number(out, answer.id, 2);
  append_number(out, static_cast<std::uint8_t>(answer.result), 1);
  append_number(out, answer.detail, 2);
  return out;
}

std::optional<Command> decode_command(ByteView content) {
  if (content.size < kCommandHead) return std::nullopt;
  const auto arguments = argument_bytes(content.data[6]);
  if (!arguments || content.size < kCommandHead + *arguments ||
      !is_padding(content, kCommandHead + *arguments))
    return std::nullopt;
  Command command;
  command.id = static_cast<std::uint16_t>(load_number(content.data, 2));
  command.not_after_s = static_cast<std::uint32_t>(load_number(content.data + 2, 4));
  command.opcode = static_cast<Opcode>(content.data[6]);
  command.arguments.assign(content.data + kCommandHead, content.data + kCommandHead + *arguments);
  return command;
}

std::optional<Answer> decode_answer(ByteView content) {
  if (content.size < kAnswerBytes || content.data[2] > static_cast<std::uint8_t>(CommandResult::arguments) ||
      !is_padding(content, kAnswerBytes))
    return std::nullopt;
  Answer answer;
  answer.id = static_cast<std::uint16_t>(load_number(content.data, 2));
  answer.result = static_cast<CommandResult>(content.data[2]);
  answer.detail = static_cast<std::uint16_t>(load_number(content.data + 3, 2));
  return answer;
}

std::optional<Answer> CommandJournal::find(std::uint16_t id) const {
  const auto it =
      std::find_if(answers_.begin(), answers_.end(), [id](const Answer& answer) { return answer.id == id; });
  return it == answers_.end() ? std::nullopt : std::optional<Answer>(*it);
}

void CommandJournal::remember(const Answer& answer) {
  if (answers_.size() == kRemembered) answers_.erase(answers_.begin());
  answers_.push_back(answer);
}

}  // namespace ngwire
