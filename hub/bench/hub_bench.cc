// Feed and store against the bare libraries with the same bytes, rows and batches in the same run. Durable:
// synchronous=FULL.
#include <SQLiteCpp/SQLiteCpp.h>
#include <benchmark/benchmark.h>
#include <spdlog/spdlog.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

#include "feed_client.h"
#include "feed_server.h"
#include "hub_process.h"
#include "ingest.h"
#include "link_node.h"
#include "rollup.h"
#include "store.h"

namespace {

using namespace ngplc;
using namespace ngplc::hub;
using namespace ngplc::hub::test;

constexpr std::uint64_t kFeedRecords = 20'000;

// What a batch of the store is made of: decode the record, take the payload apart, commit.
void BM_Store(benchmark::State& state) {
  const TempDir dir;
  DatabaseConfig config;
  config.file = dir.file("hub.sqlite");
  auto store = Store::open(config);
  Metrics metrics;
  Ingest ingest(*store.value(), metrics);
  const auto batch = static_cast<std::uint64_t>(state.range(0));
  std::uint64_t sequence = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<ngwire::Bytes> wire;
    for (std::uint64_t i = 0; i < batch; ++i, ++sequence) {
      wire.push_back(
          ngwire::encode(make_record(1, sequence, static_cast<std::uint32_t>(sequence % 500))).value());
    }
    state.ResumeTiming();
    std::vector<FrameRow> rows;
    rows.reserve(batch);
    for (const ngwire::Bytes& bytes : wire) {
      ingest.examine(std::move(ngwire::decode_frame_record(bytes.data(), bytes.size()).value()),
                     unix_now_ns(), rows);
    }
    if (!ingest.commit(rows)) state.SkipWithError("commit failed");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(sequence));
}

// The same with sealed frames of 500 devices: authentication and counters on, two registers a frame.
void BM_StoreSealed(benchmark::State& state) {
  const TempDir dir;
  DatabaseConfig config;
  config.file = dir.file("hub.sqlite");
  auto store = Store::open(config);
  KeyVault::create(dir.file("key"));
  const auto vault = KeyVault::open(dir.file("key"));
  constexpr std::size_t kNodes = 500;
  register_nodes(config.file, vault.value(), 1, kNodes);
  Metrics metrics;
  Ingest ingest(*store.value(), metrics, &vault.value());
  ingest.idle();
  std::vector<std::unique_ptr<TestNode>> nodes;
  std::vector<FrameRow> rows;
  std::uint64_t sequence = 0;
  for (std::size_t i = 0; i < kNodes; ++i) {
    nodes.push_back(std::make_unique<TestNode>(1 + i));
    ingest.examine(record_of(nodes[i]->join_request(1), sequence++), unix_now_ns(), rows);
    ingest.commit(rows);
    for (const Reply& reply : ingest.take_replies()) nodes[i]->take_accept(reply.frame.payload);
  }
  const auto batch = static_cast<std::uint64_t>(state.range(0));
  std::uint64_t done = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<ngwire::Bytes> wire;
    for (std::uint64_t i = 0; i < batch; ++i, ++sequence, ++done) {
      const auto n = static_cast<std::uint8_t>(done >> 9U);
      // Set 5 with current, power and clock missing: two values, as in the plain run.
      const std::vector<std::uint8_t> content = {
          5, 0,    0,    0,    n,   static_cast<std::uint8_t>(done >> 1U), 9, 1, 0xff, 0xff, 0x80, 0,
          0, 0xff, 0xff, 0xff, 0xff};
      wire.push_back(
          ngwire::encode(record_of(nodes[done % kNodes]->seal(ngwire::LinkKind::reading, content), sequence))
              .value());
    }
    state.ResumeTiming();
    rows.clear();
    rows.reserve(batch);
    for (const ngwire::Bytes& bytes : wire)
      ingest.examine(std::move(ngwire::decode_frame_record(bytes.data(), bytes.size()).value()),
                     unix_now_ns(), rows);
    if (rows.size() != batch || !ingest.commit(rows)) state.SkipWithError("commit failed");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(done));
}

/// A hub that takes sealed frames, and one device in session with it.
struct SealedHub {
  SealedHub() {
    spdlog::set_level(spdlog::level::off);
    config.file = dir.file("hub.sqlite");
    store = std::move(Store::open(config).value());
    KeyVault::create(dir.file("key"));
    vault.emplace(std::move(KeyVault::open(dir.file("key")).value()));
    register_nodes(config.file, *vault, 1, 1);
    ingest = std::make_unique<Ingest>(*store, metrics, &*vault);
    ingest->idle();
    hear(node.join_request(1));
    for (const Reply& reply : ingest->take_replies()) node.take_accept(reply.frame.payload);
  }
  void hear(const ngwire::Bytes& payload) {
    std::vector<FrameRow> rows;
    ingest->examine(record_of(payload, ++sequence), unix_now_ns(), rows);
    ingest->commit(rows);
  }
  ngwire::Bytes reading() { return node.reading(++wh); }

  TempDir dir;
  DatabaseConfig config;
  std::unique_ptr<Store> store;
  std::optional<KeyVault> vault;
  Metrics metrics;
  std::unique_ptr<Ingest> ingest;
  TestNode node{1};
  std::uint64_t sequence = 0;  ///< of the newest record
  std::uint32_t wh = 0;
};

/// Frames that a hub must refuse, one after the other: forged, flipped, cut, replayed.
class BadFrames {
 public:
  explicit BadFrames(SealedHub& hub) {
    for (int i = 0; i < 200; ++i) {
      heard_.push_back(hub.reading());
      hub.hear(heard_.back());
    }
  }
  ngwire::Bytes next() {
    ngwire::Bytes payload = heard_[random_() % 100];  // too old to be a copy
    const std::uint64_t kind = made_++ % 4;
    if (kind == 0) payload[6] = static_cast<std::uint8_t>(random_());
    if (kind == 1) payload[random_() % payload.size()] ^= static_cast<std::uint8_t>(1U << random_() % 8);
    if (kind == 2) payload.resize(1 + random_() % (payload.size() - 1));
    return payload;
  }
  std::uint64_t made() const { return made_; }

 private:
  std::vector<ngwire::Bytes> heard_;
  std::mt19937 random_{1};
  std::uint64_t made_ = 0;
};

// What a forged frame costs before it is refused, the record's decoding included.
void BM_RefuseForged(benchmark::State& state) {
  SealedHub hub;
  auto forged = hub.reading();
  forged.back() ^= 1U;
  const auto bytes = ngwire::encode(record_of(forged, ++hub.sequence)).value();
  std::vector<FrameRow> rows;
  for (auto _ : state)
    hub.ingest->examine(std::move(ngwire::decode_frame_record(bytes.data(), bytes.size()).value()),
                        unix_now_ns(), rows);
  if (!rows.empty()) state.SkipWithError("a forged frame was taken");
  state.SetItemsProcessed(state.iterations());
}

// What 64 good sealed frames and their commit cost while so many bad ones come between every two of them. CPU
// time of this thread, the bad ones left out.
void BM_GoodAmongBad(benchmark::State& state) {
  SealedHub hub;
  BadFrames bad(hub);
  const auto cpu_s = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  std::vector<FrameRow> rows;
  for (auto _ : state) {
    rows.clear();
    double spent_s = 0;
    for (int i = 0; i < 64; ++i) {
      for (std::int64_t j = 0; j < state.range(0); ++j)
        hub.ingest->examine(record_of(bad.next(), ++hub.sequence), unix_now_ns(), rows);
      auto record = record_of(hub.reading(), ++hub.sequence);
      const double start_s = cpu_s();
      hub.ingest->examine(std::move(record), unix_now_ns(), rows);
      spent_s += cpu_s() - start_s;
    }
    const std::size_t taken = static_cast<std::size_t>(
        std::count_if(rows.begin(), rows.end(), [](const FrameRow& row) { return row.link.has_value(); }));
    if (taken != 64) state.SkipWithError("not exactly the good frames were taken");
    const double start_s = cpu_s();
    if (!hub.ingest->commit(rows)) state.SkipWithError("commit failed");
    state.SetIterationTime(spent_s + cpu_s() - start_s);
  }
  state.counters["bad"] = static_cast<double>(bad.made());
  state.SetItemsProcessed(64 * state.iterations());
}

// The same rows into the same tables with the C interface alone: frames and readings, one transaction a
// batch.
void BM_BareSqlite(benchmark::State& state) {
  const TempDir dir;
  DatabaseConfig config;
  config.file = dir.file("bare.sqlite");
  Store::open(config);  // makes the tables
  sqlite3* db = nullptr;
  sqlite3_open(config.file.c_str(), &db);
  sqlite3_exec(
      db,
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; INSERT INTO runs VALUES(1,'r',1,192000,'system',1);"
      "INSERT INTO registers VALUES(1,'1-0:1.8.0','Wh',0),(2,'1-0:32.7.0','V',-1)",
      nullptr, nullptr, nullptr);
  sqlite3_stmt* frame = nullptr;
  sqlite3_stmt* reading = nullptr;
  sqlite3_prepare_v2(
      db,
      "INSERT INTO frames(run_id, sequence, device, payload_status, profile, direction, received_ns, "
      "time_ns, sample_index, payload, snr_db, ebn0_db, carrier_offset_hz, clock_offset_ppm, "
      "delay_spread_s, residual_db, corrected_bits, list_used) "
      "VALUES(1,?,?,0,'cenelec-a',0,?,?,?,?,-7.5,0,0,12.5,0,0,0,0)",
      -1, &frame, nullptr);
  sqlite3_prepare_v2(db, "INSERT INTO readings VALUES(NULL,?,?,?,?,?,?,0)", -1, &reading, nullptr);
  const auto batch = static_cast<std::uint64_t>(state.range(0));
  const ngwire::Bytes payload = make_record(1, 1, 1).payload;
  std::int64_t sequence = 0;
  for (auto _ : state) {
    sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
    for (std::uint64_t i = 0; i < batch; ++i, ++sequence) {
      const std::int64_t now = unix_now_ns();
      sqlite3_bind_int64(frame, 1, sequence);
      sqlite3_bind_int64(frame, 2, sequence % 500);
      sqlite3_bind_int64(frame, 3, now);
      sqlite3_bind_int64(frame, 4, now);
      sqlite3_bind_int64(frame, 5, sequence * 1000);
      sqlite3_bind_blob(frame, 6, payload.data(), static_cast<int>(payload.size()), SQLITE_STATIC);
      sqlite3_step(frame);
      sqlite3_reset(frame);
      const std::int64_t id = sqlite3_last_insert_rowid(db);
      for (int reg = 1; reg <= 2; ++reg) {
        sqlite3_bind_int64(reading, 1, id);
        sqlite3_bind_int64(reading, 2, sequence % 500);
        sqlite3_bind_int64(reading, 3, sequence & 0xffff);
        sqlite3_bind_int64(reading, 4, reg);
        sqlite3_bind_int64(reading, 5, 1'000'000 + sequence);
        sqlite3_bind_int64(reading, 6, now);
        sqlite3_step(reading);
        sqlite3_reset(reading);
      }
    }
    sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr);
  }
  state.SetItemsProcessed(sequence);
  sqlite3_finalize(frame);
  sqlite3_finalize(reading);
  sqlite3_close(db);
}

// Client to hub and acknowledged, over ipc, into a durable database.
void BM_Feed(benchmark::State& state) {
  std::uint64_t run = 1;
  std::uint64_t done = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const TempDir dir;
    DatabaseConfig database;
    database.file = dir.file("hub.sqlite");
    auto store = Store::open(database);
    Metrics metrics;
    Ingest ingest(*store.value(), metrics);
    FeedConfig feed_config;
    feed_config.endpoint = "ipc://" + dir.file("feed");
    FeedServer server(feed_config, "bench", ingest, metrics);
    if (const std::string wrong = server.start(); !wrong.empty()) state.SkipWithError(wrong.c_str());
    FeedClientConfig config;
    config.endpoint = feed_config.endpoint;
    config.receiver = "test-receiver";
    config.run = ++run;
    config.queue_records = kFeedRecords;
    config.spool.memory_records = kFeedRecords;
    config.spool.memory_bytes = 64 << 20;
    config.spool.window_records = 2048;
    auto client = FeedClient::open(config);
    std::vector<ngwire::FrameRecord> records;
    for (std::uint64_t i = 0; i < kFeedRecords; ++i)
      records.push_back(make_record(run, i, static_cast<std::uint32_t>(i % 500)));
    state.ResumeTiming();
    for (const auto& record : records) client.value()->send(record);
    if (!client.value()->drain(60'000)) state.SkipWithError("not drained");
    done += kFeedRecords;
    state.PauseTiming();
    client.value().reset();
    server.stop();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(done));
}

// From send() to the acknowledgement of a sealed frame, 50 a second, while the same modem hears so many bad
// ones a second: percentiles in ms.
void BM_AckDelay(benchmark::State& state) {
  SealedHub hub;
  BadFrames bad(hub);
  FeedConfig feed_config;
  feed_config.endpoint = "ipc://" + hub.dir.file("feed");
  FeedServer server(feed_config, "bench", *hub.ingest, hub.metrics);
  if (const std::string wrong = server.start(); !wrong.empty()) state.SkipWithError(wrong.c_str());
  FeedClientConfig config;
  config.endpoint = feed_config.endpoint;
  config.receiver = "test-receiver";
  config.run = 2;
  auto client = FeedClient::open(config);
  std::atomic<bool> full{false};
  // Records are acknowledged in the order they are sent in.
  std::mutex mutex;
  std::uint64_t sent = 0;
  const auto send = [&](const ngwire::Bytes& payload) {
    const std::lock_guard lock(mutex);
    if (!client.value()->send(record_of(payload, sent, config.receiver, config.run))) full = true;
    return ++sent;
  };
  std::atomic<bool> stop{false};
  std::thread flood([&] {
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; state.range(0) > 0 && !stop; ++i) {
      std::this_thread::sleep_until(start + std::chrono::nanoseconds(1'000'000'000 / state.range(0) * i));
      send(bad.next());
    }
  });
  std::vector<double> delays_ms;
  auto next = std::chrono::steady_clock::now();
  const auto begin = next;
  for (auto _ : state) {
    std::this_thread::sleep_until(next += std::chrono::milliseconds(20));
    const auto payload = hub.reading();
    const auto start = std::chrono::steady_clock::now();
    const std::uint64_t upto = send(payload);
    while (client.value()->counters().spool.acknowledged < upto)
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    delays_ms.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    next = std::max(next, std::chrono::steady_clock::now() - std::chrono::milliseconds(20));
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  stop = true;
  flood.join();
  if (full || !client.value()->drain(10'000)) state.SkipWithError("the modem was full");
  server.stop();
  const auto reader = StoreReader::open(hub.config.file);
  if (reader.value()->newest_reading().value() != static_cast<std::int64_t>(hub.wh))
    state.SkipWithError("not exactly the good frames were taken");
  std::sort(delays_ms.begin(), delays_ms.end());
  const auto share = [&](double p) {
    return delays_ms[static_cast<std::size_t>(p * static_cast<double>(delays_ms.size() - 1))];
  };
  state.counters["p50_ms"] = share(0.5);
  state.counters["p99_ms"] = share(0.99);
  state.counters["most_ms"] = share(1);
  state.counters["good_per_s"] = static_cast<double>(delays_ms.size()) / seconds;
  state.counters["bad_per_s"] = static_cast<double>(bad.made()) / seconds;
}

// The same bytes from a DEALER to a ROUTER in another thread, nothing else done with them.
void BM_BareZeroMq(benchmark::State& state) {
  const TempDir dir;
  const ngwire::Bytes bytes = ngwire::encode(make_record(1, 1, 1)).value();
  zmq::context_t context(1);
  zmq::socket_t router(context, zmq::socket_type::router);
  zmq::socket_t dealer(context, zmq::socket_type::dealer);
  router.set(zmq::sockopt::linger, 0);
  dealer.set(zmq::sockopt::linger, 0);
  router.bind("ipc://" + dir.file("bare"));
  dealer.connect("ipc://" + dir.file("bare"));
  std::uint64_t done = 0;
  for (auto _ : state) {
    std::thread receiver([&] {
      zmq::message_t part;
      for (std::uint64_t i = 0; i < kFeedRecords; ++i) {
        do {
          if (!router.recv(part)) return;
        } while (part.more());
      }
    });
    for (std::uint64_t i = 0; i < kFeedRecords; ++i) {
      dealer.send(zmq::str_buffer("record"), zmq::send_flags::sndmore);
      dealer.send(zmq::buffer(bytes), zmq::send_flags::none);
    }
    receiver.join();
    done += kFeedRecords;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(done));
}

// When 5000 devices were last heard (0), with the newest value of one of their 19 registers (1), and with
// that value times a multiplier of each (2).
void BM_LastSeen(benchmark::State& state) {
  constexpr std::uint32_t kDevices = 5000;
  const TempDir dir;
  DatabaseConfig config;
  config.file = dir.file("hub.sqlite");
  auto store = Store::open(config);
  Metrics metrics;
  Ingest ingest(*store.value(), metrics);
  ngwire::Reading reading;
  reading.set = 3;
  const ngwire::ReadingSet& set = *ngwire::find_reading_set(3);
  for (std::size_t i = 0; i < set.count; ++i) reading.values.push_back({&set.registers[i], 100});
  std::vector<FrameRow> rows;
  // Twice: what was stored first is not the newest.
  for (std::uint32_t i = 0; i < 2 * kDevices; ++i) {
    auto record = make_record(1, i, 0);
    reading.device = i % kDevices;
    if (!ngwire::encode_reading(reading, 64, record.payload).empty()) state.SkipWithError("not encoded");
    ingest.examine(std::move(record), unix_now_ns(), rows);
  }
  if (!ingest.commit(rows)) state.SkipWithError("commit failed");
  if (state.range(0) == 2)
    store.value()->database().exec(
        "INSERT INTO nodes(eui, address, model, time_zone, verify_by, state, sealed_key, multipliers) SELECT "
        "address, address, '', '', '', 3, x'', '1-0:1.8.0=40 1-0:2.8.0=40' FROM devices");
  constexpr std::int64_t kExpected[] = {0, 100, 400};  // times 40: 400 * 10
  auto reader = StoreReader::open(config.file);
  Page page;
  page.limit = 10'000;
  for (auto _ : state) {
    const auto seen = reader.value()->last_seen(page, state.range(0) == 0 ? "" : "1-0:1.8.0");
    if (!seen || seen->size() != kDevices || seen->back().mantissa != kExpected[state.range(0)])
      state.SkipWithError("rows are missing or wrong");
  }
}

// A month of hours of one register, out of 500 devices with two registers each.
void BM_RollupMonth(benchmark::State& state) {
  const TempDir dir;
  DatabaseConfig config;
  config.file = dir.file("hub.sqlite");
  auto store = Store::open(config);
  store.value()->database().exec(
      "INSERT INTO registers VALUES(1,'1-0:1.8.0','Wh',0),(2,'1-0:32.7.0','V',-1);"
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 743), d(i) AS (SELECT 0 "
      "UNION "
      "ALL SELECT i + 1 FROM d WHERE i < 499) INSERT INTO rollups SELECT 0, 3600 * n.i, d.i, r.id, 4, 1, 9, "
      "20, "
      "1, 1, 9, 9 FROM d, registers r, n");
  auto reader = StoreReader::open(config.file);
  std::uint32_t device = 0;
  for (auto _ : state) {
    const auto rows = reader.value()->rollups(++device % 500, "1-0:1.8.0", 0, 0, INT64_MAX, 744);
    if (!rows || rows->size() != 744) state.SkipWithError("rows are missing");
  }
  state.SetItemsProcessed(state.iterations());
}

// Folding readings into hours, days and months: what it costs beside storing them (BM_Store).
void BM_Fold(benchmark::State& state) {
  const TempDir dir;
  DatabaseConfig config;
  config.file = dir.file("hub.sqlite");
  auto store = Store::open(config);
  Metrics metrics;
  Ingest ingest(*store.value(), metrics);
  Rollups rollups(*store.value(), {}, 2160);
  std::uint64_t sequence = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<FrameRow> rows;
    for (std::uint64_t i = 0; i < 2500; ++i, ++sequence) {
      auto record = make_record(1, sequence, static_cast<std::uint32_t>(sequence % 500));
      record.sample_index = 192'000 * sequence;
      ingest.examine(std::move(record), unix_now_ns(), rows);
    }
    ingest.commit(rows);
    state.ResumeTiming();
    if (rollups.fold().value() != 5000) state.SkipWithError("values are missing");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(sequence));
}

// Bytes that reach the disk a frame of two registers, in a database that holds 400 000 values of these
// devices. Arguments: frames a commit, devices, frames a fold of the roll-ups. Needs a folder on a real disk:
// TMPDIR.
void BM_BytesOnDisk(benchmark::State& state) {
  const auto written = [] {
    std::ifstream io("/proc/self/io");
    std::int64_t bytes = 0;
    for (std::string word; io >> word;) {
      if (word == "write_bytes:") io >> bytes;
    }
    return bytes;
  };
  const auto batch = static_cast<std::size_t>(state.range(0));
  const auto devices = static_cast<std::uint64_t>(state.range(1));
  const auto fold_every = static_cast<std::uint64_t>(state.range(2));
  constexpr std::uint64_t kBefore = 200'000;
  const TempDir dir;
  DatabaseConfig config;
  config.file = dir.file("hub.sqlite");
  auto store = Store::open(config);
  Metrics metrics;
  Ingest ingest(*store.value(), metrics);
  Rollups rollups(*store.value(), {}, 2160);
  std::mt19937 random(1);
  std::vector<FrameRow> rows;
  std::uint64_t sequence = 0;
  const auto hear = [&](std::size_t most) {
    auto record = make_record(1, sequence, static_cast<std::uint32_t>(random() % devices));
    record.sample_index = 192'000 * sequence++;  // one a second
    ingest.examine(std::move(record), unix_now_ns(), rows);
    if (rows.size() < most) return;
    if (!ingest.commit(rows)) state.SkipWithError("commit failed");
    rows.clear();
  };
  const auto fold = [&] {
    for (std::int64_t values = Rollups::kValues; values == Rollups::kValues;) {
      const auto folded = rollups.fold();
      if (!folded) return state.SkipWithError(folded.error().c_str());
      values = folded.value();
    }
  };
  while (sequence < kBefore) hear(5000);
  fold();
  store.value()->checkpoint();
  const auto file_before = std::filesystem::file_size(config.file);
  const std::int64_t before = written();
  for (auto _ : state) {
    hear(batch);
    if (sequence % fold_every == 0) fold();
  }
  store.value()->checkpoint();
  const auto frames = static_cast<double>(sequence - kBefore);
  state.counters["bytes_a_frame"] = static_cast<double>(written() - before) / frames;
  state.counters["file_bytes_a_frame"] =
      static_cast<double>(std::filesystem::file_size(config.file) - file_before) / frames;
}

BENCHMARK(BM_LastSeen)->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_RollupMonth)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_Fold)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_BytesOnDisk)
    ->ArgNames({"batch", "devices", "fold"})
    ->Args({1, 500, 60})
    ->Args({60, 500, 3600})
    ->Args({300, 500, 3600})
    ->Args({600, 500, 3600})
    ->Args({600, 5000, 3600})
    ->Iterations(7200)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_AckDelay)
    ->ArgName("bad_per_s")
    ->Arg(0)
    ->Arg(5000)
    ->Iterations(3000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_BareSqlite)->Arg(64)->Arg(512)->UseRealTime();
BENCHMARK(BM_Store)->Arg(64)->Arg(512)->UseRealTime();
BENCHMARK(BM_StoreSealed)->Arg(64)->Arg(512)->UseRealTime();
BENCHMARK(BM_RefuseForged);
BENCHMARK(BM_GoodAmongBad)
    ->ArgName("bad_a_good")
    ->Arg(0)
    ->Arg(10)
    ->Arg(100)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_BareZeroMq)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Feed)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
