// `ngplc-hub user` and `token`: accounts on the command line, the only way to the first one.
#pragma once

#include <string>
#include <vector>

#include "config.h"

namespace ngplc::hub {

extern const char kUserUsage[];

/// `arguments` begin with "user" or "token". Passwords are read from standard input, without echo on a
/// terminal; a new token is printed once. Empty, or one line; `usage` tells wrong usage.
std::string run_user_command(const std::vector<std::string>& arguments, const HubConfig& config, bool& usage);

}  // namespace ngplc::hub
