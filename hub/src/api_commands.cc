#include "api_commands.h"

#include <nlohmann/json.hpp>

#include "api_query.h"

namespace ngplc::hub {
namespace {

using json = nlohmann::ordered_json;

constexpr std::int64_t kNsOfMs = 1'000'000;

}  // namespace

void add_command_routes(httplib::Server& server, StoreReader& reader) {
  server.Get("/api/v1/commands", [&reader](const httplib::Request& request, httplib::Response& response) {
    Query query(request);
    Page page;
    page.newest_first = true;
    page.limit = query.integer("limit", 1, 1000, 100);
    page.cursor = query.integer("cursor", 0, INT64_MAX, -1);
    if (const std::int64_t device = query.device(); device >= 0)
      page.device = static_cast<std::uint32_t>(device);
    if (const std::string wrong = query.wrong(); !wrong.empty()) return answer_wrong(response, 400, wrong);
    const auto rows = reader.commands(page);
    if (!rows) return answer_wrong(response, 503, "database: " + rows.error());
    json list = json::array();
    for (const CommandRow& c : rows.value()) {
      json out;
      out["command"] = c.id;
      out["device"] = c.device ? json(ngwire::to_hex(std::uint64_t{*c.device}).substr(8)) : json(nullptr);
      out["what"] = opcode_name(c.opcode);
      out["arguments"] = ngwire::to_hex(c.arguments.data(), c.arguments.size());
      out["state"] = to_string(c.state);
      out["created_ms"] = c.created_ns / kNsOfMs;
      out["not_after_ms"] = c.not_after_ns / kNsOfMs;
      out["tries"] = c.tries;
      out["result"] =
          c.result ? json(to_string(static_cast<ngwire::CommandResult>(*c.result))) : json(nullptr);
      out["detail"] = c.detail ? json(*c.detail) : json(nullptr);
      list.push_back(std::move(out));
    }
    const bool full = rows->size() == static_cast<std::size_t>(page.limit);
    json body;
    body["commands"] = std::move(list);
    body["next_cursor"] = full ? json(std::to_string(rows->back().id)) : json(nullptr);
    response.set_content(body.dump(-1, ' ', true, json::error_handler_t::replace) + "\n", "application/json");
  });
}

}  // namespace ngplc::hub
