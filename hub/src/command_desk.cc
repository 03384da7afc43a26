#include "command_desk.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sodium.h>

#include <algorithm>
#include <charconv>

#include "ingest.h"
#include "ngwire/link/link_frame.h"
#include "schema.h"

namespace ngplc::hub {
namespace {

using ngwire::Opcode;
using ngwire::Result;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kLongestS = 30 * 86'400;
// A device that sleeps gets its group within a month.
constexpr std::int64_t kGroupLifeS = kLongestS;
constexpr std::int64_t kLastGroup = 0xffff;
constexpr std::size_t kMaxName = 64;

// What the desk takes is what set_group holds in the table: the number alone.
std::size_t stored_bytes(Opcode opcode) {
  return opcode == Opcode::set_group ? 2 : *ngwire::argument_bytes(static_cast<std::uint8_t>(opcode));
}

}  // namespace

struct CommandDesk::State {
  explicit State(const std::string& file) : db(file, SQLite::OPEN_READWRITE, 5000) {}

  // Inside a transaction. The number of the command.
  std::int64_t insert(std::int64_t node, SQLite::Column address, const CommandOrder& order) {
    const std::int64_t now = unix_now_ns();
    SQLite::Statement add(db,
                          "INSERT INTO commands(node, opcode, arguments, state, created_ns, not_after_ns, "
                          "request) VALUES(?,?,?,0,?,?,?)");
    add.bind(1, node);
    add.bind(2, static_cast<int>(order.opcode));
    // A null pointer would be NULL: no arguments are an empty blob.
    add.bind(3, order.arguments.empty() ? static_cast<const void*>("") : order.arguments.data(),
             static_cast<int>(order.arguments.size()));
    add.bind(4, now);
    add.bind(5, now + order.expires_s * kSecondNs);
    if (!order.request.empty()) add.bind(6, order.request);
    add.exec();
    const std::int64_t id = db.getLastInsertRowid();
    SQLite::Statement event(
        db, "INSERT INTO events(time_ns, device, node, kind, detail) VALUES(?,?,?,'command',?)");
    event.bind(1, now);
    if (!address.isNull()) event.bind(2, address.getInt64());
    event.bind(3, node);
    event.bind(4,
               std::to_string(id) + " " + opcode_name(static_cast<std::uint8_t>(order.opcode)) + ": queued");
    event.exec();
    return id;
  }

  SQLite::Database db;
};

CommandDesk::CommandDesk(std::unique_ptr<State> state) : state_(std::move(state)) {}
CommandDesk::~CommandDesk() = default;

Result<std::unique_ptr<CommandDesk>> CommandDesk::open(const std::string& file) {
  using R = Result<std::unique_ptr<CommandDesk>>;
  try {
    auto state = std::make_unique<State>(file);
    if (state->db.execAndGet("PRAGMA application_id").getInt() != kApplicationId ||
        state->db.execAndGet("PRAGMA user_version").getInt() != static_cast<int>(kMigrations.size()))
      return R::failure("database " + file + ": not of this version; start the hub with it once");
    return R(std::unique_ptr<CommandDesk>(new CommandDesk(std::move(state))));
  } catch (const SQLite::Exception& error) {
    return R::failure("database " + file + ": " + error.what());
  }
}

Result<std::int64_t> CommandDesk::order(const CommandOrder& order) {
  using R = Result<std::int64_t>;
  if (!ngwire::argument_bytes(static_cast<std::uint8_t>(order.opcode)) ||
      order.arguments.size() != stored_bytes(order.opcode))
    return R::failure("arguments: wrong number of bytes for " +
                      opcode_name(static_cast<std::uint8_t>(order.opcode)));
  if (ngwire::needs_confirmation(order.opcode) && !order.confirmed)
    return R::failure(opcode_name(static_cast<std::uint8_t>(order.opcode)) + " needs a confirmation");
  if (order.expires_s < 1 || order.expires_s > kLongestS)
    return R::failure("expires: expected 1 to " + std::to_string(kLongestS) + " s");
  if (order.request.size() > kMaxName ||
      std::any_of(order.request.begin(), order.request.end(), [](char c) { return c < 0x20 || c > 0x7e; }))
    return R::failure("request: expected at most 64 printable characters");
  try {
    SQLite::Transaction transaction(state_->db, SQLite::TransactionBehavior::IMMEDIATE);
    SQLite::Statement node(state_->db, "SELECT id, address, state FROM nodes WHERE eui = ?");
    node.bind(1, static_cast<std::int64_t>(order.eui));
    if (!node.executeStep())
      return R::failure("device " + ngwire::to_hex(order.eui) + " is not in the registry");
    const auto state = static_cast<NodeState>(node.getColumn(2).getInt());
    if (state != NodeState::active)
      return R::failure("device " + ngwire::to_hex(order.eui) + " is " + to_string(state) +
                        ", expected active");
    if (!order.request.empty()) {
      SQLite::Statement known(state_->db,
                              "SELECT id, node, opcode, arguments FROM commands WHERE request = ?");
      known.bind(1, order.request);
      if (known.executeStep()) {
        const SQLite::Column arguments = known.getColumn(3);
        const auto* bytes = static_cast<const std::uint8_t*>(arguments.getBlob());
        const bool same = known.getColumn(1).getInt64() == node.getColumn(0).getInt64() &&
                          known.getColumn(2).getInt() == static_cast<int>(order.opcode) &&
                          ngwire::Bytes(bytes, bytes + arguments.getBytes()) == order.arguments;
        if (!same) return R::failure("request: '" + order.request + "' names another command");
        return known.getColumn(0).getInt64();
      }
    }
    const std::int64_t id = state_->insert(node.getColumn(0).getInt64(), node.getColumn(1), order);
    transaction.commit();
    return id;
  } catch (const SQLite::Exception& error) {
    return R::failure(std::string("database: ") + error.what());
  }
}

Result<std::int64_t> CommandDesk::give_group(ngwire::Eui eui, const std::string& group,
                                             const KeyVault& vault) {
  using R = Result<std::int64_t>;
  CommandOrder wanted;
  wanted.eui = eui;
  wanted.opcode = Opcode::set_group;
  wanted.expires_s = kGroupLifeS;
  try {
    SQLite::Transaction transaction(state_->db, SQLite::TransactionBehavior::IMMEDIATE);
    SQLite::Statement member(
        state_->db,
        "SELECT g.id, g.sealed_key IS NULL FROM groups g JOIN members m ON m.group_id = g.id "
        "JOIN nodes n ON n.id = m.node WHERE n.eui = ? AND g.name = ?");
    member.bind(1, static_cast<std::int64_t>(eui));
    member.bind(2, group);
    if (!member.executeStep())
      return R::failure("device " + ngwire::to_hex(eui) + " is not a member of group '" + group + "'");
    const std::int64_t id = member.getColumn(0).getInt64();
    if (id > kLastGroup) return R::failure("group '" + group + "': no numbers left on air");
    const auto number = static_cast<std::uint16_t>(id);
    if (member.getColumn(1).getInt() != 0) {
      ngwire::Key root{};
      randombytes_buf(root.data(), root.size());
      const auto sealed = vault.seal(ngwire::group_eui(number), root);
      SQLite::Statement put(state_->db, "UPDATE groups SET sealed_key = ? WHERE id = ?");
      put.bind(1, sealed.data(), static_cast<int>(sealed.size()));
      put.bind(2, id);
      put.exec();
    }
    wanted.arguments = {static_cast<std::uint8_t>(number >> 8U), static_cast<std::uint8_t>(number)};
    transaction.commit();
  } catch (const SQLite::Exception& error) {
    return R::failure(std::string("database: ") + error.what());
  }
  return order(wanted);
}

Result<CommandOrder> parse_order(const std::vector<std::string>& words) {
  using R = Result<CommandOrder>;
  if (words.empty()) return R::failure("expected a command");
  struct Form {
    const char* name;
    Opcode opcode;
    std::vector<std::pair<int, std::int64_t>> arguments;  // bytes, highest value
  };
  static const std::vector<Form> forms = {
      {"set_interval", Opcode::set_interval, {{2, 65535}, {2, 65535}}},
      {"set_levels", Opcode::set_levels, {{1, 255}, {1, 255}, {1, 255}, {1, 255}}},
      {"send_reading", Opcode::send_reading, {{1, 255}}},
      {"switch_load", Opcode::switch_load, {{1, 1}}},
      {"restart", Opcode::restart, {}}};
  const auto form =
      std::find_if(forms.begin(), forms.end(), [&](const Form& f) { return words[0] == f.name; });
  if (form == forms.end()) return R::failure("'" + words[0] + "' is no command");
  if (words.size() != 1 + form->arguments.size())
    return R::failure(words[0] + ": expected " + std::to_string(form->arguments.size()) + " arguments");
  CommandOrder order;
  order.opcode = form->opcode;
  for (std::size_t i = 0; i < form->arguments.size(); ++i) {
    const auto [bytes, highest] = form->arguments[i];
    const std::string& word = words[1 + i];
    std::int64_t number = 0;
    const char* end = word.data() + word.size();
    const auto parsed = std::from_chars(word.data(), end, number);
    if (word.empty() || parsed.ec != std::errc() || parsed.ptr != end || number < 0 || number > highest)
      return R::failure(words[0] + ": expected an integer from 0 to " + std::to_string(highest) +
                        ", found '" + word + "'");
    for (int byte = bytes; byte-- > 0;)
      order.arguments.push_back(static_cast<std::uint8_t>(number >> 8 * byte));
  }
  if (order.opcode == Opcode::set_interval && order.arguments[0] == 0 && order.arguments[1] == 0)
    return R::failure("set_interval: expected 1 s or more");
  return order;
}

}  // namespace ngplc::hub
