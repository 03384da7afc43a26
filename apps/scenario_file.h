// Scenarios named on the command line.
#pragma once

#include <optional>
#include <string>

#include "ngdsp/channel/scenario_line.h"

namespace ngplc_app {

/// A scenario with the recording it names. An unknown name is wrong usage, a file that cannot be read is a
/// failure (nothing, said).
std::optional<ngdsp::Scenario> option_scenario(const std::string& name_or_path);

}  // namespace ngplc_app
