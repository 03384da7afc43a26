// GET /api/v1/commands: what was asked of devices, and what became of it.
#pragma once

#include "http_server.h"
#include "store.h"

namespace ngplc::hub {

HttpResponse commands_answer(const HttpRequest& request, StoreReader& reader);

}  // namespace ngplc::hub
