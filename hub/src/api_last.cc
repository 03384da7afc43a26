#include "api_last.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "api_answer.h"
#include "api_parameters.h"

namespace ngplc::hub {
namespace {

constexpr std::int64_t kDevices = 10'000;
constexpr std::int64_t kMostDevices = 100'000;
constexpr std::int64_t kMsNs = 1'000'000;

}  // namespace

HttpResponse last_answer(const HttpRequest& request, StoreReader& reader) {
  Parameters query(request);
  Page page;
  page.limit = query.integer("limit", 1, kMostDevices, kDevices);
  page.cursor = query.integer("cursor", 0, INT64_MAX, -1);
  page.since_ns = kMsNs * query.integer("since", 0, INT64_MAX / kMsNs, 0);
  const std::string obis = query.text("obis");
  if (const std::string wrong = query.wrong(); !wrong.empty()) return error_answer(400, wrong);
  const auto rows = reader.last_seen(page, obis);
  if (!rows) return error_answer(503, "database: " + rows.error());
  // Written out: thousands of rows, and a tree of JSON nodes costs ten times the query. Only the unit is
  // text of others.
  fmt::memory_buffer body;
  const auto out = std::back_inserter(body);
  fmt::format_to(out, "{{\"devices\":[");
  std::string unit, unit_json;
  for (const LastSeen& d : rows.value()) {
    fmt::format_to(out, "{}{{\"device\":\"{:08x}\",\"last_seen_ms\":{}", &d == rows->data() ? "" : ",",
                   d.device, d.last_seen_ns / kMsNs);
    if (d.has_value) {
      if (unit_json.empty() || d.unit != unit) {
        unit = d.unit;
        unit_json = nlohmann::json(unit).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
      }
      fmt::format_to(out, ",\"value\":\"{}\",\"unit\":{},\"time_ms\":{}",
                     ngwire::decimal_string(d.mantissa, d.exponent), unit_json, d.time_ns / kMsNs);
      if (d.base != 0)
        fmt::format_to(out, ",\"total\":\"{}\"", ngwire::decimal_string(d.base + d.mantissa, d.exponent));
    }
    body.push_back('}');
  }
  const bool full = rows->size() == static_cast<std::size_t>(page.limit);
  fmt::format_to(out, "],\"next_cursor\":{}}}\n", full ? fmt::format("\"{}\"", rows->back().device) : "null");
  HttpResponse answer;
  answer.body.assign(body.data(), body.size());
  return answer;
}

}  // namespace ngplc::hub
