#include "ngwire/link/reading_codec.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace {

using namespace ngwire;
using Payload = std::vector<std::uint8_t>;

Reading sample() {
  return {0x12345678,
          0xabcd,
          1,
          {{find_register("1-0:1.8.0"), 1'234'567'890}, {find_register("1-0:32.7.0"), 2305}}};
}

TEST(ReadingCodec, KnownAnswer) {
  Payload payload;
  ASSERT_EQ(encode_reading(sample(), 16, payload), "");
  // type 1 version 1, device, counter, set 1, 1234567890 Wh in 5 bytes, 230.5 V, status missing
  EXPECT_EQ(payload, (Payload{0x11, 0x12, 0x34, 0x56, 0x78, 0xab, 0xcd, 0x01, 0x00, 0x49, 0x96, 0x02, 0xd2,
                              0x09, 0x01, 0xff}));
  Reading back;
  ASSERT_EQ(decode_reading(payload.data(), payload.size(), back), ReadingError::none);
  EXPECT_EQ(back.device, 0x12345678U);
  EXPECT_EQ(back.counter, 0xabcd);
  ASSERT_EQ(back.values.size(), 2U);
  EXPECT_EQ(back.values[1].spec->obis, "1-0:32.7.0");
  EXPECT_EQ(decimal_string(back.values[1].mantissa, back.values[1].spec->exponent), "230.5");
}

TEST(ReadingCodec, EverySetInEveryClassWithExtremes) {
  for (const ReadingSet& set : reading_sets()) {
    for (const std::size_t size : {16U, 32U, 64U}) {
      for (const bool high : {false, true}) {
        Reading reading{0xffffffff, 0xffff, set.id, {}};
        for (std::size_t i = 0; i < set.count; ++i) {
          const RegisterSpec& spec = set.registers[i];
          const std::int64_t top =
              spec.is_signed ? (std::int64_t{1} << (8 * spec.bytes - 1)) - 1 : missing_mantissa(spec) - 1;
          reading.values.push_back({&spec, high ? top : (spec.is_signed ? -top : 0)});
        }
        Payload payload;
        const std::string wrong = encode_reading(reading, size, payload);
        if (size < set.payload_bytes) {
          EXPECT_NE(wrong, "");
          continue;
        }
        ASSERT_EQ(wrong, "");
        Reading back;
        ASSERT_EQ(decode_reading(payload.data(), payload.size(), back), ReadingError::none);
        ASSERT_EQ(back.values.size(), set.count);
        for (std::size_t i = 0; i < set.count; ++i)
          EXPECT_EQ(back.values[i].mantissa, reading.values[i].mantissa);
      }
    }
  }
}

TEST(ReadingCodec, RefusesWithTheReason) {
  Payload good;
  ASSERT_EQ(encode_reading(sample(), 32, good), "");
  Reading untouched{99, 0, 1, {}};
  const auto error_with = [&](std::size_t at, std::uint8_t byte) {
    Payload bad = good;
    bad[at] = byte;
    return decode_reading(bad.data(), bad.size(), untouched);
  };
  EXPECT_EQ(decode_reading(nullptr, 0, untouched), ReadingError::empty);
  EXPECT_EQ(error_with(0, 0x21), ReadingError::other_type);
  EXPECT_EQ(error_with(0, 0x12), ReadingError::version);
  EXPECT_EQ(error_with(7, 0), ReadingError::set);
  EXPECT_EQ(error_with(7, 3), ReadingError::size);
  EXPECT_EQ(error_with(31, 1), ReadingError::padding);
  EXPECT_EQ(decode_reading(good.data(), 31, untouched), ReadingError::size);
  EXPECT_EQ(decode_reading(good.data(), 1, untouched), ReadingError::size);
  EXPECT_EQ(untouched.device, 99U);
}

TEST(ReadingCodec, EncoderRefusesForeignRepeatedAndLarge) {
  Payload payload;
  Reading reading = sample();
  reading.values.push_back({find_register("1-0:14.7.0"), 5000});
  EXPECT_NE(encode_reading(reading, 16, payload), "");
  reading = sample();
  reading.values.push_back(reading.values[0]);
  EXPECT_NE(encode_reading(reading, 16, payload), "");
  reading = sample();
  reading.values[1].mantissa = 65535;
  EXPECT_NE(encode_reading(reading, 16, payload), "");
  reading = sample();
  reading.values[1].spec = nullptr;
  EXPECT_NE(encode_reading(reading, 16, payload), "");
  reading.set = 200;
  EXPECT_NE(encode_reading(reading, 16, payload), "");
  EXPECT_TRUE(payload.empty());
}

TEST(ReadingCodec, RandomBytesNeverHarm) {
  std::mt19937 random(7);
  for (int i = 0; i < 100'000; ++i) {
    Payload payload(random() % 70);
    for (auto& byte : payload) byte = static_cast<std::uint8_t>(random());
    if (!payload.empty() && i % 2 == 0) payload[0] = 0x11;
    if (payload.size() > 7 && i % 4 == 0) payload[7] = static_cast<std::uint8_t>(random() % 5);
    Reading reading;
    const ReadingError error = decode_reading(payload.data(), payload.size(), reading);
    if (error != ReadingError::none) continue;
    Payload again;
    ASSERT_EQ(encode_reading(reading, payload.size(), again), "");
    EXPECT_EQ(again, payload);
  }
}

TEST(ReadingCodec, DecimalStringsAreExact) {
  EXPECT_EQ(decimal_string(1234567, -2), "12345.67");
  EXPECT_EQ(decimal_string(-5, -1), "-0.5");
  EXPECT_EQ(decimal_string(-5, -3), "-0.005");
  EXPECT_EQ(decimal_string(0, -2), "0.00");
  EXPECT_EQ(decimal_string(12, 3), "12000");
  EXPECT_EQ(decimal_string(0, 3), "0");
  EXPECT_EQ(decimal_string(std::numeric_limits<std::int64_t>::min(), 0), "-9223372036854775808");
  EXPECT_EQ(decimal_string(std::numeric_limits<std::int64_t>::min(), -18), "-9.223372036854775808");
}

}  // namespace
