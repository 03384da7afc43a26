#include "ngdsp/base/types.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/error.h"

namespace ngdsp {
namespace {

int sum(Span<const int> s) {
  int total = 0;
  for (const int x : s) total += x;
  return total;
}

TEST(Span, ViewsWhatItIsMadeOf) {
  std::vector<int> v{1, 2, 3, 4, 5};
  const std::array<int, 3> a{7, 8, 9};
  EXPECT_EQ(sum(v), 15);
  EXPECT_EQ(sum(a), 24);
  EXPECT_EQ(sum({}), 0);
  const Span<int> s(v);
  s[1] = 20;
  EXPECT_EQ(v[1], 20);
  EXPECT_EQ(s.size(), 5U);
  EXPECT_EQ(s.data(), v.data());
  EXPECT_FALSE(s.empty());
  EXPECT_TRUE(Span<int>().empty());
  EXPECT_EQ(sum(Span<const int>(v).subspan(2)), 12);
  EXPECT_EQ(sum(Span<const int>(v).subspan(1, 2)), 23);
  EXPECT_EQ(sum(Span<const int>(v).first(1)), 1);
  EXPECT_TRUE(s.subspan(5).empty());
  static_assert(!std::is_convertible_v<const std::vector<int>&, Span<int>>, "const stays const");
}

TEST(Result, HoldsAValueOrAReason) {
  Result<int> good = 5;
  ASSERT_TRUE(static_cast<bool>(good));
  *good += 1;
  EXPECT_EQ(*good, 6);
  const Result<int> bad = Error{"x is 3, expected 4"};
  EXPECT_FALSE(static_cast<bool>(bad));
  EXPECT_EQ(bad.error(), "x is 3, expected 4");
  const Result<std::vector<int>> text = std::vector<int>{1, 2, 3};
  EXPECT_EQ(text->size(), 3U);
  Result<std::unique_ptr<int>> owner = std::make_unique<int>(9);
  const std::unique_ptr<int> taken = std::move(*owner);
  EXPECT_EQ(*taken, 9);
  const Status fine;
  EXPECT_FALSE(fine.has_value());
}

TEST(Result, HoldsContainers) {
  using Text = std::vector<std::string>;
  const Result<Text> a = Text{"value"};
  const Result<Text> b = Error{"reason"};
  EXPECT_TRUE(static_cast<bool>(a));
  EXPECT_FALSE(static_cast<bool>(b));
}

TEST(Decibel, ConvertsPowers) {
  EXPECT_DOUBLE_EQ(from_db(20), 100);
  EXPECT_DOUBLE_EQ(to_db(1000), 30);
  EXPECT_NEAR(from_db(-3), 0.501187, 1e-6);
}

}  // namespace
}  // namespace ngdsp
