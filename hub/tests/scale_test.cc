// A large database: memory, start, and the two questions people ask most. NGPLC_READINGS=10000000 in the
// environment is the full run; ctest makes a small one with the same bounds.
#include <SQLiteCpp/SQLiteCpp.h>

#include <nlohmann/json.hpp>

#include "ingest.h"
#include "link_node.h"
#include "store.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kDevices = 5000;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::int64_t resident_kb(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::strtoll(line.c_str() + 6, nullptr, 10);
  }
  return -1;
}

TEST(Scale, MemoryStartAndQuestions) {
  const char* wanted = std::getenv("NGPLC_READINGS");
  const std::uint64_t readings = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 200'000;
  const TempDir dir;
  DatabaseConfig database;
  database.file = dir.file("hub.sqlite");
  ASSERT_EQ(KeyVault::create(dir.file("key")), "");
  {
    auto store = Store::open(database);
    const auto vault = KeyVault::open(dir.file("key"));
    std::vector<ManifestEntry> entries(kDevices);
    for (std::uint32_t i = 0; i < kDevices; ++i) {
      entries[i].eui = i + 1;
      entries[i].key = test_key(i + 1);
    }
    ASSERT_TRUE(Registry::open(database.file).value()->import(entries, vault.value()).ok());
    SQLite::Database(database.file, SQLite::OPEN_READWRITE, 5000)
        .exec(
            "UPDATE nodes SET state = 3, address = id + 1000000; INSERT INTO sessions SELECT id, 1, 1, 1, 9, "
            "0 "
            "FROM nodes");
    Metrics metrics;
    Ingest ingest(*store.value(), metrics, nullptr, PlainPolicy::yes);
    ngwire::Reading reading;
    reading.set = 3;
    const ngwire::ReadingSet& set = *ngwire::find_reading_set(3);
    for (std::size_t i = 0; i < set.count; ++i) reading.values.push_back({&set.registers[i], 100});
    auto record = make_record(1, 0, 1);
    std::vector<FrameRow> rows;
    for (std::uint64_t i = 0; i * set.count < readings; ++i) {
      reading.device = static_cast<std::uint32_t>(i % kDevices);
      record.sequence = i;
      record.sample_index = 192'000 * i;
      ASSERT_EQ(ngwire::encode_reading(reading, 64, record.payload), "");
      ingest.examine(record, unix_now_ns(), rows);
      if (rows.size() < 5000) continue;
      ASSERT_TRUE(ingest.commit(rows));
      rows.clear();
    }
    ASSERT_TRUE(ingest.commit(rows));
    store.value()->checkpoint();
  }
  std::ofstream(dir.file("hub.toml"))
      << "[feed]\nendpoint = \"ipc://" << dir.file("feed")
      << "\"\n[http]\nlisten = \"127.0.0.1:0\"\nrequests_per_s = 100000\n[database]\nfile = \""
      << database.file << "\"\n[link]\nkey_file = \"" << dir.file("key")
      << "\"\n[zeromq]\nendpoint = \"ipc://" << dir.file("pub") << "\"\n";
  auto start = Clock::now();
  HubProcess hub({"--config", dir.file("hub.toml")}, dir.file("log"));
  ASSERT_TRUE(hub.says("ready")) << hub.log();
  const double ready_ms = ms_since(start);
  const std::string log = hub.log();
  const int port = std::atoi(log.substr(log.find("http port ") + 10).c_str());
  httplib::Client client("127.0.0.1", port);
  // The sink goes through everything once.
  EXPECT_TRUE(eventually(
      [&] {
        const auto metrics = client.Get("/metrics");
        return metrics &&
               metrics->body.find("ngplc_hub_sink_backlog{sink=\"zeromq\"} 0") != std::string::npos;
      },
      600));
  start = Clock::now();
  std::size_t devices = 0;
  std::string cursor;
  do {
    const auto page = client.Get("/api/v1/devices?limit=1000" + cursor);
    ASSERT_TRUE(page);
    ASSERT_EQ(page->status, 200) << page->body;
    const auto body = nlohmann::json::parse(page->body);
    devices += body["devices"].size();
    cursor = body["next_cursor"].is_null() ? "" : "&cursor=" + body["next_cursor"].get<std::string>();
  } while (!cursor.empty());
  const double devices_ms = ms_since(start);
  start = Clock::now();
  ASSERT_TRUE(client.Get("/api/v1/readings?device=7&order=desc&limit=100"));
  const double newest_ms = ms_since(start);
  const auto last = [&](const char* query) {
    double best_ms = 1e9;
    for (int i = 0; i < 5; ++i) {
      start = Clock::now();
      const auto answer = client.Get(std::string("/api/v1/last") + query);
      best_ms = std::min(best_ms, ms_since(start));
      EXPECT_TRUE(answer && answer->status == 200);
      if (answer && answer->status == 200) {
        EXPECT_EQ(nlohmann::json::parse(answer->body)["devices"].size(), devices);
      }
    }
    return best_ms;
  };
  const double last_ms = last("");
  const double value_ms = last("?obis=1-0:1.8.0");
  const std::int64_t resident = resident_kb(hub.pid());
  EXPECT_LE(resident, 64 * 1024);
  EXPECT_LE(ready_ms, 1000);
  EXPECT_GT(devices, 0U);
  std::printf(
      "%llu readings: ready after %.0f ms, %lld kB resident, all %zu devices with their %zu registers %.0f "
      "ms, "
      "100 newest readings of one %.1f ms, last seen of all %.1f ms, with a value of each %.1f ms, %ju bytes "
      "a "
      "reading on disk\n",
      static_cast<unsigned long long>(readings), ready_ms, static_cast<long long>(resident), devices,
      std::size_t{19}, devices_ms, newest_ms, last_ms, value_ms,
      static_cast<std::uintmax_t>(std::filesystem::file_size(database.file) / readings));
}

}  // namespace
