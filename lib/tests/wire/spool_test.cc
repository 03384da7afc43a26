#include "ngwire/wire/spool.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

namespace {

using namespace ngwire;
namespace fs = std::filesystem;

class SpoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "spool-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { fs::remove_all(dir_); }

  SpoolConfig config(std::size_t memory_records = 4) const {
    SpoolConfig c;
    c.directory = dir_;
    c.memory_records = memory_records;
    c.segment_bytes = 64 << 10;
    c.disk_bytes = 1 << 20;
    c.resend_after_ms = 100;
    return c;
  }
  static std::unique_ptr<Spool> open(const SpoolConfig& c) {
    auto spool = Spool::open(c);
    EXPECT_TRUE(spool.ok()) << spool.error();
    return spool.ok() ? std::move(spool.value()) : nullptr;
  }
  static Bytes record(std::uint64_t sequence, std::size_t size = 200) {
    Bytes bytes(size, 0x5a);
    for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(sequence >> (8 * i));
    return bytes;
  }
  static std::uint64_t sequence_of(const Bytes& bytes) {
    std::uint64_t sequence = 0;
    for (unsigned i = 8; i-- > 0;) sequence = sequence << 8U | bytes[i];
    return sequence;
  }
  // Sends and acknowledges everything, returns the sequences in the order they left.
  static std::vector<std::uint64_t> drain(Spool& spool, std::uint64_t run) {
    std::vector<std::uint64_t> order;
    while (const Bytes* next = spool.next_to_send(0)) {
      const std::uint64_t sequence = sequence_of(*next);
      order.push_back(sequence);
      spool.on_ack(run, {{sequence, sequence}});
    }
    return order;
  }
  std::size_t files() const {
    std::size_t n = 0;
    for (const auto& entry : fs::directory_iterator(dir_)) n += entry.path().extension() == ".spool" ? 1 : 0;
    return n;
  }
  std::string dir_;
};

std::vector<std::uint64_t> count_to(std::uint64_t n) {
  std::vector<std::uint64_t> out;
  for (std::uint64_t i = 0; i < n; ++i) out.push_back(i);
  return out;
}

TEST_F(SpoolTest, MemoryOnlyDropsWhenFullAndSaysSo) {
  SpoolConfig c = config(3);
  c.directory.clear();
  auto spool = open(c);
  for (std::uint64_t i = 0; i < 5; ++i) EXPECT_EQ(spool->push(1, i, record(i)), i < 3);
  EXPECT_EQ(spool->counters().dropped_full, 2U);
  EXPECT_EQ(drain(*spool, 1), count_to(3));
  EXPECT_TRUE(spool->empty());
}

TEST_F(SpoolTest, OverflowsToDiskAndKeepsTheOrder) {
  auto spool = open(config(4));
  for (std::uint64_t i = 0; i < 1000; ++i) ASSERT_TRUE(spool->push(1, i, record(i)));
  EXPECT_EQ(spool->counters().in_memory, 4U);
  EXPECT_EQ(spool->counters().on_disk, 996U);
  EXPECT_EQ(drain(*spool, 1), count_to(1000));
  EXPECT_TRUE(spool->empty());
  EXPECT_LE(files(), 1U);
}

TEST_F(SpoolTest, ResendsAfterTheTimeoutAndNotBefore) {
  auto spool = open(config());
  spool->push(1, 7, record(7));
  ASSERT_NE(spool->next_to_send(1000), nullptr);
  EXPECT_EQ(spool->next_to_send(1099), nullptr);
  EXPECT_EQ(spool->next_due_ms(1099), 1);
  ASSERT_NE(spool->next_to_send(1100), nullptr);
  EXPECT_EQ(spool->counters().resends, 1U);
  spool->set_patience(1000);
  EXPECT_EQ(spool->next_to_send(2199), nullptr);
  EXPECT_EQ(spool->next_due_ms(2199), 1);
  spool->set_patience(0);
  EXPECT_EQ(spool->on_ack(2, {{7, 7}}), 0U);
  EXPECT_EQ(spool->on_ack(1, {{0, ~std::uint64_t{0}}}), 1U);
  EXPECT_EQ(spool->next_to_send(5000), nullptr);
}

TEST_F(SpoolTest, WindowBoundsWhatIsInFlight) {
  SpoolConfig c = config(100);
  c.window_records = 10;
  auto spool = open(c);
  for (std::uint64_t i = 0; i < 50; ++i) spool->push(1, i, record(i));
  std::size_t sent = 0;
  while (spool->next_to_send(0) != nullptr) ++sent;
  EXPECT_EQ(sent, 10U);
  spool->on_ack(1, {{0, 4}});
  while (spool->next_to_send(0) != nullptr) ++sent;
  EXPECT_EQ(sent, 15U);
  spool->reset_in_flight();
  EXPECT_EQ(spool->counters().in_flight, 0U);
  EXPECT_EQ(sequence_of(*spool->next_to_send(0)), 5U);
}

TEST_F(SpoolTest, RestartKeepsEverythingInOrder) {
  {
    auto spool = open(config(10));
    for (std::uint64_t i = 0; i < 300; ++i) spool->push(1, i, record(i));
    for (int i = 0; i < 5; ++i) spool->next_to_send(0);
    spool->on_ack(1, {{0, 4}});
  }
  auto spool = open(config(10));
  const auto order = drain(*spool, 1);
  const std::set<std::uint64_t> unique(order.begin(), order.end());
  EXPECT_EQ(unique.size(), 300U - (order.front() == 0 ? 0U : 5U));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(order.back(), 299U);
}

TEST_F(SpoolTest, WriteThroughSurvivesACrash) {
  SpoolConfig c = config(100);
  c.write_through = true;
  auto spool = open(c);
  for (std::uint64_t i = 0; i < 50; ++i) spool->push(1, i, record(i));
  // What a killed program leaves behind: the files as they are now.
  const std::string copy = dir_ + "-copy";
  fs::copy(dir_, copy);
  c.directory = copy;
  {
    auto again = open(c);
    EXPECT_EQ(drain(*again, 1), count_to(50));
  }
  fs::remove_all(copy);
}

TEST_F(SpoolTest, TornTailLosesOnlyTheTail) {
  {
    auto spool = open(config(1));
    for (std::uint64_t i = 0; i < 20; ++i) spool->push(1, i, record(i));
  }
  fs::path last;
  for (const auto& entry : fs::directory_iterator(dir_)) {
    if (entry.path().extension() == ".spool" && entry.path() > last) last = entry.path();
  }
  fs::resize_file(last, fs::file_size(last) - 10);
  auto spool = open(config(1));
  EXPECT_EQ(spool->counters().torn_segments, 1U);
  EXPECT_EQ(drain(*spool, 1), count_to(19));
}

TEST_F(SpoolTest, DamageAndForeignFilesAreTolerated) {
  {
    auto spool = open(config(1));
    for (std::uint64_t i = 0; i < 20; ++i) spool->push(1, i, record(i));
  }
  std::ofstream(dir_ + "/notes.txt") << "hello";
  std::ofstream(dir_ + "/zzzzzzzzzzzzzzzz.spool") << "hello";
  std::ofstream(dir_ + "/00000fffffffffff.spool") << std::string(100, '\xff');
  auto spool = open(config(1));
  EXPECT_EQ(spool->counters().torn_segments, 1U);
  EXPECT_EQ(drain(*spool, 1), count_to(20));
}

TEST_F(SpoolTest, DiskBoundDropsTheNewest) {
  SpoolConfig c = config(1);
  c.disk_bytes = c.segment_bytes;
  auto spool = open(c);
  std::uint64_t accepted = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) accepted += spool->push(1, i, record(i)) ? 1 : 0;
  EXPECT_LT(accepted, 1000U);
  EXPECT_EQ(spool->counters().dropped_full, 1000 - accepted);
  EXPECT_LE(spool->counters().disk_bytes, c.disk_bytes);
  EXPECT_EQ(drain(*spool, 1), count_to(accepted));
  EXPECT_TRUE(spool->push(1, 5000, record(5000)));
}

TEST_F(SpoolTest, OneProcessADirectory) {
  auto spool = open(config());
  const auto second = Spool::open(config());
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().find("in use"), std::string::npos);
}

TEST_F(SpoolTest, BadConfigIsRefused) {
  SpoolConfig c = config();
  c.window_records = 0;
  EXPECT_FALSE(Spool::open(c).ok());
  c = config();
  c.directory = "/proc/nowhere";
  EXPECT_FALSE(Spool::open(c).ok());
}

TEST_F(SpoolTest, RepeatsAreRefused) {
  auto spool = open(config());
  EXPECT_TRUE(spool->push(1, 1, record(1)));
  EXPECT_FALSE(spool->push(1, 1, record(1)));
  EXPECT_TRUE(spool->push(2, 1, record(1)));
  EXPECT_EQ(spool->counters().dropped_repeated, 1U);
}

// Random use against a model: whatever the order of sends, acks and restarts, nothing is lost and nothing
// unknown appears.
TEST_F(SpoolTest, RandomUseLosesNothing) {
  std::mt19937_64 random(1);
  SpoolConfig c = config(7);
  c.window_records = 5;
  c.sync = SpoolSync::never;
  auto spool = open(c);
  std::set<std::uint64_t> held;
  std::uint64_t next = 0;
  std::int64_t now = 0;
  for (int step = 0; step < 20'000; ++step) {
    now += static_cast<std::int64_t>(random() % 30);
    switch (random() % 40) {
      case 0:
        spool.reset();
        spool = open(c);
        break;
      case 1:
        spool->reset_in_flight();
        break;
      default:
        if (random() % 2 == 0 && held.size() < 200) {
          ASSERT_TRUE(spool->push(9, next, record(next, 100 + random() % 400)));
          held.insert(next++);
        } else if (const Bytes* bytes = spool->next_to_send(now)) {
          const std::uint64_t sequence = sequence_of(*bytes);
          if (random() % 3 != 0) {
            spool->on_ack(9, {{sequence, sequence}});
            held.erase(sequence);
          }
        }
    }
  }
  spool->reset_in_flight();
  for (const std::uint64_t sequence : drain(*spool, 9)) held.erase(sequence);
  EXPECT_TRUE(held.empty());
  EXPECT_TRUE(spool->empty());
}

}  // namespace
