// Commands from the order to the answer, through ingest and store, against devices of the link library.
#include "downlink.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include "command_desk.h"
#include "ingest.h"
#include "link_node.h"
#include "ngwire/link/link_time.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;
using ngwire::LinkKind;
using ngwire::TransmitStatus;

constexpr std::int64_t kMs = 1'000'000;

class DownlinkTest : public ::testing::Test {
 protected:
  DownlinkTest() {
    database_.file = dir_.file("hub.sqlite");
    EXPECT_EQ(KeyVault::create(dir_.file("key")), "");
    vault_.emplace(std::move(KeyVault::open(dir_.file("key")).value()));
    rules_.first_retry_ns = 40 * kMs;
    rules_.longest_retry_ns = 200 * kMs;
    rules_.time_period_ns = 0;
    rules_.clock_is_good = [this] { return clock_good_; };
    open();
    register_nodes(database_.file, *vault_, 100, 2);
    desk_ = std::move(CommandDesk::open(database_.file).value());
  }
  void open() {
    ingest_.reset();
    store_.reset();
    store_ = std::move(Store::open(database_).value());
    ingest_ = std::make_unique<Ingest>(*store_, metrics_, &*vault_, PlainPolicy::automatic, nullptr, rules_);
    ingest_->idle();
  }
  void hear(const ngwire::Bytes& payload, const std::string& receiver = "rx-1") {
    std::vector<FrameRow> rows;
    ingest_->idle();
    ingest_->examine(record_of(payload, ++sequence_, receiver), unix_now_ns(), rows);
    ASSERT_TRUE(ingest_->commit(rows));
  }
  void join(TestNode& node) {
    hear(node.join_request(1));
    const auto replies = ingest_->take_replies();
    ASSERT_EQ(replies.size(), 1U);
    ASSERT_TRUE(node.take_accept(replies[0].frame.payload));
    hear(node.reading(1));
  }
  // What the hub wants to send now.
  std::vector<Reply> turn() {
    ingest_->idle();
    return ingest_->take_replies();
  }
  std::vector<Reply> wait_for_frames() {
    std::vector<Reply> frames;
    eventually([&] {
      frames = turn();
      return !frames.empty();
    });
    return frames;
  }
  std::int64_t order(std::int64_t expires_s = 60, const std::string& request = "") {
    CommandOrder wanted;
    wanted.eui = 100;
    wanted.opcode = ngwire::Opcode::set_interval;
    wanted.arguments = {0, 60, 0, 7};
    wanted.expires_s = expires_s;
    wanted.request = request;
    const auto id = desk_->order(wanted);
    EXPECT_TRUE(id.ok()) << (id.ok() ? "" : id.error());
    return id.ok() ? id.value() : 0;
  }
  static ngwire::Bytes answer(TestNode& node, std::uint16_t id,
                              ngwire::CommandResult result = ngwire::CommandResult::done) {
    return node.seal(LinkKind::answer, encode(ngwire::Answer{id, result, 5}));
  }
  static std::optional<ngwire::Command> open_command(TestNode& node, const Reply& reply) {
    const auto down = node.device().open({reply.frame.payload.data(), reply.frame.payload.size()});
    if (!down || down->kind != LinkKind::command) return std::nullopt;
    return ngwire::decode_command({down->content.data(), down->content.size()});
  }
  std::string text(const std::string& sql) const {
    SQLite::Database db(database_.file, SQLite::OPEN_READONLY, 5000);
    SQLite::Statement s(db, sql);
    return s.executeStep() ? s.getColumn(0).getString() : "none";
  }
  int state(std::int64_t id) const {
    return std::stoi(text("SELECT state FROM commands WHERE id = " + std::to_string(id)));
  }
  std::string journal() const {
    return text("SELECT group_concat(detail, '; ') FROM events WHERE kind = 'command'");
  }

  TempDir dir_;
  DatabaseConfig database_;
  DownlinkRules rules_;
  bool clock_good_ = true;
  Metrics metrics_;
  std::optional<KeyVault> vault_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<CommandDesk> desk_;
  std::uint64_t sequence_ = 0;
};

TEST_F(DownlinkTest, GoesOutIsAnsweredAndEnds) {
  TestNode node(100);
  join(node);
  const std::int64_t id = order();
  const auto frames = wait_for_frames();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].receiver, "rx-1");
  EXPECT_EQ(frames[0].frame.profile, "cenelec-a");
  EXPECT_GT(frames[0].frame.not_after_ns, unix_now_ns() - 1000 * kMs);
  EXPECT_EQ(state(id), 1);
  const auto command = open_command(node, frames[0]);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->id, id & 0xffff);
  EXPECT_EQ(command->arguments, (ngwire::Bytes{0, 60, 0, 7}));
  hear(answer(node, command->id));
  EXPECT_EQ(state(id), 2);
  EXPECT_EQ(text("SELECT detail FROM commands"), "5");
  EXPECT_EQ(journal(),
            "1 set_interval: queued; 1 set_interval: queued -> sent, over rx-1; "
            "1 set_interval: sent -> acknowledged, answer done, detail 5");
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  EXPECT_TRUE(turn().empty()) << "an answered command is not sent again";
}

TEST_F(DownlinkTest, IsSentAgainWithAFreshCounterAndOneId) {
  TestNode node(100);
  join(node);
  const std::int64_t id = order();
  const auto first = wait_for_frames();
  const auto second = wait_for_frames();  // the first one, or its answer, was lost
  ASSERT_EQ(first.size() + second.size(), 2U);
  EXPECT_NE(first[0].frame.payload, second[0].frame.payload);
  EXPECT_LE(first[0].frame.not_after_ns, unix_now_ns()) << "two of one command are never due together";
  const auto one = open_command(node, first[0]);
  const auto two = open_command(node, second[0]);
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->id, two->id);
  hear(answer(node, one->id));
  hear(answer(node, two->id));  // the device answers each time
  EXPECT_EQ(state(id), 2);
  EXPECT_EQ(text("SELECT count(*) FROM events WHERE detail LIKE '%acknowledged%'"), "1");
}

TEST_F(DownlinkTest, CountersGoOnAfterARestart) {
  TestNode node(100);
  join(node);
  order();
  ASSERT_TRUE(open_command(node, wait_for_frames().at(0)));
  open();
  const auto again = wait_for_frames();
  ASSERT_EQ(again.size(), 1U) << "an open command goes on";
  EXPECT_TRUE(open_command(node, again[0])) << "under a counter that the device has not seen";
  EXPECT_EQ(text("SELECT next_down FROM sessions"), "2");
}

TEST_F(DownlinkTest, NothingGoesOutThatIsNotDurable) {
  TestNode node(100);
  join(node);
  order();
  {
    SQLite::Database other(database_.file, SQLite::OPEN_READWRITE);
    SQLite::Transaction hold(other, SQLite::TransactionBehavior::IMMEDIATE);
    EXPECT_TRUE(turn().empty());
  }
  EXPECT_EQ(wait_for_frames().size(), 1U);
  EXPECT_EQ(text("SELECT next_down FROM sessions"), "1");
}

TEST_F(DownlinkTest, ExpiresAndALateAnswerStillTellsTheTruth) {
  TestNode node(100);
  join(node);
  const std::int64_t id = order(1);
  const auto frames = wait_for_frames();
  ASSERT_TRUE(eventually([&] {
    turn();
    return state(id) == 4;
  }));
  EXPECT_TRUE(turn().empty());
  open();
  hear(answer(node, open_command(node, frames[0])->id));
  EXPECT_EQ(state(id), 2);
  EXPECT_NE(journal().find("expired -> acknowledged"), std::string::npos) << journal();
}

TEST_F(DownlinkTest, RefusalsAndForeignAnswers) {
  TestNode node(100);
  TestNode other(101);
  join(node);
  join(other);
  const std::int64_t id = order();
  const auto frames = wait_for_frames();
  hear(answer(other, static_cast<std::uint16_t>(id)));
  hear(answer(node, static_cast<std::uint16_t>(id + 1)));
  EXPECT_EQ(state(id), 1) << "neither of another device nor of another command";
  hear(answer(node, static_cast<std::uint16_t>(id), ngwire::CommandResult::refused));
  EXPECT_EQ(state(id), 3);
}

TEST_F(DownlinkTest, AskedTwiceIsOneCommand) {
  TestNode node(100);
  join(node);
  const std::int64_t id = order(60, "order-7");
  EXPECT_EQ(order(60, "order-7"), id);
  EXPECT_EQ(text("SELECT count(*) FROM commands"), "1");
  CommandOrder wrong;
  wrong.eui = 100;
  wrong.request = "order-7";
  wrong.arguments = {5};
  EXPECT_NE(desk_->order(wrong).error().find("names another command"), std::string::npos);
  wrong.request.clear();
  wrong.opcode = ngwire::Opcode::switch_load;
  EXPECT_NE(desk_->order(wrong).error().find("confirmation"), std::string::npos);
  wrong.confirmed = true;
  wrong.arguments = {};
  EXPECT_NE(desk_->order(wrong).error().find("arguments"), std::string::npos);
  wrong.arguments = {1};
  wrong.eui = 101;
  EXPECT_NE(desk_->order(wrong).error().find("expected active"), std::string::npos);
  wrong.eui = 999;
  EXPECT_NE(desk_->order(wrong).error().find("not in the registry"), std::string::npos);
  wrong.eui = 100;
  wrong.expires_s = 0;
  EXPECT_NE(desk_->order(wrong).error().find("expires"), std::string::npos);
}

TEST_F(DownlinkTest, AModemThatCannotSendIsToldAndTriedAgain) {
  rules_.first_retry_ns = rules_.longest_retry_ns = 3'600'000 * kMs;
  open();
  TestNode node(100);
  join(node);
  order();
  const auto frames = wait_for_frames();
  ingest_->report({frames.at(0).frame.id, TransmitStatus::failed, 1, "no amplifier"});
  ingest_->report({12345, TransmitStatus::failed, 1, "of somebody else"});
  EXPECT_EQ(wait_for_frames().size(), 1U) << "after two seconds, not an hour";
  EXPECT_NE(journal().find("try 1 was not sent, failed: no amplifier"), std::string::npos) << journal();
}

TEST_F(DownlinkTest, GroupTimeIsBoundedAndOnlyFromAGoodClock) {
  rules_.time_period_ns = 50 * kMs;
  clock_good_ = false;
  open();
  TestNode node(100);
  join(node);
  auto registry = Registry::open(database_.file);
  ASSERT_TRUE(registry.value()->add_to_group(100, "street").ok());
  EXPECT_FALSE(desk_->give_group(101, "street", *vault_).ok()) << "not a member";
  ASSERT_TRUE(desk_->give_group(100, "street", *vault_).ok());
  const auto frames = wait_for_frames();
  const auto command = open_command(node, frames.at(0));
  ASSERT_TRUE(command);
  ASSERT_EQ(command->opcode, ngwire::Opcode::set_group);
  hear(answer(node, command->id));
  const auto number = static_cast<std::uint16_t>(command->arguments[0] << 8U | command->arguments[1]);
  ngwire::Key key{};
  std::copy(command->arguments.begin() + 2, command->arguments.end(), key.begin());
  SQLite::Database db(database_.file, SQLite::OPEN_READONLY, 5000);
  EXPECT_EQ(db.execAndGet("SELECT length(arguments) FROM commands").getInt(), 2) << "no key in the table";
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  EXPECT_TRUE(turn().empty());
  EXPECT_EQ(text("SELECT count(*) FROM events WHERE kind = 'clock'"), "1");
  clock_good_ = true;
  const auto told = wait_for_frames();
  ASSERT_EQ(told.size(), 1U);
  const auto& frame = told[0].frame;
  const ngwire::ByteView payload{frame.payload.data(), frame.payload.size()};
  ngwire::LinkHeader header;
  ASSERT_EQ(ngwire::read_link_header(payload, header), ngwire::LinkError::none);
  EXPECT_EQ(header.kind, LinkKind::group_time);
  EXPECT_EQ(header.address, ngwire::kFirstGroupAddress + number);
  ngwire::Ccm ccm;
  const auto content =
      ngwire::open_link_frame(ccm, key, ngwire::group_eui(number), header, header.counter, payload);
  ASSERT_TRUE(content);
  const auto time = ngwire::decode_time_frame({content->data(), content->size()});
  ASSERT_TRUE(time);
  // The time in the frame is that of the window's beginning.
  const std::int64_t told_ns = (ngwire::kLinkEpochUnixS + time->time_s) * 1000 * kMs +
                               std::int64_t{time->fraction_2_16} * 1000 * kMs / 65536;
  EXPECT_NEAR(static_cast<double>(told_ns - frame.not_before_ns), 0, 20e3);
  EXPECT_LE(frame.not_after_ns - frame.not_before_ns, 500 * kMs);
  const std::int64_t frame_ms = told_ns / kMs;
  ngwire::DeviceClock clock;
  clock.weigh(0, frame_ms - 20'000, false, false);
  EXPECT_EQ(clock.weigh(0, frame_ms, true, false), ngwire::ClockVerdict::slewed);
  EXPECT_EQ(clock.weigh(0, frame_ms + 20'000, true, false), ngwire::ClockVerdict::refused_bound);
}

TEST_F(DownlinkTest, ADeviceWithAWrongClockIsToldAlone) {
  rules_.time_period_ns = 3'600'000 * kMs;
  open();
  TestNode node(100);
  join(node);
  // Set 5 with its clock register; the record was captured at record_of()'s time of day.
  const auto reading = [&](std::int64_t off_s) {
    const std::int64_t now_s = ngwire::frame_time_ns(record_of({1}, sequence_ + 1)) / 1'000'000'000;
    const std::uint32_t link = ngwire::to_link_time(now_s + off_s);
    std::vector<std::uint8_t> content = {5, 0, 0, 0, 0, 9, 9, 1, 0, 1, 0, 0, 1};
    for (int shift = 24; shift >= 0; shift -= 8) content.push_back(static_cast<std::uint8_t>(link >> shift));
    return node.seal(LinkKind::reading, content);
  };
  hear(reading(10));
  EXPECT_TRUE(turn().empty());
  hear(reading(100));
  const auto frames = turn();
  ASSERT_EQ(frames.size(), 1U);
  const auto down = node.device().open({frames[0].frame.payload.data(), frames[0].frame.payload.size()});
  ASSERT_TRUE(down);
  EXPECT_EQ(down->kind, LinkKind::time);
  EXPECT_EQ(text("SELECT detail FROM events WHERE kind = 'clock'"), "off by 100 s");
  hear(reading(100));
  EXPECT_TRUE(turn().empty()) << "once in a period";
}

TEST(ParseOrder, WordsToBytes) {
  EXPECT_EQ(parse_order({"set_interval", "900", "17"})->arguments, (ngwire::Bytes{3, 0x84, 0, 17}));
  EXPECT_EQ(parse_order({"restart"})->arguments.size(), 0U);
  for (const std::vector<std::string>& bad : {std::vector<std::string>{},
                                              {"dance"},
                                              {"set_interval", "1"},
                                              {"set_interval", "0", "0"},
                                              {"set_interval", "65536", "0"},
                                              {"send_reading", "x"},
                                              {"switch_load", "2"},
                                              {"switch_load", "-1"}})
    EXPECT_FALSE(parse_order(bad).ok());
}

}  // namespace
