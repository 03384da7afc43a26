#include "api_rollups.h"

#include <nlohmann/json.hpp>

#include "api_query.h"

namespace ngplc::hub {
namespace {

using json = nlohmann::ordered_json;

// A year of hours.
constexpr std::int64_t kMost = 8784;
constexpr std::int64_t kDefault = 744;

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
    const auto rows = reader.rollups(static_cast<std::uint32_t>(device), obis, number,
                                     (since_ms + 999) / 1000, until_ms / 1000, limit);
    if (!rows) return answer_wrong(response, 503, "database: " + rows.error());
    json list = json::array();
    for (const StoredRollup& row : rows.value()) list.push_back(to_json(row, is_cumulative(obis)));
    const bool full = rows->size() == static_cast<std::size_t>(limit);
    json body;
    body["rollups"] = std::move(list);
    body["next_since"] = full ? json(rows->back().start_s * 1000 + 1) : json(nullptr);
    response.set_content(body.dump(-1, ' ', true, json::error_handler_t::replace) + "\n", "application/json");
  });
}

}  // namespace ngplc::hub
