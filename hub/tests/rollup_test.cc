// Roll-ups against the sum of all readings, in any order of arrival, over changes of the clock.
#include "rollup.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <numeric>
#include <random>

#include "ingest.h"
#include "link_node.h"
#include "local_calendar.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDay = 86'400;

TEST(LocalCalendar, HoursDaysMonths) {
  const LocalCalendar kyiv("Europe/Kyiv");
  // 2025-10-26 01:30:00Z: the second 03:30 of that night, summer time having ended at 01:00Z.
  const std::int64_t second = 1'761'442'200;
  EXPECT_EQ(kyiv.start(RollupLevel::hour, second), second - 1800);
  EXPECT_EQ(kyiv.start(RollupLevel::hour, second - 3600), second - 5400) << "the first one is another hour";
  EXPECT_EQ(kyiv.start(RollupLevel::day, second), 1'761'426'000);    // 2025-10-25T21:00Z
  EXPECT_EQ(kyiv.start(RollupLevel::month, second), 1'759'266'000);  // 2025-09-30T21:00Z
  EXPECT_EQ(kyiv.start(RollupLevel::day, 1'761'426'000 + 25 * 3600 - 1), 1'761'426'000)
      << "a day of 25 hours";
  EXPECT_EQ(kyiv.start(RollupLevel::day, 1'761'426'000 + 25 * 3600), 1'761'426'000 + 25 * 3600);
  const LocalCalendar kathmandu("Asia/Kathmandu");  // 5:45 ahead
  EXPECT_EQ(kathmandu.start(RollupLevel::hour, 1'761'442'200), 1'761'441'300);
  // Cuba leaves out the midnight of 2025-03-09: the day begins at 01:00 local, 05:00Z.
  EXPECT_EQ(LocalCalendar("America/Havana").start(RollupLevel::day, 1'741'500'000), 1'741'496'400);
  EXPECT_FALSE(LocalCalendar("Mars/Olympus").known());
  EXPECT_EQ(LocalCalendar("").start(RollupLevel::day, kDay + 5), kDay);
  EXPECT_EQ(LocalCalendar("").start(RollupLevel::month, -5), -31 * kDay) << "before 1970";
}

class RollupTest : public ::testing::Test {
 protected:
  RollupTest() {
    database_.file = dir_.file("hub.sqlite");
    store_ = std::move(Store::open(database_).value());
    ingest_ = std::make_unique<Ingest>(*store_, metrics_, nullptr, PlainPolicy::yes);
  }
  // A frame of device 5 captured at that time, with its energy and its voltage.
  void hear(std::int64_t unix_s, std::int64_t wh, std::int64_t decivolt) {
    auto record = make_record(1, ++sequence_, 5);
    record.sample0_time_ns = unix_s * kSecondNs;
    record.sample_index = 0;
    ngwire::Reading reading;
    reading.device = 5;
    reading.values = {{ngwire::find_register("1-0:1.8.0"), wh},
                      {ngwire::find_register("1-0:32.7.0"), decivolt}};
    ASSERT_EQ(ngwire::encode_reading(reading, 16, record.payload), "");
    ingest_->examine(std::move(record), unix_now_ns(), rows_);
  }
  void commit() {
    ASSERT_TRUE(ingest_->commit(rows_));
    rows_.clear();
  }
  void fold() {
    Rollups rollups(*store_, {}, 2160);
    for (;;) {
      const auto folded = rollups.fold();
      ASSERT_TRUE(folded.ok()) << folded.error();
      if (folded.value() < Rollups::kValues) return;
    }
  }
  std::vector<StoredRollup> get(const std::string& obis, int level, std::int64_t since_s = 0) const {
    return StoreReader::open(database_.file)
        .value()
        ->rollups(5, obis, level, since_s, INT64_MAX, 10'000)
        .value();
  }
  std::int64_t number(const std::string& sql) const {
    return SQLite::Database(database_.file, SQLite::OPEN_READONLY, 5000).execAndGet(sql).getInt64();
  }
  TempDir dir_;
  DatabaseConfig database_;
  Metrics metrics_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Ingest> ingest_;
  std::vector<FrameRow> rows_;
  std::uint64_t sequence_ = 0;
};

TEST_F(RollupTest, WhateverTheOrderTheyAreWhatAllReadingsGive) {
  constexpr std::int64_t kStart = 1'740'000'000;
  constexpr std::int64_t kStep = 617;  // s: hours hold 5 or 6 of them
  constexpr std::int64_t kCount = 3000;
  std::vector<std::int64_t> order(kCount);
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(1);
  std::shuffle(order.begin(), order.end(), random);
  std::int64_t at = 0;
  for (const std::int64_t i : order) {
    hear(kStart + i * kStep, 1000 + 7 * i, 2300 + i % 41 - 20);
    if (++at % 500 != 0) continue;
    commit();
    fold();  // late data comes into hours that were there before
  }
  // Voltage, hour by hour, counted again from the readings.
  const auto hours = get("1-0:32.7.0", 0);
  std::int64_t seen = 0;
  for (const StoredRollup& hour : hours) {
    std::int64_t low = INT64_MAX, high = 0, sum = 0, count = 0;
    for (std::int64_t i = 0; i < kCount; ++i) {
      const std::int64_t time = kStart + i * kStep;
      if (time < hour.start_s || time >= hour.start_s + 3600) continue;
      const std::int64_t value = 2300 + i % 41 - 20;
      low = std::min(low, value);
      high = std::max(high, value);
      sum += value;
      ++count;
    }
    ASSERT_EQ(std::tie(hour.low, hour.high, hour.sum, hour.count), std::tie(low, high, sum, count));
    seen += count;
  }
  EXPECT_EQ(seen, kCount);
  // Energy: what the hours, days and months used adds up to what the register did.
  for (const int level : {0, 1, 2}) {
    std::int64_t used = 0;
    for (const StoredRollup& r : get("1-0:1.8.0", level)) used += r.last - r.before;
    EXPECT_EQ(used, 7 * (kCount - 1)) << level;
  }
  EXPECT_EQ(get("1-0:1.8.0", 1, kStart + 5 * kDay)[0].before, get("1-0:1.8.0", 1)[6].before)
      << "the day before the page counts";
}

TEST_F(RollupTest, EachReadingCountsOnce) {
  for (int i = 0; i < 10; ++i) hear(1'740'000'000 + i, 100 + i, 2300);
  commit();
  fold();
  fold();
  store_.reset();
  store_ = std::move(Store::open(database_).value());
  fold();
  EXPECT_EQ(get("1-0:32.7.0", 2).at(0).count, 10);
}

TEST_F(RollupTest, RetentionKeepsWhatIsStillNeeded) {
  const std::int64_t now_s = unix_now_ns() / kSecondNs;
  for (int day = 40; day >= 0; --day) hear(now_s - day * kDay, 1000 - day, 2300);
  commit();
  RetentionConfig retention;
  retention.readings_d = 10;
  retention.hours_d = 20;
  retention.days_d = 30;
  Rollups rollups(*store_, retention, 2160);
  const std::int64_t later = (now_s + 11 * kDay) * kSecondNs;
  const auto forget = [&](std::int64_t when) {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(rollups.forget(when).ok());
  };
  forget(later);
  EXPECT_EQ(number("SELECT count(*) FROM readings"), 82) << "not folded yet";
  ASSERT_TRUE(rollups.fold().ok());
  SQLite::Database(database_.file, SQLite::OPEN_READWRITE, 5000)
      .exec("INSERT INTO sinks(name, cursor, lost) VALUES('slow', 20, 0)");
  forget(unix_now_ns());
  EXPECT_EQ(number("SELECT count(*) FROM readings"), 82) << "they arrived today, whenever they were captured";
  forget(later);
  EXPECT_EQ(number("SELECT min(id) FROM readings"), 21) << "the sink still needs them";
  EXPECT_EQ(number("SELECT count(*) FROM frames"), 31);
  SQLite::Database(database_.file, SQLite::OPEN_READWRITE, 5000).exec("UPDATE sinks SET cursor = 1000");
  forget(later);
  EXPECT_EQ(number("SELECT group_concat(id) = '82' FROM readings"), 1) << "so that the next is 83";
  EXPECT_EQ(number("SELECT count(*) FROM frames"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM last_readings"), 2) << "what was last read stays";
  EXPECT_NEAR(static_cast<double>(number("SELECT count(*) FROM rollups WHERE level = 0")), 2 * 9, 2);
  EXPECT_NEAR(static_cast<double>(number("SELECT count(*) FROM rollups WHERE level = 1")), 2 * 19, 2);
  EXPECT_EQ(number("SELECT sum(count) FROM rollups WHERE level = 2"), 82);
}

TEST_F(RollupTest, AFailedFoldChangesNothing) {
  hear(1'740'000'000, 1, 2300);
  commit();
  Rollups rollups(*store_, {}, 2160);
  {
    SQLite::Database other(database_.file, SQLite::OPEN_READWRITE);
    SQLite::Transaction hold(other, SQLite::TransactionBehavior::IMMEDIATE);
    EXPECT_FALSE(rollups.fold().ok());
  }
  EXPECT_EQ(rollups.fold().value(), 2);
  EXPECT_EQ(get("1-0:32.7.0", 0).at(0).count, 1);
}

}  // namespace
