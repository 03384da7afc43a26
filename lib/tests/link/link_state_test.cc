// What an end of the link remembers: counters, windows, answers, the clock.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "hex.h"
#include "ngwire/link/command.h"
#include "ngwire/link/frame_counter.h"
#include "ngwire/link/link_device.h"
#include "ngwire/link/link_time.h"

namespace {

using namespace ngwire;
using namespace ngwire::test;

TEST(RebuildCounter, OnlyOneCounterIsMeant) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 200'000; ++i) {
    const auto next = static_cast<std::uint32_t>(random() % (i % 2 == 0 ? 200'000U : kLastCounter));
    const std::int64_t counter = std::int64_t{next} - kMaxCounterBehind +
                                 static_cast<std::int64_t>(random() % (kMaxCounterBehind + kMaxCounterAhead));
    const auto rebuilt = rebuild_counter(next, static_cast<std::uint16_t>(counter & 0xffff));
    if (counter < 0 || counter > kLastCounter) {
      EXPECT_FALSE(rebuilt.has_value());
    } else {
      EXPECT_EQ(rebuilt, static_cast<std::uint32_t>(counter));
    }
  }
  EXPECT_EQ(rebuild_counter(0, 0), 0U);
  EXPECT_EQ(rebuild_counter(0, kMaxCounterAhead - 1), kMaxCounterAhead - 1);
  EXPECT_FALSE(rebuild_counter(0, kMaxCounterAhead).has_value());
  EXPECT_EQ(rebuild_counter(65536, 0), 65536U);
}

TEST(ReplayWindow, AgreesWithASet) {
  std::mt19937 random(5);
  for (int run = 0; run < 50; ++run) {
    ReplayWindow window;
    std::set<std::uint32_t> taken;
    std::uint32_t newest = 0;
    for (int i = 0; i < 3000; ++i) {
      const int ahead = i % 50 == 0 ? 200 : 4;
      const auto counter = static_cast<std::uint32_t>(
          std::max<std::int64_t>(0, std::int64_t{newest} - 70 + static_cast<int>(random() % (70U + ahead))));
      const bool in_reach = taken.empty() || counter + ReplayWindow::kSize > newest;
      const bool expected = in_reach && taken.count(counter) == 0;
      EXPECT_EQ(window.is_new(counter), expected);
      ASSERT_EQ(window.take(counter), expected) << counter << " after " << newest;
      if (expected) taken.insert(counter);
      newest = std::max(newest, window.next() - 1);
    }
  }
}

TEST(SendCounter, NeverRepeatsOverRestarts) {
  std::mt19937 random(9);
  std::uint32_t memory = 0;
  std::set<std::uint32_t> used;
  for (int restart = 0; restart < 200; ++restart) {
    SendCounter counter(memory);
    EXPECT_FALSE(counter.next().has_value()) << "memory is written first";
    for (std::uint32_t i = random() % 700; i > 0; --i) {
      if (const auto store = counter.must_store()) {
        memory = *store;
        if (random() % 10 == 0) break;  // power fails right after the write
        counter.stored(*store);
      }
      const auto value = counter.next();
      ASSERT_TRUE(value.has_value());
      EXPECT_TRUE(used.insert(*value).second);
    }
  }
  SendCounter last(kLastCounter);
  last.stored(kLastCounter + 2);
  EXPECT_EQ(last.next(), kLastCounter);
  EXPECT_FALSE(last.next().has_value());
  EXPECT_FALSE(last.must_store().has_value());
}

TEST(CommandJournal, RemembersTheNewest) {
  CommandJournal journal;
  for (std::uint16_t id = 0; id < 40; ++id) journal.remember({id, CommandResult::done, id});
  EXPECT_FALSE(journal.find(7).has_value());
  EXPECT_EQ(journal.find(8)->detail, 8);
  EXPECT_EQ(journal.find(39)->detail, 39);
  EXPECT_TRUE(needs_confirmation(Opcode::switch_load));
  EXPECT_FALSE(needs_confirmation(Opcode::set_interval));
}

TEST(DeviceClock, GroupFramesMoveItLittle) {
  DeviceClock clock;
  constexpr std::int64_t kStart = 1'700'000'000'000;
  EXPECT_EQ(clock.weigh(1000, kStart, true, false), ClockVerdict::refused_bound) << "has no time yet";
  EXPECT_EQ(clock.weigh(1000, kStart, false, false), ClockVerdict::stepped);
  EXPECT_EQ(clock.now_ms(1000), kStart);
  EXPECT_EQ(clock.weigh(2000, kStart + 1100, true, false), ClockVerdict::ignored);
  EXPECT_EQ(clock.weigh(2000, kStart + 1000 + 20'000, true, false), ClockVerdict::slewed);
  EXPECT_EQ(clock.weigh(3000, kStart + 2000 + 40'000, true, false), ClockVerdict::refused_bound);
  EXPECT_EQ(clock.weigh(3000, kStart + 2000 + 29'000, true, false), ClockVerdict::slewed);
  EXPECT_EQ(clock.weigh(4000, kStart + 3000 + 27'000, true, false), ClockVerdict::refused_bound);
  // The next day of the oscillator.
  EXPECT_EQ(clock.weigh(90'000'000, kStart + 89'999'000 + 27'000, true, false), ClockVerdict::slewed);
  EXPECT_EQ(clock.now_ms(90'000'000), kStart + 89'999'000 + 27'000);
}

TEST(DeviceClock, AHundredForgedGroupFramesADayMoveItHalfAMinute) {
  DeviceClock clock;
  clock.weigh(0, 1'000'000'000'000, false, false);
  for (std::int64_t i = 1; i <= 100; ++i) clock.weigh(i * 1000, clock.now_ms(i * 1000) + 3'000, true, false);
  EXPECT_LE(clock.now_ms(200'000) - 1'000'000'200'000, 30'000);
}

TEST(DeviceClock, StepsForwardAloneAndBackOnlyWithTheOperator) {
  DeviceClock clock;
  clock.weigh(0, 1'000'000'000'000, false, false);
  EXPECT_EQ(clock.weigh(0, 1'000'000'020'000, false, false), ClockVerdict::slewed);
  EXPECT_EQ(clock.weigh(0, 1'000'000'100'000, false, false), ClockVerdict::stepped);
  EXPECT_EQ(clock.weigh(0, 1'000'000'000'000, false, false), ClockVerdict::refused_backwards);
  EXPECT_EQ(clock.now_ms(0), 1'000'000'100'000);
  EXPECT_EQ(clock.weigh(0, 1'000'000'000'000, false, true), ClockVerdict::stepped);
  EXPECT_EQ(to_link_time(kLinkEpochUnixS + 5), 5U);
  EXPECT_EQ(to_link_time(kLinkEpochUnixS - 1), 0U);
  EXPECT_EQ(to_link_time(std::int64_t{1} << 40), 0U);
}

TEST(LinkDevice, JoinsSealsOpensAndLosesItsState) {
  constexpr Eui kEui = 42;
  const Key root = {1, 2, 3};
  const Key join_key = derive_join_key(root, kEui);
  Ccm ccm;
  const std::uint8_t content[5] = {4, 0, 0, 0, 1};
  for (std::uint32_t epoch = 1; epoch <= 2; ++epoch) {
    LinkDevice device(kEui, root);  // the second time nothing of the first is left
    EXPECT_FALSE(device.seal(LinkKind::short_reading, {content, 5}).has_value());
    const auto asked = device.join_request(1000 + epoch);
    JoinRequest request;
    ASSERT_EQ(open_join_request(ccm, join_key, view(*asked), request), LinkError::none);
    const auto answered = seal_join_accept(ccm, join_key, request, {7, epoch, 99, 0, 0, 0});
    EXPECT_TRUE(device.take_accept(view(*answered)));
    EXPECT_FALSE(device.take_accept(view(*answered))) << "once";
    EXPECT_FALSE(device.seal(LinkKind::short_reading, {content, 5}).has_value()) << "memory is written first";
    device.counter().stored(*device.counter().must_store());
    const SessionKeys keys = derive_session_keys(root, kEui, {epoch, request.join_nonce, 99});
    const auto up = device.seal(LinkKind::short_reading, {content, 5});
    LinkHeader header;
    ASSERT_EQ(read_link_header(view(*up), header), LinkError::none);
    EXPECT_TRUE(open_link_frame(ccm, keys.up, kEui, header, 0, view(*up)).has_value());
    const auto down = seal_link_frame(ccm, keys.down, kEui, LinkKind::command, 7, epoch, 3, {content, 5});
    EXPECT_EQ(device.open(view(*down))->counter, 3U);
    EXPECT_FALSE(device.open(view(*down)).has_value()) << "replayed";
    EXPECT_FALSE(device.open(view(*up)).has_value()) << "its own frame, reflected";
    const auto other = seal_link_frame(ccm, keys.down, kEui, LinkKind::command, 8, epoch, 4, {content, 5});
    EXPECT_FALSE(device.open(view(*other)).has_value()) << "of another address";
  }
}

}  // namespace
