#include <SQLiteCpp/SQLiteCpp.h>

#include <zmq_addon.hpp>

#include "feed_client.h"
#include "feed_server.h"
#include "hub_process.h"

namespace {

using namespace ngplc;
using namespace ngplc::hub;
using namespace ngplc::hub::test;
using namespace std::chrono_literals;

class FeedTest : public ::testing::Test {
 protected:
  FeedTest() {
    database_.file = dir_.file("hub.sqlite");
    feed_.endpoint = "ipc://" + dir_.file("feed");
  }
  void start() {
    store_ = std::move(Store::open(database_).value());
    ingest_ = std::make_unique<Ingest>(*store_, metrics_);
    server_ = std::make_unique<FeedServer>(feed_, "hub", *ingest_, metrics_);
    ASSERT_EQ(server_->start(), "");
  }
  FeedClientConfig client_config() const {
    FeedClientConfig c;
    c.endpoint = server_ ? server_->bound_endpoint() : feed_.endpoint;
    c.receiver = "test-receiver";
    c.run = 1;
    c.spool.resend_after_ms = 200;
    return c;
  }
  static std::unique_ptr<FeedClient> open(const FeedClientConfig& config) {
    auto client = FeedClient::open(config);
    EXPECT_TRUE(client.ok()) << client.error();
    return client.ok() ? std::move(client.value()) : nullptr;
  }
  bool counted(const std::string& line) const {
    return eventually([&] { return metrics_.text().find(line) != std::string::npos; }, 10);
  }
  // The one record on its way is with the hub: what a modem sends arrives in its order, and of a report the
  // hub counts that it came.
  bool arrived(FeedClient& client) const {
    if (!eventually([&] { return client.counters().spool.in_flight == 1; })) return false;
    client.report({1, ngwire::TransmitStatus::sent, 0, ""});
    return counted("ngplc_hub_downlinks_total{result=\"sent\"} 1");
  }
  TempDir dir_;
  DatabaseConfig database_;
  FeedConfig feed_;
  Metrics metrics_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<FeedServer> server_;
};

TEST_F(FeedTest, RecordsArriveAndAreAcknowledged) {
  start();
  auto client = open(client_config());
  for (std::uint64_t i = 0; i < 300; ++i) EXPECT_TRUE(client->send(make_record(1, i, 3)));
  EXPECT_TRUE(client->drain(20'000));
  EXPECT_EQ(client->counters().spool.acknowledged, 300U);
  EXPECT_TRUE(counted("ngplc_hub_records_total{result=\"stored\"} 300"));
  auto bad = make_record(1, 1, 1);
  bad.payload.clear();
  EXPECT_FALSE(client->send(bad));
  EXPECT_EQ(client->counters().invalid, 1U);
}

// A hub that spares its disk: nothing is stored or acknowledged before its time, unless somebody waits for
// it.
TEST_F(FeedTest, RecordsOfMinutesShareACommit) {
  feed_.batch_delay_ms = 600'000;
  start();
  auto client = open(client_config());
  ASSERT_TRUE(eventually([&] { return client->counters().hub_seen; }));
  const std::uint64_t turns = server_->turns();
  for (std::uint64_t i = 0; i < 20; ++i) EXPECT_TRUE(client->send(make_record(1, i, 3)));
  ASSERT_TRUE(eventually([&] { return client->counters().spool.sends >= 20; }));
  // Longer than the modem waits for a hub that says nothing of a delay, and than the feed looks around.
  std::this_thread::sleep_for(1500ms);
  EXPECT_EQ(client->counters().spool.acknowledged, 0U);
  EXPECT_EQ(client->counters().spool.resends, 0U) << "the hub said how long it takes";
  EXPECT_EQ(metrics_.text().find("result=\"stored\"} 2"), std::string::npos);
  EXPECT_GT(server_->turns(), turns) << "the watchdog sees that it lives";
  EXPECT_TRUE(client->drain(5000)) << "a modem that ends need not wait";
  EXPECT_TRUE(counted("ngplc_hub_records_total{result=\"stored\"} 20"));
  // What was under way when the hub was stopped is stored as well.
  std::this_thread::sleep_for(2100ms);
  EXPECT_TRUE(client->send(make_record(1, 20, 3)));
  ASSERT_TRUE(arrived(*client));
  server_->stop();
  EXPECT_TRUE(counted("ngplc_hub_records_total{result=\"stored\"} 21"));
}

TEST_F(FeedTest, AChangedRegistryEndsTheWait) {
  feed_.batch_delay_ms = 600'000;
  start();
  auto client = open(client_config());
  EXPECT_TRUE(client->send(make_record(1, 1, 3)));
  ASSERT_TRUE(arrived(*client));
  SQLite::Database(database_.file, SQLite::OPEN_READWRITE, 5000).exec("INSERT INTO groups(name) VALUES('g')");
  EXPECT_TRUE(eventually([&] { return client->counters().spool.acknowledged == 1; }, 5));
}

TEST_F(FeedTest, RecordsWaitForAHubThatComesLater) {
  auto client = open(client_config());
  for (std::uint64_t i = 0; i < 20; ++i) client->send(make_record(1, i, 3));
  EXPECT_FALSE(client->drain(200));
  start();
  EXPECT_TRUE(client->drain(20'000));
}

TEST_F(FeedTest, BadMessagesAreCountedAndHarmless) {
  start();
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 0);
  socket.connect(server_->bound_endpoint());
  const auto send = [&](std::vector<std::string> parts) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      socket.send(zmq::buffer(parts[i]),
                  i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  };
  send({"record"});
  send({"record", "a", "b", "c"});
  send({"nonsense", "x"});
  send({"record", std::string(70'000, 'x')});
  send({"record", "\xff\xff"});
  send({"record", std::string("\xa1\x67version\x01", 10)});
  send({"record", std::string("\xa1\x67version\x61z", 11)});
  send({"record", std::string(60'000, '\x7f')});
  send({"hello", ""});
  send({"report", "\x80"});
  for (const char* reason : {"parts", "kind", "too_large", "malformed", "missing_key", "wrong_type"}) {
    EXPECT_TRUE(counted(std::string("ngplc_hub_bad_messages_total{reason=\"") + reason + "\"}"))
        << reason << "\n"
        << metrics_.text();
  }
  // 100 MB: the connection is closed, the hub goes on.
  send({"record", std::string(100 << 20, 'x')});
  EXPECT_TRUE(counted("ngplc_hub_feed_connections_total{event=\"closed\"} 1"));
  auto client = open(client_config());
  client->send(make_record(1, 1, 3));
  EXPECT_TRUE(client->drain(20'000));
}

TEST_F(FeedTest, FullDatabaseIsNotAcknowledgedAndHeals) {
  database_.max_bytes = 150'000;
  start();
  auto client = open(client_config());
  for (std::uint64_t i = 0; i < 2000; ++i) ASSERT_TRUE(client->send(make_record(1, i, 3)));
  ASSERT_TRUE(counted("ngplc_hub_commit_failures_total{reason=\"full\"}"));
  EXPECT_FALSE(client->drain(300));
  EXPECT_NE(metrics_.storage_trouble(), "");
  // Room again: a hub without the bound takes the rest.
  server_.reset();
  ingest_.reset();
  store_.reset();
  database_.max_bytes = 0;
  start();
  EXPECT_TRUE(client->drain(30'000));
  auto reader = StoreReader::open(database_.file);
  std::size_t frames = 0;
  Page page;
  page.limit = 1000;
  for (;;) {
    const auto some = reader.value()->frames(page);
    frames += some->size();
    if (some->empty()) break;
    page.cursor = some->back().id;
  }
  EXPECT_EQ(frames, 2000U);
}

TEST_F(FeedTest, DownlinkGoesOutAndItsReportComesBack) {
  std::atomic<int> reports{0};
  start();
  server_->stop();
  server_ = std::make_unique<FeedServer>(feed_, "hub", *ingest_, metrics_);
  server_->on_report([&](const std::string& receiver, const ngwire::TransmitReport& report) {
    if (receiver == "test-receiver" && report.id == 77 && report.status == ngwire::TransmitStatus::sent)
      ++reports;
  });
  ASSERT_EQ(server_->start(), "");
  FeedClientConfig config = client_config();
  std::unique_ptr<FeedClient> client;
  std::atomic<FeedClient*> ready{nullptr};
  config.on_downlink = [&](const ngwire::DownlinkFrame& frame) {
    ready.load()->report({frame.id, ngwire::TransmitStatus::sent, 5, ""});
  };
  client = open(config);
  ready = client.get();
  const ngwire::DownlinkFrame frame{77, "cenelec-a", 1, 2, {1, 2, 3}};
  EXPECT_FALSE(server_->send_downlink("nobody", frame));
  EXPECT_TRUE(eventually([&] { return server_->send_downlink("test-receiver", frame); }));
  EXPECT_TRUE(eventually([&] { return reports > 0; }));
  client.reset();
  server_.reset();
}

TEST_F(FeedTest, MirrorShowsTheRecords) {
  FeedClientConfig config = client_config();
  config.endpoint.clear();
  config.mirror_endpoint = "ipc://" + dir_.file("mirror");
  auto client = open(config);
  zmq::context_t context;
  zmq::socket_t watcher(context, zmq::socket_type::sub);
  watcher.set(zmq::sockopt::subscribe, "frame.");
  watcher.set(zmq::sockopt::rcvtimeo, 100);
  watcher.connect(config.mirror_endpoint);
  std::uint64_t sequence = 0;
  EXPECT_TRUE(eventually([&] {
    client->send(make_record(1, ++sequence, 3));
    std::vector<zmq::message_t> parts;
    return zmq::recv_multipart(watcher, std::back_inserter(parts)) && parts.size() == 2 &&
           ngwire::decode_frame_record(static_cast<const std::uint8_t*>(parts[1].data()), parts[1].size())
               .ok();
  }));
  EXPECT_TRUE(client->drain(5000));
}

TEST_F(FeedTest, CurveLetsInOnlyTheListed) {
  char hub_public[41], hub_secret[41], good_public[41], good_secret[41];
  ASSERT_EQ(zmq_curve_keypair(hub_public, hub_secret), 0);
  ASSERT_EQ(zmq_curve_keypair(good_public, good_secret), 0);
  std::ofstream(dir_.file("key")) << hub_secret << "\n";
  feed_.endpoint = "tcp://127.0.0.1:*";
  feed_.curve_secret_key_file = dir_.file("key");
  feed_.curve_clients = {good_public};
  start();
  FeedClientConfig config = client_config();
  config.curve_server_key = hub_public;
  auto stranger = open(config);
  stranger->send(make_record(1, 1, 3));
  auto plain_config = client_config();
  auto plain = open(plain_config);
  plain->send(make_record(1, 2, 3));
  EXPECT_TRUE(counted("ngplc_hub_feed_connections_total{event=\"handshake_failed\"}"));
  EXPECT_FALSE(stranger->drain(500));
  EXPECT_FALSE(plain->drain(100));
  config.curve_public_key = good_public;
  config.curve_secret_key = good_secret;
  auto friendly = open(config);
  friendly->send(make_record(1, 3, 3));
  EXPECT_TRUE(friendly->drain(20'000));
  EXPECT_TRUE(counted("ngplc_hub_records_total{result=\"stored\"} 1"));
}

TEST_F(FeedTest, BadClientConfigIsRefused) {
  for (const char* endpoint : {"", "udp://x", "nowhere"}) {
    FeedClientConfig config = client_config();
    config.endpoint = endpoint;
    EXPECT_FALSE(FeedClient::open(config).ok()) << endpoint;
  }
  FeedClientConfig config = client_config();
  config.endpoint = "tcp://127.0.0.1:notaport";
  EXPECT_FALSE(FeedClient::open(config).ok());
  config = client_config();
  config.curve_server_key = "short";
  EXPECT_FALSE(FeedClient::open(config).ok());
}

TEST(FaultClass, SortsTheDecodersComplaints) {
  EXPECT_STREQ(fault_class("frame record has version 9, expected 1"), "version");
  EXPECT_STREQ(fault_class("frame record key 'run' is missing"), "missing_key");
  EXPECT_STREQ(fault_class("frame record key 'run' has the wrong type"), "wrong_type");
  EXPECT_STREQ(fault_class("frame record key 'run' is out of range"), "range");
  EXPECT_STREQ(fault_class("frame record is not a map"), "malformed");
}

}  // namespace
