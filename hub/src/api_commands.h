// GET /api/v1/commands: what was asked of devices, and what became of it.
#pragma once

#include <httplib.h>

#include "store.h"

namespace ngplc::hub {

void add_command_routes(httplib::Server& server, StoreReader& reader);

}  // namespace ngplc::hub
