// Who may use the hub: users with roles, passwords, tokens, sessions, and the journal of what they changed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ngwire/wire/result.h"

namespace ngplc::hub {

/// Each may do what the one before may: look; change devices and sinks; everything, users and backups too.
enum class Role : std::uint8_t { none, viewer, operator_, admin };
const char* to_string(Role role);
/// "viewer", "operator", "admin"; else none.
Role role_of(std::string_view text);

/// Who asks.
struct Caller {
  std::string user;     ///< empty: nobody known
  std::string address;  ///< or "console"
  Role role = Role::none;
};

/// Who sits at the console, by the name the system knows.
Caller console_caller();

struct UserInfo {
  std::string name;
  Role role = Role::none;
  std::int64_t created_ns = 0;
};

struct TokenInfo {
  std::int64_t id = 0;
  std::string user;
  std::string name;  ///< what it is for
  Role role = Role::none;
  std::int64_t created_ns = 0;
  std::int64_t expires_ns = 0;  ///< 0: never
};

/// One line of the audit journal. `outcome` is "done", why not, or empty: the hub ended in between.
struct AuditRow {
  std::int64_t id = 0;
  std::int64_t time_ns = 0;
  std::string user, address, action, detail, outcome;
};

/// On a connection of its own to the hub's database, with tables and a version of its own (`components`).
/// Thread-safe. Errors are one line. Passwords are stored as argon2id, tokens and sessions as BLAKE2b of 32
/// random bytes. Sessions live in memory and end with the hub, with a change of password or role, after 12
/// hours, or 30 minutes unused.
class Accounts {
 public:
  /// The database must have been opened by a hub of this version before.
  static ngwire::Result<std::unique_ptr<Accounts>> open(const std::string& file);
  ~Accounts();
  Accounts(const Accounts&) = delete;
  Accounts& operator=(const Accounts&) = delete;

  /// Nobody has a password yet.
  bool unclaimed();

  /// Names: 1 to 64 of [A-Za-z0-9._@-]. Passwords: 10 to 512 bytes. The first user is an admin.
  std::string add_user(const Caller& by, const std::string& name, Role role, const std::string& password);
  std::string set_password(const Caller& by, const std::string& name, const std::string& password);
  /// The last admin stays.
  std::string set_role(const Caller& by, const std::string& name, Role role);
  /// With tokens and sessions. The last admin stays.
  std::string remove_user(const Caller& by, const std::string& name);
  ngwire::Result<std::vector<UserInfo>> users();

  /// A token of `user` with at most the user's role. The secret, which is stored nowhere. `days` 0: does not
  /// expire.
  ngwire::Result<std::string> add_token(const Caller& by, const std::string& user, const std::string& name,
                                        Role role, std::int64_t days);
  std::string remove_token(const Caller& by, std::int64_t id);
  ngwire::Result<std::vector<TokenInfo>> tokens();

  /// A new session's secret. Fails the same way for an unknown name and a wrong password; "busy" while
  /// another password is checked, which takes 64 MiB.
  ngwire::Result<std::string> log_in(const std::string& name, const std::string& password);
  void log_out(const std::string& session);
  /// User and role behind a session or token; nobody when it is not valid (any more).
  Caller by_session(const std::string& session);
  Caller by_token(const std::string& secret);

  /// A change that is made elsewhere: noted before, its outcome after. Without the note there must be no
  /// change.
  ngwire::Result<std::int64_t> begin_change(const Caller& by, const std::string& action,
                                            const std::string& detail);
  void end_change(std::int64_t id, const std::string& error);
  /// After `cursor` ascending, or below it descending (-1: from the newest).
  ngwire::Result<std::vector<AuditRow>> audit(std::int64_t cursor, std::int64_t limit, bool newest_first);

 private:
  struct State;
  explicit Accounts(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ngplc::hub
