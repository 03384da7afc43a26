// Readings of several hubs through JetStream into PostgreSQL: each once, whoever is killed meanwhile.
#include <nlohmann/json.hpp>
#include <random>

#include "ask_postgres.h"
#include "certificate.h"
#include "collect_config.h"
#include "deliveries.h"
#include "delivery_text.h"
#include "jet_stream.h"
#include "notify_socket.h"
#include "reading_message.h"
#include "server_process.h"
#include "sink.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;

TEST(ReadingMessage, IsReadBackAsItWasSent) {
  Delivery d = make_delivery(258);
  d.late = true;
  const auto rows = parse_reading_message("plc.h_1.00000007.reading", delivery_json(d));
  ASSERT_TRUE(rows) << rows.error();
  ASSERT_EQ(rows->size(), 2U);
  const ReadingRow& energy = rows->at(0);
  EXPECT_EQ(energy.hub, "h_1");
  EXPECT_EQ(energy.device, 7U);
  EXPECT_EQ(energy.obis, "1-0:1.8.0");
  EXPECT_EQ(energy.time_ms, kNovember2025Ms + 258'000);
  EXPECT_EQ(energy.epoch, 3U);
  EXPECT_EQ(energy.counter, 258U);
  EXPECT_EQ(energy.value, "1000258");
  EXPECT_EQ(energy.total, "1000758");
  EXPECT_EQ(energy.unit, "Wh");
  EXPECT_TRUE(energy.late);
  EXPECT_EQ(rows->at(1).value, "230.1");
  EXPECT_EQ(rows->at(1).total, "230.1") << "the value where no total is told";
}

TEST(ReadingMessage, WhatNoHubSaysNamesItsField) {
  const std::string subject = "plc.h1.00000001.reading";
  const std::string good =
      R"({"dev":"00000001","ts":1763667000123,"epoch":3,"fcnt":7,"values":[{"obis":"1-0:1.8.0","v":"-1.5","u":"Wh","q":"ok"}]})";
  ASSERT_TRUE(parse_reading_message(subject, good)) << parse_reading_message(subject, good).error();
  for (const char* other : {"", "plc", "plc.h1.00000001", "plc.h1.00000001.reading.x",
                            "plc..00000001.reading", "plc.h1.0000001.reading", "plc.h1.0000000g.reading",
                            "plc.h 1.00000001.reading", "plc.h1.+0000001.reading", "gas.h1.00000001.reading"})
    EXPECT_EQ(parse_reading_message(other, good).error(), "subject: expected plc.<hub>.<dev>.reading")
        << other;
  const std::tuple<const char*, const char*, const char*> wrong[] = {
      {"{", "[", "body: expected a JSON object"},
      {"\"00000001\"", "\"00000002\"", "dev: expected the device of the subject"},
      {"1763667000123", "-1", "ts: expected an integer from 0 to 9223372036854"},
      {"1763667000123", "9223372036855", "ts: expected an integer from 0 to 9223372036854"},
      {"1763667000123", "18446744073709551615", "ts: expected an integer from 0 to 9223372036854"},
      {"1763667000123", "1763667000123.0", "ts: expected an integer from 0 to 9223372036854"},
      {"\"ts\"", "\"t\"", "ts: expected an integer from 0 to 9223372036854"},
      {"\"epoch\":3", "\"epoch\":4294967296", "epoch: expected an integer from 0 to 4294967295"},
      {"\"fcnt\":7", "\"fcnt\":\"7\"", "fcnt: expected an integer from 0 to 4294967295"},
      {"\"fcnt\":7", "\"fcnt\":7,\"late\":1", "late: expected true or false"},
      {"[{", "[],\"x\":[{", "values: expected a list of one or more"},
      {"[{", "[1,{", "values: expected objects"},
      {"\"1-0:1.8.0\"", "\"\"", "obis: expected a register"},
      {"\"1-0:1.8.0\"", "\"1-0\\u0000\"", "obis: expected text of at most 64 bytes"},
      {"\"Wh\"", "null", "u: expected text of at most 64 bytes"},
      {"\"-1.5\"", "-1.5", "v: expected text of at most 64 bytes"},
      {"\"-1.5\"", "\"1e5\"", "v: expected a decimal"},
      {"\"-1.5\"", "\"NaN\"", "v: expected a decimal"},
      {"\"-1.5\"", "\"1.\"", "v: expected a decimal"},
      {"\"-1.5\"", "\"\"", "v: expected a decimal"},
      {"\"-1.5\"", "\"12345678901234567890123456789012345678901\"", "v: expected a decimal"},
      {"\"v\"", "\"total\":\".5\",\"v\"", "total: expected a decimal"},
      {"\"ok\"", "\"bad\"", "q: expected ok"},
  };
  for (const auto& [from, to, message] : wrong) {
    std::string body = good;
    body.replace(body.find(from), std::string(from).size(), to);
    const auto rows = parse_reading_message(subject, body);
    ASSERT_FALSE(rows) << body;
    EXPECT_EQ(rows.error(), message) << body;
  }
  EXPECT_FALSE(parse_reading_message(subject, std::string(60'000, '['))) << "deep";
  EXPECT_EQ(parse_reading_message(subject, good + std::string(64 * 1024, ' ')).error(),
            "body: expected at most 64 KiB");
  EXPECT_FALSE(parse_reading_message(subject, ""));
}

TEST(CollectConfig, OneLineNamesFileLineAndField) {
  const std::string good = "[nats]\nurl = \"nats://localhost:4222\"\n[postgres]\nurl = \"dbname=x\"\n";
  const auto config = parse_collect_config(good, "collect.toml");
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->durable, "ngplc-collect");
  EXPECT_EQ(config->nats.stream, "PLC");
  const std::pair<const char*, const char*> wrong[] = {
      {"", "collect.toml: nats.url: expected nats://HOST:PORT or tls://HOST:PORT"},
      {"[nats]\nurl = \"nats://h\"", "collect.toml: postgres.url: expected a connection string of libpq"},
      {"[nats]\nurl = \"http://h\"",
       "collect.toml:2:7: nats.url: expected nats://HOST:PORT or tls://HOST:PORT"},
      {"[nats]\nurl = \"nats://h\"\nca_file = \"x\"",
       "collect.toml:3:11: nats.ca_file: expected with tls://"},
      {"[nats]\nurl = \"nats://h\"\ndurable = \"a.b\"",
       "collect.toml:3:11: nats.durable: expected 1 to 64 of [A-Za-z0-9_-]"},
      {"[nats]\nurl = \"nats://h\"\nack_wait_s = 0",
       "collect.toml:3:14: nats.ack_wait_s: expected 1 to 3600"},
      {"[feed]\nendpoint = \"x\"", "collect.toml:1:1: feed: unknown key"},
  };
  for (const auto& [text, message] : wrong) {
    const auto refused = parse_collect_config(text, "collect.toml");
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error(), message);
  }
  EXPECT_NE(parse_collect_config(good + "[http]\nlisten = \"0.0.0.0:80\"", "x").error().find("http.listen"),
            std::string::npos);
}

class Collect : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!PostgresServer::is_installed() || !is_installed("/usr/sbin/nats-server"))
      GTEST_SKIP() << "packages postgresql, nats-server are not installed";
    postgres_ = std::make_unique<PostgresServer>();
    ASSERT_TRUE(postgres_->ready());
  }
  void start_nats(std::vector<std::string> more = {}) {
    nats_port_ = free_port();
    std::vector<std::string> command = {"/usr/sbin/nats-server",    "-a",  "127.0.0.1", "-p",
                                        std::to_string(nats_port_), "-js", "-sd",       dir_.file("nats")};
    command.insert(command.end(), more.begin(), more.end());
    nats_ = std::make_unique<ServerProcess>(command, dir_.file("nats.log"));
    ASSERT_TRUE(eventually([&] { return accepts(nats_port_); }, 30));
    hub_.url = "nats://127.0.0.1:" + std::to_string(nats_port_);
  }
  // Waiting for what a killed collect had taken shall be short here.
  void configure(const std::string& nats = "ack_wait_s = 2\n", const std::string& more = "") {
    http_port_ = http_port_ == 0 ? free_port() : http_port_;
    std::ofstream(dir_.file("collect.toml")) << "[nats]\nurl = \"" << hub_.url << "\"\n"
                                             << nats << "[postgres]\nurl = \"" << postgres_->url()
                                             << "\"\n[http]\nlisten = \"127.0.0.1:" << http_port_ << "\"\n"
                                             << more;
  }
  std::unique_ptr<HubProcess> collect() {
    return std::make_unique<HubProcess>(
        std::vector<std::string>{"collect", "--config", dir_.file("collect.toml")}, dir_.file("log"));
  }
  void publish(const std::string& hub, const std::vector<Delivery>& deliveries) {
    ASSERT_EQ(make_nats_sink(hub_, hub)->deliver(deliveries).wrong, "");
  }
  // A message as anybody who may write to the stream could send it.
  void publish_raw(const std::string& subject, const std::string& body) {
    const JetStream stream = open();
    ASSERT_TRUE(stream);
    ASSERT_EQ(js_Publish(nullptr, stream.context.get(), subject.c_str(), body.data(),
                         static_cast<int>(body.size()), nullptr, nullptr),
              NATS_OK);
  }
  // Empty while the server is away.
  JetStream open() const {
    JetStream stream;
    jsOptions options;
    jsOptions_Init(&options);
    open_jet_stream(hub_, options, stream);
    return stream;
  }
  // Everything in the stream was acknowledged or terminated.
  bool settled(int seconds = 60) const {
    return eventually(
        [this] {
          const JetStream stream = open();
          jsConsumerInfo* info = nullptr;
          if (!stream || js_GetConsumerInfo(&info, stream.context.get(), "PLC", "ngplc-collect", nullptr,
                                            nullptr) != NATS_OK)
            return false;
          const bool done = info->NumPending == 0 && info->NumAckPending == 0;
          jsConsumerInfo_Destroy(info);
          return done;
        },
        seconds);
  }
  std::string ask(const std::string& sql) const { return test::ask(postgres_->url(), sql); }
  std::string get(const std::string& path) const {
    httplib::Client client("127.0.0.1", http_port_);
    const auto answer = client.Get(path);
    return answer ? std::to_string(answer->status) + " " + answer->body : "no answer";
  }

  TempDir dir_;
  std::unique_ptr<PostgresServer> postgres_;
  std::unique_ptr<ServerProcess> nats_;
  NatsConfig hub_;  // as the hubs have it
  int nats_port_ = 0;
  int http_port_ = 0;
};

TEST_F(Collect, TwoHubsEachReadingOnceWhoeverIsKilled) {
  start_nats();
  configure();
  constexpr std::uint32_t kReadings = 15'000;  // of each hub
  constexpr std::uint32_t kBatch = 50;
  std::vector<std::thread> hubs;
  for (const char* hub : {"h1", "h2"}) {
    hubs.emplace_back([&, hub] {
      const auto sink = make_nats_sink(hub_, hub);
      for (std::uint32_t i = 0; i < kReadings; i += kBatch) {
        // As the sink's runner does: until it arrives.
        EXPECT_TRUE(eventually([&] { return sink->deliver(make_deliveries(i, kBatch)).wrong.empty(); }, 60));
        std::this_thread::sleep_for(std::chrono::milliseconds(40));
      }
    });
  }
  std::mt19937 random(7);
  std::uniform_int_distribution<int> wait_ms(200, 1000);
  std::unique_ptr<HubProcess> collector;
  int with_rows = 0;
  for (int kill = 0; kill < 12; ++kill) {
    collector = collect();
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms(random)));
    if (kill == 4) postgres_->kill(SIGKILL);
    if (kill == 8) nats_->kill(SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms(random)));
    collector->kill(SIGKILL);
    if (kill == 4) {
      postgres_->start();
      EXPECT_TRUE(postgres_->ready());
    }
    if (kill == 8) nats_->start();
    const int rows = std::atoi(ask("SELECT count(*) FROM ngplc_readings").c_str());
    with_rows += rows > 0 && rows < static_cast<int>(4 * kReadings) ? 1 : 0;
  }
  EXPECT_GE(with_rows, 3) << "kills in the middle, not before or after";
  EXPECT_TRUE(eventually([&] { return accepts(nats_port_); }));
  collector = collect();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  // Both away while it runs: it goes on by itself.
  postgres_->kill(SIGKILL);
  publish("h3", make_deliveries(0, 10));
  EXPECT_TRUE(eventually([&] { return get("/healthz").substr(0, 13) == "503 postgres:"; }))
      << get("/healthz");
  nats_->kill(SIGKILL);
  EXPECT_TRUE(eventually([&] { return get("/healthz").substr(0, 11) == "503 nats://"; }, 60))
      << get("/healthz");
  postgres_->start();
  nats_->start();
  for (std::thread& hub : hubs) hub.join();
  EXPECT_TRUE(settled()) << collector->log();
  EXPECT_TRUE(eventually([&] { return get("/healthz") == "200 ok\n"; })) << get("/healthz");
  // 2 values of each reading, none twice by the table's key; sums tell that each is itself.
  EXPECT_EQ(ask("SELECT count(*) FROM ngplc_readings WHERE hub <> 'h3'"), std::to_string(4 * kReadings));
  EXPECT_EQ(ask("SELECT count(DISTINCT (hub, counter)) FROM ngplc_readings WHERE hub <> 'h3'"),
            std::to_string(2 * kReadings));
  EXPECT_EQ(ask("SELECT sum(total - 1000500 - counter) || ' ' || sum(value - 1000000 - counter) FROM "
                "ngplc_readings WHERE register = '1-0:1.8.0'"),
            "0 0");
  EXPECT_EQ(ask("SELECT count(*) FROM ngplc_readings WHERE hub = 'h3'"), "20");
  EXPECT_EQ(collector->kill(SIGTERM), 0) << collector->log();
  EXPECT_NE(collector->log().find("stopped"), std::string::npos);
}

TEST_F(Collect, WhatCannotBeStoredIsSaidAndDoesNotComeAgain) {
  start_nats();
  configure();
  publish("h1", make_deliveries(0, 50));
  auto collector = collect();
  ASSERT_TRUE(settled()) << collector->log();
  // A rule of the operator's own, which PostgreSQL keeps; and a partition that somebody dropped.
  ask("ALTER TABLE ngplc_readings ADD CHECK (unit <> 'bad')");
  ask("DROP TABLE ngplc_readings_2025_11");
  publish_raw("plc.h1.00000001.reading", "no JSON");
  publish_raw("plc.h1.00000001.reading", R"({"dev":"00000002"})");
  publish_raw("plc.h1.0001.reading", delivery_json(make_delivery(0)));
  publish_raw("plc.h1.status", "another subject, which is nobody's business");
  auto deliveries = make_deliveries(1000, 200);
  deliveries[77].values[1].unit = "bad";
  deliveries[150].values[0].unit = "bad";
  publish("h1", deliveries);
  publish("h1", make_deliveries(2000, 10));
  ASSERT_TRUE(settled()) << collector->log();
  // More than one batch takes: the longest that the server lets through.
  for (int i = 0; i < 30; ++i) publish_raw("plc.h1.00000001.reading", std::string(1'000'000, 'x'));
  ASSERT_TRUE(settled()) << collector->log();
  EXPECT_EQ(ask("SELECT count(*) FROM ngplc_readings"), std::to_string(2 * (200 + 10) - 2))
      << "all but the values refused";
  EXPECT_EQ(ask("SELECT count(*) FROM ngplc_readings WHERE unit = 'bad'"), "0");
  for (const char* line : {"ngplc_collect_messages_total{result=\"refused\"} 35\n",
                           "ngplc_collect_messages_total{result=\"stored\"} 258\n", "ngplc_collect_up 1\n"})
    EXPECT_TRUE(eventually([&] { return get("/metrics").find(line) != std::string::npos; }))
        << line << get("/metrics");
  const std::string log = collector->log();
  EXPECT_NE(log.find("dev: expected the device of the subject"), std::string::npos) << log;
  EXPECT_NE(log.find("subject: expected plc.<hub>.<dev>.reading"), std::string::npos) << log;
  EXPECT_NE(log.find("violates check constraint"), std::string::npos) << log;
  // They are still where the log says.
  const JetStream stream = open();
  ASSERT_TRUE(stream);
  natsMsg* message = nullptr;
  ASSERT_EQ(js_GetMsg(&message, stream.context.get(), "PLC", 51, nullptr, nullptr), NATS_OK);
  EXPECT_STREQ(natsMsg_GetData(message), "no JSON");
  EXPECT_NE(log.find("message 51 of stream PLC, subject plc.h1.00000001.reading: body: expected a JSON"),
            std::string::npos)
      << log;
  natsMsg_Destroy(message);
}

TEST_F(Collect, TwoOfThemShareTheWork) {
  start_nats();
  configure();
  const auto first = collect();
  ASSERT_TRUE(first->says("ready")) << first->log();
  http_port_ = 0;
  configure();
  const auto second = collect();
  for (std::uint32_t i = 0; i < 4000; i += 100) publish("h1", make_deliveries(i, 100));
  EXPECT_TRUE(settled());
  EXPECT_EQ(ask("SELECT count(*) FROM ngplc_readings"), "8000");
}

TEST_F(Collect, AServerWithAnotherCertificateGivesNothing) {
  write_certificate(dir_.file("cert"), dir_.file("key"), "localhost");
  write_certificate(dir_.file("other"), dir_.file("otherkey"), "localhost");
  start_nats({"--tls", "--tlscert", dir_.file("cert"), "--tlskey", dir_.file("key")});
  hub_.url = "tls://localhost:" + std::to_string(nats_port_);
  configure("ca_file = \"" + dir_.file("other") + "\"\n");
  auto collector = collect();
  EXPECT_TRUE(collector->says("messages wait in the stream")) << collector->log();
  EXPECT_EQ(collector->kill(SIGTERM), 0);
  hub_.ca_file = dir_.file("cert");
  publish("h1", make_deliveries(0, 100));
  // Trusted, but the name is another machine's.
  hub_.url = "tls://127.0.0.1:" + std::to_string(nats_port_);
  EXPECT_NE(make_nats_sink(hub_, "h1")->deliver(make_deliveries(100, 1)).wrong, "");
  hub_.url = "tls://localhost:" + std::to_string(nats_port_);
  configure("ca_file = \"" + dir_.file("cert") + "\"\n");
  collector = collect();
  EXPECT_TRUE(settled()) << collector->log();
  EXPECT_EQ(ask("SELECT count(*) FROM ngplc_readings"), "200");
}

TEST_F(Collect, RunsAsAService) {
  start_nats();
  configure();
  NotifySocket socket(dir_.file("notify"));
  ::setenv("NOTIFY_SOCKET", dir_.file("notify").c_str(), 1);
  ::setenv("WATCHDOG_USEC", "3600000", 1);
  const auto collector = collect();
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  EXPECT_TRUE(eventually([&] { return socket.heard().find("READY=1") != std::string::npos; }));
  EXPECT_TRUE(eventually([&] { return socket.pings() >= 2; })) << "also while nothing comes";
  configure("ack_wait_s = 0\n");
  ::kill(collector->pid(), SIGHUP);
  EXPECT_TRUE(collector->says("collect.toml:3:14: nats.ack_wait_s: expected 1 to 3600"));
  configure("ack_wait_s = 5\n", "[log]\nlevel = \"debug\"\n");
  ::kill(collector->pid(), SIGHUP);
  EXPECT_TRUE(collector->says("configuration read again"));
  publish("h1", make_deliveries(0, 10));
  EXPECT_TRUE(settled());
  EXPECT_EQ(ask("SELECT count(*) FROM ngplc_readings"), "20");
  EXPECT_EQ(collector->kill(SIGTERM), 0);
  EXPECT_NE(socket.heard().find("STOPPING=1"), std::string::npos);
  EXPECT_NE(collector->log().find("10 messages stored, 20 values, 0 messages refused"), std::string::npos)
      << collector->log();
}

TEST(CollectProgram, WrongUsageIsExitCode2) {
  const TempDir dir;
  std::ofstream(dir.file("bad.toml")) << "[nats]\nurl = 1\n";
  int run = 0;
  const auto refused = [&](std::vector<std::string> words) {
    HubProcess program(std::move(words), dir.file("log" + std::to_string(++run)));
    EXPECT_EQ(program.wait(), 2) << program.log();
    return program.log();
  };
  EXPECT_NE(refused({"collect"}).find("expected --config FILE"), std::string::npos);
  EXPECT_NE(refused({"collect", "more", "--config", dir.file("bad.toml")}).find("expected --config FILE"),
            std::string::npos);
  EXPECT_NE(refused({"collect", "--config", dir.file("none.toml")}).find("cannot be read"),
            std::string::npos);
  EXPECT_NE(refused({"collect", "--config", dir.file("bad.toml")})
                .find("bad.toml:2:7: nats.url: expected a string, found an integer"),
            std::string::npos);
}

}  // namespace
