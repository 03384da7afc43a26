#include "ngdsp/io/datetime.h"

#include <gtest/gtest.h>

namespace ngdsp {
namespace {

TEST(Datetime, KnownValues) {
  const auto ns = [](const char* text) {
    const auto time = parse_datetime_ns(text);
    return time ? *time : -1;
  };
  EXPECT_EQ(ns("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ns("1970-01-01T00:00:01.5Z"), 1'500'000'000);
  EXPECT_EQ(ns("2001-09-09T01:46:40Z"), 1'000'000'000'000'000'000);  // the billionth second
  EXPECT_EQ(ns("2024-02-29T12:00:00.123456789Z"), 1'709'208'000'123'456'789);
  EXPECT_EQ(ns("2024-02-29T12:00:00.1234567899999Z"), 1'709'208'000'123'456'789);
}

TEST(Datetime, RoundTrip) {
  for (const std::int64_t ns : {std::int64_t{0}, std::int64_t{1}, std::int64_t{1'709'208'000'123'456'789}}) {
    const auto back = parse_datetime_ns(format_datetime(ns));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, ns);
  }
  EXPECT_EQ(format_datetime(1'709'208'000'123'456'789), "2024-02-29T12:00:00.123456789Z");
}

TEST(Datetime, RefusesEverythingElse) {
  for (const char* text :
       {"", "now", "2024-02-30T12:00:00Z", "2023-02-29T12:00:00Z", "2024-13-01T12:00:00Z",
        "2024-00-01T12:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T12:60:00Z", "2024-01-01 12:00:00Z",
        "2024-01-01T12:00:00", "2024-01-01T12:00:00.Z", "2024-01-01T12:00:00+01:00", "2024-01-01T12:00:00ZZ",
        "1969-12-31T23:59:59Z", "9999-01-01T00:00:00Z", "24-01-01T12:00:00Z", "2024-1-1T12:00:00Z"}) {
    const auto time = parse_datetime_ns(text);
    ASSERT_FALSE(time) << text;
    EXPECT_NE(time.error().find("2026-01-31T12:34:56.789Z"), std::string::npos);
  }
}

}  // namespace
}  // namespace ngdsp
