// Secured frames through ingest and store: who is let in, and what is never taken twice.
#include <SQLiteCpp/SQLiteCpp.h>

#include <random>

#include "ingest.h"
#include "link_node.h"
#include "ngwire/link/relay.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;
using ngwire::LinkKind;

class LinkTest : public ::testing::Test {
 protected:
  LinkTest() {
    database_.file = dir_.file("hub.sqlite");
    EXPECT_EQ(KeyVault::create(dir_.file("key")), "");
    vault_.emplace(std::move(KeyVault::open(dir_.file("key")).value()));
    open();
    register_nodes(database_.file, *vault_, 100, 3);
  }
  void open() {
    ingest_.reset();
    store_.reset();
    store_ = std::move(Store::open(database_).value());
    ingest_ = std::make_unique<Ingest>(*store_, metrics_, &*vault_, PlainPolicy::automatic);
    ingest_->idle();
  }
  // One record, one transaction.
  void hear(const ngwire::Bytes& payload, const std::string& receiver = "test-receiver") {
    std::vector<FrameRow> rows;
    ingest_->idle();
    ingest_->examine(record_of(payload, ++sequence_, receiver), unix_now_ns(), rows);
    ASSERT_TRUE(ingest_->commit(rows));
  }
  void join(TestNode& node, std::uint32_t nonce) {
    hear(node.join_request(nonce));
    const auto replies = ingest_->take_replies();
    ASSERT_EQ(replies.size(), 1U);
    ASSERT_TRUE(node.take_accept(replies[0].frame.payload));
  }
  std::int64_t number(const std::string& sql) const {
    SQLite::Database db(database_.file, SQLite::OPEN_READONLY, 5000);
    return db.execAndGet(sql).getInt64();
  }
  std::string text(const std::string& sql) const {
    SQLite::Database db(database_.file, SQLite::OPEN_READONLY, 5000);
    return db.execAndGet(sql).getString();
  }
  bool counted(const std::string& result, int times) const {
    const std::string line =
        "ngplc_hub_link_frames_total{result=\"" + result + "\"} " + std::to_string(times) + "\n";
    return metrics_.text().find(line) != std::string::npos;
  }
  TempDir dir_;
  DatabaseConfig database_;
  Metrics metrics_;
  std::optional<KeyVault> vault_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Ingest> ingest_;
  std::uint64_t sequence_ = 0;
};

TEST_F(LinkTest, JoinsAndIsHeard) {
  TestNode node(100);
  join(node, 1);
  hear(node.reading(1234));
  EXPECT_EQ(number("SELECT count(*) FROM readings"), 1);
  EXPECT_EQ(number("SELECT mantissa FROM readings"), 1234);
  EXPECT_EQ(number("SELECT state FROM nodes WHERE eui = 100"), static_cast<int>(NodeState::active));
  EXPECT_EQ(text("SELECT group_concat(detail, '; ') FROM events WHERE kind = 'state' AND node = 1"),
            "created: manifest; created -> claimed: by its code; claimed -> joining: window of 60 min; "
            "joining -> active: first frame");
}

TEST_F(LinkTest, ACopyIsCountedAndAReplayIsNot) {
  TestNode node(100);
  join(node, 1);
  const auto first = node.reading(1);
  hear(first);
  for (int i = 0; i < 3; ++i) hear(first, "other-receiver");
  EXPECT_EQ(number("SELECT copies FROM frames WHERE counter = 0"), 4);
  EXPECT_EQ(number("SELECT count(*) FROM readings"), 1);
  for (std::uint32_t i = 2; i < 70; ++i) hear(node.reading(i));
  hear(first);
  EXPECT_TRUE(counted("copy", 3));
  EXPECT_TRUE(counted("replayed", 1));
  EXPECT_EQ(number("SELECT count(*) FROM readings"), 69);
}

TEST_F(LinkTest, GapsAreKnownAndHeal) {
  TestNode node(100);
  join(node, 1);
  std::vector<ngwire::Bytes> frames;
  for (std::uint32_t i = 0; i < 1000; ++i) frames.push_back(node.reading(1000 + i));
  hear(frames[0]);
  hear(frames[10]);
  hear(frames[999]);
  const char* missing = "SELECT coalesce(sum(last - first + 1), 0) FROM holes";
  EXPECT_EQ(number(missing), 997);
  open();  // what is missing is known after a restart
  hear(frames[5]);
  EXPECT_EQ(number(missing), 996);
  EXPECT_EQ(number("SELECT late FROM frames WHERE counter = 5"), 1);
  std::mt19937 random(1);
  std::shuffle(frames.begin(), frames.end(), random);
  for (const auto& frame : frames) hear(frame, "late-modem");
  EXPECT_EQ(number(missing), 0);
  EXPECT_EQ(number("SELECT count(*) FROM frames WHERE epoch IS NOT NULL"), 1000);
  EXPECT_EQ(number("SELECT count(DISTINCT mantissa) FROM readings"), 1000);
  EXPECT_EQ(number("SELECT mantissa FROM last_readings"), 1999) << "late data does not replace the newest";
}

TEST_F(LinkTest, LostCounterStateHealsByJoiningAlone) {
  for (std::uint32_t life = 0; life < 6; ++life) {
    TestNode node(101);  // remembers nothing, not even which join nonces it used
    join(node, 0x10000000 + 977 * life);
    EXPECT_EQ(node.device().accept().epoch, life + 1);
    for (std::uint32_t i = 0; i < 3; ++i) hear(node.reading(10 * life + i));
  }
  EXPECT_EQ(number("SELECT count(*) FROM readings"), 18);
  EXPECT_EQ(number("SELECT count(*) FROM sessions"), 4) << "the current and three before it";
}

TEST_F(LinkTest, FramesOfTheSessionBeforeStillCount) {
  TestNode node(100);
  join(node, 1);
  hear(node.reading(1));
  const auto held_back = node.reading(2);
  join(node, 2);
  hear(node.reading(3));
  hear(held_back, "cut-off-modem");
  EXPECT_EQ(number("SELECT count(*) FROM readings"), 3);
  EXPECT_EQ(number("SELECT late FROM frames WHERE epoch = 1 AND counter = 1"), 1);
  EXPECT_EQ(number("SELECT mantissa FROM last_readings"), 3);
}

TEST_F(LinkTest, AJoinHeldBackAndSentLaterCostsNothing) {
  TestNode node(100);
  const auto captured = node.join_request(77);  // nobody heard it but the attacker
  join(node, 78);
  hear(node.reading(1));
  for (int i = 0; i < 20; ++i) hear(captured);
  EXPECT_EQ(ingest_->take_replies().size(), 20U) << "the same accept each time";
  hear(node.reading(2));
  EXPECT_EQ(number("SELECT count(*) FROM readings"), 2);
  const auto old = node.join_request(79);
  hear(old);
  ingest_->take_replies();
  hear(captured);
  EXPECT_TRUE(ingest_->take_replies().empty());
  EXPECT_TRUE(counted("join_replayed", 1));
}

TEST_F(LinkTest, TheSameRequestGetsTheSameAccept) {
  TestNode node(100);
  const auto request = node.join_request(5);
  hear(request);
  const auto first = ingest_->take_replies();
  open();
  hear(request, "other-receiver");
  const auto second = ingest_->take_replies();
  ASSERT_EQ(first.size() + second.size(), 2U);
  EXPECT_EQ(first[0].frame.payload, second[0].frame.payload);
  EXPECT_EQ(second[0].receiver, "other-receiver");
  EXPECT_EQ(number("SELECT count(*) FROM sessions"), 1);
}

TEST_F(LinkTest, WhoIsNotExpectedIsRefused) {
  TestNode stranger(999);
  hear(stranger.join_request(1));
  EXPECT_TRUE(counted("unknown_eui", 1));
  ngwire::LinkDevice wrong_key(100, test_key(5));
  hear(*wrong_key.join_request(1));
  EXPECT_TRUE(counted("bad_tag", 1));
  TestNode node(100);
  join(node, 1);
  hear(node.reading(1));
  auto registry = Registry::open(database_.file);
  ASSERT_TRUE(registry.value()->set_state(100, NodeState::suspended).ok());
  hear(node.reading(2));
  EXPECT_TRUE(counted("suspended", 1));
  hear(node.join_request(2));
  EXPECT_TRUE(counted("join_closed", 1));
  ASSERT_TRUE(registry.value()->set_state(100, NodeState::active).ok());
  hear(node.reading(3));
  EXPECT_EQ(number("SELECT count(*) FROM readings"), 2);
  EXPECT_EQ(number("SELECT sum(last - first + 1) FROM holes"), 1)
      << "what was refused is known to be missing";
  // A claimed device outside its window.
  SQLite::Database(database_.file, SQLite::OPEN_READWRITE, 5000)
      .exec("UPDATE nodes SET join_until_ns = 1 WHERE eui = 102");
  hear(TestNode(102).join_request(1));
  EXPECT_TRUE(counted("join_closed", 2));
}

TEST_F(LinkTest, CounterFarAheadIsToldOnceAndOthersGoOn) {
  TestNode node(100);
  TestNode other(101);
  join(node, 1);
  join(other, 1);
  hear(node.reading(1));
  for (int i = 0; i < 20'000; ++i) node.reading(0);
  hear(node.reading(2));
  hear(node.reading(3));
  hear(other.reading(4));
  EXPECT_TRUE(counted("counter_ahead", 2));
  EXPECT_EQ(number("SELECT count(*) FROM events WHERE kind = 'counter_ahead'"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM readings"), 2);
}

TEST_F(LinkTest, RegistersNeverFall) {
  TestNode node(100);
  join(node, 1);
  for (const std::uint32_t wh : {4294967000U, 100U, 150U, 140U, 0U, 5U}) hear(node.reading(wh));
  EXPECT_EQ(text("SELECT group_concat(kind) FROM events WHERE kind IN ('rollover', 'reset', 'backwards')"),
            "rollover,backwards,reset");
  EXPECT_EQ(
      number(
          "SELECT count(*) FROM (SELECT base + mantissa AS t, lag(base + mantissa) OVER (ORDER BY id) AS b "
          "FROM readings) WHERE t < b"),
      0);
  // 4294967000 to 2^32 - 2, over zero, to 100 and 150; then nothing, then 5.
  EXPECT_EQ(number("SELECT max(base + mantissa) FROM readings"), 4294967295 + 150 + 5);
  auto registry = Registry::open(database_.file);
  ASSERT_TRUE(registry.value()->exchange(100, "1-0:1.8.0", 20, 7000).ok());
  hear(node.reading(7003));
  EXPECT_EQ(number("SELECT max(base + mantissa) FROM readings"), 4294967295 + 150 + 20 + 3);
  EXPECT_FALSE(registry.value()->exchange(100, "1-0:1.8.0", 6000, 1).ok());
}

// The totals of frames from before an exchange or a fall and after it, whenever they come.
TEST_F(LinkTest, WhatARegisterWentThroughIsKnownAfterARestart) {
  TestNode node(100);
  join(node, 1);
  hear(node.reading(10));
  const auto before = node.reading(15);
  hear(node.reading(20));
  auto registry = Registry::open(database_.file);
  ASSERT_TRUE(registry.value()->exchange(100, "1-0:1.8.0", 25, 7000).ok());
  EXPECT_EQ(text("SELECT base || ' ' || mantissa FROM last_readings"), "-6975 7000");
  open();
  hear(before);
  ASSERT_TRUE(registry.value()->exchange(100, "1-0:1.8.0", 7001, 3).ok());
  EXPECT_EQ(text("SELECT base || ' ' || mantissa FROM last_readings"), "23 3");
  const auto after = node.reading(4);
  hear(node.reading(9));
  open();
  EXPECT_EQ(text("SELECT base || ' ' || mantissa FROM last_readings"), "23 9");
  hear(after);
  hear(node.reading(1));  // reset
  open();
  hear(node.reading(2));
  EXPECT_EQ(text("SELECT group_concat(base + mantissa) FROM readings"), "10,20,15,32,27,33,34");
  EXPECT_EQ(text("SELECT base || ' ' || mantissa FROM last_readings"), "32 2");
}

TEST_F(LinkTest, RelayedFramesKeepTheirOwnProtection) {
  TestNode relay(100);
  TestNode sensor(101);
  join(relay, 1);
  join(sensor, 1);
  const auto inner = sensor.reading(42);
  const auto outer = relay.seal(LinkKind::relay, ngwire::encode(std::vector<ngwire::SubFrame>{
                                                     {-12, 30, inner}, {3, 0, ngwire::Bytes(16, 0x91)}}));
  hear(outer);
  EXPECT_EQ(number("SELECT mantissa FROM readings"), 42);
  EXPECT_EQ(number("SELECT part FROM frames WHERE device = 2"), 1);
  EXPECT_EQ(number("SELECT snr_db FROM frames WHERE device = 2"), -12);
  EXPECT_EQ(number("SELECT (SELECT time_ns FROM frames WHERE part = 0 AND device = 1) - time_ns FROM frames "
                   "WHERE part = 1"),
            30'000'000'000);
  hear(inner, "radio-receiver");  // heard directly as well
  EXPECT_EQ(number("SELECT copies FROM frames WHERE device = 2"), 2);
  EXPECT_EQ(number("SELECT best_snr_db FROM frames WHERE device = 2"), -7);
}

TEST_F(LinkTest, ContentThatMakesNoSenseIsKeptAsAFrame) {
  TestNode node(100);
  join(node, 1);
  hear(node.seal(LinkKind::reading, {99, 1, 2, 3}));
  hear(node.seal(LinkKind::answer, {0, 1, 77, 0, 0}));
  hear(node.seal(LinkKind::relay, {0xff}));
  hear(node.reading(1));
  EXPECT_EQ(number("SELECT count(*) FROM frames WHERE epoch IS NOT NULL"), 4);
  EXPECT_EQ(number("SELECT count(*) FROM readings"), 1);
}

TEST_F(LinkTest, InTheClearOnlyWhileNobodyIsRegistered) {
  std::vector<FrameRow> rows;
  ingest_->examine(make_record(7, 1, 55), 1, rows);
  EXPECT_TRUE(rows.empty());
  EXPECT_TRUE(counted("in_the_clear", 1));
  Ingest generous(*store_, metrics_, &*vault_, PlainPolicy::yes);
  generous.idle();
  generous.examine(make_record(7, 1, 55), 1, rows);
  EXPECT_EQ(rows.size(), 1U);
}

TEST_F(LinkTest, AFailedCommitTakesNothingBack) {
  TestNode node(100);
  join(node, 1);
  const auto frame = node.reading(9);
  std::vector<FrameRow> rows;
  ingest_->examine(record_of(frame, ++sequence_), unix_now_ns(), rows);
  {
    SQLite::Database other(database_.file, SQLite::OPEN_READWRITE);
    SQLite::Transaction hold(other, SQLite::TransactionBehavior::IMMEDIATE);
    EXPECT_FALSE(ingest_->commit(rows));
  }
  EXPECT_TRUE(ingest_->commit(rows));
  EXPECT_EQ(number("SELECT next_counter FROM sessions"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM readings"), 1);
}

// Forged, replayed, bit-flipped, truncated: none is taken, and good frames in between all are.
TEST_F(LinkTest, AMillionBadFrames) {
  const char* count = std::getenv("NGPLC_BAD_FRAMES");
  const std::uint64_t frames = count != nullptr ? std::strtoull(count, nullptr, 10) : 1'000'000;
  TestNode node(100);
  join(node, 1);
  std::mt19937_64 random(2026);
  std::vector<ngwire::Bytes> heard;
  for (std::uint32_t i = 0; i < 200; ++i) {
    heard.push_back(i % 2 == 0 ? node.reading(i)
                               : node.seal(LinkKind::reading, {5, 0, 0, 0, 0, static_cast<std::uint8_t>(i), 0,
                                                               0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
    hear(heard.back());
  }
  std::vector<FrameRow> rows;
  std::uint64_t good = 200;
  std::uint64_t short_tags = 0;
  for (std::uint64_t i = 0; i < frames; ++i) {
    ngwire::Bytes bad = heard[random() % 100];  // old enough to be no copy any more
    switch (i % 4) {
      case 0:  // forged content under a good header, its counter moved into the future
        for (std::size_t at = 7; at < bad.size(); ++at) bad[at] = static_cast<std::uint8_t>(random());
        bad[6] = static_cast<std::uint8_t>(good + random() % 50);
        short_tags += bad.size() == 16 ? 1 : 0;
        break;
      case 1:
        bad[random() % bad.size()] ^= static_cast<std::uint8_t>(1U << random() % 8);
        break;
      case 2:
        bad.resize(1 + random() % (bad.size() - 1));
        break;
      default:
        break;  // replayed
    }
    ingest_->examine(record_of(bad, ++sequence_), 1, rows);
    if (i % 100'000 == 99'999) {
      ingest_->examine(record_of(node.reading(static_cast<std::uint32_t>(good)), ++sequence_), 1, rows);
      ++good;
      ASSERT_TRUE(ingest_->commit(rows));
      rows.clear();
    }
  }
  ASSERT_TRUE(ingest_->commit(rows));
  // A tag of 4 bytes lets one forged frame in 2^32 pass: 125 000 of them do so once in 34 000 runs.
  EXPECT_EQ(number("SELECT count(*) FROM readings WHERE time_ns > 1000"),
            number("SELECT count(*) FROM readings"));
  EXPECT_EQ(number("SELECT count(*) FROM frames WHERE epoch IS NOT NULL"), static_cast<std::int64_t>(good));
  EXPECT_EQ(number("SELECT next_counter FROM sessions"), static_cast<std::int64_t>(good));
  std::printf("%llu bad frames, %llu of them against 4-byte tags, %llu good\n",
              static_cast<unsigned long long>(frames), static_cast<unsigned long long>(short_tags),
              static_cast<unsigned long long>(good));
}

}  // namespace
