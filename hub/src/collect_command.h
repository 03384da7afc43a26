// `ngplc-hub collect`: the collector as a service.
#pragma once

#include <string>

namespace ngplc::hub {

extern const char kCollectUsage[];

/// Runs until SIGTERM or SIGINT; SIGHUP reads the file again. Empty, or one line; `usage` tells a
/// configuration that is wrong from a service that cannot start.
std::string run_collect(const std::string& config_file, bool& usage);

}  // namespace ngplc::hub
