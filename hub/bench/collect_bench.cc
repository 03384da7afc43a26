// From JetStream into PostgreSQL, and each of the two alone: the stream read and acknowledged, and the same
// rows written through libpq in transactions of the same size. Real servers on loopback, durable. Items are
// messages of two register values.
#include <benchmark/benchmark.h>
#include <fmt/chrono.h>
#include <libpq-fe.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "ask_postgres.h"
#include "collector.h"
#include "deliveries.h"
#include "ngwire/link/reading_codec.h"
#include "server_process.h"
#include "sink.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;

constexpr std::uint32_t kMessages = 50'000;
constexpr std::uint32_t kBatch = 1000;  // messages a transaction, as the collector takes them

/// nats-server with the messages of a hub in its stream, made once.
class Stream {
 public:
  static Stream& get() {
    static Stream stream;
    return stream;
  }
  const NatsConfig& config() const { return config_; }

 private:
  Stream() {
    spdlog::set_level(spdlog::level::off);
    eventually([this] { return accepts(port_); });
    config_.url = "nats://127.0.0.1:" + std::to_string(port_);
    const auto hub = make_nats_sink(config_, "h1");
    for (std::uint32_t i = 0; i < kMessages; i += kBatch)
      eventually([&] { return hub->deliver(make_deliveries(i, kBatch)).wrong.empty(); });
  }
  TempDir dir_;
  int port_ = free_port();
  ServerProcess server_{{"/usr/sbin/nats-server", "-a", "127.0.0.1", "-p", std::to_string(port_), "-js",
                         "-sd", dir_.file("nats")},
                        dir_.file("log")};
  NatsConfig config_;
};

/// PostgreSQL with an empty table of readings.
class Table {
 public:
  Table() {
    eventually([this] { return ask(server_.url(), "SELECT 1") == "1"; });
    ReadingTable table(server_.url());
    ReadingRow row{"h0", 1, "1-0:1.8.0", kNovember2025Ms, 1, 1, "1", "1", "Wh", false};
    table.write({row});
    clear();
  }
  void clear() const { ask(server_.url(), "TRUNCATE ngplc_readings"); }
  std::string url() const { return server_.url(); }
  std::string rows() const { return ask(server_.url(), "SELECT count(*) FROM ngplc_readings"); }

 private:
  PostgresServer server_;
};

bool has_servers(benchmark::State& state) {
  if (is_installed("/usr/sbin/nats-server") && PostgresServer::is_installed()) return true;
  state.SkipWithError("nats-server or postgresql is not installed");
  return false;
}

// From the first message to the last acknowledged.
void BM_Collect(benchmark::State& state) {
  if (!has_servers(state)) return;
  CollectConfig config;
  config.nats = Stream::get().config();
  const Table table;
  config.postgres.url = table.url();
  int runs = 0;
  for (auto _ : state) {
    state.PauseTiming();
    table.clear();
    config.durable = "bench" + std::to_string(++runs);
    CollectMetrics metrics;
    Collector collector(config, metrics);
    state.ResumeTiming();
    collector.start();
    while (metrics.stored.Value() < kMessages) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    state.PauseTiming();
    collector.stop();
    state.ResumeTiming();
  }
  if (table.rows() != std::to_string(2 * kMessages)) state.SkipWithError("rows are missing");
  state.SetItemsProcessed(state.iterations() * kMessages);
}

// The stream alone: as many messages at a time, each acknowledged.
void BM_StreamAlone(benchmark::State& state) {
  if (!has_servers(state)) return;
  JetStream stream;
  jsOptions options;
  jsOptions_Init(&options);
  if (open_jet_stream(Stream::get().config(), options, stream) != NATS_OK)
    return state.SkipWithError("no stream");
  int runs = 0;
  for (auto _ : state) {
    natsSubscription* raw = nullptr;
    js_PullSubscribe(&raw, stream.context.get(), "plc.*.*.reading",
                     ("alone" + std::to_string(++runs)).c_str(), nullptr, nullptr, nullptr);
    const NatsPointer<natsSubscription> subscription(raw);
    for (std::uint32_t taken = 0; taken < kMessages;) {
      natsMsgList list{};
      if (natsSubscription_Fetch(&list, raw, kBatch, 1000, nullptr) != NATS_OK)
        return state.SkipWithError("the stream gave less");
      for (int i = 0; i < list.Count; ++i) natsMsg_Ack(list.Msgs[i], nullptr);
      taken += static_cast<std::uint32_t>(list.Count);
      natsMsgList_Destroy(&list);
    }
    natsConnection_Flush(stream.connection.get());
  }
  state.SetItemsProcessed(state.iterations() * kMessages);
}

/// What the messages say, made before anything is timed.
std::vector<ReadingRow> make_rows(std::uint32_t first, std::uint32_t count) {
  std::vector<ReadingRow> rows;
  for (const Delivery& d : make_deliveries(first, count)) {
    for (const StoredReading& v : d.values)
      rows.push_back({"h1", d.device, v.obis, d.time_ns / 1'000'000, d.epoch, d.counter,
                      ngwire::decimal_string(v.mantissa, v.exponent),
                      ngwire::decimal_string(v.base + v.mantissa, v.exponent), v.unit, d.late});
  }
  return rows;
}

// The table alone: `write` takes the rows of a transaction.
void write_all(benchmark::State& state,
               const std::function<bool(const Table&, const std::vector<ReadingRow>&)>& write) {
  if (!has_servers(state)) return;
  const Table table;
  std::vector<std::vector<ReadingRow>> batches;
  for (std::uint32_t i = 0; i < kMessages; i += kBatch) batches.push_back(make_rows(i, kBatch));
  for (auto _ : state) {
    state.PauseTiming();
    table.clear();
    state.ResumeTiming();
    for (const auto& rows : batches) {
      if (!write(table, rows)) return state.SkipWithError("not written");
    }
  }
  if (table.rows() != std::to_string(2 * kMessages)) state.SkipWithError("rows are missing");
  state.SetItemsProcessed(state.iterations() * kMessages);
}

// The statement of the collector.
void BM_TableAlone(benchmark::State& state) {
  std::optional<ReadingTable> table;
  write_all(state, [&](const Table& server, const std::vector<ReadingRow>& rows) {
    if (!table) table.emplace(server.url());
    return table->write(rows).wrong.empty();
  });
}

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;

bool runs(PGconn* connection, PGresult* result, ExecStatusType wanted) {
  const bool good = PQresultStatus(result) == wanted;
  if (!good) std::fprintf(stderr, "%s", PQerrorMessage(connection));
  PQclear(result);
  return good;
}

// The fastest way into a table, which takes no repeats.
void BM_BareCopy(benchmark::State& state) {
  Connection connection(nullptr, &PQfinish);
  write_all(state, [&](const Table& server, const std::vector<ReadingRow>& rows) {
    if (!connection) connection.reset(PQconnectdb(server.url().c_str()));
    PGconn* c = connection.get();
    std::string text;
    for (const ReadingRow& r : rows)
      text +=
          fmt::format("{}\t{}\t{}\t{:%F %T}+00\t{}\t{}\t{}\t{}\t{}\t{}\n", r.hub, r.device, r.obis,
                      fmt::gmtime(r.time_ms / 1000), r.epoch, r.counter, r.value, r.total, r.unit, r.late);
    return runs(c, PQexec(c, "COPY ngplc_readings FROM STDIN"), PGRES_COPY_IN) &&
           PQputCopyData(c, text.data(), static_cast<int>(text.size())) == 1 &&
           PQputCopyEnd(c, nullptr) == 1 && runs(c, PQgetResult(c), PGRES_COMMAND_OK) &&
           PQgetResult(c) == nullptr;
  });
}

// What takes repeats at the least effort: a prepared statement a row.
void BM_BareInsert(benchmark::State& state) {
  Connection connection(nullptr, &PQfinish);
  write_all(state, [&](const Table& server, const std::vector<ReadingRow>& rows) {
    if (!connection) {
      connection.reset(PQconnectdb(server.url().c_str()));
      PQclear(PQprepare(
          connection.get(), "insert",
          "INSERT INTO ngplc_readings VALUES($1, $2, $3, to_timestamp($4::bigint / 1000.0), $5, $6, "
          "$7, $8, $9, $10) ON CONFLICT DO NOTHING",
          0, nullptr));
    }
    PGconn* c = connection.get();
    bool good = runs(c, PQexec(c, "BEGIN"), PGRES_COMMAND_OK);
    for (const ReadingRow& r : rows) {
      const std::array<std::string, 10> text = {r.hub,
                                                std::to_string(r.device),
                                                r.obis,
                                                std::to_string(r.time_ms),
                                                std::to_string(r.epoch),
                                                std::to_string(r.counter),
                                                r.value,
                                                r.total,
                                                r.unit,
                                                r.late ? "t" : "f"};
      std::array<const char*, 10> values{};
      std::transform(text.begin(), text.end(), values.begin(),
                     [](const std::string& t) { return t.c_str(); });
      good = good &&
             runs(c, PQexecPrepared(c, "insert", 10, values.data(), nullptr, nullptr, 0), PGRES_COMMAND_OK);
    }
    return good && runs(c, PQexec(c, "COMMIT"), PGRES_COMMAND_OK);
  });
}

BENCHMARK(BM_StreamAlone)->UseRealTime()->Iterations(2)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_BareCopy)->UseRealTime()->Iterations(2)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_BareInsert)->UseRealTime()->Iterations(2)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_TableAlone)->UseRealTime()->Iterations(2)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Collect)->UseRealTime()->Iterations(2)->Unit(benchmark::kMillisecond);

}  // namespace
