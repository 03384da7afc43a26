#include "api.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "backup.h"
#include "hub_process.h"
#include "ingest.h"
#include "rollup.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;
using nlohmann::json;

class ApiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    DatabaseConfig database;
    database.file = dir_.file("hub.sqlite");
    store_ = std::move(Store::open(database).value());
    reader_ = std::move(StoreReader::open(database.file).value());
    accounts_ = std::move(Accounts::open(database.file).value());
    registry_ = std::move(Registry::open(database.file).value());
    desk_ = std::move(CommandDesk::open(database.file).value());
    ASSERT_EQ(KeyVault::create(dir_.file("linkkey")), "");
    vault_.emplace(std::move(KeyVault::open(dir_.file("linkkey")).value()));
    feed(0, 25);
    Ingest ingest(*store_, metrics_);
    std::vector<FrameRow> rows;
    auto opaque = make_record(1, 99, 1);
    opaque.payload = {0x91, 1, 2};
    ingest.examine(opaque, 1, rows);
    ASSERT_TRUE(ingest.commit(rows));
    HttpConfig http;
    http.listen = "127.0.0.1:0";
    http.requests_per_s = 1000;
    api_ = std::make_unique<Api>(http, sources());
    ASSERT_EQ(api_->start(), "");
    client_ = std::make_unique<httplib::Client>("127.0.0.1", api_->port());
  }
  ApiSources sources() {
    return {*reader_, metrics_, *accounts_, *registry_, *desk_, dir_.file("hub.sqlite"), &*vault_, nullptr};
  }
  // Readings of two devices.
  void feed(std::uint64_t first, std::uint64_t last) {
    Ingest ingest(*store_, metrics_);
    std::vector<FrameRow> rows;
    for (std::uint64_t i = first; i < last; ++i)
      ingest.examine(make_record(1, i, 0xabc0 + static_cast<std::uint32_t>(i % 2)), 1, rows);
    ASSERT_TRUE(ingest.commit(rows));
  }
  json get(const std::string& path, int status = 200) {
    const auto answer = client_->Get(path);
    if (!answer) {
      ADD_FAILURE() << path;
      return {};
    }
    EXPECT_EQ(answer->status, status) << path << " " << answer->body;
    return json::parse(answer->body, nullptr, false);
  }
  // A token of a new user with this role; the first call makes the first admin.
  httplib::Headers bearer(Role role) {
    const Caller console{"root", "console", Role::admin};
    if (accounts_->unclaimed()) {
      EXPECT_EQ(accounts_->add_user(console, "chief", Role::admin, "correct horse"), "");
    }
    const auto token = accounts_->add_token(console, "chief", to_string(role), role, 0);
    EXPECT_TRUE(token) << token.error();
    return {{"Authorization", "Bearer " + token.value()}};
  }
  json send(const char* method, const std::string& path, const httplib::Headers& headers,
            const std::string& body, int status) {
    httplib::Request request;
    request.method = method;
    request.path = path;
    request.headers = headers;
    request.body = body;
    const auto answer = client_->send(request);
    if (!answer) {
      ADD_FAILURE() << method << path;
      return {};
    }
    EXPECT_EQ(answer->status, status) << method << " " << path << " " << answer->body;
    return json::parse(answer->body, nullptr, false);
  }
  TempDir dir_;
  Metrics metrics_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<StoreReader> reader_;
  std::unique_ptr<Accounts> accounts_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<CommandDesk> desk_;
  std::optional<KeyVault> vault_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<httplib::Client> client_;
};

TEST_F(ApiTest, ListsWithCursorAndFilter) {
  std::size_t seen = 0;
  std::string path = "/api/v1/frames?limit=10";
  for (;;) {
    const json page = get(path);
    seen += page["frames"].size();
    if (page["next_cursor"].is_null()) break;
    path = "/api/v1/frames?limit=10&cursor=" + page["next_cursor"].get<std::string>();
  }
  EXPECT_EQ(seen, 26U);
  const json readings = get("/api/v1/readings?device=abc1&order=desc&limit=2")["readings"];
  ASSERT_EQ(readings.size(), 2U);
  EXPECT_EQ(readings[0]["device"], "0000abc1");
  EXPECT_EQ(readings[0]["obis"], "1-0:32.7.0");
  EXPECT_EQ(readings[0]["value"], "230.1");
  EXPECT_EQ(readings[1]["value"], "1000023");
  const json devices = get("/api/v1/devices")["devices"];
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_EQ(devices[0]["frames"], 13);
  EXPECT_EQ(devices[0]["last"][0]["unit"], "Wh");
  const json frame = get("/api/v1/frames?order=desc&limit=1")["frames"][0];
  EXPECT_EQ(frame["payload_status"], "other_type");
  EXPECT_TRUE(frame["device"].is_null());
  EXPECT_EQ(get("/api/v1/frames?since=9000000000000")["frames"].size(), 0U);
}

TEST_F(ApiTest, CsvAndEvents) {
  const auto csv = client_->Get("/api/v1/readings.csv?device=abc1&limit=2");
  ASSERT_TRUE(csv);
  EXPECT_EQ(csv->body,
            "id,device,counter,time_ms,obis,value,unit,total\r\n"
            "3,0000abc1,1,1763667000005,1-0:1.8.0,1000001,Wh,1000001\r\n"
            "4,0000abc1,1,1763667000005,1-0:32.7.0,230.1,V,230.1\r\n");
  EXPECT_EQ(csv->get_header_value("Next-Cursor"), "4");
  EXPECT_EQ(client_->Get("/api/v1/readings.csv?limit=0")->status, 400);
  Changes changes;
  changes.events = {{5'000'000, 0xabcU, std::nullopt, "reset", "from 5 to 0"}};
  ASSERT_EQ(store_->commit({}, changes).error, "");
  const json events = get("/api/v1/events?order=desc")["events"];
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0]["device"], "00000abc");
  EXPECT_EQ(events[0]["kind"], "reset");
  EXPECT_TRUE(events[0]["node"].is_null());
}

TEST_F(ApiTest, LastSeenOfAllDevicesAtOnce) {
  const json all = get("/api/v1/last");
  ASSERT_EQ(all["devices"].size(), 2U);
  EXPECT_TRUE(all["next_cursor"].is_null());
  const json slow = get("/api/v1/devices");
  const json valued = get("/api/v1/last?obis=1-0:32.7.0");
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(all["devices"][i]["device"], slow["devices"][i]["device"]);
    EXPECT_EQ(all["devices"][i]["last_seen_ms"], slow["devices"][i]["last_seen_ms"]);
    EXPECT_EQ(valued["devices"][i]["value"], "230.1");
    EXPECT_EQ(valued["devices"][i]["unit"], "V");
  }
  EXPECT_FALSE(get("/api/v1/last?obis=9-9:9.9.9")["devices"][0].contains("value"));
  const json first = get("/api/v1/last?limit=1");
  ASSERT_EQ(first["devices"].size(), 1U);
  const json second = get("/api/v1/last?limit=1&cursor=" + first["next_cursor"].get<std::string>());
  EXPECT_EQ(second["devices"][0]["device"], "0000abc1");
  for (const char* bad :
       {"limit=0", "limit=", "limit=x", "cursor=-1", "since=1e3", "obis=%00", "order=asc", "limit=1&limit=2"})
    EXPECT_TRUE(get(std::string("/api/v1/last?") + bad, 400).contains("error")) << bad;
}

TEST_F(ApiTest, RollupsAndCommands) {
  Rollups rollups(*store_, {}, 2160);
  ASSERT_TRUE(rollups.fold().ok());
  const json hours = get("/api/v1/rollups?device=abc0&obis=1-0:1.8.0&level=hour");
  ASSERT_EQ(hours["rollups"].size(), 1U);
  EXPECT_EQ(hours["rollups"][0]["count"], 13);
  EXPECT_EQ(hours["rollups"][0]["total"], "1000024");
  EXPECT_EQ(hours["rollups"][0]["used"], "24");
  EXPECT_EQ(get("/api/v1/rollups?device=abc0&obis=1-0:32.7.0&level=month")["rollups"][0]["low"], "230.1");
  for (const char* bad :
       {"", "device=1&obis=1-0:1.8.0", "device=1&obis=1-0:1.8.0&level=week", "obis=1-0:1.8.0&level=day",
        "device=x&obis=1&level=day", "device=1&level=day", "device=1&obis=1&level=day&limit=100000"})
    get(std::string("/api/v1/rollups?") + bad, 400);
  EXPECT_EQ(get("/api/v1/commands")["commands"].size(), 0U);
  get("/api/v1/commands?order=desc", 400);
}

TEST_F(ApiTest, BadQueriesGet400AndAJsonError) {
  for (const char* query :
       {"limit=0", "limit=1001", "limit=x", "limit=", "cursor=-1", "cursor=1.5", "since=abc", "since=-1",
        "since=99999999999999999999", "until=0", "device=xyz", "device=123456789", "device=", "order=up",
        "frobnicate=1", "limit=1&limit=2", "device=1%27%20OR%201%3D1"}) {
    for (const char* list : {"frames", "readings", "events", "devices"}) {
      EXPECT_TRUE(get(std::string("/api/v1/") + list + "?" + query, 400).contains("error")) << query;
    }
  }
  EXPECT_TRUE(get("/api/v1/nothing", 404).contains("error"));
  EXPECT_TRUE(get("/../../etc/passwd", 404).contains("error"));
  const auto post = client_->Post("/api/v1/frames", "x", "text/plain");
  ASSERT_TRUE(post);
  EXPECT_EQ(post->status, 405);
  EXPECT_EQ(post->get_header_value("Allow"), "GET");
}

TEST_F(ApiTest, HealthFollowsTheStore) {
  EXPECT_EQ(get("/healthz")["status"], "ok");
  metrics_.set_storage_trouble("database or disk is full");
  EXPECT_NE(get("/healthz", 503)["error"].get<std::string>().find("full"), std::string::npos);
  const auto text = client_->Get("/metrics");
  EXPECT_NE(text->body.find("ngplc_hub_storage_ok 0"), std::string::npos);
  EXPECT_NE(text->body.find("ngplc_hub_records_total{result=\"stored\"} 26"), std::string::npos);
}

TEST_F(ApiTest, PageNeedsNothingFromElsewhere) {
  for (const char* path : {"/", "/page.css", "/page.js"}) {
    const auto answer = client_->Get(path);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200) << path;
    EXPECT_EQ(answer->body.find("//www."), answer->body.find("//www.w3.org/2000/svg"))
        << "only the name of a format";
    EXPECT_EQ(answer->body.find("https://"), std::string::npos);
    EXPECT_EQ(answer->body.find("innerHTML"), std::string::npos) << "texts of others stay texts";
    EXPECT_NE(answer->get_header_value("Content-Security-Policy").find("default-src 'self'"),
              std::string::npos);
  }
}

TEST_F(ApiTest, PortInUseIsSaid) {
  HttpConfig http;
  http.listen = "127.0.0.1:" + std::to_string(api_->port());
  Api second(http, sources());
  EXPECT_EQ(second.start(), "http " + http.listen + ": Address already in use");
}

TEST_F(ApiTest, FiltersByTimeAndName) {
  EXPECT_EQ(get("/api/v1/readings?obis=1-0:1.8.0&limit=1000")["readings"].size(), 25U);
  EXPECT_EQ(get("/api/v1/readings?obis=1-0:9.9.9")["readings"].size(), 0U);
  const auto first = get("/api/v1/frames?limit=1")["frames"][0]["time_ms"].get<std::int64_t>();
  EXPECT_EQ(get("/api/v1/frames?until=" + std::to_string(first))["frames"].size(), 0U);
  EXPECT_GE(get("/api/v1/frames?until=" + std::to_string(first + 1))["frames"].size(), 1U);
  EXPECT_EQ(get("/api/v1/devices/abc1")["device"], "0000abc1");
  get("/api/v1/devices/1", 404);
  get("/api/v1/devices/%27%3B--", 400);
}

TEST_F(ApiTest, SameAnswerIsNotSentTwice) {
  const auto first = client_->Get("/api/v1/devices");
  ASSERT_TRUE(first);
  const std::string etag = first->get_header_value("ETag");
  ASSERT_FALSE(etag.empty());
  const auto second = client_->Get("/api/v1/devices", {{"If-None-Match", etag}});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->status, 304);
  EXPECT_EQ(second->body, "");
  feed(25, 26);
  EXPECT_EQ(client_->Get("/api/v1/devices", {{"If-None-Match", etag}})->status, 200);
}

TEST_F(ApiTest, WithoutUsersThisMachineLooksAndNobodyChanges) {
  get("/api/v1/devices");
  EXPECT_EQ(send("POST", "/api/v1/claim", {}, "{}", 401)["error"],
            "nobody has a password yet: ngplc-hub user add NAME admin");
  send("POST", "/api/v1/users", {}, R"({"name":"a","role":"admin","password":"0123456789"})", 401);
  EXPECT_TRUE(accounts_->unclaimed());
  // A page of the internet whose name was made to lead here.
  for (const char* host : {"evil.example", "evil.example:80", "127.evil.example", "", "[::2]:7851"})
    send("GET", "/api/v1/devices", {{"Host", host}}, "", 401);
  for (const char* host : {"localhost", "localhost:7851", "127.0.0.1:7851", "[::1]:7851", "[::1]"})
    send("GET", "/api/v1/devices", {{"Host", host}}, "", 200);
  HttpConfig outside;
  outside.listen = "0.0.0.0:0";
  outside.clear_text = true;
  Api api(outside, sources());
  EXPECT_NE(api.start().find("nobody has a password"), std::string::npos);
  bearer(Role::admin);
  EXPECT_EQ(api.start(), "");
}

TEST_F(ApiTest, EveryRouteAsksForItsRole) {
  const auto viewer = bearer(Role::viewer);
  const auto worker = bearer(Role::operator_);
  const auto admin = bearer(Role::admin);
  const std::string node = "/api/v1/nodes/00000000000000a1";
  struct Case {
    const char* method;
    std::string path;
    Role role;
  };
  const Case cases[] = {
      {"GET", "/healthz", Role::none},
      {"GET", "/api/v1/openapi.json", Role::none},
      {"GET", "/metrics", Role::viewer},
      {"GET", "/api/v1/me", Role::viewer},
      {"GET", "/api/v1/frames", Role::viewer},
      {"GET", "/api/v1/readings", Role::viewer},
      {"GET", "/api/v1/events", Role::viewer},
      {"GET", "/api/v1/devices", Role::viewer},
      {"GET", "/api/v1/nodes", Role::viewer},
      {"GET", "/api/v1/groups", Role::viewer},
      {"GET", "/api/v1/sinks", Role::viewer},
      {"POST", "/api/v1/claim", Role::operator_},
      {"POST", node + "/join", Role::operator_},
      {"PUT", node + "/state", Role::operator_},
      {"PUT", node + "/tenant", Role::operator_},
      {"PUT", node + "/groups/x", Role::operator_},
      {"PUT", node + "/multipliers", Role::operator_},
      {"POST", node + "/exchange", Role::operator_},
      {"POST", "/api/v1/sinks/x/replay", Role::operator_},
      {"POST", "/api/v1/nodes", Role::admin},
      {"GET", "/api/v1/users", Role::admin},
      {"POST", "/api/v1/users", Role::admin},
      {"PUT", "/api/v1/users/x", Role::admin},
      {"DELETE", "/api/v1/users/x", Role::admin},
      {"GET", "/api/v1/tokens", Role::admin},
      {"POST", "/api/v1/tokens", Role::admin},
      {"DELETE", "/api/v1/tokens/999", Role::admin},
      {"GET", "/api/v1/audit", Role::admin},
      {"GET", "/api/v1/backup", Role::admin},
  };
  const std::pair<Role, httplib::Headers> callers[] = {
      {Role::none, {}}, {Role::viewer, viewer}, {Role::operator_, worker}, {Role::admin, admin}};
  for (const Case& c : cases) {
    for (const auto& [role, headers] : callers) {
      httplib::Request request;
      request.method = c.method;
      request.path = c.path;
      request.headers = headers;
      const auto answer = client_->send(request);
      ASSERT_TRUE(answer) << c.path;
      const int refusal = role == Role::none ? 401 : 403;
      EXPECT_EQ(answer->status == refusal, role < c.role)
          << c.method << " " << c.path << " as " << to_string(role) << ": " << answer->status << " "
          << answer->body;
    }
  }
  send("GET", "/api/v1/me", {{"Authorization", "Bearer ngplc_wrong"}}, "", 401);
  send("GET", "/api/v1/me", {{"Authorization", "Basic Y2hpZWY6Y29ycmVjdCBob3JzZQ=="}}, "", 401);
}

TEST_F(ApiTest, SessionsComeByPasswordAndEndWithIt) {
  const auto admin = bearer(Role::admin);
  const auto log_in =
      client_->Post("/api/v1/login", R"({"user":"chief","password":"correct horse"})", "application/json");
  ASSERT_TRUE(log_in);
  ASSERT_EQ(log_in->status, 200) << log_in->body;
  std::string cookie = log_in->get_header_value("Set-Cookie");
  EXPECT_NE(cookie.find("HttpOnly; SameSite=Strict"), std::string::npos);
  const httplib::Headers session = {{"Cookie", cookie.substr(0, cookie.find(';'))}};
  EXPECT_EQ(send("GET", "/api/v1/me", session, "", 200)["role"], "admin");
  auto foreign = session;
  foreign.emplace("Origin", "https://evil.example");
  send("PUT", "/api/v1/users/chief", foreign, R"({"role":"viewer"})", 401);
  send("PUT", "/api/v1/me/password", session, R"({"old":"wrong horse","new":"0123456789"})", 403);
  send("PUT", "/api/v1/me/password", session, R"({"old":"correct horse","new":"short"})", 400);
  send("PUT", "/api/v1/me/password", session, R"({"old":"correct horse","new":"battery staple"})", 200);
  send("GET", "/api/v1/me", session, "", 401);
  // Five attempts at once and no more: four are used up.
  send("POST", "/api/v1/login", {}, R"({"user":"chief","password":"battery staple"})", 200);
  send("POST", "/api/v1/login", {}, R"({"user":"chief","password":"battery staple"})", 429);
  EXPECT_NE(metrics_.text().find("ngplc_hub_logins_total{result=\"limited\"} 1"), std::string::npos);
}

TEST_F(ApiTest, ChangesAreJournalledWithWhoMadeThem) {
  const auto worker = bearer(Role::operator_);
  const auto admin = bearer(Role::admin);
  EXPECT_EQ(
      send("POST", "/api/v1/nodes", admin,
           "eui,key,gtin,serial\n00000000000000a1,00112233445566778899aabbccddeeff,04650067291901,17500142\n",
           201)["added"],
      1);
  EXPECT_EQ(send("POST", "/api/v1/claim", worker,
                 R"({"code":"(01)04650067291901(21)17500142","name":"cellar"})", 200)["state"],
            "claimed");
  const std::string node = "/api/v1/nodes/00000000000000a1";
  EXPECT_EQ(send("POST", node + "/join", worker, R"({"minutes":10})", 200)["state"], "joining");
  send("POST", node + "/join", worker, R"({"minutes":0})", 400);
  send("PUT", node + "/state", worker, R"({"state":"suspended"})", 409);
  send("PUT", node + "/groups/floor%201", worker, "", 200);
  EXPECT_EQ(send("PUT", node + "/tenant", worker, R"({"tenant":"ann"})", 200)["tenant"], "ann");
  send("PUT", "/api/v1/nodes/00000000000000b2/tenant", worker, R"({"tenant":"ann"})", 404);
  const auto multiply = [&](const std::string& body, int status) {
    return send("PUT", node + "/multipliers", worker, body, status);
  };
  const json set = multiply(R"({"multipliers":{"1-0:1.8.0":"40.0","1-0:2.8.0":"0.001"}})", 200);
  EXPECT_EQ(set["multipliers"], json({{"1-0:1.8.0", "40"}, {"1-0:2.8.0", "0.001"}}));
  for (const char* body : {R"({"multipliers":{"1-0:1.8.0":"0"}})", R"({"multipliers":{"1-0:1.8.0":"-1"}})",
                           R"({"multipliers":{"1-0:1.8.0":"1e9"}})", R"({"multipliers":{"1-0:1.8.0":40}})",
                           R"({"multipliers":{"1-0:1.8.0":null}})", R"({"multipliers":{"energy":"40"}})",
                           R"({"multipliers":[]})", R"({"multipliers":"1-0:1.8.0=40"})", R"({})", R"([])"}) {
    EXPECT_NE(multiply(body, 400)["error"], "") << body;
  }
  EXPECT_EQ(send("GET", node, worker, "", 200)["multipliers"], set["multipliers"]) << "as they were";
  EXPECT_EQ(multiply(R"({"multipliers":{}})", 200)["multipliers"], json::object());
  EXPECT_EQ(send("GET", "/api/v1/groups", worker, "", 200)["groups"][0]["group"], "floor 1");
  EXPECT_EQ(send("GET", node, worker, "", 200)["name"], "cellar");
  const json audit = send("GET", "/api/v1/audit?limit=1000", admin, "", 200)["audit"];
  std::vector<std::string> seen;
  for (const json& row : audit)
    seen.push_back(row["action"].get<std::string>() + " " + row["outcome"].get<std::string>());
  EXPECT_EQ(std::count(seen.begin(), seen.end(), "node.import done"), 1);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), "node.claim done"), 1);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), "node.join done"), 1);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), "node.join minutes: expected 1 to 1440"), 1);
  EXPECT_EQ(audit.back()["user"], "chief");
  EXPECT_EQ(audit.back()["address"], "127.0.0.1");
  // Keys: in none of all answers.
  for (const char* path :
       {"/api/v1/nodes", "/api/v1/audit", "/api/v1/events", "/api/v1/users", "/api/v1/tokens"}) {
    const auto answer = client_->Get(path, admin);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body.find("00112233"), std::string::npos) << path;
    EXPECT_EQ(answer->body.find("argon2"), std::string::npos) << path;
  }
}

TEST_F(ApiTest, NamesWithTricksAreOnlyNames) {
  const auto admin = bearer(Role::admin);
  const json before = send("GET", "/api/v1/users", admin, "", 200);
  for (const char* trick :
       {"'; DROP TABLE users; --", "../../etc/passwd", "a\tb", "", "<script>", "a b", "\xed\xa0\x80"}) {
    const json body = {{"name", trick}, {"role", "viewer"}, {"password", "0123456789"}};
    send("POST", "/api/v1/users", admin, body.dump(-1, ' ', true, json::error_handler_t::replace), 400);
  }
  for (const char* path : {"/api/v1/users/%27%3B%20DROP%20TABLE%20users%3B--",
                           "/api/v1/users/..%2f..%2fetc%2fpasswd", "/api/v1/users/%2e%2e"}) {
    const json answer = send("DELETE", path, admin, "", 404);
    EXPECT_TRUE(answer.contains("error")) << path;
  }
  EXPECT_TRUE(send("DELETE", "/api/v1/users/a%00b", admin, "", 400).contains("error"));
  EXPECT_EQ(send("GET", "/api/v1/users", admin, "", 200), before);
  // A tenant may be called anything that prints, and stays that.
  send("POST", "/api/v1/nodes", admin, "eui,key\n00000000000000a1,00112233445566778899aabbccddeeff\n", 201);
  const std::string odd = "Robert'); DROP TABLE nodes;--<b>";
  const json body = {{"tenant", odd}};
  EXPECT_EQ(send("PUT", "/api/v1/nodes/00000000000000a1/tenant", admin, body.dump(), 200)["tenant"], odd);
  EXPECT_EQ(send("GET", "/api/v1/nodes", admin, "", 200)["nodes"].size(), 1U);
  // Filters compare, they are no part of a question.
  for (const char* query : {"readings?obis=%27%20OR%201%3D1--", "events?kind=x%27%20UNION%20SELECT%201--"}) {
    const json answer = send("GET", std::string("/api/v1/") + query, admin, "", 200);
    EXPECT_EQ(answer.begin()->size(), 0U) << query << answer;
  }
  send("POST", "/api/v1/sinks/..%2f..%2fusers/replay", admin, R"({"after":0})", 404);
}

TEST_F(ApiTest, WrongBodiesGet400) {
  const auto admin = bearer(Role::admin);
  for (const char* body :
       {"", "null", "[]", "{", "{}", "\xff\xfe", R"({"name":1})", R"({"name":"a","role":"viewer"})",
        R"({"name":"a","role":"king","password":"0123456789"})",
        R"({"name":"a","role":"viewer","password":"short"})",
        R"({"name":"a","role":"viewer","password":"0123456789","x":1})", R"({"name":{"a":[[[[[1]]]]]}})"}) {
    EXPECT_TRUE(send("POST", "/api/v1/users", admin, body, 400).contains("error")) << body;
  }
  EXPECT_TRUE(send("POST", "/api/v1/users", admin, std::string(100'000, '['), 413).contains("error"));
}

TEST_F(ApiTest, StreamGivesWhatComesAndGoesOnWhereItEnded) {
  std::string text;
  std::string last_id;
  const auto listen = [&](const httplib::Headers& headers, std::size_t events) {
    text.clear();
    httplib::Client client("127.0.0.1", api_->port());
    client.Get("/api/v1/stream", headers, [&](const char* data, std::size_t size) {
      if (text.empty()) feed(30, 32);
      text.append(data, size);
      std::size_t seen = 0;
      for (std::size_t at = 0; (at = text.find("event: reading", at)) != std::string::npos; ++at) ++seen;
      return seen < events;
    });
    const std::size_t id = text.rfind("id: ");
    if (id != std::string::npos) last_id = text.substr(id + 4, text.find('\n', id) - id - 4);
  };
  listen({}, 4);
  EXPECT_NE(text.find("\"value\":\"1000030\""), std::string::npos) << text;
  EXPECT_EQ(text.find("\"value\":\"1000024\""), std::string::npos) << "only what is new";
  feed(40, 41);
  listen({{"Last-Event-ID", last_id}}, 2);
  EXPECT_NE(text.find("\"value\":\"1000040\""), std::string::npos) << text;
  send("GET", "/api/v1/stream", {{"Last-Event-ID", "1; DROP"}}, "", 400);
}

TEST_F(ApiTest, BackupOverHttpIsAWholeDatabase) {
  const auto admin = bearer(Role::admin);
  const auto answer = client_->Get("/api/v1/backup", admin);
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->status, 200);
  std::ofstream(dir_.file("copy"), std::ios::binary) << answer->body;
  EXPECT_EQ(check_backup(dir_.file("copy")), "");
  DatabaseConfig copy;
  copy.file = dir_.file("copy");
  auto reader = StoreReader::open(copy.file);
  Page page;
  page.limit = 1000;
  EXPECT_EQ(reader.value()->frames(page)->size(), 26U);
  EXPECT_EQ(send("GET", "/api/v1/audit?order=desc&limit=1", admin, "", 200)["audit"][0]["outcome"], "done");
  // The hub's own copy goes when the connection has been served to its end.
  const auto copies = [&] {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.file("")))
      count += entry.path().string().find(".backup-") != std::string::npos;
    return count;
  };
  for (int i = 0; i < 500 && copies() > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(copies(), 0);
}

}  // namespace
