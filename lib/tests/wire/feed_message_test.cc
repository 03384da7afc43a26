#include "ngwire/wire/feed_message.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace {

using namespace ngwire;
using nlohmann::json;

TEST(FeedMessage, AllKindsComeBack) {
  const Bytes hello = encode(Hello{"attic-1", 7, "ngplc 0.1"}).value();
  EXPECT_EQ(decode_hello(hello.data(), hello.size())->software, "ngplc 0.1");
  const Bytes slow = encode(Hello{"hub", 7, "ngplc-hub", 300'000, true}).value();
  EXPECT_EQ(decode_hello(slow.data(), slow.size())->batch_ms, 300'000U);
  EXPECT_TRUE(decode_hello(slow.data(), slow.size())->drain);
  EXPECT_FALSE(decode_hello(hello.data(), hello.size())->drain);
  EXPECT_FALSE(encode(Hello{"hub", 7, "", kMaxBatchMs + 1}).ok());
  for (const auto& [key, value] :
       {std::pair{"batch_ms", 600'001}, std::pair{"drain", 2}, std::pair{"drain", -1}}) {
    const Bytes bad =
        json::to_cbor(json{{"version", 1}, {"name", "hub"}, {"instance", 7}, {"software", ""}, {key, value}});
    EXPECT_FALSE(decode_hello(bad.data(), bad.size()).ok()) << key << " " << value;
  }
  const Bytes ack = encode(Ack{"attic-1", 7, {{1, 5}, {7, 7}}}).value();
  const auto back = decode_ack(ack.data(), ack.size());
  ASSERT_TRUE(back.ok()) << back.error();
  EXPECT_EQ(back->ranges, (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{1, 5}, {7, 7}}));
  const Bytes down = encode(DownlinkFrame{9, "cenelec-a", 100, 200, {1, 2}}).value();
  EXPECT_EQ(decode_downlink(down.data(), down.size())->not_after_ns, 200);
  const Bytes report = encode(TransmitReport{9, TransmitStatus::expired, 201, "too late"}).value();
  EXPECT_EQ(decode_report(report.data(), report.size())->status, TransmitStatus::expired);
}

TEST(FeedMessage, RefusesBadAcks) {
  const auto refuses = [](const json& ranges) {
    const Bytes bytes =
        json::to_cbor(json{{"version", 1}, {"receiver", "a"}, {"run", 1}, {"ranges", ranges}});
    return !decode_ack(bytes.data(), bytes.size()).ok();
  };
  EXPECT_FALSE(refuses(json::array()));
  EXPECT_TRUE(refuses(json::array({1, 2})));
  EXPECT_TRUE(refuses({{2, 1}}));
  EXPECT_TRUE(refuses({{1, 2, 3}}));
  EXPECT_TRUE(refuses(json::array({json::array({1})})));
  EXPECT_TRUE(refuses({{1, 2}, {2, 3}}));
  EXPECT_TRUE(refuses({{1, -2}}));
  EXPECT_TRUE(refuses({{1, 2.5}}));
  EXPECT_TRUE(refuses({{1, "a"}}));
  EXPECT_TRUE(refuses({{1, json::array({2})}}));
  EXPECT_TRUE(refuses("text"));
  json many = json::array();
  for (unsigned i = 0; i <= kMaxAckRanges; ++i) many.push_back(json::array({2 * i, 2 * i}));
  EXPECT_TRUE(refuses(many));
}

TEST(FeedMessage, RefusesBadDownlinksAndReports) {
  EXPECT_FALSE(encode(DownlinkFrame{1, "p", 200, 200, {1}}).ok());
  EXPECT_FALSE(encode(DownlinkFrame{1, "p", 0, 200, {}}).ok());
  const Bytes bytes =
      json::to_cbor(json{{"version", 1}, {"id", 1}, {"status", "maybe"}, {"time_ns", 1}, {"reason", ""}});
  EXPECT_FALSE(decode_report(bytes.data(), bytes.size()).ok());
  EXPECT_FALSE(encode(TransmitReport{1, TransmitStatus::failed, 1, "line\nfeed"}).ok());
}

TEST(FeedMessage, RangesCoverExactly) {
  EXPECT_TRUE(to_ranges({}).empty());
  EXPECT_EQ(to_ranges({5, 3, 4, 9, 4, 0}),
            (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{0, 0}, {3, 5}, {9, 9}}));
}

}  // namespace
