#include "store.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include "hub_process.h"
#include "ingest.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { config_.file = dir_.file("hub.sqlite"); }
  std::unique_ptr<Store> open() const {
    auto store = Store::open(config_);
    EXPECT_TRUE(store.ok()) << store.error();
    return store.ok() ? std::move(store.value()) : nullptr;
  }
  static FrameRow row(std::uint64_t sequence, std::uint32_t device = 5, std::uint64_t run = 1) {
    FrameRow r;
    r.record = make_record(run, sequence, device);
    r.received_ns = 1'000'000'000;
    r.time_ns = ngwire::frame_time_ns(r.record);
    ngwire::Reading reading;
    r.payload_status =
        status_of(ngwire::decode_reading(r.record.payload.data(), r.record.payload.size(), reading));
    r.reading = reading;
    return r;
  }
  TempDir dir_;
  DatabaseConfig config_;
};

TEST_F(StoreTest, StoresOnceAndReadsBack) {
  auto store = open();
  CommitOutcome outcome = store->commit({row(1), row(2), row(1)});
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.stored, 2U);
  EXPECT_EQ(outcome.duplicates, 1U);
  EXPECT_EQ(outcome.readings, 4U);
  EXPECT_EQ(store->commit({row(2), row(1, 5, 0xffffffffffffffffULL)}).duplicates, 1U);
  auto reader = StoreReader::open(config_.file);
  const auto frames = reader.value()->frames({});
  ASSERT_EQ(frames->size(), 3U);
  EXPECT_EQ(frames->at(2).row.record.run, 0xffffffffffffffffULL);
  EXPECT_EQ(frames->at(0).row.record.payload, row(1).record.payload);
  EXPECT_EQ(frames->at(0).device, 5U);
  const auto readings = reader.value()->readings({});
  ASSERT_EQ(readings->size(), 6U);
  EXPECT_EQ(readings->at(0).obis, "1-0:1.8.0");
  EXPECT_EQ(readings->at(0).mantissa, 1'000'001);
  EXPECT_EQ(readings->at(1).exponent, -1);
  const auto devices = reader.value()->devices({});
  ASSERT_EQ(devices->size(), 1U);
  EXPECT_EQ(devices->at(0).frames, 3);
  EXPECT_EQ(devices->at(0).last.at(0).mantissa, 1'000'002);
}

TEST_F(StoreTest, SurvivesReopenAndKeepsOneRow) {
  EXPECT_EQ(open()->commit({row(1)}).stored, 1U);
  EXPECT_EQ(open()->commit({row(1)}).duplicates, 1U);
}

TEST_F(StoreTest, PagesAndFilters) {
  auto store = open();
  std::vector<FrameRow> rows;
  for (std::uint64_t i = 0; i < 50; ++i) rows.push_back(row(i, static_cast<std::uint32_t>(i % 5)));
  store->commit(rows);
  auto reader = StoreReader::open(config_.file);
  Page page;
  page.limit = 7;
  std::size_t seen = 0;
  for (;;) {
    const auto frames = reader.value()->frames(page);
    seen += frames->size();
    if (frames->size() < 7) break;
    page.cursor = frames->back().id;
  }
  EXPECT_EQ(seen, 50U);
  page = {};
  page.device = 3;
  EXPECT_EQ(reader.value()->frames(page)->size(), 10U);
  EXPECT_EQ(reader.value()->readings(page)->size(), 20U);
  page.newest_first = true;
  page.limit = 1;
  EXPECT_EQ(reader.value()->frames(page)->at(0).row.record.sequence, 48U);
  page = {};
  page.since_ns = rows[40].time_ns;
  EXPECT_EQ(reader.value()->frames(page)->size(), 10U);
  page = {};
  page.cursor = 0;  // address 0 was seen
  EXPECT_EQ(reader.value()->devices(page)->size(), 4U);
}

// Questions about one device go block by block of ids (kBlockBits): the seams must not show.
TEST_F(StoreTest, PagesOfOneDeviceOverManyBlocks) {
  auto store = open();
  std::vector<FrameRow> rows;
  std::vector<std::int64_t> expected;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    // Device 3 is silent for 2000 frames: longer than a block.
    const bool mine = i % 97 == 5 && (i < 1000 || i > 3000);
    rows.push_back(row(i, mine ? 3 : 4));
    if (mine) expected.push_back(static_cast<std::int64_t>(i) + 1);
  }
  ASSERT_EQ(store->commit(rows).stored, 5000U);
  auto reader = StoreReader::open(config_.file);
  for (const bool newest_first : {false, true}) {
    for (const std::int64_t limit : {1, 7, 1000}) {
      Page page;
      page.device = 3;
      page.limit = limit;
      page.newest_first = newest_first;
      std::vector<std::int64_t> seen;
      for (;;) {
        const auto frames = reader.value()->frames(page);
        ASSERT_TRUE(frames.ok()) << frames.error();
        for (const StoredFrame& frame : frames.value()) seen.push_back(frame.id);
        if (static_cast<std::int64_t>(frames->size()) < limit) break;
        page.cursor = frames->back().id;
      }
      if (newest_first) std::reverse(seen.begin(), seen.end());
      EXPECT_EQ(seen, expected) << limit << newest_first;
    }
  }
  Page page;
  page.device = 3;
  page.limit = 1000;
  EXPECT_EQ(reader.value()->readings(page)->size(), 2 * expected.size());
  page.device = 77;
  EXPECT_TRUE(reader.value()->readings(page)->empty());
}

TEST_F(StoreTest, LateDataDoesNotReplaceTheNewest) {
  auto store = open();
  store->commit({row(9)});
  store->commit({row(3)});
  auto reader = StoreReader::open(config_.file);
  const auto devices = reader.value()->devices({});
  EXPECT_EQ(devices->at(0).counter, 9);
  EXPECT_EQ(devices->at(0).frames, 2);
  EXPECT_EQ(devices->at(0).last.at(0).mantissa, 1'000'009);
}

TEST_F(StoreTest, FullDatabaseRefusesTheWholeBatchAndRecovers) {
  config_.max_bytes = 200'000;
  std::uint64_t stored = 0;
  {
    auto store = open();
    CommitOutcome outcome;
    while (outcome.error.empty()) {
      std::vector<FrameRow> rows;
      for (std::uint64_t i = 0; i < 100; ++i) rows.push_back(row(stored + i));
      outcome = store->commit(rows);
      stored += outcome.stored;
      ASSERT_LT(stored, 100'000U);
    }
    EXPECT_EQ(outcome.reason, "full");
    EXPECT_EQ(outcome.stored, 0U);
    EXPECT_EQ(store->commit({row(1)}).duplicates, 1U) << "the store still answers";
  }
  config_.max_bytes = 0;
  auto store = open();
  EXPECT_EQ(store->commit({row(stored)}).stored, 1U);
  auto reader = StoreReader::open(config_.file);
  const SQLite::Database db(config_.file, SQLite::OPEN_READONLY);
  SQLite::Statement count(db, "SELECT count(*), (SELECT sum(frames) FROM devices) FROM frames");
  ASSERT_TRUE(count.executeStep());
  EXPECT_EQ(count.getColumn(0).getInt64(), static_cast<std::int64_t>(stored + 1));
  EXPECT_EQ(count.getColumn(1).getInt64(), static_cast<std::int64_t>(stored + 1));
}

TEST_F(StoreTest, RefusesWhatItCannotUseWithOneLine) {
  const auto message = [&] {
    const auto store = Store::open(config_);
    EXPECT_FALSE(store.ok());
    EXPECT_EQ(store.error().find('\n'), std::string::npos);
    return store.error();
  };
  std::ofstream(config_.file) << std::string(5000, 'x');
  EXPECT_NE(message().find("not a database"), std::string::npos) << message();
  std::filesystem::remove(config_.file);
  { SQLite::Database(config_.file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE t(x)"); }
  EXPECT_NE(message().find("another program"), std::string::npos);
  std::filesystem::remove(config_.file);
  open();
  { SQLite::Database(config_.file, SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 99"); }
  EXPECT_NE(message().find("newer"), std::string::npos);
  config_.file = dir_.file("no/such/folder.sqlite");
  EXPECT_NE(message().find("No such file"), std::string::npos);
}

TEST_F(StoreTest, OneHubADatabase) {
  auto store = open();
  const auto second = Store::open(config_);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().find("in use by another hub"), std::string::npos);
}

TEST_F(StoreTest, LongQuestionsEnd) {
  const auto store = open();
  {
    SQLite::Database db(config_.file, SQLite::OPEN_READWRITE, 5000);
    db.exec("INSERT INTO registers VALUES(1, 'a', 'Wh', 0)");
    db.exec(
        "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 200000) "
        "INSERT INTO readings(id, frame_id, device, counter, register, mantissa, time_ns) "
        "SELECT i, 0, 0, 0, 1, 0, 0 FROM n");
  }
  Page page;
  page.since_ns = 1;
  auto hasty = StoreReader::open(config_.file, std::chrono::milliseconds(1));
  EXPECT_EQ(hasty.value()->readings(page).error(), "interrupted");
  page.since_ns = 0;
  EXPECT_EQ(hasty.value()->readings(page)->size(), 100U) << "and goes on";
  page.since_ns = 1;
  EXPECT_EQ(StoreReader::open(config_.file).value()->readings(page)->size(), 0U);
}

}  // namespace
