#include "api_answer.h"

namespace ngplc::hub {

HttpResponse error_answer(int status, const std::string& text) {
  return json_answer(Json{{"error", text}}, status);
}

HttpResponse json_answer(const Json& body, int status) {
  HttpResponse out;
  out.status = status;
  out.body = dump(body) + "\n";
  return out;
}

}  // namespace ngplc::hub
