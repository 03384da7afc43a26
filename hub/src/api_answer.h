// The two answers that every resource gives.
#pragma once

#include <string>

#include "api_json.h"
#include "http_server.h"

namespace ngplc::hub {

/// {"error": text}.
HttpResponse error_answer(int status, const std::string& text);
HttpResponse json_answer(const Json& body, int status = 200);

}  // namespace ngplc::hub
