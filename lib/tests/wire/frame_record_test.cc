#include "ngwire/wire/frame_record.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <random>

namespace {

using namespace ngwire;
using nlohmann::json;

FrameRecord sample() {
  FrameRecord r;
  r.receiver = "attic-1";
  r.run = 0xfedcba9876543210ULL;
  r.sequence = 42;
  r.profile = "cenelec-a";
  r.sample_index = 192'000;
  r.sample_rate_hz = 192'000;
  r.sample0_time_ns = 1'763'667'000'123'456'789;
  r.time_source = "sigmf";
  r.payload = {0x11, 0x22, 0x33};
  r.metrics = {-7.5, 1.25, 12.0, -49.5, 2e-5, -18.0, 31, 8};
  return r;
}

json as_json(const FrameRecord& r) { return json::from_cbor(encode(r).value()); }
Result<FrameRecord> decode(const json& map) {
  const Bytes bytes = json::to_cbor(map);
  return decode_frame_record(bytes.data(), bytes.size());
}

TEST(FrameRecord, ComesBackAsItWent) {
  const FrameRecord r = sample();
  const auto bytes = encode(r);
  ASSERT_TRUE(bytes.ok()) << bytes.error();
  const auto back = decode_frame_record(bytes->data(), bytes->size());
  ASSERT_TRUE(back.ok()) << back.error();
  EXPECT_EQ(back->receiver, r.receiver);
  EXPECT_EQ(back->run, r.run);
  EXPECT_EQ(back->sequence, r.sequence);
  EXPECT_EQ(back->direction, Direction::up);
  EXPECT_EQ(back->sample0_time_ns, r.sample0_time_ns);
  EXPECT_EQ(back->payload, r.payload);
  EXPECT_EQ(back->metrics.snr_db, -7.5);
  EXPECT_EQ(back->metrics.corrected_bits, 31U);
  EXPECT_EQ(encode(back.value()).value(), bytes.value());
}

TEST(FrameRecord, IgnoresKeysItDoesNotKnow) {
  json map = as_json(sample());
  map["later"] = {{"deep", {1, 2, {{"x", nullptr}}}}, {"list", json::array({true, 1.5, "t"})}};
  EXPECT_TRUE(decode(map).ok()) << decode(map).error();
}

TEST(FrameRecord, NamesTheKeyThatIsMissingOrWrong) {
  const json good = as_json(sample());
  for (const auto& [key, value] : good.items()) {
    json map = good;
    map.erase(key);
    const auto missing = decode(map);
    ASSERT_FALSE(missing.ok());
    EXPECT_NE(missing.error().find("'" + key + "' is missing"), std::string::npos) << missing.error();
    for (const json& wrong : {json(true), json(nullptr), json::array({1}), json::object({{"a", 1}})}) {
      map[key] = wrong;
      const auto result = decode(map);
      ASSERT_FALSE(result.ok()) << key << " " << wrong;
      EXPECT_NE(result.error().find("'" + key + "'"), std::string::npos) << result.error();
    }
  }
}

TEST(FrameRecord, RefusesValuesOutOfRange) {
  const json good = as_json(sample());
  const std::vector<std::pair<std::string, json>> wrong = {
      {"version", 2},
      {"version", -1},
      {"receiver", ""},
      {"receiver", "has space"},
      {"receiver", std::string(65, 'a')},
      {"receiver", "<script>"},
      {"sequence", std::numeric_limits<std::uint64_t>::max()},
      {"sequence", -1},
      {"sample_index", std::uint64_t{1} << 63U},
      {"sample_rate_hz", 0},
      {"sample_rate_hz", 1e13},
      {"sample_rate_hz", std::numeric_limits<double>::infinity()},
      {"snr_db", std::numeric_limits<double>::quiet_NaN()},
      {"delay_spread_s", -1},
      {"corrected_bits", std::uint64_t{1} << 32U},
      {"sample0_time_ns", std::uint64_t{1} << 63U},
      {"direction", "sideways"},
      {"payload", json::binary({})},
      {"payload", json::binary(Bytes(kMaxPayloadBytes + 1))},
      {"payload", "text"}};
  for (const auto& [key, value] : wrong) {
    json map = good;
    map[key] = value;
    EXPECT_FALSE(decode(map).ok()) << key << " " << value;
  }
}

TEST(FrameRecord, IntegersServeAsReals) {
  json map = as_json(sample());
  map["snr_db"] = -7;
  map["sample_rate_hz"] = 192000;
  ASSERT_TRUE(decode(map).ok());
  EXPECT_EQ(decode(map)->metrics.snr_db, -7.0);
}

TEST(FrameRecord, RefusesWhatIsNotOneMap) {
  const auto refuses = [](const Bytes& bytes) {
    return !decode_frame_record(bytes.data(), bytes.size()).ok();
  };
  EXPECT_TRUE(refuses({}));
  EXPECT_TRUE(refuses({0x01}));
  EXPECT_TRUE(refuses(json::to_cbor(json::array({1, 2}))));
  EXPECT_TRUE(refuses(Bytes(100'000, 0xa0)));
  // Would end the stack of a parser that follows them: nested arrays, maps, tags, chunked strings.
  for (const std::uint8_t byte : {0x81, 0xa1, 0xc1, 0x7f, 0x5f, 0x9f, 0xbf})
    EXPECT_TRUE(refuses(Bytes(kMaxRecordBytes, byte)));
  Bytes chunked = {0xa1};
  chunked.insert(chunked.end(), 60'000, 0x7f);
  EXPECT_TRUE(refuses(chunked));
  Bytes good = encode(sample()).value();
  good.push_back(0);
  EXPECT_TRUE(refuses(good));
  // The same key twice.
  EXPECT_TRUE(refuses({0xa2, 0x63, 'r', 'u', 'n', 1, 0x63, 'r', 'u', 'n', 1}));
}

TEST(FrameRecord, EveryTruncationAndBitFlipIsHandled) {
  const Bytes good = encode(sample()).value();
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(decode_frame_record(good.data(), size).ok()) << size;
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    const auto result = decode_frame_record(bad.data(), bad.size());
    if (result.ok()) {
      EXPECT_EQ(validate(result.value()), "") << bit;
    }
  }
}

TEST(FrameRecord, EncoderHoldsTheSameLimits) {
  FrameRecord r = sample();
  r.metrics.snr_db = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(encode(r).ok());
  r = sample();
  r.payload.clear();
  EXPECT_FALSE(encode(r).ok());
  r = sample();
  r.receiver = "a b";
  EXPECT_FALSE(encode(r).ok());
}

TEST(FrameRecord, TimeOfTheFirstChip) {
  FrameRecord r = sample();
  EXPECT_EQ(frame_time_ns(r), r.sample0_time_ns + 1'000'000'000);
  r.sample0_time_ns = 0;
  EXPECT_EQ(frame_time_ns(r), 0);
  r.sample0_time_ns = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(frame_time_ns(r), 0);
}

TEST(FrameRecord, JsonIsOneLineAndExact) {
  const std::string line = to_json(sample());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const json map = json::parse(line);
  EXPECT_EQ(map["run"], "fedcba9876543210");
  EXPECT_EQ(map["payload"], "112233");
  EXPECT_EQ(map["sample0_time_ns"], 1'763'667'000'123'456'789);
}

}  // namespace
