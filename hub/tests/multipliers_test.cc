// Multipliers of registers: exact products, what is refused, and everything that leaves the hub.
#include "multipliers.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "api_json.h"
#include "backup.h"
#include "delivery_text.h"
#include "ingest.h"
#include "link_node.h"
#include "obis.h"
#include "rollup.h"
#include "sink.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;
using ngwire::decimal_string;

Multipliers parsed(const std::string& text) {
  const auto all = parse_multipliers(text);
  EXPECT_TRUE(all.ok()) << all.error();
  return all.ok() ? all.value() : Multipliers{};
}

std::string product(std::int64_t mantissa, int exponent, const std::string& factor) {
  const Multiplier by = parsed("1-0:1.8.0=" + factor).at("1-0:1.8.0");
  return decimal_string(by.times(mantissa), exponent + by.exponent);
}

TEST(Multiplier, ProductsAreExact) {
  EXPECT_EQ(product(1, -1, "40"), "4");
  EXPECT_EQ(product(123'456'789, -1, "0.001"), "12345.6789");
  EXPECT_EQ(product(1, -1, "0.1"), "0.01");
  EXPECT_EQ(product(-2301, -1, "1.5"), "-345.15");
  EXPECT_EQ(product(7, 3, "0.000001"), "0.007");
  EXPECT_EQ(product(0, -2, "40"), "0.0");
  // The largest value of a register of five bytes, with every digit a factor may have.
  EXPECT_EQ(product(1'099'511'627'774, 0, "999999"), "1099510528262372226");
  EXPECT_EQ(product(1'099'511'627'774, 0, "1000000"), "1099511627774000000");
}

TEST(Multiplier, AProductThatDoesNotFitStandsAtTheEnd) {
  const Multiplier by = {999'999, 0};
  EXPECT_EQ(by.times(INT64_MAX), std::int64_t{1} << 62);
  EXPECT_EQ(by.times(INT64_MIN), -(std::int64_t{1} << 62));
  EXPECT_EQ(by.times(5'000'000'000'000), std::int64_t{1} << 62) << "fits 64 bits, its double would not";
}

TEST(Multipliers, TextThereAndBack) {
  EXPECT_EQ(to_text(parsed("1-0:2.8.0=0.0010 1-0:1.8.0=0040.00")), "1-0:1.8.0=40 1-0:2.8.0=0.001");
  EXPECT_EQ(to_text(parsed("")), "");
  for (const char* limit : {"0.000001", "1000000", "1000000.000000", "999999", "123.456", "0.123456"})
    EXPECT_TRUE(parse_multipliers(std::string("1-0:1.8.0=") + limit).ok()) << limit;
}

TEST(Multipliers, WrongOnesAreRefusedInOneLine) {
  for (const char* factor : {"",          "0",       "0.000000", "-40",
                             "+40",       "4e1",     "40.",      ".5",
                             "4 0",       "40x",     "1000001",  "1000000.000001",
                             "0.0000001", "1234567", "1.234567", "200/5",
                             "0x10",      "nan",     "inf",      "99999999999999999999",
                             "1.2.3"}) {
    Multipliers all;
    const std::string wrong = add_multiplier(all, "1-0:1.8.0", factor);
    EXPECT_NE(wrong.find("multipliers: 1-0:1.8.0: expected"), std::string::npos) << factor << ": " << wrong;
    EXPECT_TRUE(all.empty()) << factor;
  }
  for (const char* text :
       {"1-0:1.8.0", "=40", "1-0:1.8=40", "1-0:1.8.256=40", "1-0:1.8.0000=40", "a-0:1.8.0=40",
        "1-0:1.8.0 =40", "1-0:1.8.0=40 1-0:1.8.0=40", "1-0:1.8.0=40  1-0:2.8.0=40", " ", "1.8.0=40",
        "1-0:1.8.0.=40", "1-0:1.8.0=40,1-0:2.8.0=40"}) {
    const auto all = parse_multipliers(text);
    ASSERT_FALSE(all.ok()) << text;
    EXPECT_EQ(all.error().rfind("multipliers: ", 0), 0U) << all.error();
    EXPECT_EQ(all.error().find('\n'), std::string::npos) << all.error();
  }
  Multipliers all;
  for (int i = 0; i < 32; ++i) EXPECT_EQ(add_multiplier(all, "1-0:1.8." + std::to_string(i), "40"), "");
  EXPECT_NE(add_multiplier(all, "1-0:1.8.32", "40"), "");
}

// A device whose register 1-0:1.8.0 rolled over once: 4294967000, then 100, then 150 Wh.
class MultipliedHub : public ::testing::Test {
 protected:
  MultipliedHub() {
    database_.file = dir_.file("hub.sqlite");
    EXPECT_EQ(KeyVault::create(dir_.file("key")), "");
    vault_.emplace(std::move(KeyVault::open(dir_.file("key")).value()));
    store_ = std::move(Store::open(database_).value());
    register_nodes(database_.file, *vault_, 100, 2);
    ingest_ = std::make_unique<Ingest>(*store_, metrics_, &*vault_, PlainPolicy::automatic);
    for (TestNode* node : {&node_, &other_}) {
      hear(node->join_request(1));
      EXPECT_TRUE(node->take_accept(ingest_->take_replies().at(0).frame.payload));
    }
    for (const std::uint32_t wh : {4'294'967'000U, 100U, 150U}) hear(node_.reading(wh));
    hear(other_.reading(7));
    Rollups(*store_, {}, 2160).fold();
    registry_ = std::move(Registry::open(database_.file).value());
    reader_ = std::move(StoreReader::open(database_.file).value());
  }
  void hear(const ngwire::Bytes& payload) {
    std::vector<FrameRow> rows;
    ingest_->idle();
    ingest_->examine(record_of(payload, ++sequence_), unix_now_ns(), rows);
    ASSERT_TRUE(ingest_->commit(rows));
  }
  void set(const std::string& text) {
    const auto node = registry_->set_multipliers(100, parsed(text));
    ASSERT_TRUE(node.ok()) << node.error();
    EXPECT_EQ(to_text(node->multipliers), text);
    device_ = *node->address;
  }
  static std::string value(const StoredReading& r) { return decimal_string(r.mantissa, r.exponent); }
  static std::string total(const StoredReading& r) { return decimal_string(r.base + r.mantissa, r.exponent); }

  TempDir dir_;
  DatabaseConfig database_;
  Metrics metrics_;
  std::optional<KeyVault> vault_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<StoreReader> reader_;
  TestNode node_{100}, other_{101};
  std::uint64_t sequence_ = 0;
  std::uint32_t device_ = 0;
};

TEST_F(MultipliedHub, EverythingThatIsReadIsMultiplied) {
  set("1-0:1.8.0=0.04");
  const auto readings = reader_->readings({});
  ASSERT_EQ(readings->size(), 4U);
  EXPECT_EQ(value(readings->at(0)), "171798680.00");
  EXPECT_EQ(total(readings->at(0)), "171798680.00");
  EXPECT_EQ(value(readings->at(2)), "6.00");
  EXPECT_EQ(total(readings->at(2)), "171798697.80");  // (2^32 - 1 + 150) * 0.04
  EXPECT_EQ(value(readings->at(3)), "7") << "of another device";
  EXPECT_EQ(to_json(readings->at(2))["total"], "171798697.80");

  Page page;
  page.device = device_;
  const auto devices = reader_->devices(page);
  EXPECT_EQ(value(devices->at(0).last.at(0)), "6.00");
  EXPECT_EQ(total(devices->at(0).last.at(0)), "171798697.80");
  const auto last = reader_->last_seen({}, "1-0:1.8.0");
  ASSERT_EQ(last->size(), 2U);
  for (const LastSeen& d : last.value())
    EXPECT_EQ(decimal_string(d.base + d.mantissa, d.exponent), d.device == device_ ? "171798697.80" : "7");

  const auto rollups = reader_->rollups(device_, "1-0:1.8.0", 1, 0, INT64_MAX, 10);
  ASSERT_EQ(rollups->size(), 1U);
  const StoredRollup& day = rollups->at(0);
  EXPECT_EQ(decimal_string(day.last, day.exponent), "171798697.80");
  EXPECT_EQ(decimal_string(day.last - day.before, day.exponent), "17.80");  // 295 + 150 at 0.04

  const auto deliveries = reader_->deliveries(0, 100);
  ASSERT_EQ(deliveries->size(), 4U);
  EXPECT_NE(delivery_json(deliveries->at(2)).find(R"("v":"6.00","u":"Wh","q":"ok","total":"171798697.80")"),
            std::string::npos)
      << delivery_json(deliveries->at(2));
}

TEST_F(MultipliedHub, ASinkGetsTheProduct) {
  set("1-0:1.8.0=40");
  httplib::Server server;
  server.set_keep_alive_timeout(1);
  std::string lines;
  server.Post("/write", [&](const httplib::Request& request, httplib::Response& answer) {
    lines += request.body;
    answer.status = 204;
  });
  InfluxConfig config;
  config.url = "http://127.0.0.1:" + std::to_string(server.bind_to_any_port("127.0.0.1"));
  std::thread serving([&] { server.listen_after_bind(); });
  const SinkAnswer answer = make_influx_sink(config, "h1")->deliver(reader_->deliveries(0, 100).value());
  server.stop();
  serving.join();
  EXPECT_EQ(answer.wrong, "");
  EXPECT_NE(lines.find(" value=6000,total=171798697800,"), std::string::npos) << lines;
  EXPECT_NE(lines.find(" value=7,total=7,"), std::string::npos) << lines;
}

TEST_F(MultipliedHub, WhatIsStoredStaysAsTheMeterSaidAndAChangeIsJournalled) {
  set("1-0:1.8.0=40");
  hear(node_.reading(160));
  set("1-0:1.8.0=0.001");
  EXPECT_EQ(value(reader_->readings({})->at(4)), "0.160") << "of a reading older than the change";
  set("");
  EXPECT_EQ(value(reader_->readings({})->at(4)), "160");
  SQLite::Database db(database_.file, SQLite::OPEN_READONLY);
  EXPECT_EQ(db.execAndGet("SELECT max(mantissa) FROM readings").getInt64(), 4'294'967'000);
  EXPECT_EQ(
      db.execAndGet("SELECT group_concat(detail, '; ') FROM events WHERE kind = 'multipliers'").getString(),
      "1-0:1.8.0=40; 1-0:1.8.0=0.001; ");
  EXPECT_EQ(db.execAndGet("SELECT count(*) FROM events WHERE kind = 'rollover'").getInt(), 1)
      << "the rollover before, none of a change";
  EXPECT_FALSE(registry_->set_multipliers(999, {}).ok());
}

TEST_F(MultipliedHub, ABackupAndAStartKeepThem) {
  set("1-0:1.8.0=40");
  ASSERT_EQ(back_up(database_.file, dir_.file("copy")), "");
  set("");
  reader_.reset();
  registry_.reset();
  ingest_.reset();
  store_.reset();
  ASSERT_EQ(restore(dir_.file("copy"), database_.file), "");
  store_ = std::move(Store::open(database_).value());
  EXPECT_EQ(value(StoreReader::open(database_.file).value()->readings({})->at(2)), "6000");
  EXPECT_EQ(to_text(Registry::open(database_.file).value()->list()->at(0).multipliers), "1-0:1.8.0=40");
}

TEST_F(MultipliedHub, AManifestBringsThem) {
  const std::string key(32, '1');
  const auto entries = parse_manifest("eui,key,multipliers\n00000000000000b1," + key +
                                      ",1-0:1.8.0=40 1-0:2.8.0=40\n00000000000000b2," + key + ",\n");
  ASSERT_TRUE(entries.ok()) << entries.error();
  ASSERT_EQ(registry_->import(entries.value(), *vault_).value(), 2U);
  const auto nodes = registry_->list();
  EXPECT_EQ(to_text(nodes->at(2).multipliers), "1-0:1.8.0=40 1-0:2.8.0=40");
  EXPECT_TRUE(nodes->at(3).multipliers.empty());
  EXPECT_FALSE(parse_manifest("eui,key,multipliers\n00000000000000b1," + key + ",1-0:1.8.0=-1\n").ok());
}

TEST_F(MultipliedHub, ADamagedOneIsAnErrorAndNoWrongValue) {
  set("1-0:1.8.0=40");
  SQLite::Database(database_.file, SQLite::OPEN_READWRITE).exec("UPDATE nodes SET multipliers = 'x'");
  const auto readings = reader_->readings({});
  ASSERT_FALSE(readings.ok());
  EXPECT_NE(readings.error().find("multipliers: expected OBIS=FACTOR"), std::string::npos)
      << readings.error();
}

}  // namespace
