// A backlog through each sink into the real server on loopback. Items are frames of two register values.
// Servers that are not installed are skipped. MQTT is also run with the broker's own limit of 20 messages.
#include <benchmark/benchmark.h>
#include <spdlog/spdlog.h>

#include "ingest.h"
#include "server_process.h"
#include "sink.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;

constexpr std::uint64_t kFrames = 50'000;

/// A database with a backlog, made once.
const std::string& backlog() {
  static const TempDir dir;
  static const std::string file = [] {
    spdlog::set_level(spdlog::level::off);
    DatabaseConfig config;
    config.file = dir.file("hub.sqlite");
    auto store = Store::open(config);
    Metrics metrics;
    Ingest ingest(*store.value(), metrics, nullptr, PlainPolicy::yes);
    std::vector<FrameRow> rows;
    for (std::uint64_t i = 0; i < kFrames; ++i) {
      auto record = make_record(1, i, static_cast<std::uint32_t>(1 + i % 500));
      record.sample_index = 192'000 * i;
      ingest.examine(std::move(record), unix_now_ns(), rows);
      if (rows.size() < 5000 && i + 1 < kFrames) continue;
      ingest.commit(rows);
      rows.clear();
    }
    return config.file;
  }();
  return file;
}

// From the first reading to the last acknowledged.
void drain(benchmark::State& state, const std::function<std::unique_ptr<Sink>()>& make, const char* name) {
  for (auto _ : state) {
    CursorBoard board;
    Metrics metrics;
    SinkRunner runner(name, make(), backlog(), {}, board, metrics);
    if (const std::string wrong = runner.start(); !wrong.empty()) state.SkipWithError(wrong.c_str());
    while (runner.cursor() < static_cast<std::int64_t>(2 * kFrames))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kFrames));
}

void BM_Mqtt(benchmark::State& state) {
  if (!is_installed("/usr/sbin/mosquitto")) return state.SkipWithError("mosquitto is not installed");
  backlog();
  const TempDir dir;
  const int port = free_port();
  std::ofstream conf(dir.file("conf"));
  conf << "listener " << port << " 127.0.0.1\nallow_anonymous true\npersistence false\n";
  if (state.range(1) > 0) conf << "max_inflight_messages " << state.range(1) << "\n";
  conf.close();
  ServerProcess server({"/usr/sbin/mosquitto", "-c", dir.file("conf")}, dir.file("log"));
  eventually([&] { return accepts(port); });
  MqttConfig config;
  config.url = "tcp://127.0.0.1:" + std::to_string(port);
  config.in_flight = state.range(0);
  drain(
      state, [&] { return make_mqtt_sink(config, "h1"); }, "mqtt");
}

void BM_Nats(benchmark::State& state) {
  if (!is_installed("/usr/sbin/nats-server")) return state.SkipWithError("nats-server is not installed");
  backlog();
  int runs = 0;
  const TempDir dir;
  const int port = free_port();
  ServerProcess server({"/usr/sbin/nats-server", "-a", "127.0.0.1", "-p", std::to_string(port), "-js", "-sd",
                        dir.file("nats")},
                       dir.file("log"));
  eventually([&] { return accepts(port); });
  NatsConfig config;
  config.url = "nats://127.0.0.1:" + std::to_string(port);
  drain(
      state, [&] { return make_nats_sink(config, "h" + std::to_string(++runs)); }, "nats");
}

void BM_Postgres(benchmark::State& state) {
  if (!PostgresServer::is_installed()) return state.SkipWithError("postgresql is not installed");
  backlog();
  int runs = 0;
  PostgresServer server;
  server.ready();
  PostgresConfig config;
  config.url = server.url();
  drain(
      state, [&] { return make_postgres_sink(config, "h" + std::to_string(++runs)); }, "postgres");
}

void BM_Zeromq(benchmark::State& state) {
  backlog();
  const TempDir dir;
  ZeromqConfig config;
  config.endpoint = "ipc://" + dir.file("pub");
  drain(
      state, [&] { return make_zeromq_sink(config, "h1"); }, "zeromq");
}

BENCHMARK(BM_Zeromq)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Mqtt)
    ->ArgNames({"in_flight", "broker"})
    ->Args({16, 0})
    ->Args({20, 0})
    ->Args({100, 0})
    ->Args({500, 1000})
    ->Args({1000, 1000})
    ->UseRealTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Nats)->UseRealTime()->Iterations(2)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Postgres)->UseRealTime()->Iterations(2)->Unit(benchmark::kMillisecond);

}  // namespace
