// The promise of the feed under fault: whatever is killed and whenever, every record is stored, and stored
// once.
#include <SQLiteCpp/SQLiteCpp.h>

#include <memory>
#include <random>

#include "feed_client.h"
#include "hub_process.h"

namespace {

using namespace ngplc;
using namespace ngplc::hub::test;
using namespace std::chrono_literals;

constexpr std::uint64_t kFrames = 2000;
constexpr int kKills = 10;

class FeedFault : public ::testing::TestWithParam<unsigned> {
 protected:
  std::unique_ptr<HubProcess> start_hub() const {
    return std::make_unique<HubProcess>(
        std::vector<std::string>{"--feed", "ipc://" + dir_.file("feed"), "--http", "127.0.0.1:0",
                                 "--database", dir_.file("hub.sqlite"), "--log-level", "info"},
        dir_.file("hub.log"));
  }
  std::unique_ptr<FeedClient> start_client(std::uint64_t run) const {
    FeedClientConfig config;
    config.endpoint = "ipc://" + dir_.file("feed");
    config.receiver = "test-receiver";
    config.run = run;
    config.spool.directory = dir_.file("spool");
    config.spool.memory_records = 64;  // everything else has to go through the disk
    config.spool.window_records = 48;
    config.spool.resend_after_ms = 300;
    auto client = FeedClient::open(config);
    EXPECT_TRUE(client.ok()) << client.error();
    return client.ok() ? std::move(client.value()) : nullptr;
  }
  std::int64_t rows(const char* sql) const {
    SQLite::Database db(dir_.file("hub.sqlite"), SQLite::OPEN_READONLY, 5000);
    return db.execAndGet(sql).getInt64();
  }
  TempDir dir_;
};

// The hub is killed ten times at random instants while 2 000 frames flow; in the middle the modem side stops
// and comes back with a new run and what its spool kept.
TEST_P(FeedFault, TenKillsOfTheHubLoseNothingAndDoubleNothing) {
  std::mt19937 random(GetParam());
  std::uint64_t run = 1000 + GetParam();
  auto client = start_client(run);
  ASSERT_NE(client, nullptr);
  auto hub = start_hub();

  int kills = 0;
  int refused = 0;
  std::uint64_t peak_on_disk = 0;
  std::thread killer([&] {
    std::uniform_int_distribution<int> pause_ms(20, 400);
    for (; kills < kKills; ++kills) {
      std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms(random)));
      hub->kill(SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms(random) / 4));
      hub = start_hub();
    }
  });
  // Spread over the kills: about 2.5 s.
  for (std::uint64_t sequence = 0; sequence < kFrames; ++sequence) {
    refused += client->send(make_record(run, sequence, static_cast<std::uint32_t>(sequence % 40))) ? 0 : 1;
    if (sequence % 8 == 0) std::this_thread::sleep_for(10ms);
    if (sequence == kFrames / 2) {
      EXPECT_EQ(client->close(0), 0U);
      peak_on_disk = std::max(peak_on_disk, client->counters().spool.on_disk);
      run += 1;
      client = start_client(run);
      if (client == nullptr) break;
    }
    peak_on_disk = std::max(peak_on_disk, client->counters().spool.on_disk);
  }
  killer.join();
  ASSERT_NE(client, nullptr);
  EXPECT_EQ(refused, 0);
  EXPECT_TRUE(client->drain(60'000)) << "held: "
                                     << client->counters().spool.in_memory + client->counters().spool.on_disk;
  const FeedClientCounters counters = client->counters();
  client->close(0);
  EXPECT_EQ(hub->kill(SIGTERM), 0);

  EXPECT_EQ(kills, kKills);
  EXPECT_GT(peak_on_disk, 0U) << "the disk spool was not exercised";
  EXPECT_EQ(counters.spool.dropped_full + counters.queue_full + counters.invalid, 0U);
  EXPECT_EQ(rows("SELECT count(*) FROM frames"), static_cast<std::int64_t>(kFrames));
  EXPECT_EQ(rows("SELECT count(DISTINCT sequence) FROM frames"), static_cast<std::int64_t>(kFrames));
  EXPECT_EQ(rows("SELECT count(*) FROM readings"), static_cast<std::int64_t>(2 * kFrames));
  EXPECT_EQ(rows("SELECT count(DISTINCT frame_id) FROM readings"), static_cast<std::int64_t>(kFrames));
  EXPECT_EQ(rows("SELECT sum(frames) FROM devices"), static_cast<std::int64_t>(kFrames));
  SQLite::Database db(dir_.file("hub.sqlite"), SQLite::OPEN_READONLY, 5000);
  EXPECT_EQ(db.execAndGet("PRAGMA integrity_check").getString(), "ok");
  std::printf(
      "seed %u: %d kills, %llu sends for %llu frames, at most %llu on disk, %llu hub restarts noticed\n",
      GetParam(), kills, static_cast<unsigned long long>(counters.spool.sends),
      static_cast<unsigned long long>(kFrames), static_cast<unsigned long long>(peak_on_disk),
      static_cast<unsigned long long>(counters.hub_restarts));
}

INSTANTIATE_TEST_SUITE_P(Seeds, FeedFault, ::testing::Values(1U, 2U, 3U));

class FeedStop : public FeedFault {};
INSTANTIATE_TEST_SUITE_P(Once, FeedStop, ::testing::Values(0U));

// SIGTERM while frames flow: what the hub acknowledged is stored, the rest is still with the modem.
TEST_P(FeedStop, OrderlyStopLosesNothing) {
  auto client = start_client(7);
  auto hub = start_hub();
  for (std::uint64_t sequence = 0; sequence < 500; ++sequence)
    ASSERT_TRUE(client->send(make_record(7, sequence, 1)));
  ASSERT_TRUE(eventually([&] { return client->counters().spool.acknowledged > 50; }));
  EXPECT_EQ(hub->kill(SIGTERM), 0) << hub->log();
  const auto counters = client->counters();
  EXPECT_GE(rows("SELECT count(*) FROM frames"), static_cast<std::int64_t>(counters.spool.acknowledged));
  hub = start_hub();
  EXPECT_TRUE(client->drain(30'000));
  EXPECT_EQ(rows("SELECT count(*) FROM frames"), 500);
}

}  // namespace
