#include "api_rollups.h"

#include <nlohmann/json.hpp>

#include "api_query.h"

namespace ngplc::hub {
namespace {

using json = nlohmann::ordered_json;

// A year of hours.
constexpr std::int64_t kMost = 8784;
constexpr std::int64_t kDefault = 744;
constexpr std::int64_t kNsOfMs = 1'000'000;

bool is_cumulative(const std::string& obis) { return obis.find(".8.") != std::string::npos; }

json to_json(const StoredRollup& r, bool cumulative) {
  const auto decimal = [&r](std::int64_t mantissa) { return ngwire::decimal_string(mantissa, r.exponent); };
  json out;
  out["start_ms"] = r.start_s * 1000;
  out["count"] = r.count;
  if (cumulative) {
    out["total"] = decimal(r.last);
    out["used"] = decimal(r.last - r.before);
  } else {
    out["low"] = decimal(r.low);
    out["high"] = decimal(r.high);
    out["sum"] = decimal(r.sum);
    out["last"] = decimal(r.last);
  }
  out["unit"] = r.unit;
  return out;
}

}  // namespace

void add_rollup_routes(httplib::Server& server, StoreReader& reader) {
  server.Get("/api/v1/rollups", [&reader](const httplib::Request& request, httplib::Response& response) {
    Query query(request);
    const std::int64_t device = query.device();
    const std::string obis = query.text("obis");
    const std::string level = query.text("level");
    const std::int64_t since_ms = query.integer("since", 0, INT64_MAX, 0);
    const std::int64_t until_ms = query.integer("until", 0, INT64_MAX, INT64_MAX);
    const std::int64_t limit = query.integer("limit", 1, kMost, kDefault);
    const int number = level == "hour" ? 0 : level == "day" ? 1 : level == "month" ? 2 : -1;
    std::string wrong = query.wrong();
    if (wrong.empty() && device < 0) wrong = "device: is needed";
    if (wrong.empty() && obis.empty()) wrong = "obis: is needed";
    if (wrong.empty() && number < 0) wrong = "level: expected hour, day or month";
    if (!wrong.empty()) return answer_wrong(response, 400, wrong);
    const auto rows = reader.rollups(static_cast<std::uint32_t>(device), obis, number, (since_ms + 999) / 1000,
                                     until_ms / 1000, limit);
    if (!rows) return answer_wrong(response, 503, "database: " + rows.error());
    json list = json::array();
    for (const StoredRollup& row : rows.value()) list.push_back(to_json(row, is_cumulative(obis)));
    const bool full = rows->size() == static_cast<std::size_t>(limit);
    json body;
    body["rollups"] = std::move(list);
    body["next_since"] = full ? json(rows->back().start_s * 1000 + 1) : json(nullptr);
    response.set_content(body.dump(-1, ' ', true, json::error_handler_t::replace) + "\n", "application/json");
  });
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
      out["result"] = c.result ? json(to_string(static_cast<ngwire::CommandResult>(*c.result))) : json(nullptr);
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
