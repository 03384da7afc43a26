// GET /api/v1/rollups: one register of one device by hour, day or month.
#pragma once

#include "http_server.h"
#include "store.h"

namespace ngplc::hub {

HttpResponse rollups_answer(const HttpRequest& request, StoreReader& reader);

}  // namespace ngplc::hub
