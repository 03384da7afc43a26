// What goes wrong around the hub: clocks, counters, sessions, disks. Each says so, and other readings go on.
#include <SQLiteCpp/SQLiteCpp.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "backup.h"
#include "feed_client.h"
#include "ingest.h"
#include "link_node.h"
#include "server_process.h"

namespace {

using namespace ngplc;
using namespace ngplc::hub;
using namespace ngplc::hub::test;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDayNs = 86'400 * kSecondNs;

class BadInput : public ::testing::Test {
 protected:
  BadInput() {
    database_.file = dir_.file("hub.sqlite");
    EXPECT_EQ(KeyVault::create(dir_.file("key")), "");
    vault_.emplace(std::move(KeyVault::open(dir_.file("key")).value()));
    store_ = std::move(Store::open(database_).value());
    register_nodes(database_.file, *vault_, 100, 2);
    ingest_ = std::make_unique<Ingest>(*store_, metrics_, &*vault_);
    ingest_->idle();
    join(node_);
    join(other_);
  }
  void join(TestNode& node) {
    hear(node.join_request(1));
    ASSERT_TRUE(node.take_accept(ingest_->take_replies().at(0).frame.payload));
  }
  void hear(const ngwire::Bytes& payload, std::int64_t captured_ns = 0,
            std::int64_t received_ns = unix_now_ns()) {
    auto record = record_of(payload, ++sequence_);
    record.sample0_time_ns = captured_ns;
    record.sample_index = 0;
    std::vector<FrameRow> rows;
    ingest_->examine(record, received_ns, rows);
    ASSERT_TRUE(ingest_->commit(rows));
  }
  std::string text(const std::string& sql) const {
    SQLite::Database db(database_.file, SQLite::OPEN_READONLY, 5000);
    SQLite::Statement s(db, sql);
    return s.executeStep() ? s.getColumn(0).getString() : "none";
  }
  std::string events(const std::string& kind) const {
    return text("SELECT count(*) FROM events WHERE kind = '" + kind + "'");
  }
  bool counted(const std::string& result) const {
    return metrics_.text().find("ngplc_hub_link_frames_total{result=\"" + result + "\"}") !=
           std::string::npos;
  }
  // Another device is heard as if nothing had happened.
  void expect_others_go_on() {
    const std::int64_t before = std::stoll(text("SELECT count(*) FROM readings WHERE device = 2"));
    hear(other_.reading(static_cast<std::uint32_t>(1000 + before)));
    EXPECT_EQ(std::stoll(text("SELECT count(*) FROM readings WHERE device = 2")), before + 1);
  }
  TempDir dir_;
  DatabaseConfig database_;
  Metrics metrics_;
  std::optional<KeyVault> vault_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Ingest> ingest_;
  TestNode node_{100}, other_{101};
  std::uint64_t sequence_ = 0;
};

TEST_F(BadInput, ARegisterThatJumpsBackwards) {
  for (const std::uint32_t wh : {1000U, 900U, 1100U}) hear(node_.reading(wh));
  EXPECT_EQ(text("SELECT detail FROM events WHERE kind = 'backwards'"), "1-0:1.8.0 from 1000 to 900");
  EXPECT_EQ(text("SELECT group_concat(base + mantissa) FROM readings WHERE device = 1"), "1000,1000,1200");
  expect_others_go_on();
}

TEST_F(BadInput, ACaptureInTheFutureCountsFromItsArrival) {
  const std::int64_t now = unix_now_ns();
  hear(node_.reading(1), now + 30 * kSecondNs, now);
  EXPECT_EQ(events("time_ahead"), "0") << "clocks differ";
  hear(node_.reading(2), now + 365 * kDayNs, now);
  hear(node_.reading(3), now + 365 * kDayNs, now);
  EXPECT_EQ(events("time_ahead"), "1") << "once a receiver and run";
  EXPECT_EQ(text("SELECT time_ns = received_ns FROM frames WHERE counter = 1 AND device = 1"), "1");
  hear(node_.reading(4), now, now);
  EXPECT_EQ(text("SELECT mantissa FROM last_readings WHERE device = 1"), "4");
  expect_others_go_on();
}

TEST_F(BadInput, TheHubsClockSteppedByADay) {
  const std::int64_t now = unix_now_ns();
  hear(node_.reading(1), 0, now);
  hear(node_.reading(2), 0, now + kDayNs);
  EXPECT_EQ(text("SELECT detail FROM events WHERE kind = 'clock_step'"),
            "clock of the hub stepped by 86400 s");
  hear(node_.reading(3), 0, now + kDayNs + kSecondNs);
  EXPECT_EQ(events("clock_step"), "1") << "a clock that goes on";
  hear(node_.reading(4), 0, now);
  EXPECT_EQ(events("clock_step"), "2");
  EXPECT_EQ(text("SELECT detail FROM events WHERE kind = 'clock_step' ORDER BY id DESC").substr(0, 36),
            "clock of the hub stepped by -86401 s");
  EXPECT_EQ(text("SELECT mantissa FROM last_readings WHERE device = 1"), "4")
      << "counters, not clocks, tell which is the newest";
  expect_others_go_on();
}

TEST_F(BadInput, ACounterFarAheadAndAnUnknownEpoch) {
  hear(node_.reading(1));
  for (int i = 0; i < 20'000; ++i) node_.reading(0);
  hear(node_.reading(2));
  EXPECT_TRUE(counted("counter_ahead"));
  EXPECT_EQ(events("counter_ahead"), "1");
  auto strange = node_.reading(3);
  strange[4] = static_cast<std::uint8_t>((strange[4] & 0xf0U) | 9U);
  hear(strange);
  EXPECT_TRUE(counted("unknown_epoch"));
  EXPECT_EQ(text("SELECT count(*) FROM readings WHERE device = 1"), "1");
  expect_others_go_on();
}

TEST_F(BadInput, AnUnknownDeviceAndAWrongKey) {
  auto strange = node_.reading(1);
  strange[3] = 0x55;  // an address that nobody has
  hear(strange);
  EXPECT_TRUE(counted("unknown_device"));
  auto foreign = other_.reading(2);  // sealed with the key of another device
  const auto own = node_.reading(3);
  std::copy(own.begin(), own.begin() + 4, foreign.begin());
  hear(foreign);
  EXPECT_TRUE(counted("bad_tag"));
  EXPECT_EQ(text("SELECT count(*) FROM readings"), "0");
  expect_others_go_on();
}

/// A hub with one modem that sends one reading after the other.
class BadDisk : public ::testing::Test {
 protected:
  std::vector<std::string> arguments() const {
    return {"--feed",     "ipc://" + dir_.file("feed"), "--http", "127.0.0.1:0",
            "--database", dir_.file("data/hub.sqlite")};
  }
  int port(const HubProcess& hub) const {
    const std::string log = hub.log();
    return std::atoi(log.substr(log.find("http port ") + 10).c_str());
  }
  FeedClientConfig modem() const {
    FeedClientConfig config;
    config.endpoint = "ipc://" + dir_.file("feed");
    config.receiver = "test-receiver";
    config.run = 1;
    return config;
  }
  TempDir dir_;
};

TEST_F(BadDisk, AFullDiskIsSaidAndHealsWithoutLoss) {
  std::filesystem::create_directory(dir_.file("data"));
  HubProcess hub(arguments(), dir_.file("log"));
  ASSERT_TRUE(hub.says("ready")) << hub.log();
  httplib::Client http("127.0.0.1", port(hub));
  // No file of the hub may grow any more: what a full disk looks like to it.
  const rlimit full{300'000, RLIM_INFINITY};
  ASSERT_EQ(prlimit(hub.pid(), RLIMIT_FSIZE, &full, nullptr), 0);
  auto client = FeedClient::open(modem());
  ASSERT_TRUE(client.ok());
  constexpr std::uint64_t kRecords = 3000;
  for (std::uint64_t i = 0; i < kRecords; ++i) ASSERT_TRUE(client.value()->send(make_record(1, i, 3)));
  EXPECT_TRUE(eventually([&] {
    const auto answer = http.Get("/healthz");
    return answer && answer->status == 503;
  }));
  EXPECT_FALSE(client.value()->drain(500));
  const auto metrics = http.Get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_NE(metrics->body.find("ngplc_hub_commit_failures_total"), std::string::npos);
  EXPECT_TRUE(http.Get("/api/v1/devices")) << "questions are still answered";
  const rlimit room{RLIM_INFINITY, RLIM_INFINITY};
  ASSERT_EQ(prlimit(hub.pid(), RLIMIT_FSIZE, &room, nullptr), 0);
  EXPECT_TRUE(client.value()->drain(30'000));
  EXPECT_TRUE(eventually([&] { return http.Get("/healthz")->status == 200; }));
  EXPECT_EQ(hub.kill(SIGTERM), 0);
  SQLite::Database db(dir_.file("data/hub.sqlite"), SQLite::OPEN_READONLY);
  EXPECT_EQ(db.execAndGet("SELECT count(*) FROM frames").getInt64(), static_cast<std::int64_t>(kRecords));
  EXPECT_EQ(db.execAndGet("PRAGMA integrity_check").getString(), "ok");
}

// The kernel takes a file system with errors away from its writers. Needs root, a loop device and ext4.
TEST_F(BadDisk, AFileSystemThatTurnsReadOnlyIsSaidAndNothingIsLost) {
  const std::string data = dir_.file("data");
  std::filesystem::create_directory(data);
  const auto run = [this](const std::string& line) {
    return std::system((line + " >> '" + dir_.file("shell") + "' 2>&1").c_str()) == 0;
  };
  // A mount that only this process and its children see.
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      !run("truncate -s 32M '" + dir_.file("image") + "' && mkfs.ext4 -q '" + dir_.file("image") + "'"))
    GTEST_SKIP() << "not allowed to mount here";
  const std::string mount_it = "mount -o loop,errors=remount-ro '" + dir_.file("image") + "' '" + data + "'";
  if (!run(mount_it)) GTEST_SKIP() << "no loop device here";
  auto hub = std::make_unique<HubProcess>(arguments(), dir_.file("log"));
  ASSERT_TRUE(hub->says("ready")) << hub->log();
  httplib::Client http("127.0.0.1", port(*hub));
  auto client = FeedClient::open(modem());
  ASSERT_TRUE(client.ok());
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(client.value()->send(make_record(1, i, 3)));
  ASSERT_TRUE(client.value()->drain(20'000));
  // Only ever a loop device: the name is asked, not guessed.
  ASSERT_TRUE(run(
      "d=$(findmnt -no SOURCE '" + data +
      "') && case $d in /dev/loop*) echo 1 > /sys/fs/ext4/${d#/dev/}/trigger_fs_error;; *) false;; esac"));
  for (std::uint64_t i = 100; i < 200; ++i) ASSERT_TRUE(client.value()->send(make_record(1, i, 3)));
  EXPECT_TRUE(eventually([&] {
    const auto answer = http.Get("/healthz");
    return answer && answer->status == 503;
  }));
  EXPECT_FALSE(client.value()->drain(500));
  EXPECT_EQ(client.value()->counters().spool.acknowledged, 100U);
  hub->kill(SIGKILL);
  ASSERT_TRUE(run("umount '" + data + "'"));
  run("fsck.ext4 -y '" + dir_.file("image") + "'");
  ASSERT_TRUE(run(mount_it));
  hub = std::make_unique<HubProcess>(arguments(), dir_.file("log2"));
  ASSERT_TRUE(hub->says("ready")) << hub->log();
  EXPECT_TRUE(client.value()->drain(30'000));
  EXPECT_EQ(hub->kill(SIGTERM), 0);
  {
    SQLite::Database db(dir_.file("data/hub.sqlite"), SQLite::OPEN_READONLY);
    EXPECT_EQ(db.execAndGet("SELECT count(*) FROM frames").getInt64(), 200);
    EXPECT_EQ(db.execAndGet("PRAGMA integrity_check").getString(), "ok");
  }
  EXPECT_TRUE(run("umount '" + data + "'"));
}

// A page of the readings is no page any more: nothing is acknowledged, questions that do not need it are
// answered, and a backup brings everything back.
TEST_F(BadDisk, ADamagedDatabaseIsSaidAndABackupHealsIt) {
  std::filesystem::create_directory(dir_.file("data"));
  const std::string file = dir_.file("data/hub.sqlite");
  auto client = FeedClient::open(modem());
  ASSERT_TRUE(client.ok());
  const auto send = [&](std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t i = first; i < last; ++i) ASSERT_TRUE(client.value()->send(make_record(1, i, 3)));
  };
  {
    HubProcess hub(arguments(), dir_.file("log"));
    ASSERT_TRUE(hub.says("ready")) << hub.log();
    send(0, 100);
    ASSERT_TRUE(client.value()->drain(20'000));
    EXPECT_EQ(hub.kill(SIGTERM), 0);
  }
  ASSERT_EQ(back_up(file, dir_.file("copy")), "");
  std::int64_t page = 0;
  std::int64_t page_bytes = 0;
  {
    SQLite::Database db(file, SQLite::OPEN_READONLY);
    page = db.execAndGet("SELECT rootpage FROM sqlite_schema WHERE name = 'readings_device'").getInt64();
    page_bytes = db.execAndGet("PRAGMA page_size").getInt64();
  }
  {
    std::fstream damage(file, std::ios::binary | std::ios::in | std::ios::out);
    damage.seekp((page - 1) * page_bytes);
    damage << std::string(static_cast<std::size_t>(page_bytes), '\x5a');
  }
  HubProcess hub(arguments(), dir_.file("log2"));
  ASSERT_TRUE(hub.says("ready")) << hub.log();
  send(100, 200);
  httplib::Client http("127.0.0.1", port(hub));
  EXPECT_TRUE(eventually([&] {
    const auto answer = http.Get("/metrics");
    return answer &&
           answer->body.find("ngplc_hub_commit_failures_total{reason=\"corrupt\"}") != std::string::npos;
  }));
  EXPECT_NE(hub.log().find("database refuses, frames stay with the modems"), std::string::npos) << hub.log();
  EXPECT_EQ(http.Get("/healthz")->status, 503);
  EXPECT_EQ(http.Get("/api/v1/devices")->status, 200);
  EXPECT_FALSE(client.value()->drain(500));
  EXPECT_EQ(client.value()->counters().spool.acknowledged, 100U);
  hub.kill(SIGTERM);
  ASSERT_EQ(restore(dir_.file("copy"), file), "");
  HubProcess healed(arguments(), dir_.file("log3"));
  ASSERT_TRUE(healed.says("ready")) << healed.log();
  EXPECT_TRUE(client.value()->drain(30'000));
  EXPECT_EQ(healed.kill(SIGTERM), 0);
  SQLite::Database db(file, SQLite::OPEN_READONLY);
  EXPECT_EQ(db.execAndGet("SELECT count(*) FROM frames").getInt64(), 200);
  EXPECT_EQ(db.execAndGet("PRAGMA integrity_check").getString(), "ok");
}

TEST_F(BadDisk, ASecondHubIsRefusedAndTheFirstGoesOn) {
  std::filesystem::create_directory(dir_.file("data"));
  HubProcess hub(arguments(), dir_.file("log"));
  ASSERT_TRUE(hub.says("ready")) << hub.log();
  auto second_arguments = arguments();
  second_arguments[1] = "ipc://" + dir_.file("other_feed");
  HubProcess second(second_arguments, dir_.file("log2"));
  EXPECT_EQ(second.wait(), 1);
  EXPECT_NE(second.log().find("in use by another hub"), std::string::npos) << second.log();
  auto client = FeedClient::open(modem());
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(client.value()->send(make_record(1, i, 3)));
  EXPECT_TRUE(client.value()->drain(20'000));
  EXPECT_EQ(hub.kill(SIGTERM), 0);
}

TEST_F(BadDisk, AFolderThatCannotBeWrittenIsOneLine) {
  std::filesystem::create_directory(dir_.file("data"));
  ASSERT_EQ(::chmod(dir_.file("data").c_str(), 0555), 0);
  ASSERT_EQ(::chmod(dir_.file(".").c_str(), 0755), 0);
  // Root may write everywhere: as somebody else.
  const passwd* user = ::geteuid() == 0 ? ::getpwnam("nobody") : nullptr;
  std::ofstream(dir_.file("log")) << "";
  ::chmod(dir_.file("log").c_str(), 0666);
  auto command = arguments();
  command.insert(command.begin(), NGPLC_HUB_BINARY);
  ServerProcess hub(command, dir_.file("log"), user);
  if (const int code = hub.wait(); code == 127) GTEST_SKIP() << "the hub cannot be run by another user here";
  std::ifstream log(dir_.file("log"));
  const std::string said{std::istreambuf_iterator<char>(log), {}};
  EXPECT_NE(said.find("hub.sqlite.lock: Permission denied"), std::string::npos) << said;
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
}

}  // namespace
