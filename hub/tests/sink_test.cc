// Sinks against the real servers: everything arrives once and in order, whoever is killed meanwhile.
#include "sink.h"

#include <mqtt/async_client.h>
#include <nats/nats.h>

#include <nlohmann/json.hpp>
#include <zmq_addon.hpp>

#include "ask_postgres.h"
#include "certificate.h"
#include "codec_book.h"
#include "delivery_text.h"
#include "ingest.h"
#include "reading_table.h"
#include "server_process.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;
using nlohmann::json;

class SinkTest : public ::testing::Test {
 protected:
  SinkTest() {
    config_.name = "h1";
    config_.database.file = dir_.file("hub.sqlite");
    store_ = std::move(Store::open(config_.database).value());
    ingest_ = std::make_unique<Ingest>(*store_, metrics_, nullptr, PlainPolicy::yes, &board_);
  }
  ~SinkTest() override { stop(); }
  // `count` frames of 7 devices, a second apart, each with two values.
  void fill(std::uint64_t count) {
    std::vector<FrameRow> rows;
    for (std::uint64_t i = 0; i < count; ++i) {
      ++sequence_;
      auto record = make_record(1, sequence_, static_cast<std::uint32_t>(1 + sequence_ % 7));
      record.sample_index = 192'000 * sequence_;
      ingest_->examine(std::move(record), unix_now_ns(), rows);
      if (rows.size() == 500 || i + 1 == count) {
        ASSERT_TRUE(ingest_->commit(rows));
        rows.clear();
      }
    }
  }
  void start() {
    runners_ = make_sinks(config_, board_, metrics_);
    for (auto& runner : runners_) ASSERT_EQ(runner->start(), "");
  }
  void stop() {
    runners_.clear();
    if (ingest_) ingest_->commit({});
  }
  bool drained(int seconds = 30) {
    return eventually([this] { return runners_[0]->cursor() == static_cast<std::int64_t>(2 * sequence_); },
                      seconds);
  }
  std::unique_ptr<ServerProcess> influx(int port) const {
    const std::string data = dir_.file("influx");
    std::ofstream(dir_.file("influx.conf"))
        << "reporting-disabled = true\nbind-address = \"127.0.0.1:0\"\n[meta]\ndir = \"" << data
        << "/meta\"\n[data]\ndir = \"" << data << "/data\"\nwal-dir = \"" << data
        << "/wal\"\n[http]\nbind-address = \"127.0.0.1:" << port << "\"\nlog-enabled = false\n";
    return std::make_unique<ServerProcess>(
        std::vector<std::string>{"/usr/bin/influxd", "-config", dir_.file("influx.conf")},
        dir_.file("influx.log"));
  }
  bool counted(const std::string& line) const {
    return metrics_.text().find(line + "\n") != std::string::npos;
  }

  TempDir dir_;
  HubConfig config_;
  Metrics metrics_;
  CursorBoard board_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Ingest> ingest_;
  std::vector<std::unique_ptr<SinkRunner>> runners_;
  std::uint64_t sequence_ = 0;
};

TEST_F(SinkTest, PostgresHoldsExactlyTheSameSetAfterItsOwnDeathAndOurs) {
  if (!PostgresServer::is_installed()) GTEST_SKIP() << "package postgresql is not installed";
  PostgresServer server;
  ASSERT_TRUE(server.ready());
  config_.postgres.url = server.url();
  fill(2000);
  start();
  ASSERT_TRUE(drained());
  stop();
  EXPECT_EQ(ask(server.url(), "SELECT count(*) FROM ngplc_readings"), "4000");
  EXPECT_EQ(ask(server.url(), "SELECT value FROM ngplc_readings WHERE register = '1-0:32.7.0' LIMIT 1"),
            "230.1");
  // Killed in the middle of a backlog, with a cursor that was never written down.
  start();
  fill(3000);
  server.kill(SIGKILL);
  fill(3000);
  EXPECT_TRUE(eventually([&] { return counted("ngplc_hub_sink_up{sink=\"postgres\"} 0"); }));
  server.start();
  ASSERT_TRUE(server.ready());
  ASSERT_TRUE(drained());
  runners_.clear();  // the cursor on the board is thrown away
  board_.take();
  start();
  ASSERT_TRUE(drained());
  EXPECT_EQ(ask(server.url(), "SELECT count(*) FROM ngplc_readings"), std::to_string(2 * sequence_));
  EXPECT_EQ(
      ask(server.url(), "SELECT count(DISTINCT value) FROM ngplc_readings WHERE register = '1-0:1.8.0'"),
      std::to_string(sequence_));
}

TEST_F(SinkTest, PostgresSetsAsideWhatItRefusesAndWaitsForEverythingElse) {
  if (!PostgresServer::is_installed()) GTEST_SKIP() << "package postgresql is not installed";
  PostgresServer server;
  ASSERT_TRUE(server.ready());
  config_.postgres.url = server.url();
  fill(1);
  start();
  ASSERT_TRUE(drained());
  // Rules of the operator's own: a column that is too narrow, and a constraint.
  ask(server.url(), "ALTER TABLE ngplc_readings ALTER value TYPE numeric(8, 1)");
  ask(server.url(), "ALTER TABLE ngplc_readings ADD CHECK (counter <> 77)");
  auto record = make_record(1, ++sequence_, 5);
  record.payload[8] = 0xe0;  // a value of twelve digits
  std::vector<FrameRow> rows;
  ingest_->examine(std::move(record), unix_now_ns(), rows);
  ASSERT_TRUE(ingest_->commit(rows));
  fill(198);
  ASSERT_TRUE(drained());
  EXPECT_EQ(ask(server.url(), "SELECT count(*) FROM ngplc_readings"), std::to_string(2 * sequence_ - 3));
  EXPECT_EQ(ask(server.url(), "SELECT count(*) FROM ngplc_readings WHERE counter = 2"), "1")
      << "the other value of that frame";
  EXPECT_TRUE(counted("ngplc_hub_sink_refused_total{sink=\"postgres\"} 3"));
  EXPECT_TRUE(counted("ngplc_hub_sink_values_total{sink=\"postgres\"} 397"));
  EXPECT_EQ(runners_[0]->status().refused, 3);
  EXPECT_EQ(runners_[0]->status().trouble, "");
  stop();
  {
    const auto reader = StoreReader::open(config_.database.file);
    EXPECT_EQ(reader.value()->sinks()->at(0).refused, 3) << "known after a start, too";
  }
  // What says nothing of the row itself is waited for: no right, no room, shutting down, a fault of the
  // server.
  ask(server.url(), "CREATE TABLE fault(code text)");
  ask(server.url(),
      "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE c text; BEGIN "
      "SELECT code INTO c FROM fault; IF c <> '' THEN RAISE EXCEPTION 'fault' USING ERRCODE = c; END IF; "
      "RETURN NEW; END $$");
  ask(server.url(),
      "CREATE TRIGGER fails BEFORE INSERT ON ngplc_readings FOR EACH ROW EXECUTE FUNCTION fail()");
  const auto waits = [&](const std::string& url, const char* what) {
    config_.postgres.url = url;
    fill(1);
    start();
    EXPECT_TRUE(eventually([&] { return !runners_[0]->status().trouble.empty(); })) << what;
    EXPECT_EQ(runners_[0]->cursor(), static_cast<std::int64_t>(2 * (sequence_ - 1))) << what;
    EXPECT_EQ(runners_[0]->status().refused, 3) << what;
    ask(server.url(), "DELETE FROM fault");
    config_.postgres.url = server.url();
    stop();
    start();
    EXPECT_TRUE(drained()) << what;
    stop();
  };
  for (const char* code : {"42501", "53100", "53200", "57P01", "57014", "40001", "25006", "58030", "XX000"}) {
    ask(server.url(), std::string("INSERT INTO fault VALUES('") + code + "')");
    waits(server.url(), code);
  }
  ask(server.url(), "CREATE ROLE nobody");
  ask(server.url(), "CREATE ROLE guest LOGIN");
  for (const char* role : {"nobody", "guest", "stranger"}) {
    std::string url = server.url();
    url.replace(url.find("user=test"), 9, std::string("user=") + role);
    waits(url, role);
  }
  EXPECT_EQ(ask(server.url(), "SELECT count(*) FROM ngplc_readings"), std::to_string(2 * sequence_ - 3));
}

// Text that no database of UTF-8 holds, a zero byte that ends the statement's parameter early, a number out
// of the column's range: each is found among many, whatever else is in the statement.
TEST_F(SinkTest, RowsThatNoTableHoldsAreNamed) {
  if (!PostgresServer::is_installed()) GTEST_SKIP() << "package postgresql is not installed";
  PostgresServer server;
  ASSERT_TRUE(eventually([&] { return ask(server.url(), "SELECT 1") == "1"; }));
  std::vector<ReadingRow> rows(1000);
  for (std::uint32_t i = 0; i < rows.size(); ++i)
    rows[i] = {"h1", i, "1-0:1.8.0", 1'763'667'000'000, 1, i, "1.5", "2.5", "Wh", false};
  rows[0].unit = "\xff";
  rows[333].obis = std::string("1-0\0", 4);
  rows[334].value = "1" + std::string(200'000, '0');
  rows[998].total = "one";
  rows[999].unit = R"(")},{\)";  // only looks like trouble
  ReadingTable table(server.url());
  const TableAnswer answer = table.write(rows);
  EXPECT_EQ(answer.wrong, "");
  std::vector<std::size_t> refused;
  for (const RefusedRow& row : answer.refused) {
    refused.push_back(row.row);
    EXPECT_NE(row.reason, "");
  }
  EXPECT_EQ(refused, (std::vector<std::size_t>{0, 333, 334, 998}));
  EXPECT_EQ(ask(server.url(), "SELECT count(*) FROM ngplc_readings"), "996");
  EXPECT_EQ(ask(server.url(), "SELECT unit FROM ngplc_readings WHERE device = 999"), rows[999].unit);
  // All of them: minutes would be a sink that stands still.
  for (ReadingRow& row : rows) row.total = "one";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(table.write(rows).refused.size(), rows.size());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST_F(SinkTest, ADatabaseOfAnotherEncodingGetsWhatItCanHold) {
  if (!PostgresServer::is_installed()) GTEST_SKIP() << "package postgresql is not installed";
  PostgresServer server;
  ASSERT_TRUE(eventually([&] { return ask(server.url(), "SELECT 1") == "1"; }));
  ask(server.url(), "CREATE DATABASE old ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'");
  ReadingTable table(server.url("old"));
  const auto row = [](std::uint32_t device, const char* unit) {
    return ReadingRow{"h1", device, "8-0:1.0.0", 1'763'667'000'000, 1, 1, "1.5", "1.5", unit, false};
  };
  const TableAnswer answer = table.write({row(1, "m\u00b3"), row(2, "\u20ac"), row(3, "m")});
  EXPECT_EQ(answer.wrong, "");
  ASSERT_EQ(answer.refused.size(), 1U);
  EXPECT_EQ(answer.refused[0].row, 1U) << "no euro in Latin 1";
  EXPECT_EQ(ask(server.url("old"), "SELECT ascii(substr(unit, 2)) FROM ngplc_readings WHERE device = 1"),
            "179")
      << "one character, not two bytes";
}

TEST_F(SinkTest, ASinkTooFarBehindLosesTheOldestAndSaysSo) {
  config_.zeromq.endpoint = "ipc://" + dir_.file("pub");
  config_.outbox.max_values = 1000;
  fill(1500);
  start();
  ASSERT_TRUE(drained());
  stop();
  EXPECT_TRUE(counted("ngplc_hub_sink_lost_total{sink=\"zeromq\"} 2000"));
  const auto reader = StoreReader::open(config_.database.file);
  ASSERT_EQ(reader.value()->sinks()->size(), 1U);
  EXPECT_EQ(reader.value()->sinks()->at(0).lost, 2000);
  EXPECT_EQ(reader.value()->sinks()->at(0).cursor, 3000);
  start();  // as after SIGHUP
  EXPECT_TRUE(counted("ngplc_hub_sink_lost_total{sink=\"zeromq\"} 2000")) << "not once more";
}

TEST_F(SinkTest, WhatIsTooOldForASinkIsGivenUpAndSaid) {
  config_.zeromq.endpoint = "ipc://" + dir_.file("pub");
  config_.outbox.max_age_h = 2;
  std::vector<FrameRow> rows;
  for (int i = 0; i < 30; ++i) {
    const std::int64_t age_h = i < 20 ? 3 : 1;
    ingest_->examine(make_record(1, ++sequence_, 5), unix_now_ns() - age_h * 3'600'000'000'000, rows);
  }
  ASSERT_TRUE(ingest_->commit(rows));
  fill(10);
  start();
  ASSERT_TRUE(drained());
  EXPECT_TRUE(counted("ngplc_hub_sink_lost_total{sink=\"zeromq\"} 40"));
  EXPECT_TRUE(counted("ngplc_hub_sink_values_total{sink=\"zeromq\"} 40"));
  EXPECT_EQ(runners_[0]->status().lost, 40);
}

TEST_F(SinkTest, ReplayDeliversAgain) {
  config_.zeromq.endpoint = "ipc://" + dir_.file("pub");
  fill(100);
  start();
  ASSERT_TRUE(drained());
  EXPECT_TRUE(counted("ngplc_hub_sink_values_total{sink=\"zeromq\"} 200"));
  runners_[0]->replay(50);
  EXPECT_TRUE(eventually([&] { return counted("ngplc_hub_sink_values_total{sink=\"zeromq\"} 350"); }));
  EXPECT_EQ(runners_[0]->cursor(), 200);
}

TEST_F(SinkTest, OneDeadSinkDoesNotStopAnother) {
  config_.zeromq.endpoint = "ipc://" + dir_.file("pub");
  config_.influx.url = "http://127.0.0.1:" + std::to_string(free_port());
  config_.nats.url = "nats://127.0.0.1:" + std::to_string(free_port());
  config_.mqtt.url = "tcp://127.0.0.1:" + std::to_string(free_port());
  config_.postgres.url = "host=127.0.0.1 port=" + std::to_string(free_port());
  fill(100);
  start();
  for (const char* sink : {"influx", "nats", "mqtt", "postgres"})
    EXPECT_TRUE(eventually([&] {
      return counted(std::string("ngplc_hub_sink_up{sink=\"") + sink + "\"} 0");
    })) << sink;
  EXPECT_TRUE(eventually([&] { return counted("ngplc_hub_sink_values_total{sink=\"zeromq\"} 200"); }));
}

TEST_F(SinkTest, ZeromqShowsReadings) {
  config_.zeromq.endpoint = "ipc://" + dir_.file("pub");
  start();
  zmq::context_t context;
  zmq::socket_t watcher(context, zmq::socket_type::sub);
  watcher.set(zmq::sockopt::subscribe, "reading.00000003");
  watcher.set(zmq::sockopt::rcvtimeo, 100);
  watcher.connect(config_.zeromq.endpoint);
  std::vector<zmq::message_t> parts;
  ASSERT_TRUE(eventually([&] {
    fill(7);
    parts.clear();
    return zmq::recv_multipart(watcher, std::back_inserter(parts)).has_value();
  }));
  const json body = json::parse(parts[1].to_string());
  EXPECT_EQ(body["dev"], "00000003");
  EXPECT_EQ(body["values"][1]["v"], "230.1");
}

TEST_F(SinkTest, InfluxHoldsExactlyTheSameSet) {
  if (!is_installed("/usr/bin/influxd")) GTEST_SKIP() << "package influxdb is not installed";
  const int port = free_port();
  const auto server = influx(port);
  httplib::Client client("127.0.0.1", port);
  ASSERT_TRUE(eventually([&] { return client.Get("/ping"); }, 30));
  ASSERT_TRUE(client.Post("/query", httplib::Params{{"q", "CREATE DATABASE ngplc"}}));
  config_.influx.url = "http://127.0.0.1:" + std::to_string(port);
  fill(2000);
  start();
  ASSERT_TRUE(drained());
  server->kill(SIGKILL);
  fill(2000);
  EXPECT_TRUE(eventually([&] { return counted("ngplc_hub_sink_up{sink=\"influx\"} 0"); }));
  server->start();
  ASSERT_TRUE(drained(60));
  runners_.clear();
  board_.take();  // everything once more
  start();
  ASSERT_TRUE(drained(60));
  const auto answer = client.Get("/query?db=ngplc&q=SELECT%20count(value)%20FROM%20meter");
  ASSERT_TRUE(answer);
  EXPECT_EQ(json::parse(answer->body)["results"][0]["series"][0]["values"][0][1], 2 * sequence_)
      << answer->body;
}

// Readings older than InfluxDB keeps would else hold up all that are newer.
TEST_F(SinkTest, InfluxSetsAsideWhatIsOlderThanItKeeps) {
  if (!is_installed("/usr/bin/influxd")) GTEST_SKIP() << "package influxdb is not installed";
  const int port = free_port();
  const auto server = influx(port);
  httplib::Client client("127.0.0.1", port);
  ASSERT_TRUE(eventually([&] { return client.Get("/ping"); }, 30));
  ASSERT_TRUE(client.Post("/query", httplib::Params{{"q", "CREATE DATABASE ngplc WITH DURATION 30d"}}));
  config_.influx.url = "http://127.0.0.1:" + std::to_string(port);
  fill(10);  // of 2025
  std::vector<FrameRow> rows;
  for (int i = 0; i < 20; ++i) {
    auto record = make_record(1, ++sequence_, 5);
    record.sample_index = 0;
    record.sample0_time_ns = unix_now_ns() - i * 1'000'000'000LL;
    ingest_->examine(std::move(record), unix_now_ns(), rows);
  }
  ASSERT_TRUE(ingest_->commit(rows));
  fill(5);
  start();
  ASSERT_TRUE(drained()) << runners_[0]->status().trouble;
  EXPECT_EQ(runners_[0]->status().refused, 30);
  EXPECT_TRUE(counted("ngplc_hub_sink_refused_total{sink=\"influx\"} 30"));
  EXPECT_TRUE(counted("ngplc_hub_sink_values_total{sink=\"influx\"} 40"));
  const auto answer = client.Get("/query?db=ngplc&q=SELECT%20count(value)%20FROM%20meter");
  ASSERT_TRUE(answer);
  EXPECT_EQ(json::parse(answer->body)["results"][0]["series"][0]["values"][0][1], 40) << answer->body;
  // A limit of the server is no fault of a reading: it is waited for.
  httplib::Server limited;
  limited.set_keep_alive_timeout(1);
  limited.Post("/write", [](const httplib::Request&, httplib::Response& full) {
    full.status = 400;
    full.body = R"({"error":"partial write: max-series-per-database limit exceeded: (1) dropped=1"})";
  });
  config_.influx.url = "http://127.0.0.1:" + std::to_string(limited.bind_to_any_port("127.0.0.1"));
  std::thread serving([&] { limited.listen_after_bind(); });
  stop();
  fill(1);
  start();
  EXPECT_TRUE(eventually([&] { return !runners_[0]->status().trouble.empty(); }));
  EXPECT_EQ(runners_[0]->status().refused, 30);
  stop();
  limited.stop();
  serving.join();
}

// Version 2.x is not in Debian: what it is asked, as its documentation has it.
TEST_F(SinkTest, InfluxTwoIsAskedWithBucketAndToken) {
  httplib::Server server;
  server.set_keep_alive_timeout(1);
  std::mutex mutex;
  std::string lines;
  server.Post("/api/v2/write", [&](const httplib::Request& request, httplib::Response& answer) {
    const std::lock_guard lock(mutex);
    const bool good = request.get_param_value("org") == "my org" &&
                      request.get_param_value("bucket") == "b/1" &&
                      request.get_param_value("precision") == "ms" &&
                      request.get_header_value("Authorization") == "Token secret";
    answer.status = good ? 204 : 401;
    if (good) lines += request.body;
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { server.listen_after_bind(); });
  config_.influx.url = "http://127.0.0.1:" + std::to_string(port);
  config_.influx.org = "my org";
  config_.influx.bucket = "b/1";
  config_.influx.token_file = dir_.file("token");
  fill(5);
  start();
  const auto trouble = [&](const char* text) {
    EXPECT_TRUE(eventually([&] { return runners_[0]->status().trouble.find(text) != std::string::npos; }))
        << text << runners_[0]->status().trouble;
  };
  trouble("cannot be read");
  std::ofstream(dir_.file("token")) << "wrong\n";
  trouble("status 401");
  std::ofstream(dir_.file("token")) << "secret\n";
  EXPECT_TRUE(drained());
  {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 10);
    EXPECT_EQ(lines.find("meter,hub=h1,dev=00000002,obis=1-0:1.8.0 value=1000001,total=1000001,fcnt=1i "), 0U)
        << lines;
  }
  server.stop();
  serving.join();
}

TEST_F(SinkTest, JetStreamHoldsExactlyTheSameSet) {
  if (!is_installed("/usr/sbin/nats-server")) GTEST_SKIP() << "package nats-server is not installed";
  const int port = free_port();
  ServerProcess server({"/usr/sbin/nats-server", "-a", "127.0.0.1", "-p", std::to_string(port), "-js", "-sd",
                        dir_.file("nats")},
                       dir_.file("nats.log"));
  ASSERT_TRUE(eventually([&] { return accepts(port); }, 30));
  config_.nats.url = "nats://127.0.0.1:" + std::to_string(port);
  fill(2000);
  start();
  ASSERT_TRUE(drained());
  server.kill(SIGKILL);
  fill(2000);
  EXPECT_TRUE(eventually([&] { return counted("ngplc_hub_sink_up{sink=\"nats\"} 0"); }));
  server.start();
  ASSERT_TRUE(drained(60));
  runners_.clear();
  board_.take();  // everything once more: JetStream knows the message ids for two minutes
  start();
  ASSERT_TRUE(drained(60));
  natsConnection* connection = nullptr;
  jsCtx* js = nullptr;
  jsStreamInfo* info = nullptr;
  ASSERT_EQ(natsConnection_ConnectTo(&connection, config_.nats.url.c_str()), NATS_OK);
  ASSERT_EQ(natsConnection_JetStream(&js, connection, nullptr), NATS_OK);
  ASSERT_EQ(js_GetStreamInfo(&info, js, "PLC", nullptr, nullptr), NATS_OK);
  EXPECT_EQ(info->State.Msgs, sequence_);
  jsStreamInfo_Destroy(info);
  // In order for each device.
  natsSubscription* subscription = nullptr;
  ASSERT_EQ(js_SubscribeSync(&subscription, js, "plc.h1.>", nullptr, nullptr, nullptr), NATS_OK);
  std::map<std::string, std::int64_t> last;
  for (std::uint64_t i = 0; i < sequence_; ++i) {
    natsMsg* message = nullptr;
    ASSERT_EQ(natsSubscription_NextMsg(&message, subscription, 5000), NATS_OK) << i;
    const json body = json::parse(
        std::string(natsMsg_GetData(message), natsMsg_GetData(message) + natsMsg_GetDataLength(message)));
    natsMsg_Ack(message, nullptr);
    natsMsg_Destroy(message);
    auto& before = last[body["dev"]];
    EXPECT_LT(before, body["seq"].get<std::int64_t>());
    before = body["seq"];
  }
  natsSubscription_Destroy(subscription);
  jsCtx_Destroy(js);
  natsConnection_Destroy(connection);
}

TEST_F(SinkTest, MqttAppearsInHomeAssistantAndLosesNothing) {
  if (!is_installed("/usr/sbin/mosquitto")) GTEST_SKIP() << "package mosquitto is not installed";
  const int port = free_port();
  std::ofstream(dir_.file("mosquitto.conf"))
      << "listener " << port << " 127.0.0.1\nallow_anonymous true\n"
      << "max_queued_messages 0\nmax_inflight_messages 500\npersistence false\n";
  ServerProcess server({"/usr/sbin/mosquitto", "-c", dir_.file("mosquitto.conf")},
                       dir_.file("mosquitto.log"));
  ASSERT_TRUE(eventually([&] { return accepts(port); }));
  const std::string url = "tcp://127.0.0.1:" + std::to_string(port);
  std::mutex mutex;
  std::map<std::string, std::string> retained;
  std::set<std::int64_t> seen;
  mqtt::async_client watcher(url, "watcher", mqtt::create_options(MQTTVERSION_5));
  watcher.set_message_callback([&](const mqtt::const_message_ptr& message) {
    const std::lock_guard lock(mutex);
    const std::string topic = message->get_topic();
    if (topic.size() > 8 && topic.compare(topic.size() - 8, 8, "/reading") == 0) {
      seen.insert(json::parse(message->to_string())["seq"].get<std::int64_t>());
    } else {
      retained[topic] = message->to_string();
    }
  });
  mqtt::connect_options options;
  options.set_mqtt_version(MQTTVERSION_5);
  const auto watch = [&] {
    watcher.connect(options)->wait();
    watcher.subscribe("plc/#", 1)->wait();
    watcher.subscribe("homeassistant/#", 1)->wait();
  };
  watch();
  config_.mqtt.url = url;
  config_.mqtt.in_flight = 400;
  fill(1000);
  start();
  ASSERT_TRUE(drained());
  server.kill(SIGKILL);
  fill(1000);
  EXPECT_TRUE(eventually([&] { return counted("ngplc_hub_sink_up{sink=\"mqtt\"} 0"); }));
  // The watcher is there before the hub comes back, or the broker would have nobody to give it to.
  runners_.clear();
  board_.take();
  server.start();
  ASSERT_TRUE(eventually([&] { return accepts(port); }));
  watch();
  start();
  ASSERT_TRUE(drained(60));
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return seen.size() == sequence_;
  }));
  runners_.clear();
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return retained["plc/h1/status"] == "offline";
  }));
  watcher.disconnect()->wait();
  EXPECT_EQ(json::parse(retained["plc/h1/00000003/state"])["1-0:32.7.0"], "230.1");
  const json config = json::parse(retained["homeassistant/device/ngplc_h1_00000003/config"]);
  EXPECT_EQ(config["state_topic"], "plc/h1/00000003/state");
  EXPECT_EQ(config["components"]["1-0_1_8_0"]["device_class"], "energy");
  EXPECT_EQ(config["components"]["1-0_1_8_0"]["state_class"], "total_increasing");
  EXPECT_EQ(config["components"]["1-0_1_8_0"]["unit_of_measurement"], "Wh");
}

TEST_F(SinkTest, MqttSendsWhatOtherSystemsKnow) {
  if (!is_installed("/usr/sbin/mosquitto")) GTEST_SKIP() << "package mosquitto is not installed";
  const int port = free_port();
  std::ofstream(dir_.file("mosquitto.conf")) << "listener " << port << " 127.0.0.1\nallow_anonymous true\n";
  ServerProcess server({"/usr/sbin/mosquitto", "-c", dir_.file("mosquitto.conf")},
                       dir_.file("mosquitto.log"));
  ASSERT_TRUE(eventually([&] { return accepts(port); }));
  const auto book = CodecBook::open(NGPLC_CODEC_DIR);
  // The first example of a shipped set, from that device.
  const auto example = [&](const std::string& name, std::uint32_t device) {
    Delivery d;
    d.device = device;
    for (const Codec& codec : book->codecs()) {
      if (codec.name != name) continue;
      ngwire::Reading reading;
      const auto& content = codec.examples[0].content;
      EXPECT_EQ(book->decode("", {content.data(), content.size()}, reading), ngwire::ReadingError::none);
      for (const ngwire::RegisterValue& value : reading.values) {
        StoredReading v;
        v.obis = value.spec->obis;
        v.unit = value.spec->unit;
        v.mantissa = value.mantissa;
        v.exponent = value.spec->exponent;
        d.values.push_back(v);
      }
    }
    return d;
  };
  std::vector<Delivery> deliveries = {example("orman-cu-1", 1), example("energy-file-1", 2),
                                      example("orman-cu-1", 1), example("orman-cu-1", 1),
                                      example("energy-file-1", 3)};
  deliveries[0].values[0].mantissa = 228;  // older than the next of its device
  deliveries[3].values[0].mantissa = 227;  // late: what has no time must not go back
  deliveries[3].late = true;
  deliveries[4].values[9].mantissa = 40'000;  // V, which no int16 holds
  std::mutex mutex;
  std::vector<std::string> heard;
  mqtt::async_client watcher("tcp://127.0.0.1:" + std::to_string(port), "watcher",
                             mqtt::create_options(MQTTVERSION_5));
  watcher.set_message_callback([&](const mqtt::const_message_ptr& message) {
    const std::lock_guard lock(mutex);
    const std::string body = message->to_string();
    heard.push_back(message->get_topic() + (message->is_retained() ? " retained " : " ") +
                    (body.front() == '{' || message->get_topic().find("status") != std::string::npos
                         ? body
                         : ngwire::to_hex(reinterpret_cast<const std::uint8_t*>(body.data()), body.size())));
  });
  mqtt::connect_options options;
  options.set_mqtt_version(MQTTVERSION_5);
  watcher.connect(options)->wait();
  watcher.subscribe("#", 1)->wait();
  config_.mqtt.url = "tcp://127.0.0.1:" + std::to_string(port);
  config_.mqtt.messages = {"energy_data", "energy_file"};
  {
    const auto sink = make_mqtt_sink(config_.mqtt, "h1");
    ASSERT_EQ(sink->deliver(deliveries).wrong, "");
  }
  const std::vector<std::string> wanted = {
      "plc/h1/status online",
      R"(energy/data {"power":1.1776,"voltage":230.0,"current":5.12,"active_energy":{"total":12345.67,)"
      R"("t1":10000.00,"t2":2345.60,"t3":0.07,"t4":0.00},"reactive_energy":{"total":43.21}})",
      "plc/h1/00000002/energyfile d202964900000000d007000000000000b80b000000000000008c864700000000"
      "cf0700000000000000000000000000000014000006ffffff803e0000e600e700e50001",
      "plc/h1/status offline"};
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return heard.size() >= wanted.size();
  }));
  watcher.disconnect()->wait();
  EXPECT_EQ(heard, wanted);
}

TEST_F(SinkTest, ABrokerWithAnotherCertificateGetsNothing) {
  if (!is_installed("/usr/sbin/mosquitto")) GTEST_SKIP() << "package mosquitto is not installed";
  write_certificate(dir_.file("cert"), dir_.file("key"), "localhost");
  write_certificate(dir_.file("other"), dir_.file("otherkey"), "localhost");
  write_certificate(dir_.file("stranger"), dir_.file("strangerkey"), "elsewhere");
  const auto broker = [&](const std::string& cert, const std::string& key) {
    const int port = free_port();
    std::ofstream(dir_.file(cert + ".conf")) << "listener " << port << "\nallow_anonymous true\ncertfile "
                                             << dir_.file(cert) << "\nkeyfile " << dir_.file(key) << "\n"
                                             << (::geteuid() == 0 ? "user root\n" : "");
    return std::pair(port,
                     std::make_unique<ServerProcess>(
                         std::vector<std::string>{"/usr/sbin/mosquitto", "-c", dir_.file(cert + ".conf")},
                         dir_.file(cert + ".log")));
  };
  const auto good = broker("cert", "key");
  const auto named_otherwise = broker("stranger", "strangerkey");
  ASSERT_TRUE(eventually([&] { return accepts(good.first) && accepts(named_otherwise.first); }));
  fill(100);
  const auto refused = [&](int port, const std::string& ca) {
    config_.mqtt.url = "ssl://localhost:" + std::to_string(port);
    config_.mqtt.ca_file = dir_.file(ca);
    start();
    EXPECT_TRUE(eventually([&] { return !runners_[0]->status().trouble.empty(); }));
    EXPECT_EQ(runners_[0]->cursor(), 0);
    EXPECT_TRUE(counted("ngplc_hub_sink_up{sink=\"mqtt\"} 0"));
    runners_.clear();
  };
  refused(good.first, "other");                // signed by somebody else
  refused(named_otherwise.first, "stranger");  // trusted, but another machine's
  config_.mqtt.url = "ssl://localhost:" + std::to_string(good.first);
  config_.mqtt.ca_file = dir_.file("cert");
  start();
  EXPECT_TRUE(drained()) << runners_[0]->status().trouble;
}

TEST(DeliveryText, EscapesAndKeepsDecimals) {
  Delivery d;
  d.device = 0x2a;
  d.counter = 7;
  d.time_ns = 1'763'667'000'123'456'789;
  StoredReading v;
  v.obis = "1-0:1.8.0";
  v.unit = "kWh";
  v.mantissa = 1'234'567;
  v.exponent = -2;
  v.base = 100;
  d.values = {v};
  EXPECT_EQ(influx_lines(d, "h 1,=x"),
            "meter,hub=h\\ 1\\,\\=x,dev=0000002a,obis=1-0:1.8.0 value=12345.67,total=12346.67,fcnt=7i "
            "1763667000123\n");
  EXPECT_EQ(topic_level("a/b.c #+"), "a_b_c___");
  const json body = json::parse(delivery_json(d));
  EXPECT_EQ(body["values"][0]["v"], "12345.67");
  EXPECT_EQ(body["values"][0]["total"], "12346.67");
}

}  // namespace
