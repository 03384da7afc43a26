// Newest values: what the newest frame of a device says, and what is kept beside it.
#include <SQLiteCpp/SQLiteCpp.h>

#include <map>
#include <random>

#include "hub_process.h"
#include "store.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;

constexpr std::array<const char*, 4> kRegisters = {"1-0:1.8.0", "1-0:2.8.0", "1-0:32.7.0", "1-0:31.7.0"};

class NewestTest : public ::testing::Test {
 protected:
  NewestTest() { config_.file = dir_.file("hub.sqlite"); }
  void open() {
    store_.reset();
    auto store = Store::open(config_);
    ASSERT_TRUE(store.ok()) << store.error();
    store_ = std::move(store.value());
  }
  // A reading in the clear, of a register for every bit of `registers`.
  FrameRow row(std::uint32_t device, std::int64_t time_ns, unsigned registers) {
    FrameRow r;
    r.record = make_record(1, ++sequence_, device);
    r.record.metrics.snr_db = static_cast<double>(sequence_);
    r.received_ns = r.time_ns = time_ns;
    r.reading.emplace();
    r.reading->device = device;
    r.reading->counter = static_cast<std::uint16_t>(sequence_);
    for (std::size_t i = 0; i < kRegisters.size(); ++i) {
      if ((registers >> i & 1U) != 0)
        r.reading->values.push_back({ngwire::find_register(kRegisters[i]), ++mantissa_});
    }
    return r;
  }
  std::int64_t number(const std::string& sql) const {
    SQLite::Database db(config_.file, SQLite::OPEN_READONLY, 5000);
    return db.execAndGet(sql).getInt64();
  }
  TempDir dir_;
  DatabaseConfig config_;
  std::unique_ptr<Store> store_;
  std::uint64_t sequence_ = 0;
  std::int64_t mantissa_ = 0;
};

// Frames of any registers in any order, many to a commit, with restarts and deletions of the oldest readings
// in between: the newest values are at any time those of the largest capture time, of equal ones the last
// stored.
TEST_F(NewestTest, AreThoseOfTheLatestFramesWhateverTheOrder) {
  struct Value {
    std::int64_t time_ns = 0, mantissa = 0;
  };
  struct Device {
    std::int64_t frames = 0, first_ns = INT64_MAX, last_ns = 0, counter = 0;
    double snr_db = 0;
    std::map<std::string, Value> values;
  };
  std::map<std::uint32_t, Device> expected;
  std::mt19937 random(1);
  open();
  for (int commit = 0; commit < 400; ++commit) {
    std::vector<FrameRow> rows;
    for (auto left = random() % 4 + 1; left > 0; --left) {
      const auto time_ns = static_cast<std::int64_t>(1000 + commit / 4 + random() % 20);
      // An empty reading is heard, too.
      const FrameRow& r = rows.emplace_back(row(random() % 5, time_ns, random() % 16));
      Device& device = expected[r.reading->device];
      ++device.frames;
      device.first_ns = std::min(device.first_ns, time_ns);
      if (time_ns >= device.last_ns) {
        device.last_ns = time_ns;
        device.counter = r.reading->counter;
        device.snr_db = r.record.metrics.snr_db;
      }
      for (const ngwire::RegisterValue& value : r.reading->values) {
        Value& newest = device.values[std::string(value.spec->obis)];
        if (time_ns >= newest.time_ns) newest = {time_ns, value.mantissa};
      }
    }
    ASSERT_EQ(store_->commit(rows).error, "");
    if (random() % 8 == 0) open();
    if (random() % 8 == 0) {
      // As retention does: readings first, the last frame of them may keep some.
      SQLite::Database& db = store_->database();
      SQLite::Statement forget(db, "DELETE FROM readings WHERE id < (SELECT max(id) - ? FROM readings)");
      forget.bind(1, static_cast<std::int64_t>(random() % 10));
      forget.exec();
      db.exec("DELETE FROM frames WHERE id < (SELECT min(frame_id) FROM readings)");
    }
    auto reader = StoreReader::open(config_.file);
    const auto devices = reader.value()->devices({});
    ASSERT_TRUE(devices.ok()) << devices.error();
    ASSERT_EQ(devices->size(), expected.size());
    for (const StoredDevice& d : devices.value()) {
      const Device& e = expected[d.device];
      ASSERT_EQ(d.frames, e.frames) << commit;
      ASSERT_EQ(d.first_seen_ns, e.first_ns) << commit;
      ASSERT_EQ(d.last_seen_ns, e.last_ns) << commit;
      ASSERT_EQ(d.counter, e.counter) << commit;
      ASSERT_EQ(d.snr_db, e.snr_db) << commit;
      ASSERT_EQ(d.receiver, "test-receiver");
      ASSERT_EQ(d.last.size(), e.values.size()) << commit;
      for (const StoredReading& value : d.last) {
        ASSERT_EQ(value.mantissa, e.values.at(value.obis).mantissa) << commit << value.obis;
        ASSERT_EQ(value.time_ns, e.values.at(value.obis).time_ns) << commit << value.obis;
      }
    }
    for (const char* obis : kRegisters) {
      const auto last = reader.value()->last_seen({}, obis);
      ASSERT_TRUE(last.ok()) << last.error();
      ASSERT_EQ(last->size(), expected.size());
      for (const LastSeen& d : last.value()) {
        const auto& values = expected[d.device].values;
        const auto it = values.find(obis);
        ASSERT_EQ(d.has_value, it != values.end()) << commit;
        if (d.has_value) {
          ASSERT_EQ(d.mantissa, it->second.mantissa) << commit << obis;
        }
      }
    }
  }
}

// What makes frames cheap on flash: the wide rows are written when a register is new, not with each frame.
TEST_F(NewestTest, AFrameOfTheSameRegistersWritesNoWideRow) {
  open();
  ASSERT_EQ(store_->commit({row(7, 100, 3)}).error, "");
  ASSERT_EQ(store_->commit({row(7, 101, 3), row(7, 102, 3)}).error, "");
  EXPECT_EQ(number("SELECT max(frame_id) FROM kept_readings"), 1);
  EXPECT_EQ(number("SELECT max(last_seen_ns) FROM kept_devices"), 100);
  EXPECT_EQ(number("SELECT frame_id FROM newest_frames"), 3);
  ASSERT_EQ(store_->commit({row(7, 103, 1)}).error, "");
  EXPECT_EQ(number("SELECT group_concat(frame_id) = '1,3' FROM kept_readings"), 1)
      << "the register that the newest frame does not have";
}

// A batch that is refused leaves nothing behind, in the file or in memory.
TEST_F(NewestTest, AFailedCommitChangesNothing) {
  open();
  ASSERT_EQ(store_->commit({row(7, 100, 1)}).error, "");
  {
    SQLite::Database other(config_.file, SQLite::OPEN_READWRITE);
    other.exec("BEGIN IMMEDIATE");
    ASSERT_EQ(store_->commit({row(7, 101, 3)}).reason, "busy");
  }
  ASSERT_EQ(store_->commit({row(7, 102, 2)}).error, "");
  EXPECT_EQ(number("SELECT count(*) FROM last_readings WHERE time_ns = 100"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM last_readings WHERE time_ns = 102"), 1);
  EXPECT_EQ(number("SELECT frames FROM devices"), 2);
}

}  // namespace
