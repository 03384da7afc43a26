// GET /api/v1/last: when each device was last heard, all of them in one answer.
#pragma once

#include <httplib.h>

#include "store.h"

namespace ngplc::hub {

void add_last_routes(httplib::Server& server, StoreReader& reader);

}  // namespace ngplc::hub
