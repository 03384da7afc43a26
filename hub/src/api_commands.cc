#include "api_commands.h"

#include "api_answer.h"
#include "api_parameters.h"

namespace ngplc::hub {
namespace {

constexpr std::int64_t kNsOfMs = 1'000'000;

}  // namespace

HttpResponse commands_answer(const HttpRequest& request, StoreReader& reader) {
  Parameters query(request);
  Page page;
  page.newest_first = true;
  page.limit = query.integer("limit", 1, 1000, 100);
  page.cursor = query.integer("cursor", 0, INT64_MAX, -1);
  if (const std::int64_t device = query.device(); device >= 0)
    page.device = static_cast<std::uint32_t>(device);
  if (const std::string wrong = query.wrong(); !wrong.empty()) return error_answer(400, wrong);
  const auto rows = reader.commands(page);
  if (!rows) return error_answer(503, "database: " + rows.error());
  Json list = Json::array();
  for (const CommandRow& c : rows.value()) {
    Json out;
    out["command"] = c.id;
    out["device"] = c.device ? Json(ngwire::to_hex(std::uint64_t{*c.device}).substr(8)) : Json(nullptr);
    out["what"] = opcode_name(c.opcode);
    out["arguments"] = ngwire::to_hex(c.arguments.data(), c.arguments.size());
    out["state"] = to_string(c.state);
    out["created_ms"] = c.created_ns / kNsOfMs;
    out["not_after_ms"] = c.not_after_ns / kNsOfMs;
    out["tries"] = c.tries;
    out["result"] = c.result ? Json(to_string(static_cast<ngwire::CommandResult>(*c.result))) : Json(nullptr);
    out["detail"] = c.detail ? Json(*c.detail) : Json(nullptr);
    list.push_back(std::move(out));
  }
  const bool full = rows->size() == static_cast<std::size_t>(page.limit);
  Json body;
  body["commands"] = std::move(list);
  body["next_cursor"] = full ? Json(std::to_string(rows->back().id)) : Json(nullptr);
  return json_answer(body);
}

}  // namespace ngplc::hub
