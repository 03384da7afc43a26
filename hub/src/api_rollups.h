// GET /api/v1/rollups and /api/v1/commands.
#pragma once

#include <httplib.h>

#include "store.h"

namespace ngplc::hub {

void add_rollup_routes(httplib::Server& server, StoreReader& reader);

}  // namespace ngplc::hub
