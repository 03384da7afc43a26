// `ngplc-hub device ...`: the registry on the command line.
#pragma once

#include <string>
#include <vector>

#include "config.h"

namespace ngplc::hub {

/// Text for --help.
extern const char kDeviceUsage[];

/// Prints one JSON object a device to standard output. Empty, or one line; `usage` tells that the arguments
/// were wrong.
std::string run_device_command(const std::vector<std::string>& arguments, const HubConfig& config,
                               bool& usage);

}  // namespace ngplc::hub
