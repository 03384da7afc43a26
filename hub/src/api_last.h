// GET /api/v1/last: when each device was last heard, all of them in one answer.
#pragma once

#include "http_server.h"
#include "store.h"

namespace ngplc::hub {

HttpResponse last_answer(const HttpRequest& request, StoreReader& reader);

}  // namespace ngplc::hub
