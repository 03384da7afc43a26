#include "api.h"

#include <httplib.h>
#include <spdlog/spdlog.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <thread>

#include "api_commands.h"
#include "api_last.h"
#include "api_rollups.h"
#include "delivery_text.h"
#include "status_page.h"

namespace ngplc::hub {
namespace {

using ngwire::Result;
using json = nlohmann::ordered_json;

constexpr std::int64_t kDefaultLimit = 100;
constexpr std::int64_t kMaxLimit = 1000;

// Milliseconds: what JavaScript and most time-series stores use, and exact in a JSON number.
std::int64_t to_ms(std::int64_t ns) { return ns / 1'000'000; }

json value_json(const StoredReading& r) {
  json out;
  out["obis"] = r.obis;
  out["value"] = ngwire::decimal_string(r.mantissa, r.exponent);
  out["unit"] = r.unit;
  if (r.base != 0) out["total"] = ngwire::decimal_string(r.base + r.mantissa, r.exponent);
  return out;
}

json to_json(const StoredEvent& e) {
  json out;
  out["id"] = e.id;
  out["time_ms"] = to_ms(e.row.time_ns);
  out["device"] = e.row.device ? json(device_text(*e.row.device)) : json(nullptr);
  out["node"] = e.row.node ? json(*e.row.node) : json(nullptr);
  out["kind"] = e.row.kind;
  out["detail"] = e.row.detail;
  return out;
}

json to_json(const StoredReading& r) {
  json out;
  out["id"] = r.id;
  out["frame"] = r.frame_id;
  out["device"] = device_text(r.device);
  out["counter"] = r.counter;
  out["time_ms"] = to_ms(r.time_ns);
  out.update(value_json(r));
  return out;
}

json to_json(const StoredFrame& f) {
  const ngwire::FrameRecord& r = f.row.record;
  json out;
  out["id"] = f.id;
  out["receiver"] = r.receiver;
  out["run"] = ngwire::to_hex(r.run);
  out["sequence"] = r.sequence;
  out["device"] = f.device ? json(device_text(*f.device)) : json(nullptr);
  out["payload_status"] = to_string(f.row.payload_status);
  out["part"] = f.row.part;
  if (f.row.link) {
    out["epoch"] = f.row.link->epoch;
    out["counter"] = f.row.link->counter;
    out["late"] = f.row.link->late;
    out["copies"] = f.copies;
  }
  out["profile"] = r.profile;
  out["direction"] = r.direction == ngwire::Direction::up ? "up" : "down";
  out["time_ms"] = to_ms(f.row.time_ns);
  out["received_ms"] = to_ms(f.row.received_ns);
  out["time_source"] = r.time_source;
  out["sample_index"] = r.sample_index;
  out["sample_rate_hz"] = r.sample_rate_hz;
  out["payload"] = ngwire::to_hex(r.payload.data(), r.payload.size());
  out["snr_db"] = r.metrics.snr_db;
  out["ebn0_db"] = r.metrics.ebn0_db;
  out["carrier_offset_hz"] = r.metrics.carrier_offset_hz;
  out["clock_offset_ppm"] = r.metrics.clock_offset_ppm;
  out["delay_spread_s"] = r.metrics.delay_spread_s;
  out["residual_db"] = r.metrics.residual_db;
  out["corrected_bits"] = r.metrics.corrected_bits;
  out["list_used"] = r.metrics.list_used;
  return out;
}

json to_json(const StoredDevice& d) {
  json out;
  out["device"] = device_text(d.device);
  out["first_seen_ms"] = to_ms(d.first_seen_ns);
  out["last_seen_ms"] = to_ms(d.last_seen_ns);
  out["frames"] = d.frames;
  out["counter"] = d.counter;
  out["receiver"] = d.receiver;
  out["profile"] = d.profile;
  out["snr_db"] = d.snr_db;
  out["ebn0_db"] = d.ebn0_db;
  out["clock_offset_ppm"] = d.clock_offset_ppm;
  out["last"] = json::array();
  for (const StoredReading& r : d.last) {
    json value = value_json(r);
    value["time_ms"] = to_ms(r.time_ns);
    out["last"].push_back(std::move(value));
  }
  return out;
}

std::int64_t cursor_of(const StoredFrame& f) { return f.id; }
std::int64_t cursor_of(const StoredEvent& e) { return e.id; }
std::int64_t cursor_of(const StoredReading& r) { return r.id; }
std::int64_t cursor_of(const StoredDevice& d) { return d.device; }

bool parse_integer(const std::string& text, std::int64_t low, std::int64_t high, std::int64_t& out) {
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, out);
  return !text.empty() && parsed.ec == std::errc() && parsed.ptr == end && out >= low && out <= high;
}

// The query of a list, or what is wrong with which parameter.
Result<Page> parse_page(const httplib::Request& request, bool ordered) {
  using R = Result<Page>;
  Page page;
  page.limit = kDefaultLimit;
  for (const auto& [key, value] : request.params) {
    if (request.get_param_value_count(key) > 1)
      return R::failure("parameter given twice: expected each once");
    std::int64_t number = 0;
    if (key == "limit") {
      if (!parse_integer(value, 1, kMaxLimit, page.limit))
        return R::failure("limit: expected an integer from 1 to 1000");
    } else if (key == "cursor") {
      if (!parse_integer(value, 0, INT64_MAX, page.cursor))
        return R::failure("cursor: expected the next_cursor of an answer");
    } else if (key == "since") {
      if (!parse_integer(value, 0, INT64_MAX / 1'000'000, number))
        return R::failure("since: expected Unix milliseconds");
      page.since_ns = number * 1'000'000;
    } else if (key == "device") {
      std::uint32_t device = 0;
      const char* end = value.data() + value.size();
      const auto parsed = std::from_chars(value.data(), end, device, 16);
      if (value.empty() || value.size() > 8 || parsed.ec != std::errc() || parsed.ptr != end) {
        return R::failure("device: expected an address of 1 to 8 hexadecimal digits");
      }
      page.device = device;
    } else if (key == "order" && ordered) {
      if (value != "asc" && value != "desc") return R::failure("order: expected asc or desc");
      page.newest_first = value == "desc";
    } else {
      return R::failure(ordered ? "unknown parameter: expected limit, cursor, since, device, order"
                                : "unknown parameter: expected limit, cursor, since, device");
    }
  }
  return page;
}

void answer_error(httplib::Response& response, int status, const std::string& text) {
  response.status = status;
  response.set_content(json{{"error", text}}.dump(-1, ' ', true, json::error_handler_t::replace) + "\n",
                       "application/json");
}

template <class Row>
void answer_list(httplib::Response& response, const char* name, const Result<std::vector<Row>>& rows,
                 const Page& page) {
  if (!rows) {
    answer_error(response, 503, "database: " + rows.error());
    return;
  }
  json list = json::array();
  for (const Row& row : rows.value()) list.push_back(to_json(row));
  json body;
  body[name] = std::move(list);
  // Null when this page was the last one for now.
  const bool full = rows->size() == static_cast<std::size_t>(page.limit);
  body["next_cursor"] = full ? json(std::to_string(cursor_of(rows->back()))) : json(nullptr);
  response.set_content(body.dump(-1, ' ', true, json::error_handler_t::replace) + "\n", "application/json");
}

}  // namespace

struct Api::State {
  State(HttpConfig c, StoreReader& r, Metrics& m) : config(std::move(c)), reader(r), metrics(m) {}
  HttpConfig config;
  StoreReader& reader;
  Metrics& metrics;
  httplib::Server server;
  std::thread thread;
  int port = 0;

  void routes();
};

void Api::State::routes() {
  server.Get("/api/v1/frames", [this](const httplib::Request& request, httplib::Response& response) {
    const auto page = parse_page(request, true);
    if (!page) return answer_error(response, 400, page.error());
    answer_list(response, "frames", reader.frames(page.value()), page.value());
  });
  server.Get("/api/v1/readings", [this](const httplib::Request& request, httplib::Response& response) {
    const auto page = parse_page(request, true);
    if (!page) return answer_error(response, 400, page.error());
    answer_list(response, "readings", reader.readings(page.value()), page.value());
  });
  // The same rows for spreadsheets; the header Next-Cursor leads on as next_cursor does.
  server.Get("/api/v1/readings.csv", [this](const httplib::Request& request, httplib::Response& response) {
    const auto page = parse_page(request, true);
    if (!page) return answer_error(response, 400, page.error());
    const auto rows = reader.readings(page.value());
    if (!rows) return answer_error(response, 503, "database: " + rows.error());
    std::string body = "id,device,counter,time_ms,obis,value,unit,total\r\n";
    for (const StoredReading& r : rows.value()) {
      body += std::to_string(r.id) + "," + device_text(r.device) + "," + std::to_string(r.counter) + "," +
              std::to_string(to_ms(r.time_ns)) + "," + r.obis + "," +
              ngwire::decimal_string(r.mantissa, r.exponent) + "," + r.unit + "," +
              ngwire::decimal_string(r.base + r.mantissa, r.exponent) + "\r\n";
    }
    if (rows->size() == static_cast<std::size_t>(page->limit))
      response.set_header("Next-Cursor", std::to_string(rows->back().id));
    response.set_content(body, "text/csv; charset=utf-8");
  });
  server.Get("/api/v1/devices", [this](const httplib::Request& request, httplib::Response& response) {
    const auto page = parse_page(request, false);
    if (!page) return answer_error(response, 400, page.error());
    answer_list(response, "devices", reader.devices(page.value()), page.value());
  });
  server.Get("/api/v1/events", [this](const httplib::Request& request, httplib::Response& response) {
    const auto page = parse_page(request, true);
    if (!page) return answer_error(response, 400, page.error());
    answer_list(response, "events", reader.events(page.value()), page.value());
  });
  add_last_routes(server, reader);
  add_rollup_routes(server, reader);
  add_command_routes(server, reader);
  server.Get("/healthz", [this](const httplib::Request&, httplib::Response& response) {
    if (const std::string trouble = metrics.storage_trouble(); !trouble.empty()) {
      return answer_error(response, 503, "database: " + trouble);
    }
    response.set_content("{\"status\":\"ok\"}\n", "application/json");
  });
  server.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
    response.set_content(metrics.text(), "text/plain; version=0.0.4");
  });
  server.Get("/", [this](const httplib::Request&, httplib::Response& response) {
    Page page;
    page.limit = kMaxLimit;
    const auto devices = reader.devices(page);
    if (!devices) return answer_error(response, 503, "database: " + devices.error());
    response.set_content(status_page(devices.value(), metrics.storage_trouble()), "text/html; charset=utf-8");
  });
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty()) {
      answer_error(response, response.status,
                   response.status == 404 ? "no such resource" : "request refused");
    }
  });
  server.set_exception_handler([](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
    answer_error(response, 500, "internal error");
  });
  server.set_logger([this](const httplib::Request&, const httplib::Response& response) {
    metrics.count_http(response.status);
  });
}

Api::Api(const HttpConfig& config, StoreReader& reader, Metrics& metrics)
    : state_(std::make_unique<State>(config, reader, metrics)) {}

Api::~Api() { stop(); }

std::string Api::start() {
  State& s = *state_;
  const auto address = parse_host_port(s.config.listen);
  if (!address) return "http " + address.error();
  s.routes();
  const auto threads = static_cast<std::size_t>(s.config.threads);
  s.server.new_task_queue = [threads] { return new httplib::ThreadPool(threads); };
  // httplib's default is SO_REUSEPORT, with which a second hub would share the port without a word.
  s.server.set_socket_options([](auto socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  s.server.set_payload_max_length(64 * 1024);
  s.server.set_read_timeout(5, 0);
  s.server.set_write_timeout(5, 0);
  s.server.set_keep_alive_max_count(100);
  s.server.set_keep_alive_timeout(5);
  s.server.set_default_headers({{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}});
  errno = 0;
  if (address->port == 0) {
    s.port = s.server.bind_to_any_port(address->host);
    if (s.port < 0) return "http " + s.config.listen + ": " + std::strerror(errno);
  } else {
    if (!s.server.bind_to_port(address->host, address->port)) {
      return "http " + s.config.listen + ": " + (errno != 0 ? std::strerror(errno) : "cannot be bound");
    }
    s.port = address->port;
  }
  s.thread = std::thread([&s] { s.server.listen_after_bind(); });
  // stop() does nothing to a server that does not run yet, and would then wait for ever.
  while (!s.server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return "";
}

void Api::stop() {
  State& s = *state_;
  if (!s.thread.joinable()) return;
  s.server.stop();
  s.thread.join();
}

int Api::port() const { return state_->port; }

}  // namespace ngplc::hub
