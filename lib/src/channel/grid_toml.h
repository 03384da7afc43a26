// The table [grid] of a TOML file.
#pragma once

#include <toml++/toml.h>

#include <string>

#include "ngdsp/channel/grid.h"

namespace ngdsp {

/// The grid of the table itself (not of one that holds a [grid]), validated; see parse_grid().
Result<Grid> read_grid(const toml::table& table, const std::string& source);

}  // namespace ngdsp
