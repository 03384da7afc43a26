// GET /api/v1/rollups: one register of one device by hour, day or month.
#pragma once

#include <httplib.h>

#include "store.h"

namespace ngplc::hub {

void add_rollup_routes(httplib::Server& server, StoreReader& reader);

}  // namespace ngplc::hub
