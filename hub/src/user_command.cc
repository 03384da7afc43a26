#include "user_command.h"

#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "accounts.h"
#include "api_json.h"
#include "api_query.h"

namespace ngplc::hub {
namespace {

// The first line of standard input; typed blind on a terminal.
std::string read_password() {
  termios shown{};
  const bool terminal = ::isatty(STDIN_FILENO) != 0 && ::tcgetattr(STDIN_FILENO, &shown) == 0;
  if (terminal) {
    std::fputs("password: ", stderr);
    termios hidden = shown;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  std::string password;
  std::getline(std::cin, password);
  if (terminal) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    std::fputs("\n", stderr);
  }
  return password;
}

void print(const Json& json) { std::printf("%s\n", dump(json).c_str()); }

}  // namespace

const char kUserUsage[] =
    "  user list\n"
    "  user add NAME viewer|operator|admin     password on standard input; the first one is an admin\n"
    "  user password NAME                      the same\n"
    "  user role NAME viewer|operator|admin\n"
    "  user remove NAME\n"
    "  token list\n"
    "  token add USER NAME ROLE DAYS           prints the token, once; 0 days: does not expire\n"
    "  token remove ID\n";

std::string run_user_command(const std::vector<std::string>& a, const HubConfig& config, bool& usage) {
  usage = false;
  const std::string what = a.size() > 1 ? a[0] + " " + a[1] : a[0];
  const std::size_t count = a.size() - std::min<std::size_t>(2, a.size());
  std::int64_t number = 0;
  usage = !((what == "user list" || what == "token list") && count == 0) &&
          !(what == "user add" && count == 2) && !(what == "user password" && count == 1) &&
          !(what == "user role" && count == 2) && !(what == "user remove" && count == 1) &&
          !(what == "token add" && count == 4) && !(what == "token remove" && count == 1);
  if (usage) return "'" + what + "' with " + std::to_string(count) + " arguments, see --help";
  auto opened = Accounts::open(config.database.file);
  if (!opened) return opened.error();
  Accounts& accounts = *opened.value();
  const Caller by = console_caller();
  if (what == "user list") {
    const auto users = accounts.users();
    if (!users) return users.error();
    for (const UserInfo& user : users.value()) print(to_json(user));
    return "";
  }
  if (what == "token list") {
    const auto tokens = accounts.tokens();
    if (!tokens) return tokens.error();
    for (const TokenInfo& token : tokens.value()) print(to_json(token));
    return "";
  }
  if (what == "user add") return accounts.add_user(by, a[2], role_of(a[3]), read_password());
  if (what == "user password") return accounts.set_password(by, a[2], read_password());
  if (what == "user role") return accounts.set_role(by, a[2], role_of(a[3]));
  if (what == "user remove") return accounts.remove_user(by, a[2]);
  if (what == "token add") {
    if (!parse_integer(a[5], 0, 3650, number)) return "days: expected 0 (does not expire) to 3650";
    const auto secret = accounts.add_token(by, a[2], a[3], role_of(a[4]), number);
    if (!secret) return secret.error();
    std::printf("%s\n", secret->c_str());
    return "";
  }
  if (!parse_integer(a[2], 1, INT64_MAX, number)) return "token remove: expected its id";
  return accounts.remove_token(by, number);
}

}  // namespace ngplc::hub
