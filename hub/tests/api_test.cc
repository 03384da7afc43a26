#include "api.h"

#include <nlohmann/json.hpp>

#include "hub_process.h"
#include "ingest.h"
#include "rollup.h"
#include "status_page.h"

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
    Ingest ingest(*store_, metrics_);
    std::vector<FrameRow> rows;
    for (std::uint64_t i = 0; i < 25; ++i)
      ingest.examine(make_record(1, i, 0xabc0 + static_cast<std::uint32_t>(i % 2)), 1, rows);
    auto opaque = make_record(1, 99, 1);
    opaque.payload = {0x91, 1, 2};
    ingest.examine(opaque, 1, rows);
    ASSERT_TRUE(ingest.commit(rows));
    HttpConfig http;
    http.listen = "127.0.0.1:0";
    api_ = std::make_unique<Api>(http, *reader_, metrics_);
    ASSERT_EQ(api_->start(), "");
    client_ = std::make_unique<httplib::Client>("127.0.0.1", api_->port());
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
  TempDir dir_;
  Metrics metrics_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<StoreReader> reader_;
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
        "since=99999999999999999999", "device=xyz", "device=123456789", "device=", "order=up", "frobnicate=1",
        "limit=1&limit=2", "device=1%27%20OR%201%3D1"}) {
    for (const char* list : {"frames", "readings", "events", "devices"}) {
      EXPECT_TRUE(get(std::string("/api/v1/") + list + "?" + query, 400).contains("error")) << query;
    }
  }
  EXPECT_TRUE(get("/api/v1/nothing", 404).contains("error"));
  EXPECT_TRUE(get("/../../etc/passwd", 404).contains("error"));
  const auto post = client_->Post("/api/v1/frames", std::string(100'000, 'x'), "text/plain");
  ASSERT_TRUE(post);
  EXPECT_GE(post->status, 400);
}

TEST_F(ApiTest, HealthFollowsTheStore) {
  EXPECT_EQ(get("/healthz")["status"], "ok");
  metrics_.set_storage_trouble("database or disk is full");
  EXPECT_NE(get("/healthz", 503)["error"].get<std::string>().find("full"), std::string::npos);
  const auto text = client_->Get("/metrics");
  EXPECT_NE(text->body.find("ngplc_hub_storage_ok 0"), std::string::npos);
  EXPECT_NE(text->body.find("ngplc_hub_records_total{result=\"stored\"} 26"), std::string::npos);
}

TEST_F(ApiTest, StatusPageShowsDevicesEscaped) {
  const auto page = client_->Get("/");
  ASSERT_TRUE(page);
  EXPECT_NE(page->body.find("0000abc1"), std::string::npos);
  EXPECT_NE(page->body.find("1000023 Wh"), std::string::npos);
  EXPECT_EQ(escape_html("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
  EXPECT_EQ(status_page({}, "<b>").find("<b>"), std::string::npos);
}

TEST_F(ApiTest, PortInUseIsSaid) {
  HttpConfig http;
  http.listen = "127.0.0.1:" + std::to_string(api_->port());
  Api second(http, *reader_, metrics_);
  EXPECT_EQ(second.start(), "http " + http.listen + ": Address already in use");
}

}  // namespace
