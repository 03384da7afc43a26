#include "api.h"

#include <fcntl.h>
#include <sodium.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include "api_answer.h"
#include "api_commands.h"
#include "api_json.h"
#include "api_last.h"
#include "api_query.h"
#include "api_rollups.h"
#include "backup.h"
#include "delivery_text.h"
#include "embedded.h"
#include "energy_data.h"
#include "event_stream.h"
#include "rate_limiter.h"

namespace ngplc::hub {
namespace {

using ngwire::Result;
using nlohmann::json;
using Type = json::value_t;

constexpr int kMostStreams = 32;
constexpr const char* kCookie = "ngplc_session=";
// Guessing: five at once, then ten a minute for each address.
constexpr double kLoginsPerSecond = 1.0 / 6;
constexpr double kLoginBurst = 5;

// A request with what was learned of it.
struct Call {
  const HttpRequest& request;
  std::map<std::string, std::string> path;  ///< by the names in braces
  Caller caller;
  std::string session;  ///< the cookie
};

HttpResponse text_answer(const char* type, std::string text) {
  HttpResponse out;
  out.content_type = type;
  out.body = std::move(text);
  return out;
}

// Status of what the registry, the accounts or the store refuse.
int status_of(const std::string& wrong) {
  const auto has = [&](const char* text) { return wrong.find(text) != std::string::npos; };
  if (wrong.rfind("database", 0) == 0) return 503;
  if (has("not in the registry") || has("no such") || has("in no manifest")) return 404;
  if (has(": expected") || has("role: ")) return 400;
  return 409;
}

std::int64_t cursor_of(const StoredFrame& f) { return f.id; }
std::int64_t cursor_of(const StoredEvent& e) { return e.id; }
std::int64_t cursor_of(const StoredReading& r) { return r.id; }
std::int64_t cursor_of(const StoredDevice& d) { return d.device; }
std::int64_t cursor_of(const AuditRow& a) { return a.id; }

template <class Row>
HttpResponse list_answer(const char* name, const Result<std::vector<Row>>& rows, const Page& page) {
  if (!rows) return error_answer(503, "database: " + rows.error());
  Json list = Json::array();
  for (const Row& row : rows.value()) list.push_back(to_json(row));
  Json body;
  body[name] = std::move(list);
  // Null when this page was the last one for now.
  const bool full = rows->size() == static_cast<std::size_t>(page.limit);
  body["next_cursor"] = full ? Json(std::to_string(cursor_of(rows->back()))) : Json(nullptr);
  return json_answer(body);
}

// The Host header without its port.
std::string host_name(const std::string& header) {
  const std::size_t bracket = header.rfind(']');
  const bool port = header.find(':', bracket == std::string::npos ? 0 : bracket) != std::string::npos;
  const auto parsed = parse_host_port(port ? header : header + ":80");
  return parsed ? parsed->host : std::string();
}

std::string etag_of(const std::string& body) {
  std::array<unsigned char, crypto_generichash_BYTES_MIN> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(body.data()),
                     body.size(), nullptr, 0);
  return "\"" + ngwire::to_hex(hash.data(), hash.size()) + "\"";
}

// Whether "/a/{name}/b" fits the path; what stands in the braces goes into `values`.
bool fits(std::string_view pattern, std::string_view path, std::map<std::string, std::string>& values) {
  values.clear();
  while (!pattern.empty() && !path.empty()) {
    const std::string_view want = pattern.substr(1, pattern.find('/', 1) - 1);
    const std::string_view have = path.substr(1, path.find('/', 1) - 1);
    if (path[0] != '/') return false;
    if (!want.empty() && want.front() == '{') {
      if (have.empty()) return false;
      values[std::string(want.substr(1, want.size() - 2))] = std::string(have);
    } else if (want != have) {
      return false;
    }
    pattern.remove_prefix(want.size() + 1);
    path.remove_prefix(have.size() + 1);
  }
  return pattern.empty() && path.empty();
}

// A backup is made by a thread of its own while the answer waits, then sent, then removed.
class BackupSource : public ByteSource {
 public:
  BackupSource(std::string database, std::string copy, std::function<void(const std::string&)> done)
      : copy_(std::move(copy)), done_(std::move(done)) {
    worker_ = std::thread([this, database = std::move(database)] {
      wrong_ = back_up(database, copy_);
      made_ = true;
    });
  }
  ~BackupSource() override {
    worker_.join();
    if (done_) done_("the client went away");
    if (fd_ >= 0) ::close(fd_);
    ::unlink(copy_.c_str());
  }
  State next(std::string& out) override {
    if (!made_) return State::wait;
    if (fd_ < 0) {
      fd_ = wrong_.empty() ? ::open(copy_.c_str(), O_RDONLY | O_CLOEXEC) : -1;
      std::exchange(done_, nullptr)(wrong_);
      if (fd_ < 0) return State::broken;
    }
    std::array<char, 32768> block{};
    const ssize_t got = ::read(fd_, block.data(), block.size());
    if (got < 0) return State::broken;
    if (got == 0) return State::end;
    out.append(block.data(), static_cast<std::size_t>(got));
    return State::more;
  }

 private:
  const std::string copy_;
  std::function<void(const std::string&)> done_;
  std::thread worker_;
  std::string wrong_;
  std::atomic<bool> made_{false};
  int fd_ = -1;
};

// Counts the streams that run.
class CountedStream : public ByteSource {
 public:
  CountedStream(std::unique_ptr<ByteSource> inner, std::atomic<int>& count)
      : inner_(std::move(inner)), count_(count) {}
  ~CountedStream() override { --count_; }
  State next(std::string& out) override { return inner_->next(out); }

 private:
  std::unique_ptr<ByteSource> inner_;
  std::atomic<int>& count_;
};

}  // namespace

struct Api::State {
  State(const HttpConfig& c, const ApiSources& s, const HttpLimits& limits)
      : config(c),
        from(s),
        requests(static_cast<double>(c.requests_per_s), 4.0 * static_cast<double>(c.requests_per_s)),
        server(
            c, limits, [this](const HttpRequest& request) { return serve(request); },
            [this](const char* reason) { from.metrics.count_http_refused(reason); }) {}

  using Run = HttpResponse (State::*)(const Call&);
  struct Route {
    const char* method;
    const char* pattern;
    Role role;  ///< at least
    Run run;
  };
  static const std::vector<Route>& routes();

  HttpResponse serve(const HttpRequest& request);
  HttpResponse dispatch(const HttpRequest& request);
  Caller who(const HttpRequest& request, std::string& session, std::string& wrong);
  // A change of the registry, noted in the audit journal before and after.
  template <class Change>
  HttpResponse change_node(const Call& call, const std::string& action, const std::string& detail,
                           Change change);
  HttpResponse done(const std::string& wrong, int status = 200);

  HttpResponse frames(const Call& call);
  HttpResponse readings(const Call& call);
  HttpResponse readings_csv(const Call& call);
  HttpResponse events(const Call& call);
  HttpResponse devices(const Call& call);
  HttpResponse energy_data(const Call& call);
  // The device of the path, or why not and with what status.
  Result<StoredDevice> find_device(const Call& call, int& status);
  HttpResponse device(const Call& call);
  HttpResponse last(const Call& call) { return last_answer(call.request, from.reader); }
  HttpResponse rollups(const Call& call) { return rollups_answer(call.request, from.reader); }
  HttpResponse commands(const Call& call) { return commands_answer(call.request, from.reader); }
  HttpResponse stream(const Call& call);
  HttpResponse nodes(const Call& call);
  HttpResponse node(const Call& call);
  HttpResponse import_nodes(const Call& call);
  HttpResponse claim(const Call& call);
  HttpResponse join(const Call& call);
  HttpResponse set_state(const Call& call);
  HttpResponse set_tenant(const Call& call);
  HttpResponse add_to_group(const Call& call);
  HttpResponse set_multipliers(const Call& call);
  HttpResponse exchange(const Call& call);
  HttpResponse command(const Call& call);
  HttpResponse groups(const Call& call);
  HttpResponse sinks(const Call& call);
  HttpResponse replay(const Call& call);
  HttpResponse log_in(const Call& call);
  HttpResponse log_out(const Call& call);
  HttpResponse me(const Call& call);
  HttpResponse set_own_password(const Call& call);
  HttpResponse users(const Call& call);
  HttpResponse add_user(const Call& call);
  HttpResponse change_user(const Call& call);
  HttpResponse remove_user(const Call& call);
  HttpResponse tokens(const Call& call);
  HttpResponse add_token(const Call& call);
  HttpResponse remove_token(const Call& call);
  HttpResponse audit(const Call& call);
  HttpResponse backup(const Call& call);
  HttpResponse open_api(const Call& call);
  HttpResponse health(const Call& call);
  HttpResponse prometheus(const Call& call);
  HttpResponse page(const Call& call);
  HttpResponse style(const Call& call);
  HttpResponse script(const Call& call);

  HttpConfig config;
  ApiSources from;
  RateLimiter requests;
  RateLimiter logins{kLoginsPerSecond, kLoginBurst};
  std::mutex registry_mutex;
  std::atomic<int> streams{0};
  std::atomic<bool> backing_up{false};
  HttpServer server;
};

const std::vector<Api::State::Route>& Api::State::routes() {
  using S = Api::State;
  static const std::vector<Route> kRoutes = {
      {"GET", "/healthz", Role::none, &S::health},
      {"GET", "/api/v1/openapi.json", Role::none, &S::open_api},
      {"POST", "/api/v1/login", Role::none, &S::log_in},
      {"POST", "/api/v1/logout", Role::none, &S::log_out},
      {"GET", "/", Role::none, &S::page},
      {"GET", "/page.css", Role::none, &S::style},
      {"GET", "/page.js", Role::none, &S::script},
      {"GET", "/metrics", Role::viewer, &S::prometheus},
      {"GET", "/api/v1/me", Role::viewer, &S::me},
      {"PUT", "/api/v1/me/password", Role::viewer, &S::set_own_password},
      {"GET", "/api/v1/frames", Role::viewer, &S::frames},
      {"GET", "/api/v1/readings", Role::viewer, &S::readings},
      {"GET", "/api/v1/readings.csv", Role::viewer, &S::readings_csv},
      {"GET", "/api/v1/events", Role::viewer, &S::events},
      {"GET", "/api/v1/devices", Role::viewer, &S::devices},
      {"GET", "/api/v1/devices/{device}", Role::viewer, &S::device},
      {"GET", "/api/v1/devices/{device}/energy_data", Role::viewer, &S::energy_data},
      {"GET", "/api/v1/last", Role::viewer, &S::last},
      {"GET", "/api/v1/rollups", Role::viewer, &S::rollups},
      {"GET", "/api/v1/commands", Role::viewer, &S::commands},
      {"GET", "/api/v1/stream", Role::viewer, &S::stream},
      {"GET", "/api/v1/nodes", Role::viewer, &S::nodes},
      {"GET", "/api/v1/nodes/{eui}", Role::viewer, &S::node},
      {"POST", "/api/v1/nodes", Role::admin, &S::import_nodes},
      {"POST", "/api/v1/claim", Role::operator_, &S::claim},
      {"POST", "/api/v1/nodes/{eui}/join", Role::operator_, &S::join},
      {"PUT", "/api/v1/nodes/{eui}/state", Role::operator_, &S::set_state},
      {"PUT", "/api/v1/nodes/{eui}/tenant", Role::operator_, &S::set_tenant},
      {"PUT", "/api/v1/nodes/{eui}/groups/{group}", Role::operator_, &S::add_to_group},
      {"PUT", "/api/v1/nodes/{eui}/multipliers", Role::operator_, &S::set_multipliers},
      {"POST", "/api/v1/nodes/{eui}/exchange", Role::operator_, &S::exchange},
      {"POST", "/api/v1/nodes/{eui}/commands", Role::operator_, &S::command},
      {"GET", "/api/v1/groups", Role::viewer, &S::groups},
      {"GET", "/api/v1/sinks", Role::viewer, &S::sinks},
      {"POST", "/api/v1/sinks/{sink}/replay", Role::operator_, &S::replay},
      {"GET", "/api/v1/users", Role::admin, &S::users},
      {"POST", "/api/v1/users", Role::admin, &S::add_user},
      {"PUT", "/api/v1/users/{user}", Role::admin, &S::change_user},
      {"DELETE", "/api/v1/users/{user}", Role::admin, &S::remove_user},
      {"GET", "/api/v1/tokens", Role::admin, &S::tokens},
      {"POST", "/api/v1/tokens", Role::admin, &S::add_token},
      {"DELETE", "/api/v1/tokens/{token}", Role::admin, &S::remove_token},
      {"GET", "/api/v1/audit", Role::admin, &S::audit},
      {"GET", "/api/v1/backup", Role::admin, &S::backup},
  };
  return kRoutes;
}

Caller Api::State::who(const HttpRequest& request, std::string& session, std::string& wrong) {
  const std::string host = request.header("host");
  Caller caller;
  const std::string authorization = request.header("authorization");
  const std::string cookies = request.header("cookie");
  const std::size_t at = cookies.find(kCookie);
  if (at != std::string::npos) {
    session = cookies.substr(at + std::string_view(kCookie).size());
    session.resize(std::min(session.find(';'), session.size()));
  }
  if (authorization.rfind("Bearer ", 0) == 0) {
    caller = from.accounts.by_token(authorization.substr(7));
    if (caller.role == Role::none) wrong = "token is not valid";
  } else if (!session.empty()) {
    caller = from.accounts.by_session(session);
    // A page of another origin must not act with this browser's cookie.
    const std::string origin = request.header("origin");
    if (request.method != "GET" && !origin.empty() && origin != "http://" + host &&
        origin != "https://" + host) {
      caller = {};
      wrong = "origin " + origin + " is not this hub";
    }
  } else if (from.accounts.unclaimed()) {
    // Until somebody has a password: people on this machine look, nobody changes. The name of the host keeps
    // out pages of the internet whose name leads to this machine.
    if (is_loopback(request.address) && is_loopback(host_name(host))) caller.role = Role::viewer;
  }
  caller.address = request.address;
  return caller;
}

HttpResponse Api::State::serve(const HttpRequest& request) {
  HttpResponse answer;
  try {
    answer = dispatch(request);
  } catch (const std::exception& exception) {
    spdlog::error("http {} {}: {}", request.method, request.path, exception.what());
    answer = error_answer(500, "internal error");
  }
  if (answer.status == 200 && request.method == "GET" && !answer.source) {
    const std::string etag = etag_of(answer.body);
    answer.headers.emplace_back("ETag", etag);
    if (request.header("if-none-match").find(etag) != std::string::npos) {
      answer.status = 304;
      answer.body.clear();
      answer.content_type.clear();
    }
  }
  answer.headers.emplace_back("Cache-Control", "private, no-cache");
  answer.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'");
  answer.headers.emplace_back("Referrer-Policy", "no-referrer");
  from.metrics.count_http(answer.status);
  return answer;
}

HttpResponse Api::State::dispatch(const HttpRequest& request) {
  if (!requests.take(request.address)) {
    HttpResponse answer = error_answer(429, "too many requests from this address");
    answer.headers.emplace_back("Retry-After", "1");
    return answer;
  }
  Call call{request, {}, {}, {}};
  const Route* route = nullptr;
  std::string methods;
  for (const Route& candidate : routes()) {
    std::map<std::string, std::string> values;
    if (!fits(candidate.pattern, request.path, values)) continue;
    methods += (methods.empty() ? "" : ", ") + std::string(candidate.method);
    if (request.method != candidate.method) continue;
    route = &candidate;
    call.path = std::move(values);
    break;
  }
  if (route == nullptr && methods.empty()) return error_answer(404, "no such resource");
  if (route == nullptr) {
    HttpResponse answer = error_answer(405, "expected " + methods);
    answer.headers.emplace_back("Allow", methods);
    return answer;
  }
  std::string wrong;
  call.caller = who(request, call.session, wrong);
  if (call.caller.role < route->role) {
    if (call.caller.user.empty() && (call.caller.role == Role::none || route->role > Role::viewer)) {
      if (wrong.empty())
        wrong = from.accounts.unclaimed() ? "nobody has a password yet: ngplc-hub user add NAME admin"
                                          : "log in first";
      HttpResponse answer = error_answer(401, wrong);
      answer.headers.emplace_back("WWW-Authenticate", "Bearer");
      return answer;
    }
    return error_answer(403, std::string("expected the role ") + to_string(route->role) + ", this is a " +
                                 to_string(call.caller.role));
  }
  return (this->*route->run)(call);
}

HttpResponse Api::State::done(const std::string& wrong, int status) {
  if (!wrong.empty()) return error_answer(status_of(wrong), wrong);
  return json_answer(Json{{"status", "done"}}, status);
}

template <class Change>
HttpResponse Api::State::change_node(const Call& call, const std::string& action, const std::string& detail,
                                     Change change) {
  const std::lock_guard lock(registry_mutex);
  const auto line = from.accounts.begin_change(call.caller, action, detail);
  if (!line) return error_answer(503, line.error());
  const Result<NodeInfo> node = change();
  from.accounts.end_change(line.value(), node.error());
  if (!node) return error_answer(status_of(node.error()), node.error());
  return json_answer(to_json(node.value()));
}

HttpResponse Api::State::frames(const Call& call) {
  const auto page = parse_page(call.request.query, {"since", "until", "device", "order"});
  if (!page) return error_answer(400, page.error());
  return list_answer("frames", from.reader.frames(page.value()), page.value());
}

HttpResponse Api::State::readings(const Call& call) {
  const auto page = parse_page(call.request.query, {"since", "until", "device", "obis", "order"});
  if (!page) return error_answer(400, page.error());
  return list_answer("readings", from.reader.readings(page.value()), page.value());
}

// The same rows for spreadsheets; the header Next-Cursor leads on as next_cursor does.
HttpResponse Api::State::readings_csv(const Call& call) {
  const auto page = parse_page(call.request.query, {"since", "until", "device", "obis", "order"});
  if (!page) return error_answer(400, page.error());
  const auto rows = from.reader.readings(page.value());
  if (!rows) return error_answer(503, "database: " + rows.error());
  HttpResponse answer;
  answer.content_type = "text/csv; charset=utf-8";
  answer.body = "id,device,counter,time_ms,obis,value,unit,total\r\n";
  for (const StoredReading& r : rows.value()) {
    answer.body += std::to_string(r.id) + "," + device_text(r.device) + "," + std::to_string(r.counter) +
                   "," + std::to_string(to_ms(r.time_ns)) + "," + r.obis + "," +
                   ngwire::decimal_string(r.mantissa, r.exponent) + "," + r.unit + "," +
                   ngwire::decimal_string(r.base + r.mantissa, r.exponent) + "\r\n";
  }
  if (rows->size() == static_cast<std::size_t>(page->limit))
    answer.headers.emplace_back("Next-Cursor", std::to_string(rows->back().id));
  return answer;
}

HttpResponse Api::State::events(const Call& call) {
  const auto page = parse_page(call.request.query, {"since", "until", "device", "kind", "order"});
  if (!page) return error_answer(400, page.error());
  return list_answer("events", from.reader.events(page.value()), page.value());
}

HttpResponse Api::State::devices(const Call& call) {
  const auto page = parse_page(call.request.query, {"since", "until", "device"});
  if (!page) return error_answer(400, page.error());
  return list_answer("devices", from.reader.devices(page.value()), page.value());
}

Result<StoredDevice> Api::State::find_device(const Call& call, int& status) {
  using R = Result<StoredDevice>;
  status = 400;
  const auto page = parse_page({{"device", call.path.at("device")}, {"limit", "1"}}, {"device"});
  if (!page) return R::failure(page.error());
  status = 503;
  auto found = from.reader.devices(page.value());
  if (!found) return R::failure("database: " + found.error());
  status = 404;
  if (found->empty()) return R::failure("no such device was heard");
  return std::move(found->front());
}

HttpResponse Api::State::device(const Call& call) {
  int status = 0;
  const auto found = find_device(call, status);
  return found ? json_answer(to_json(found.value())) : error_answer(status, found.error());
}

HttpResponse Api::State::energy_data(const Call& call) {
  int status = 0;
  const auto found = find_device(call, status);
  if (!found) return error_answer(status, found.error());
  HttpResponse answer;
  answer.body = energy_data_json(found->last);
  return answer.body.empty() ? error_answer(404, "the device does not deliver the registers of energy/data")
                             : std::move(answer);
}

HttpResponse Api::State::stream(const Call& call) {
  const auto page = parse_page(call.request.query, {"device"});
  if (!page) return error_answer(400, page.error());
  const std::string last = call.request.header("last-event-id");
  auto position = EventStream::newest(from.reader);
  if (!position) return error_answer(503, "database: " + position.error());
  if (!last.empty()) {
    const auto at = EventStream::parse(last);
    if (!at) return error_answer(400, "Last-Event-ID: expected the id of an event of this stream");
    position = *at;
  }
  if (++streams > kMostStreams) {
    --streams;
    HttpResponse answer = error_answer(503, "too many streams");
    answer.headers.emplace_back("Retry-After", "10");
    return answer;
  }
  const auto allowed = [this, request = call.request] {
    std::string session;
    std::string wrong;
    return who(request, session, wrong).role >= Role::viewer;
  };
  HttpResponse answer;
  answer.content_type = "text/event-stream";
  answer.source = std::make_unique<CountedStream>(
      std::make_unique<EventStream>(from.reader, position.value(), page->device, allowed), streams);
  return answer;
}

HttpResponse Api::State::nodes(const Call& call) {
  const auto page = parse_page(call.request.query, {});
  if (!page) return error_answer(400, page.error());
  const std::lock_guard lock(registry_mutex);
  const auto nodes = from.registry.list(page->cursor, page->limit);
  if (!nodes) return error_answer(503, nodes.error());
  Json list = Json::array();
  for (const NodeInfo& node : nodes.value()) list.push_back(to_json(node));
  const bool full = static_cast<std::int64_t>(nodes->size()) == page->limit;
  return json_answer(Json{{"nodes", std::move(list)},
                          {"next_cursor", full ? Json(std::to_string(nodes->back().id)) : Json()}});
}

HttpResponse Api::State::node(const Call& call) {
  const auto eui = parse_eui(call.path.at("eui"));
  if (!eui) return error_answer(400, eui.error());
  const std::lock_guard lock(registry_mutex);
  const auto all = from.registry.list();
  if (!all) return error_answer(503, all.error());
  for (const NodeInfo& node : all.value()) {
    if (node.eui == eui.value()) return json_answer(to_json(node));
  }
  return error_answer(404, "no such device in the registry");
}

HttpResponse Api::State::import_nodes(const Call& call) {
  if (from.vault == nullptr) return error_answer(409, "link.key_file is not set: keys could not be sealed");
  const auto entries = parse_manifest(call.request.body);
  if (!entries) return error_answer(400, entries.error());
  const std::lock_guard lock(registry_mutex);
  const auto line =
      from.accounts.begin_change(call.caller, "node.import", std::to_string(entries->size()) + " devices");
  if (!line) return error_answer(503, line.error());
  const auto added = from.registry.import(entries.value(), *from.vault);
  from.accounts.end_change(line.value(), added.error());
  if (!added) return error_answer(status_of(added.error()), added.error());
  return json_answer(Json{{"devices", entries->size()}, {"added", added.value()}}, 201);
}

HttpResponse Api::State::claim(const Call& call) {
  const auto body = parse_body(call.request.body, {{"code", Type::string}, {"name", Type::string, false}});
  if (!body) return error_answer(400, body.error());
  const auto code = parse_claim_code(body->at("code").get<std::string>());
  if (!code) return error_answer(400, code.error());
  const std::string name = body->value("name", "");
  return change_node(call, "node.claim", body->at("code").get<std::string>() + " " + name,
                     [&] { return from.registry.claim(code.value(), name); });
}

HttpResponse Api::State::join(const Call& call) {
  const auto eui = parse_eui(call.path.at("eui"));
  const auto body = parse_body(call.request.body, {{"minutes", Type::number_integer}});
  if (!eui || !body) return error_answer(400, eui ? body.error() : eui.error());
  const auto minutes = body->at("minutes").get<std::int64_t>();
  return change_node(call, "node.join", call.path.at("eui") + " " + std::to_string(minutes) + " min",
                     [&] { return from.registry.open_join(eui.value(), minutes); });
}

HttpResponse Api::State::set_state(const Call& call) {
  const auto eui = parse_eui(call.path.at("eui"));
  const auto body = parse_body(call.request.body, {{"state", Type::string}});
  if (!eui || !body) return error_answer(400, eui ? body.error() : eui.error());
  const auto wanted = body->at("state").get<std::string>();
  for (const NodeState state : {NodeState::active, NodeState::suspended, NodeState::retired}) {
    if (wanted != to_string(state)) continue;
    return change_node(call, "node.state", call.path.at("eui") + " " + wanted,
                       [&] { return from.registry.set_state(eui.value(), state); });
  }
  return error_answer(400, "state: expected active, suspended or retired");
}

HttpResponse Api::State::set_tenant(const Call& call) {
  const auto eui = parse_eui(call.path.at("eui"));
  const auto body = parse_body(call.request.body, {{"tenant", Type::string}});
  if (!eui || !body) return error_answer(400, eui ? body.error() : eui.error());
  const auto tenant = body->at("tenant").get<std::string>();
  return change_node(call, "node.tenant", call.path.at("eui") + " " + tenant,
                     [&] { return from.registry.set_tenant(eui.value(), tenant); });
}

HttpResponse Api::State::add_to_group(const Call& call) {
  const auto eui = parse_eui(call.path.at("eui"));
  if (!eui) return error_answer(400, eui.error());
  const std::string& group = call.path.at("group");
  return change_node(call, "node.group", call.path.at("eui") + " " + group,
                     [&] { return from.registry.add_to_group(eui.value(), group); });
}

HttpResponse Api::State::set_multipliers(const Call& call) {
  const auto eui = parse_eui(call.path.at("eui"));
  const auto body = parse_body(call.request.body, {{"multipliers", Type::object}});
  if (!eui || !body) return error_answer(400, eui ? body.error() : eui.error());
  Multipliers multipliers;
  for (const auto& [obis, factor] : body->at("multipliers").items()) {
    if (!factor.is_string()) return error_answer(400, "multipliers: expected strings");
    const std::string wrong = add_multiplier(multipliers, obis, factor.get_ref<const std::string&>());
    if (!wrong.empty()) return error_answer(400, wrong);
  }
  return change_node(call, "node.multipliers", call.path.at("eui") + " " + to_text(multipliers),
                     [&] { return from.registry.set_multipliers(eui.value(), multipliers); });
}

HttpResponse Api::State::exchange(const Call& call) {
  const auto eui = parse_eui(call.path.at("eui"));
  const auto body =
      parse_body(call.request.body,
                 {{"obis", Type::string}, {"end", Type::number_integer}, {"start", Type::number_integer}});
  if (!eui || !body) return error_answer(400, eui ? body.error() : eui.error());
  const auto obis = body->at("obis").get<std::string>();
  const auto end = body->at("end").get<std::int64_t>();
  const auto start = body->at("start").get<std::int64_t>();
  return change_node(
      call, "node.exchange",
      call.path.at("eui") + " " + obis + " " + std::to_string(end) + " to " + std::to_string(start),
      [&] { return from.registry.exchange(eui.value(), obis, end, start); });
}

HttpResponse Api::State::command(const Call& call) {
  const auto eui = parse_eui(call.path.at("eui"));
  const auto body = parse_body(call.request.body, {{"command", Type::string},
                                                   {"expires_s", Type::number_integer},
                                                   {"request", Type::string, false},
                                                   {"confirm", Type::string, false}});
  if (!eui || !body) return error_answer(400, eui ? body.error() : eui.error());
  const auto text = body->at("command").get<std::string>();
  std::istringstream split(text);
  auto order = parse_order({std::istream_iterator<std::string>(split), {}});
  if (!order) return error_answer(400, "command: " + order.error());
  order->eui = eui.value();
  order->expires_s = body->at("expires_s").get<std::int64_t>();
  order->request = body->value("request", "");
  order->confirmed = body->value("confirm", "") == "yes";
  const std::lock_guard lock(registry_mutex);
  const auto line = from.accounts.begin_change(
      call.caller, "node.command",
      call.path.at("eui") + " " + text + " within " + std::to_string(order->expires_s) + " s");
  if (!line) return error_answer(503, line.error());
  const auto id = from.desk.order(order.value());
  from.accounts.end_change(line.value(), id.error());
  if (!id) return error_answer(status_of(id.error()), id.error());
  return json_answer(Json{{"command", id.value()}}, 202);
}

HttpResponse Api::State::groups(const Call&) {
  const std::lock_guard lock(registry_mutex);
  const auto all = from.registry.list();
  if (!all) return error_answer(503, all.error());
  std::map<std::string, Json> members;
  for (const NodeInfo& node : all.value()) {
    for (const std::string& group : node.groups)
      members.try_emplace(group, Json::array()).first->second.push_back(ngwire::to_hex(node.eui));
  }
  Json list = Json::array();
  for (auto& [name, nodes] : members) list.push_back({{"group", name}, {"nodes", std::move(nodes)}});
  return json_answer(Json{{"groups", std::move(list)}});
}

HttpResponse Api::State::sinks(const Call&) {
  const auto newest = from.reader.newest_reading();
  if (!newest) return error_answer(503, "database: " + newest.error());
  Json list = Json::array();
  if (from.sinks != nullptr) {
    for (const auto& sink : *from.sinks) {
      const SinkStatus status = sink->status();
      list.push_back({{"sink", status.name},
                      {"cursor", status.cursor},
                      {"backlog", std::max<std::int64_t>(0, newest.value() - status.cursor)},
                      {"lost", status.lost},
                      {"refused", status.refused},
                      {"up", status.trouble.empty()},
                      {"trouble", status.trouble}});
    }
  }
  return json_answer(Json{{"sinks", std::move(list)}});
}

HttpResponse Api::State::replay(const Call& call) {
  const auto body = parse_body(call.request.body, {{"after", Type::number_integer}});
  if (!body) return error_answer(400, body.error());
  const auto after = body->at("after").get<std::int64_t>();
  if (after < 0) return error_answer(400, "after: expected 0 or the id of a reading");
  if (from.sinks != nullptr) {
    for (const auto& sink : *from.sinks) {
      if (sink->status().name != call.path.at("sink")) continue;
      if (after > sink->status().cursor) return error_answer(409, "after: the sink has not come so far");
      const auto line = from.accounts.begin_change(call.caller, "sink.replay",
                                                   call.path.at("sink") + " after " + std::to_string(after));
      if (!line) return error_answer(503, line.error());
      sink->replay(after);
      from.accounts.end_change(line.value(), "");
      return done("");
    }
  }
  return error_answer(404, "no such sink");
}

HttpResponse Api::State::log_in(const Call& call) {
  if (!logins.take(call.request.address)) {
    from.metrics.count_login("limited");
    HttpResponse answer = error_answer(429, "too many attempts from this address");
    answer.headers.emplace_back("Retry-After", "6");
    return answer;
  }
  const auto body = parse_body(call.request.body, {{"user", Type::string}, {"password", Type::string}});
  if (!body) return error_answer(400, body.error());
  const auto session =
      from.accounts.log_in(body->at("user").get<std::string>(), body->at("password").get<std::string>());
  if (!session) {
    if (session.error() == "busy") {
      from.metrics.count_login("busy");
      HttpResponse answer = error_answer(503, "another password is being checked");
      answer.headers.emplace_back("Retry-After", "1");
      return answer;
    }
    from.metrics.count_login("denied");
    spdlog::warn("http: log-in denied from {}", call.request.address);
    return error_answer(401, session.error());
  }
  from.metrics.count_login("ok");
  HttpResponse answer = done("");
  answer.headers.emplace_back("Set-Cookie", kCookie + session.value() +
                                                "; Path=/; HttpOnly; SameSite=Strict" +
                                                (call.request.tls ? "; Secure" : ""));
  return answer;
}

HttpResponse Api::State::log_out(const Call& call) {
  from.accounts.log_out(call.session);
  HttpResponse answer = done("");
  answer.headers.emplace_back("Set-Cookie",
                              std::string(kCookie) + "; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
  return answer;
}

HttpResponse Api::State::me(const Call& call) {
  return json_answer(Json{
      {"user", call.caller.user}, {"role", to_string(call.caller.role)}, {"address", call.caller.address}});
}

// With the old password, so that a borrowed token or screen is not enough; guesses are counted as log-ins.
HttpResponse Api::State::set_own_password(const Call& call) {
  const auto body = parse_body(call.request.body, {{"old", Type::string}, {"new", Type::string}});
  if (!body) return error_answer(400, body.error());
  if (call.caller.user.empty()) return error_answer(403, "nobody is logged in");
  if (!logins.take(call.request.address)) return error_answer(429, "too many attempts from this address");
  const auto session = from.accounts.log_in(call.caller.user, body->at("old").get<std::string>());
  if (!session) return error_answer(session.error() == "busy" ? 503 : 403, session.error());
  return done(from.accounts.set_password(call.caller, call.caller.user, body->at("new").get<std::string>()));
}

HttpResponse Api::State::users(const Call&) {
  const auto users = from.accounts.users();
  if (!users) return error_answer(503, users.error());
  Json list = Json::array();
  for (const UserInfo& user : users.value()) list.push_back(to_json(user));
  return json_answer(Json{{"users", std::move(list)}});
}

HttpResponse Api::State::add_user(const Call& call) {
  const auto body = parse_body(call.request.body,
                               {{"name", Type::string}, {"role", Type::string}, {"password", Type::string}});
  if (!body) return error_answer(400, body.error());
  return done(from.accounts.add_user(call.caller, body->at("name").get<std::string>(),
                                     role_of(body->at("role").get<std::string>()),
                                     body->at("password").get<std::string>()),
              201);
}

HttpResponse Api::State::change_user(const Call& call) {
  const auto body =
      parse_body(call.request.body, {{"role", Type::string, false}, {"password", Type::string, false}});
  if (!body) return error_answer(400, body.error());
  if (body->size() != 1) return error_answer(400, "body: expected either role or password");
  const std::string& user = call.path.at("user");
  return done(body->contains("role")
                  ? from.accounts.set_role(call.caller, user, role_of(body->at("role").get<std::string>()))
                  : from.accounts.set_password(call.caller, user, body->at("password").get<std::string>()));
}

HttpResponse Api::State::remove_user(const Call& call) {
  return done(from.accounts.remove_user(call.caller, call.path.at("user")));
}

HttpResponse Api::State::tokens(const Call&) {
  const auto tokens = from.accounts.tokens();
  if (!tokens) return error_answer(503, tokens.error());
  Json list = Json::array();
  for (const TokenInfo& token : tokens.value()) list.push_back(to_json(token));
  return json_answer(Json{{"tokens", std::move(list)}});
}

HttpResponse Api::State::add_token(const Call& call) {
  const auto body = parse_body(call.request.body, {{"user", Type::string},
                                                   {"name", Type::string},
                                                   {"role", Type::string},
                                                   {"days", Type::number_integer}});
  if (!body) return error_answer(400, body.error());
  const auto secret = from.accounts.add_token(
      call.caller, body->at("user").get<std::string>(), body->at("name").get<std::string>(),
      role_of(body->at("role").get<std::string>()), body->at("days").get<std::int64_t>());
  if (!secret) return error_answer(status_of(secret.error()), secret.error());
  return json_answer(Json{{"token", secret.value()}}, 201);
}

HttpResponse Api::State::remove_token(const Call& call) {
  std::int64_t id = 0;
  if (!parse_integer(call.path.at("token"), 1, INT64_MAX, id))
    return error_answer(400, "token: expected its id");
  return done(from.accounts.remove_token(call.caller, id));
}

HttpResponse Api::State::audit(const Call& call) {
  const auto page = parse_page(call.request.query, {"order"});
  if (!page) return error_answer(400, page.error());
  return list_answer("audit", from.accounts.audit(page->cursor, page->limit, page->newest_first),
                     page.value());
}

HttpResponse Api::State::backup(const Call& call) {
  if (backing_up.exchange(true)) return error_answer(409, "a backup is being made");
  const auto line = from.accounts.begin_change(call.caller, "backup", "");
  if (!line) {
    backing_up = false;
    return error_answer(503, line.error());
  }
  HttpResponse answer;
  answer.content_type = "application/vnd.sqlite3";
  answer.headers.emplace_back("Content-Disposition", "attachment; filename=\"ngplc-hub-backup.sqlite\"");
  answer.source =
      std::make_unique<BackupSource>(from.database, from.database + ".backup-" + std::to_string(line.value()),
                                     [this, id = line.value()](const std::string& wrong) {
                                       from.accounts.end_change(id, wrong);
                                       backing_up = false;
                                       if (!wrong.empty()) spdlog::error("{}", wrong);
                                     });
  return answer;
}

HttpResponse Api::State::open_api(const Call&) { return text_answer("application/json", kOpenApi); }

HttpResponse Api::State::health(const Call&) {
  if (const std::string trouble = from.metrics.storage_trouble(); !trouble.empty())
    return error_answer(503, "database: " + trouble);
  return json_answer(Json{{"status", "ok"}});
}

HttpResponse Api::State::prometheus(const Call&) {
  return text_answer("text/plain; version=0.0.4", from.metrics.text());
}

HttpResponse Api::State::page(const Call&) { return text_answer("text/html; charset=utf-8", kPageHtml); }

HttpResponse Api::State::style(const Call&) { return text_answer("text/css; charset=utf-8", kPageStyle); }

HttpResponse Api::State::script(const Call&) {
  return text_answer("text/javascript; charset=utf-8", kPageScript);
}

Api::Api(const HttpConfig& config, const ApiSources& sources, const HttpLimits& limits)
    : state_(std::make_unique<State>(config, sources, limits)) {}

Api::~Api() { stop(); }

std::string Api::start() {
  const auto address = parse_host_port(state_->config.listen);
  if (!address) return "http " + address.error();
  if (!is_loopback(address->host) && state_->from.accounts.unclaimed())
    return "http " + state_->config.listen +
           ": reachable from outside while nobody has a password; first: ngplc-hub user add NAME admin";
  if (std::string wrong = state_->server.start(); !wrong.empty()) return wrong;
  // One that has ended does not end the hub: frames go on coming in.
  double days = 0;
  const HttpConfig& http = state_->config;
  if (!http.tls_certificate_file.empty() &&
      check_tls_files(http.tls_certificate_file, http.tls_key_file, days).empty() && days < 14)
    spdlog::warn("http.tls_certificate_file: {}: ends in {:.1f} days", http.tls_certificate_file, days);
  return "";
}

void Api::stop() { state_->server.stop(); }

int Api::port() const { return state_->server.port(); }

}  // namespace ngplc::hub
