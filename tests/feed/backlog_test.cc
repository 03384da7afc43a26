// An hour of backlog into three sinks whose servers die in turn: everything arrives, in order for each
// device, and frames go on being stored meanwhile. NGPLC_BACKLOG=1800000 values in the environment is the
// full run.
#include <mqtt/async_client.h>
#include <nats/nats.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "ask_postgres.h"
#include "ingest.h"
#include "server_process.h"
#include "sink.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kDevices = 500;
constexpr std::int64_t kValues = 2;  // a frame

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double thread_cpu_s() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// The frames of each device in the order they were first seen: repeats are allowed, gaps and swaps are not.
class Order {
 public:
  void see(std::int64_t frame) {
    std::int64_t& newest = newest_[frame % kDevices];
    if (frame <= newest) return;
    if (frame != (newest == 0 ? (frame - 1) % kDevices + 1 : newest + kDevices)) ++gaps_;
    newest = frame;
    ++seen_;
  }
  std::int64_t seen() const { return seen_; }
  std::int64_t gaps() const { return gaps_; }

 private:
  std::map<std::int64_t, std::int64_t> newest_;
  std::int64_t seen_ = 0, gaps_ = 0;
};

class Backlog : public ::testing::Test {
 protected:
  Backlog() {
    config_.name = "h1";
    config_.database.file = dir_.file("hub.sqlite");
    store_ = std::move(Store::open(config_.database).value());
    ingest_ = std::make_unique<Ingest>(*store_, metrics_, nullptr, PlainPolicy::yes, &board_);
  }
  struct Cost {
    double seconds = 0, cpu_seconds = 0;
  };
  // Stores frames in batches of 512; what that took, encoding left out.
  Cost store(std::int64_t frames) {
    Cost cost;
    std::vector<FrameRow> rows;
    for (std::int64_t i = 0; i < frames;) {
      std::vector<ngwire::FrameRecord> records;
      for (; records.size() < 512 && i < frames; ++i) {
        ++frames_;
        records.push_back(make_record(1, static_cast<std::uint64_t>(frames_),
                                      static_cast<std::uint32_t>(frames_ % kDevices)));
        records.back().sample_index = 19'200 * static_cast<std::uint64_t>(frames_);
      }
      const auto start = Clock::now();
      const double cpu = thread_cpu_s();
      for (auto& record : records) ingest_->examine(std::move(record), unix_now_ns(), rows);
      EXPECT_TRUE(ingest_->commit(rows));
      rows.clear();
      cost.seconds += seconds_since(start);
      cost.cpu_seconds += thread_cpu_s() - cpu;
    }
    return cost;
  }
  const SinkRunner* runner(const std::string& name) const {
    for (const auto& runner : runners_) {
      if (runner->status().name == name) return runner.get();
    }
    return nullptr;
  }
  bool reaches(const std::string& name, std::int64_t cursor, int seconds) const {
    return eventually([&] { return runner(name)->cursor() >= cursor; }, seconds);
  }

  TempDir dir_;
  HubConfig config_;
  Metrics metrics_;
  CursorBoard board_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Ingest> ingest_;
  std::vector<std::unique_ptr<SinkRunner>> runners_;
  std::int64_t frames_ = 0;
};

TEST_F(Backlog, ServersDieInTurnAndEverythingArrivesInOrder) {
  if (!PostgresServer::is_installed() || !is_installed("/usr/sbin/nats-server") ||
      !is_installed("/usr/sbin/mosquitto"))
    GTEST_SKIP() << "packages postgresql, nats-server, mosquitto are not installed";
  const char* wanted = std::getenv("NGPLC_BACKLOG");
  const std::int64_t frames = (wanted != nullptr ? std::strtoll(wanted, nullptr, 10) : 100'000) / kValues;
  const int patience_s = static_cast<int>(60 + frames / 300);

  PostgresServer postgres;
  const int nats_port = free_port();
  const int mqtt_port = free_port();
  ServerProcess nats({"/usr/sbin/nats-server", "-a", "127.0.0.1", "-p", std::to_string(nats_port), "-js",
                      "-sd", dir_.file("nats")},
                     dir_.file("nats.log"));
  // What a broker acknowledged and did not yet hand on must outlive its end: that is its own promise, not the
  // hub's.
  std::ofstream(dir_.file("mosquitto.conf"))
      << "listener " << mqtt_port << " 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
      << "max_inflight_messages 1000\npersistence true\npersistence_location " << dir_.file("") << "/\n"
      << (::geteuid() == 0 ? "user root\n" : "");
  ServerProcess mosquitto({"/usr/sbin/mosquitto", "-c", dir_.file("mosquitto.conf")}, dir_.file("mqtt.log"));
  ASSERT_TRUE(postgres.ready());
  ASSERT_TRUE(eventually([&] { return accepts(nats_port) && accepts(mqtt_port); }));
  config_.postgres.url = postgres.url();
  config_.nats.url = "nats://127.0.0.1:" + std::to_string(nats_port);
  config_.mqtt.url = "tcp://127.0.0.1:" + std::to_string(mqtt_port);

  // A subscriber with a session that outlives its connection.
  std::mutex mutex;
  Order by_mqtt;
  mqtt::async_client watcher(config_.mqtt.url, "watcher", mqtt::create_options(MQTTVERSION_5));
  watcher.set_message_callback([&](const mqtt::const_message_ptr& message) {
    const auto body = nlohmann::json::parse(message->to_string());
    const std::lock_guard lock(mutex);
    by_mqtt.see(body["seq"].get<std::int64_t>());
  });
  const auto watch = [&] {
    mqtt::connect_options options;
    options.set_mqtt_version(MQTTVERSION_5);
    options.set_clean_start(false);
    options.set_properties({{mqtt::property::SESSION_EXPIRY_INTERVAL, 3600}});
    watcher.connect(options)->wait();
    watcher.subscribe("plc/+/+/reading", 1)->wait();
  };
  watch();

  const Cost alone = store(frames / 2);
  const Cost rest = store(frames - frames / 2);
  auto start = Clock::now();
  std::map<std::string, double> drained_s;
  runners_ = make_sinks(config_, board_, metrics_);
  for (auto& runner : runners_) ASSERT_EQ(runner->start(), "");
  const Cost beside = store(frames / 10);
  const std::int64_t end = kValues * frames_;

  // One after the other is killed in its backlog, stays away for two seconds, and comes back.
  ASSERT_TRUE(reaches("postgres", end / 5, patience_s));
  postgres.kill(SIGKILL);
  std::this_thread::sleep_for(2s);
  postgres.start();
  ASSERT_TRUE(reaches("nats", end / 5, patience_s));
  nats.kill(SIGKILL);
  std::this_thread::sleep_for(2s);
  nats.start();
  ASSERT_TRUE(reaches("mqtt", end / 5, patience_s));
  mosquitto.kill(SIGTERM);
  std::this_thread::sleep_for(2s);
  mosquitto.start();
  ASSERT_TRUE(eventually([&] { return accepts(mqtt_port); }));
  watch();
  EXPECT_TRUE(eventually(
      [&] {
        for (const auto& runner : runners_) {
          const std::string name = runner->status().name;
          if (runner->cursor() == end && drained_s.count(name) == 0) drained_s[name] = seconds_since(start);
        }
        return drained_s.size() == runners_.size();
      },
      3 * patience_s));

  const std::string url = postgres.url();
  EXPECT_EQ(ask(url, "SELECT count(*) FROM ngplc_readings"), std::to_string(end));
  EXPECT_EQ(ask(url, "SELECT count(DISTINCT value) FROM ngplc_readings WHERE register = '1-0:1.8.0'"),
            std::to_string(frames_));
  EXPECT_TRUE(eventually(
      [&] {
        const std::lock_guard lock(mutex);
        return by_mqtt.seen() == frames_;
      },
      patience_s));
  EXPECT_EQ(by_mqtt.gaps(), 0);
  natsConnection* connection = nullptr;
  jsCtx* js = nullptr;
  ASSERT_EQ(natsConnection_ConnectTo(&connection, config_.nats.url.c_str()), NATS_OK);
  ASSERT_EQ(natsConnection_JetStream(&js, connection, nullptr), NATS_OK);
  jsSubOptions options;
  jsSubOptions_Init(&options);
  options.Ordered = true;
  natsSubscription* subscription = nullptr;
  ASSERT_EQ(js_SubscribeSync(&subscription, js, "plc.h1.>", nullptr, &options, nullptr), NATS_OK);
  // The client would drop what it holds above 65 536.
  ASSERT_EQ(natsSubscription_SetPendingLimits(subscription, -1, -1), NATS_OK);
  Order by_nats;
  for (natsMsg* message = nullptr;
       by_nats.seen() < frames_ && natsSubscription_NextMsg(&message, subscription, 10'000) == NATS_OK;) {
    const char* data = natsMsg_GetData(message);
    by_nats.see(
        nlohmann::json::parse(data, data + natsMsg_GetDataLength(message))["seq"].get<std::int64_t>());
    natsMsg_Destroy(message);
  }
  natsSubscription_Destroy(subscription);
  jsCtx_Destroy(js);
  natsConnection_Destroy(connection);
  EXPECT_EQ(by_nats.seen(), frames_);
  EXPECT_EQ(by_nats.gaps(), 0);
  runners_.clear();
  watcher.disconnect()->wait();

  std::printf("%lld values in %lld frames", static_cast<long long>(end), static_cast<long long>(frames_));
  for (const auto& [name, took_s] : drained_s) std::printf(", %s after %.0f s", name.c_str(), took_s);
  const auto us = [](double s, std::int64_t count) { return 1e6 * s / static_cast<double>(count); };
  std::printf(
      "; storing a frame: alone %.1f us (%.1f us CPU), then %.1f (%.1f), beside the sinks %.1f (%.1f)\n",
      us(alone.seconds, frames / 2), us(alone.cpu_seconds, frames / 2), us(rest.seconds, frames - frames / 2),
      us(rest.cpu_seconds, frames - frames / 2), us(beside.seconds, frames / 10),
      us(beside.cpu_seconds, frames / 10));
}

}  // namespace
