#include "registry.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>

#include "ingest.h"
#include "ngwire/wire/frame_record.h"
#include "schema.h"

namespace ngplc::hub {
namespace {

using ngwire::Result;

constexpr std::int64_t kMinuteNs = 60'000'000'000;
constexpr std::size_t kMaxName = 64;

std::int64_t stored_eui(ngwire::Eui eui) { return static_cast<std::int64_t>(eui); }

bool may_change(NodeState from, NodeState to) {
  switch (to) {
    case NodeState::claimed:
      return from == NodeState::created;
    case NodeState::joining:
      return from == NodeState::claimed || from == NodeState::joining;
    case NodeState::active:
      return from == NodeState::suspended;
    case NodeState::suspended:
      return from == NodeState::active;
    case NodeState::retired:
      return from != NodeState::retired;
    case NodeState::created:
      return false;
  }
  return false;
}

bool is_name(const std::string& text) {
  return text.size() <= kMaxName &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

constexpr char kSelect[] =
    "SELECT n.id, n.eui, n.address, coalesce(n.gtin, ''), coalesce(n.serial, ''), n.model, n.name, "
    "n.time_zone, "
    "n.verify_by, coalesce(t.name, ''), n.state, n.join_until_ns, "
    "(SELECT coalesce(sum(last - first + 1), 0) FROM holes h WHERE h.node = n.id), n.multipliers "
    "FROM nodes n LEFT JOIN tenants t ON t.id = n.tenant ";

}  // namespace

struct Registry::State {
  explicit State(const std::string& file) : db(file, SQLite::OPEN_READWRITE, 5000) {}

  NodeInfo read(SQLite::Statement& s) {
    NodeInfo n;
    n.id = s.getColumn(0).getInt64();
    n.eui = static_cast<ngwire::Eui>(s.getColumn(1).getInt64());
    if (!s.getColumn(2).isNull()) n.address = s.getColumn(2).getUInt();
    std::string* const texts[] = {&n.gtin,      &n.serial,    &n.model, &n.name,
                                  &n.time_zone, &n.verify_by, &n.tenant};
    for (int i = 0; i < 7; ++i) *texts[i] = s.getColumn(3 + i).getString();
    n.state = static_cast<NodeState>(s.getColumn(10).getInt());
    n.join_until_ns = s.getColumn(11).getInt64();
    n.missing = s.getColumn(12).getInt64();
    auto multipliers = parse_multipliers(s.getColumn(13).getString());
    if (!multipliers) throw SQLite::Exception("device " + ngwire::to_hex(n.eui) + ": " + multipliers.error());
    n.multipliers = std::move(multipliers.value());
    SQLite::Statement groups(db,
                             "SELECT g.name FROM members m JOIN groups g ON g.id = m.group_id "
                             "WHERE m.node = ? ORDER BY g.name");
    groups.bind(1, n.id);
    while (groups.executeStep()) n.groups.push_back(groups.getColumn(0).getString());
    return n;
  }

  std::optional<NodeInfo> find(ngwire::Eui eui) {
    SQLite::Statement s(db, std::string(kSelect) + "WHERE n.eui = ?");
    s.bind(1, stored_eui(eui));
    return s.executeStep() ? std::optional<NodeInfo>(read(s)) : std::nullopt;
  }

  void journal(const NodeInfo& node, const char* kind, const std::string& detail) {
    SQLite::Statement s(db, "INSERT INTO events(time_ns, device, node, kind, detail) VALUES(?,?,?,?,?)");
    s.bind(1, unix_now_ns());
    if (node.address) {
      s.bind(2, static_cast<std::int64_t>(*node.address));
    } else {
      s.bind(2);
    }
    s.bind(3, node.id);
    s.bind(4, kind);
    s.bind(5, detail);
    s.exec();
  }

  void move(const NodeInfo& node, NodeState to, const std::string& why) {
    SQLite::Statement s(db, "UPDATE nodes SET state = ? WHERE id = ?");
    s.bind(1, static_cast<int>(to));
    s.bind(2, node.id);
    s.exec();
    journal(node, "state", std::string(to_string(node.state)) + " -> " + to_string(to) + ": " + why);
  }

  std::int64_t named(const char* table, const std::string& name) {
    SQLite::Statement add(db,
                          std::string("INSERT INTO ") + table + "(name) VALUES(?) ON CONFLICT DO NOTHING");
    add.bind(1, name);
    add.exec();
    SQLite::Statement get(db, std::string("SELECT id FROM ") + table + " WHERE name = ?");
    get.bind(1, name);
    get.executeStep();
    return get.getColumn(0).getInt64();
  }

  // One transaction around a change of one device; `change` returns what is wrong, or nothing.
  template <class Change>
  Result<NodeInfo> on(ngwire::Eui eui, Change change) {
    using R = Result<NodeInfo>;
    try {
      SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
      const auto node = find(eui);
      if (!node) return R::failure("device " + ngwire::to_hex(eui) + " is not in the registry");
      if (const std::string wrong = change(*node); !wrong.empty())
        return R::failure("device " + ngwire::to_hex(eui) + ": " + wrong);
      transaction.commit();
      return *find(eui);
    } catch (const SQLite::Exception& error) {
      return R::failure(std::string("database: ") + error.what());
    }
  }

  SQLite::Database db;
};

Registry::Registry(std::unique_ptr<State> state) : state_(std::move(state)) {}
Registry::~Registry() = default;

Result<std::unique_ptr<Registry>> Registry::open(const std::string& file) {
  using R = Result<std::unique_ptr<Registry>>;
  try {
    auto state = std::make_unique<State>(file);
    if (state->db.execAndGet("PRAGMA application_id").getInt() != kApplicationId ||
        state->db.execAndGet("PRAGMA user_version").getInt() != static_cast<int>(kMigrations.size()))
      return R::failure("database " + file + ": not of this version; start the hub with it once");
    return R(std::unique_ptr<Registry>(new Registry(std::move(state))));
  } catch (const SQLite::Exception& error) {
    return R::failure("database " + file + ": " + error.what());
  }
}

Result<std::size_t> Registry::import(const std::vector<ManifestEntry>& entries, const KeyVault& vault) {
  using R = Result<std::size_t>;
  try {
    SQLite::Transaction transaction(state_->db, SQLite::TransactionBehavior::IMMEDIATE);
    SQLite::Statement add(
        state_->db,
        "INSERT INTO nodes(eui, gtin, serial, model, time_zone, verify_by, state, sealed_key, multipliers) "
        "VALUES(?,?,?,?,?,?,0,?,?) ON CONFLICT DO NOTHING");
    std::size_t added = 0;
    for (const ManifestEntry& entry : entries) {
      add.reset();
      add.clearBindings();
      add.bind(1, stored_eui(entry.eui));
      if (!entry.gtin.empty()) add.bind(2, entry.gtin);
      if (!entry.serial.empty()) add.bind(3, entry.serial);
      add.bind(4, entry.model);
      add.bind(5, entry.time_zone);
      add.bind(6, entry.verify_by);
      const auto sealed = vault.seal(entry.eui, entry.key);
      add.bind(7, sealed.data(), static_cast<int>(sealed.size()));
      add.bind(8, to_text(entry.multipliers));
      if (add.exec() == 0) continue;
      ++added;
      state_->journal(*state_->find(entry.eui), "state", "created: manifest");
    }
    transaction.commit();
    return added;
  } catch (const SQLite::Exception& error) {
    return R::failure(std::string("database: ") + error.what());
  }
}

Result<NodeInfo> Registry::claim(const ClaimCode& code, const std::string& name) {
  using R = Result<NodeInfo>;
  if (!is_name(name)) return R::failure("name: expected at most 64 printable characters");
  ngwire::Eui eui = code.eui;
  try {
    if (eui == 0) {
      SQLite::Statement s(state_->db, "SELECT eui FROM nodes WHERE gtin = ? AND serial = ?");
      s.bind(1, code.gtin);
      s.bind(2, code.serial);
      if (!s.executeStep()) return R::failure("code: this device is in no manifest that was imported");
      eui = static_cast<ngwire::Eui>(s.getColumn(0).getInt64());
    }
  } catch (const SQLite::Exception& error) {
    return R::failure(std::string("database: ") + error.what());
  }
  return state_->on(eui, [&](const NodeInfo& node) -> std::string {
    if (!may_change(node.state, NodeState::claimed))
      return std::string("is already ") + to_string(node.state);
    SQLite::Statement s(state_->db, "UPDATE nodes SET name = ? WHERE id = ?");
    s.bind(1, name);
    s.bind(2, node.id);
    s.exec();
    state_->move(node, NodeState::claimed, "by its code");
    return "";
  });
}

Result<NodeInfo> Registry::open_join(ngwire::Eui eui, std::int64_t minutes) {
  if (minutes < 1 || minutes > 1440) return Result<NodeInfo>::failure("minutes: expected 1 to 1440");
  return state_->on(eui, [&](const NodeInfo& node) -> std::string {
    if (!may_change(node.state, NodeState::joining))
      return std::string("is ") + to_string(node.state) + ", expected claimed or joining";
    SQLite::Statement s(state_->db, "UPDATE nodes SET join_until_ns = ? WHERE id = ?");
    s.bind(1, unix_now_ns() + minutes * kMinuteNs);
    s.bind(2, node.id);
    s.exec();
    state_->move(node, NodeState::joining, "window of " + std::to_string(minutes) + " min");
    return "";
  });
}

Result<NodeInfo> Registry::set_state(ngwire::Eui eui, NodeState to) {
  return state_->on(eui, [&](const NodeInfo& node) -> std::string {
    if (to < NodeState::active || !may_change(node.state, to))
      return std::string("cannot go from ") + to_string(node.state) + " to " + to_string(to);
    state_->move(node, to, "by the operator");
    return "";
  });
}

Result<NodeInfo> Registry::set_tenant(ngwire::Eui eui, const std::string& tenant) {
  return state_->on(eui, [&](const NodeInfo& node) -> std::string {
    if (!is_name(tenant)) return "tenant: expected at most 64 printable characters";
    SQLite::Statement s(state_->db, "UPDATE nodes SET tenant = ? WHERE id = ?");
    if (!tenant.empty()) s.bind(1, state_->named("tenants", tenant));
    s.bind(2, node.id);
    s.exec();
    state_->journal(node, "tenant", tenant);
    return "";
  });
}

Result<NodeInfo> Registry::add_to_group(ngwire::Eui eui, const std::string& group) {
  return state_->on(eui, [&](const NodeInfo& node) -> std::string {
    if (group.empty() || !is_name(group)) return "group: expected 1 to 64 printable characters";
    SQLite::Statement s(state_->db, "INSERT INTO members(group_id, node) VALUES(?,?) ON CONFLICT DO NOTHING");
    s.bind(1, state_->named("groups", group));
    s.bind(2, node.id);
    s.exec();
    state_->journal(node, "group", group);
    return "";
  });
}

Result<NodeInfo> Registry::set_multipliers(ngwire::Eui eui, const Multipliers& multipliers) {
  return state_->on(eui, [&](const NodeInfo& node) -> std::string {
    const std::string text = to_text(multipliers);
    SQLite::Statement s(state_->db, "UPDATE nodes SET multipliers = ? WHERE id = ?");
    s.bind(1, text);
    s.bind(2, node.id);
    s.exec();
    state_->journal(node, "multipliers", text);
    return "";
  });
}

Result<NodeInfo> Registry::exchange(ngwire::Eui eui, const std::string& obis, std::int64_t end,
                                    std::int64_t start) {
  return state_->on(eui, [&](const NodeInfo& node) -> std::string {
    if (!node.address) return "has never joined";
    if (end < 0 || start < 0) return "expected indices of 0 or more";
    SQLite::Statement s(
        state_->db,
        "INSERT OR REPLACE INTO kept_readings(device, register, mantissa, time_ns, frame_id, base, rank, "
        "base_before, base_rank) SELECT device, register, ?2, time_ns, frame_id, base + ?1 - ?2, rank, base, "
        "rank + 1 FROM last_readings WHERE device = ?3 AND ?1 >= mantissa AND register IN "
        "(SELECT id FROM registers WHERE obis = ?4)");
    s.bind(1, end);
    s.bind(2, start);
    s.bind(3, static_cast<std::int64_t>(*node.address));
    s.bind(4, obis);
    if (s.exec() == 0) return "register " + obis + " was never read, or stood higher than the end index";
    state_->journal(node, "exchange", obis + " from " + std::to_string(end) + " to " + std::to_string(start));
    return "";
  });
}

Result<std::vector<NodeInfo>> Registry::list(std::int64_t after, std::int64_t limit) {
  std::vector<NodeInfo> out;
  try {
    SQLite::Statement s(state_->db, std::string(kSelect) + "WHERE n.id > ? ORDER BY n.id LIMIT ?");
    s.bind(1, after);
    s.bind(2, limit);
    while (s.executeStep()) out.push_back(state_->read(s));
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<NodeInfo>>::failure(std::string("database: ") + error.what());
  }
  return out;
}

}  // namespace ngplc::hub
