#include "accounts.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <pwd.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>

#include "ingest.h"

namespace ngplc::hub {
namespace {

using ngwire::Result;
using Hash = std::array<std::uint8_t, 32>;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDayNs = 86'400 * kSecondNs;
constexpr std::int64_t kSessionNs = kDayNs / 2;
constexpr std::int64_t kIdleNs = 1800 * kSecondNs;
constexpr std::size_t kMaxSessions = 1000;
constexpr std::size_t kSecretBytes = 32;
// What libsodium calls interactive: 64 MiB, two passes.
constexpr auto kOps = crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE;
constexpr auto kMemory = crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE;

// A released step is never edited; a change is a new step.
constexpr std::array<const char*, 1> kSteps = {R"sql(
CREATE TABLE users(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  role INTEGER NOT NULL,             -- 1 viewer, 2 operator, 3 admin
  password TEXT NOT NULL,            -- argon2id with salt and parameters
  generation INTEGER NOT NULL,       -- rises with password and role: sessions of before end
  created_ns INTEGER NOT NULL);
CREATE TABLE tokens(
  id INTEGER PRIMARY KEY,
  user INTEGER NOT NULL REFERENCES users(id),
  name TEXT NOT NULL,
  role INTEGER NOT NULL,
  hash BLOB NOT NULL UNIQUE,         -- BLAKE2b
  created_ns INTEGER NOT NULL,
  expires_ns INTEGER NOT NULL);      -- 0: never
CREATE TABLE audit(
  id INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL,
  user TEXT NOT NULL, address TEXT NOT NULL,
  action TEXT NOT NULL, detail TEXT NOT NULL, outcome TEXT NOT NULL);
)sql"};

bool good_name(const std::string& name) {
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-") ==
             std::string::npos;
}
bool good_text(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

Hash hash_of(const std::string& secret) {
  Hash hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(secret.data()),
                     secret.size(), nullptr, 0);
  return hash;
}

std::string random_secret() {
  std::array<unsigned char, kSecretBytes> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::array<char, sodium_base64_ENCODED_LEN(kSecretBytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING)> text{};
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  sodium_memzero(bytes.data(), bytes.size());
  return text.data();
}

const std::string kBadPassword = "password: expected 10 to 512 bytes";

// Empty: no memory for it.
std::string hash_password(const std::string& password) {
  std::array<char, crypto_pwhash_STRBYTES> out{};
  if (crypto_pwhash_str_alg(out.data(), password.data(), password.size(), kOps, kMemory,
                            crypto_pwhash_ALG_ARGON2ID13) != 0)
    return "";
  return out.data();
}

struct Session {
  std::string user;
  std::int64_t generation = 0;
  std::int64_t begun_ns = 0;
  std::int64_t used_ns = 0;
};

}  // namespace

const char* to_string(Role role) {
  switch (role) {
    case Role::viewer:
      return "viewer";
    case Role::operator_:
      return "operator";
    case Role::admin:
      return "admin";
    default:
      return "none";
  }
}

Role role_of(std::string_view text) {
  for (const Role role : {Role::viewer, Role::operator_, Role::admin}) {
    if (text == to_string(role)) return role;
  }
  return Role::none;
}

Caller console_caller() {
  const passwd* entry = ::getpwuid(::getuid());
  return {entry != nullptr ? entry->pw_name : std::to_string(::getuid()), "console", Role::admin};
}

struct Accounts::State {
  explicit State(const std::string& file) : db(file, SQLite::OPEN_READWRITE, 5000) {}

  std::int64_t note(const Caller& by, const std::string& action, const std::string& detail,
                    const std::string& outcome) {
    SQLite::Statement s(
        db, "INSERT INTO audit(time_ns, user, address, action, detail, outcome) VALUES(?,?,?,?,?,?)");
    s.bind(1, unix_now_ns());
    s.bind(2, by.user);
    s.bind(3, by.address);
    s.bind(4, action);
    s.bind(5, detail);
    s.bind(6, outcome);
    s.exec();
    return db.getLastInsertRowid();
  }

  struct User {
    std::int64_t id = 0;
    Role role = Role::none;
    std::string password;
    std::int64_t generation = 0;
  };
  std::optional<User> find(const std::string& name) {
    SQLite::Statement s(db, "SELECT id, role, password, generation FROM users WHERE name = ?");
    s.bind(1, name);
    if (!s.executeStep()) return std::nullopt;
    return User{s.getColumn(0).getInt64(), static_cast<Role>(s.getColumn(1).getInt()),
                s.getColumn(2).getString(), s.getColumn(3).getInt64()};
  }
  std::int64_t admins() { return db.execAndGet("SELECT count(*) FROM users WHERE role = 3").getInt64(); }

  // A change with its line in the journal, both or neither. `change` returns what is wrong, or nothing.
  template <class Change>
  std::string in_journal(const Caller& by, const std::string& action, const std::string& detail,
                         Change change) {
    const std::lock_guard lock(mutex);
    try {
      SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
      if (std::string wrong = change(); !wrong.empty()) return wrong;
      note(by, action, detail, "done");
      transaction.commit();
      return "";
    } catch (const SQLite::Exception& error) {
      return std::string("database: ") + error.what();
    }
  }

  std::mutex mutex;
  SQLite::Database db;
  std::map<Hash, Session> sessions;
  std::mutex hashing;  // one at a time: each takes 64 MiB
  std::string dummy;   // stands in for users that do not exist, so that both take the same time
};

Accounts::Accounts(std::unique_ptr<State> state) : state_(std::move(state)) {}
Accounts::~Accounts() = default;

Result<std::unique_ptr<Accounts>> Accounts::open(const std::string& file) {
  using R = Result<std::unique_ptr<Accounts>>;
  if (sodium_init() < 0) return R::failure("libsodium does not start");
  try {
    auto state = std::make_unique<State>(file);
    SQLite::Database& db = state->db;
    SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
    db.exec(
        "CREATE TABLE IF NOT EXISTS components(name TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT "
        "ROWID");
    const int version =
        db.execAndGet("SELECT coalesce((SELECT version FROM components WHERE name = 'accounts'), 0)")
            .getInt();
    if (version > static_cast<int>(kSteps.size()))
      return R::failure("database " + file + ": accounts of version " + std::to_string(version) +
                        " are newer than this hub, which knows " + std::to_string(kSteps.size()));
    for (auto step = static_cast<std::size_t>(version); step < kSteps.size(); ++step) db.exec(kSteps[step]);
    if (version < static_cast<int>(kSteps.size())) {
      db.exec("INSERT OR REPLACE INTO components(name, version) VALUES('accounts', " +
              std::to_string(kSteps.size()) + ")");
      transaction.commit();
    }
    return R(std::unique_ptr<Accounts>(new Accounts(std::move(state))));
  } catch (const SQLite::Exception& error) {
    return R::failure("database " + file + ": " + error.what());
  }
}

bool Accounts::unclaimed() {
  const std::lock_guard lock(state_->mutex);
  try {
    return state_->db.execAndGet("SELECT count(*) FROM users").getInt64() == 0;
  } catch (const SQLite::Exception&) {
    return false;  // the strict answer
  }
}

std::string Accounts::add_user(const Caller& by, const std::string& name, Role role,
                               const std::string& password) {
  if (!good_name(name)) return "name: expected 1 to 64 of [A-Za-z0-9._@-]";
  if (role == Role::none) return "role: expected viewer, operator or admin";
  if (password.size() < 10 || password.size() > 512) return kBadPassword;
  std::string hash;
  {
    const std::lock_guard hashing(state_->hashing);
    hash = hash_password(password);
  }
  if (hash.empty()) return "password: no memory to hash it";
  return state_->in_journal(by, "user.add", name + " " + to_string(role), [&]() -> std::string {
    if (state_->find(name)) return "user " + name + " exists";
    if (role != Role::admin && state_->admins() == 0) return "role: the first user is an admin";
    SQLite::Statement s(state_->db,
                        "INSERT INTO users(name, role, password, generation, created_ns) VALUES(?,?,?,1,?)");
    s.bind(1, name);
    s.bind(2, static_cast<int>(role));
    s.bind(3, hash);
    s.bind(4, unix_now_ns());
    s.exec();
    return "";
  });
}

std::string Accounts::set_password(const Caller& by, const std::string& name, const std::string& password) {
  if (password.size() < 10 || password.size() > 512) return kBadPassword;
  std::string hash;
  {
    const std::lock_guard hashing(state_->hashing);
    hash = hash_password(password);
  }
  if (hash.empty()) return "password: no memory to hash it";
  return state_->in_journal(by, "user.password", name, [&]() -> std::string {
    SQLite::Statement s(state_->db,
                        "UPDATE users SET password = ?, generation = generation + 1 WHERE name = ?");
    s.bind(1, hash);
    s.bind(2, name);
    return s.exec() == 0 ? "no such user" : "";
  });
}

std::string Accounts::set_role(const Caller& by, const std::string& name, Role role) {
  if (role == Role::none) return "role: expected viewer, operator or admin";
  return state_->in_journal(by, "user.role", name + " " + to_string(role), [&]() -> std::string {
    const auto user = state_->find(name);
    if (!user) return "no such user";
    if (user->role == Role::admin && role != Role::admin && state_->admins() == 1)
      return "the last admin stays admin";
    SQLite::Statement s(state_->db, "UPDATE users SET role = ?, generation = generation + 1 WHERE id = ?");
    s.bind(1, static_cast<int>(role));
    s.bind(2, user->id);
    s.exec();
    return "";
  });
}

std::string Accounts::remove_user(const Caller& by, const std::string& name) {
  return state_->in_journal(by, "user.remove", name, [&]() -> std::string {
    const auto user = state_->find(name);
    if (!user) return "no such user";
    if (user->role == Role::admin && state_->admins() == 1) return "the last admin stays";
    for (const char* sql : {"DELETE FROM tokens WHERE user = ?", "DELETE FROM users WHERE id = ?"}) {
      SQLite::Statement s(state_->db, sql);
      s.bind(1, user->id);
      s.exec();
    }
    return "";
  });
}

Result<std::vector<UserInfo>> Accounts::users() {
  const std::lock_guard lock(state_->mutex);
  std::vector<UserInfo> out;
  try {
    SQLite::Statement s(state_->db, "SELECT name, role, created_ns FROM users ORDER BY name");
    while (s.executeStep())
      out.push_back({s.getColumn(0).getString(), static_cast<Role>(s.getColumn(1).getInt()),
                     s.getColumn(2).getInt64()});
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<UserInfo>>::failure(std::string("database: ") + error.what());
  }
  return out;
}

Result<std::string> Accounts::add_token(const Caller& by, const std::string& user, const std::string& name,
                                        Role role, std::int64_t days) {
  using R = Result<std::string>;
  if (!good_text(name)) return R::failure("name: expected 1 to 64 printable characters");
  if (role == Role::none) return R::failure("role: expected viewer, operator or admin");
  if (days < 0 || days > 3650) return R::failure("days: expected 0 (does not expire) to 3650");
  const std::string secret = "ngplc_" + random_secret();
  const std::string wrong =
      state_->in_journal(by, "token.add", user + " " + to_string(role) + " " + name, [&]() -> std::string {
        const auto owner = state_->find(user);
        if (!owner) return "no such user";
        if (role > owner->role) return "role: more than " + user + " has";
        SQLite::Statement s(
            state_->db,
            "INSERT INTO tokens(user, name, role, hash, created_ns, expires_ns) VALUES(?,?,?,?,?,?)");
        const Hash hash = hash_of(secret);
        s.bind(1, owner->id);
        s.bind(2, name);
        s.bind(3, static_cast<int>(role));
        s.bind(4, hash.data(), static_cast<int>(hash.size()));
        s.bind(5, unix_now_ns());
        s.bind(6, days == 0 ? std::int64_t{0} : unix_now_ns() + days * kDayNs);
        s.exec();
        return "";
      });
  return wrong.empty() ? R(secret) : R::failure(wrong);
}

std::string Accounts::remove_token(const Caller& by, std::int64_t id) {
  return state_->in_journal(by, "token.remove", std::to_string(id), [&]() -> std::string {
    SQLite::Statement s(state_->db, "DELETE FROM tokens WHERE id = ?");
    s.bind(1, id);
    return s.exec() == 0 ? "no such token" : "";
  });
}

Result<std::vector<TokenInfo>> Accounts::tokens() {
  const std::lock_guard lock(state_->mutex);
  std::vector<TokenInfo> out;
  try {
    SQLite::Statement s(
        state_->db,
        "SELECT t.id, u.name, t.name, min(t.role, u.role), t.created_ns, t.expires_ns FROM tokens t "
        "JOIN users u ON u.id = t.user ORDER BY t.id");
    while (s.executeStep())
      out.push_back({s.getColumn(0).getInt64(), s.getColumn(1).getString(), s.getColumn(2).getString(),
                     static_cast<Role>(s.getColumn(3).getInt()), s.getColumn(4).getInt64(),
                     s.getColumn(5).getInt64()});
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<TokenInfo>>::failure(std::string("database: ") + error.what());
  }
  return out;
}

Result<std::string> Accounts::log_in(const std::string& name, const std::string& password) {
  using R = Result<std::string>;
  const R denied = R::failure("name or password is wrong");
  if (password.size() > 512 || name.size() > 64) return denied;
  const std::unique_lock hashing(state_->hashing, std::try_to_lock);
  if (!hashing) return R::failure("busy");
  std::optional<State::User> user;
  try {
    const std::lock_guard lock(state_->mutex);
    user = state_->find(name);
  } catch (const SQLite::Exception& error) {
    return R::failure(std::string("database: ") + error.what());
  }
  if (state_->dummy.empty()) state_->dummy = hash_password(random_secret());
  const std::string& hash = user ? user->password : state_->dummy;
  if (crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) != 0 || !user) return denied;
  const std::string secret = random_secret();
  const std::lock_guard lock(state_->mutex);
  const std::int64_t now = unix_now_ns();
  auto& sessions = state_->sessions;
  if (sessions.size() >= kMaxSessions) {
    sessions.erase(std::min_element(sessions.begin(), sessions.end(), [](const auto& a, const auto& b) {
      return a.second.used_ns < b.second.used_ns;
    }));
  }
  sessions[hash_of(secret)] = {name, user->generation, now, now};
  return secret;
}

void Accounts::log_out(const std::string& session) {
  const std::lock_guard lock(state_->mutex);
  state_->sessions.erase(hash_of(session));
}

Caller Accounts::by_session(const std::string& session) {
  const std::lock_guard lock(state_->mutex);
  const auto it = state_->sessions.find(hash_of(session));
  if (it == state_->sessions.end()) return {};
  Session& s = it->second;
  const std::int64_t now = unix_now_ns();
  try {
    const auto user = state_->find(s.user);
    if (user && user->generation == s.generation && now - s.begun_ns < kSessionNs &&
        now - s.used_ns < kIdleNs) {
      s.used_ns = now;
      return {s.user, "", user->role};
    }
  } catch (const SQLite::Exception&) {
    return {};
  }
  state_->sessions.erase(it);
  return {};
}

Caller Accounts::by_token(const std::string& secret) {
  if (secret.rfind("ngplc_", 0) != 0 || secret.size() > 64) return {};
  const std::lock_guard lock(state_->mutex);
  try {
    SQLite::Statement s(state_->db,
                        "SELECT u.name, min(t.role, u.role) FROM tokens t JOIN users u ON u.id = t.user "
                        "WHERE t.hash = ?1 AND (t.expires_ns = 0 OR t.expires_ns > ?2)");
    const Hash hash = hash_of(secret);
    s.bind(1, hash.data(), static_cast<int>(hash.size()));
    s.bind(2, unix_now_ns());
    if (!s.executeStep()) return {};
    return {s.getColumn(0).getString(), "", static_cast<Role>(s.getColumn(1).getInt())};
  } catch (const SQLite::Exception&) {
    return {};
  }
}

Result<std::int64_t> Accounts::begin_change(const Caller& by, const std::string& action,
                                            const std::string& detail) {
  const std::lock_guard lock(state_->mutex);
  try {
    return state_->note(by, action, detail, "");
  } catch (const SQLite::Exception& error) {
    return Result<std::int64_t>::failure(std::string("database: ") + error.what());
  }
}

void Accounts::end_change(std::int64_t id, const std::string& error) {
  const std::lock_guard lock(state_->mutex);
  try {
    SQLite::Statement s(state_->db, "UPDATE audit SET outcome = ? WHERE id = ?");
    s.bind(1, error.empty() ? "done" : error);
    s.bind(2, id);
    s.exec();
  } catch (const SQLite::Exception&) {
    // The line stands without an outcome, which is what is known.
  }
}

Result<std::vector<AuditRow>> Accounts::audit(std::int64_t cursor, std::int64_t limit, bool newest_first) {
  const std::lock_guard lock(state_->mutex);
  std::vector<AuditRow> out;
  try {
    SQLite::Statement s(
        state_->db,
        std::string("SELECT id, time_ns, user, address, action, detail, outcome FROM audit WHERE ") +
            (newest_first ? "(?1 < 0 OR id < ?1) ORDER BY id DESC" : "id > ?1 ORDER BY id") + " LIMIT ?2");
    s.bind(1, cursor);
    s.bind(2, limit);
    while (s.executeStep())
      out.push_back({s.getColumn(0).getInt64(), s.getColumn(1).getInt64(), s.getColumn(2).getString(),
                     s.getColumn(3).getString(), s.getColumn(4).getString(), s.getColumn(5).getString(),
                     s.getColumn(6).getString()});
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<AuditRow>>::failure(std::string("database: ") + error.what());
  }
  return out;
}

}  // namespace ngplc::hub
