// The whole promise at once: sealed frames heard by two receivers, a hub killed at random instants, servers
// behind it. Every frame is stored once, and every server holds exactly that set.
// NGPLC_KILLS=200 in the environment is the full run; ctest makes a short one.
#include <SQLiteCpp/SQLiteCpp.h>
#include <nats/nats.h>

#include <atomic>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "ask_postgres.h"
#include "feed_client.h"
#include "link_node.h"
#include "server_process.h"

namespace {

using namespace ngplc;
using namespace ngplc::hub;
using namespace ngplc::hub::test;
using namespace std::chrono_literals;

constexpr std::size_t kNodes = 20;
constexpr auto kFrameEvery = 2ms;  // 500 a second
constexpr int kKillEveryMs = 400;  // on average

class LinkFault : public ::testing::Test {
 protected:
  std::unique_ptr<HubProcess> start_hub() const {
    return std::make_unique<HubProcess>(std::vector<std::string>{"--config", dir_.file("hub.toml")},
                                        dir_.file("hub.log"));
  }
  std::unique_ptr<FeedClient> start_client(const std::string& receiver, std::uint64_t run,
                                           std::function<void(const ngwire::DownlinkFrame&)> heard) const {
    FeedClientConfig config;
    config.endpoint = "ipc://" + dir_.file("feed");
    config.receiver = receiver;
    config.run = run;
    config.spool.directory = dir_.file("spool-" + receiver);
    config.spool.resend_after_ms = 300;
    config.on_downlink = std::move(heard);
    auto client = FeedClient::open(config);
    EXPECT_TRUE(client.ok()) << client.error();
    return client.ok() ? std::move(client.value()) : nullptr;
  }
  std::int64_t number(const std::string& sql) const {
    SQLite::Database db(dir_.file("hub.sqlite"), SQLite::OPEN_READONLY, 5000);
    return db.execAndGet(sql).getInt64();
  }
  TempDir dir_;
};

TEST_F(LinkFault, KilledAtRandomInstantsEverySinkHoldsTheSameSet) {
  const char* wanted = std::getenv("NGPLC_KILLS");
  const int kills = wanted != nullptr ? std::atoi(wanted) : 10;
  if (!PostgresServer::is_installed() || !is_installed("/usr/sbin/nats-server") ||
      !is_installed("/usr/bin/influxd"))
    GTEST_SKIP() << "packages postgresql, nats-server, influxdb are not installed";
  PostgresServer postgres;
  const int nats_port = free_port();
  const int influx_port = free_port();
  ServerProcess nats({"/usr/sbin/nats-server", "-a", "127.0.0.1", "-p", std::to_string(nats_port), "-js",
                      "-sd", dir_.file("nats")},
                     dir_.file("nats.log"));
  std::ofstream(dir_.file("influx.conf"))
      << "reporting-disabled = true\nbind-address = \"127.0.0.1:0\"\n[meta]\ndir = \""
      << dir_.file("influx/meta") << "\"\n[data]\ndir = \"" << dir_.file("influx/data") << "\"\nwal-dir = \""
      << dir_.file("influx/wal") << "\"\n[http]\nbind-address = \"127.0.0.1:" << influx_port
      << "\"\nlog-enabled = false\n";
  ServerProcess influx({"/usr/bin/influxd", "-config", dir_.file("influx.conf")}, dir_.file("influx.log"));
  httplib::Client influx_client("127.0.0.1", influx_port);
  ASSERT_TRUE(eventually([&] { return influx_client.Get("/ping"); }, 30));
  ASSERT_TRUE(influx_client.Post("/query", httplib::Params{{"q", "CREATE DATABASE ngplc"}}));
  ASSERT_TRUE(postgres.ready());
  ASSERT_TRUE(eventually([&] { return accepts(nats_port); }));

  const std::string nats_url = "nats://127.0.0.1:" + std::to_string(nats_port);
  ASSERT_EQ(KeyVault::create(dir_.file("key")), "");
  std::ofstream(dir_.file("hub.toml"))
      << "name = \"h1\"\n[feed]\nendpoint = \"ipc://" << dir_.file("feed")
      << "\"\n[http]\nlisten = \"127.0.0.1:0\"\n[database]\nfile = \"" << dir_.file("hub.sqlite")
      << "\"\n[link]\nkey_file = \"" << dir_.file("key") << "\"\n[postgres]\nurl = \"" << postgres.url()
      << "\"\n[nats]\nurl = \"" << nats_url << "\"\n[influx]\nurl = \"http://127.0.0.1:" << influx_port
      << "\"\n";
  auto hub = start_hub();
  ASSERT_TRUE(hub->says("ready")) << hub->log();
  {
    const auto vault = KeyVault::open(dir_.file("key"));
    register_nodes(dir_.file("hub.sqlite"), vault.value(), 1000, kNodes);
  }

  // Every node joins over the first receiver.
  std::mutex mutex;
  std::map<ngwire::Eui, std::unique_ptr<TestNode>> nodes;
  for (std::size_t i = 0; i < kNodes; ++i) nodes[1000 + i] = std::make_unique<TestNode>(1000 + i);
  std::atomic<std::size_t> joined{0};
  const auto heard = [&](const ngwire::DownlinkFrame& frame) {
    const std::lock_guard lock(mutex);
    for (auto& [eui, node] : nodes)
      joined += !node->device().joined() && node->take_accept(frame.payload) ? 1U : 0U;
  };
  std::uint64_t sequence = 0;
  auto first = start_client("first", 1, heard);
  auto second = start_client("second", 2, nullptr);
  ASSERT_TRUE(first != nullptr && second != nullptr);
  const auto send = [&](const ngwire::Bytes& payload, bool both) {
    auto record = record_of(payload, ++sequence, "first", 1);
    record.sample_index = 19'200 * sequence;
    EXPECT_TRUE(first->send(record));
    record.receiver = "second";
    record.run = 2;
    EXPECT_TRUE(!both || second->send(record));
  };
  {
    const std::lock_guard lock(mutex);
    for (auto& [eui, node] : nodes) send(node->join_request(static_cast<std::uint32_t>(eui)), false);
  }
  ASSERT_TRUE(eventually([&] { return joined == kNodes; })) << joined << "\n" << hub->log();

  std::atomic<bool> killing{true};
  std::thread killer([&] {
    std::mt19937 random(4);
    std::uniform_int_distribution<int> pause_ms(kKillEveryMs / 4, kKillEveryMs * 7 / 4);
    for (int kill = 0; kill < kills; ++kill) {
      std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms(random)));
      hub->kill(SIGKILL);
      hub = start_hub();
    }
    killing = false;
  });
  std::int64_t frames = 0;
  auto next = std::chrono::steady_clock::now();
  while (killing) {
    for (auto& [eui, node] : nodes) {
      send(node->reading(static_cast<std::uint32_t>(1000 + frames)), true);
      ++frames;
      next += kFrameEvery;
    }
    std::this_thread::sleep_until(next);
  }
  killer.join();
  EXPECT_TRUE(first->drain(120'000));
  EXPECT_TRUE(second->drain(120'000));

  EXPECT_EQ(number("SELECT count(*) FROM readings"), frames);
  EXPECT_EQ(number("SELECT count(*) FROM (SELECT DISTINCT device, epoch, counter FROM frames WHERE epoch IS "
                   "NOT NULL)"),
            frames);
  EXPECT_EQ(number("SELECT count(DISTINCT mantissa) FROM readings"), frames);
  EXPECT_EQ(number("SELECT count(*) FROM holes"), 0);
  const std::int64_t copies = number("SELECT sum(copies) FROM frames");
  EXPECT_EQ(number("SELECT count(*) FROM sessions"), static_cast<std::int64_t>(kNodes))
      << "nobody had to join again";

  const std::string rows = std::to_string(frames);
  EXPECT_TRUE(
      eventually([&] { return ask(postgres.url(), "SELECT count(*) FROM ngplc_readings") == rows; }, 60))
      << ask(postgres.url(), "SELECT count(*) FROM ngplc_readings") << " of " << rows << "\n"
      << hub->log();
  EXPECT_EQ(ask(postgres.url(), "SELECT count(DISTINCT value) FROM ngplc_readings"), rows);
  const auto in_influx = [&] {
    const auto answer = influx_client.Get("/query?db=ngplc&q=SELECT%20count(value)%20FROM%20meter");
    const auto body = nlohmann::json::parse(answer ? answer->body : "", nullptr, false);
    const auto at = nlohmann::json::json_pointer("/results/0/series/0/values/0/1");
    return body.is_object() && body.contains(at) ? body[at].get<std::int64_t>() : 0;
  };
  EXPECT_TRUE(eventually([&] { return in_influx() == frames; }, 60)) << in_influx() << " of " << rows;
  natsConnection* connection = nullptr;
  jsCtx* js = nullptr;
  ASSERT_EQ(natsConnection_ConnectTo(&connection, nats_url.c_str()), NATS_OK);
  ASSERT_EQ(natsConnection_JetStream(&js, connection, nullptr), NATS_OK);
  std::int64_t in_stream = 0;
  EXPECT_TRUE(eventually(
      [&] {
        jsStreamInfo* info = nullptr;
        if (js_GetStreamInfo(&info, js, "PLC", nullptr, nullptr) == NATS_OK)
          in_stream = static_cast<std::int64_t>(info->State.Msgs);
        jsStreamInfo_Destroy(info);
        return in_stream == frames;
      },
      60))
      << in_stream << " of " << rows;
  jsCtx_Destroy(js);
  natsConnection_Destroy(connection);
  EXPECT_EQ(hub->kill(SIGTERM), 0);
  const auto one = first->counters();
  std::printf(
      "%d kills, %lld frames, each heard by two receivers, %lld copies counted, %llu sends of the first\n",
      kills, static_cast<long long>(frames), static_cast<long long>(copies),
      static_cast<unsigned long long>(one.spool.sends));
}

}  // namespace
