#include "ngdsp/io/touchstone.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ngdsp {
namespace {

void expect_error(const std::string& text, std::initializer_list<const char*> parts) {
  const auto port = parse_s2p(text, "a.s2p");
  ASSERT_FALSE(port) << text;
  for (const char* part : parts)
    EXPECT_NE(port.error().find(part), std::string::npos) << part << " in \"" << port.error() << '"';
}

TEST(Touchstone, ReadsAllThreeFormats) {
  const auto db = parse_s2p("! by hand\n# MHz S dB R 75\n 1 -20 90 -6.0206 0 -6.0206 0 -20 180 ! end\n", "a");
  ASSERT_TRUE(db) << db.error();
  EXPECT_EQ(db->reference_ohm, 75);
  ASSERT_EQ(db->points.size(), 1U);
  EXPECT_EQ(db->points[0].frequency_hz, 1e6);
  EXPECT_NEAR(std::abs(db->points[0].s11 - cf64(0, 0.1)), 0, 1e-12);
  EXPECT_NEAR(std::abs(db->points[0].s21 - 0.5), 0, 1e-6);
  EXPECT_NEAR(std::abs(db->points[0].s22 + 0.1), 0, 1e-12);
  const auto ma = parse_s2p("#\n1 0.1 90 0.5 0 0.5 0 0.1 180\n", "a");
  ASSERT_TRUE(ma) << ma.error();
  EXPECT_EQ(ma->points[0].frequency_hz, 1e9);
  EXPECT_EQ(ma->reference_ohm, 50);
  EXPECT_NEAR(std::abs(ma->points[0].s11 - cf64(0, 0.1)), 0, 1e-12);
  const auto ri = parse_s2p("# HZ S RI R 50\n0 0 0.1 .5 0 .5 0 -.1 0\n2 0 0 1 0 1 0 0 0\n", "a");
  ASSERT_TRUE(ri) << ri.error();
  EXPECT_EQ(ri->points.size(), 2U);
  EXPECT_EQ(ri->points[0].s11, cf64(0, 0.1));
}

TEST(Touchstone, BadInputNamesFileAndLine) {
  const std::string good = "# HZ S DB R 50\n1 0 0 0 0 0 0 0 0\n";
  expect_error("", {"a.s2p", "no data"});
  expect_error("# HZ S DB R 50\n", {"a.s2p", "no data"});
  expect_error("1 0 0 0 0 0 0 0 0\n", {"a.s2p:1:", "option line"});
  expect_error("# HZ Y RI R 50\n", {"a.s2p:1:", "\"Y\""});
  expect_error("# HZ S RI R\n", {"a.s2p:1:", "R needs"});
  expect_error("# HZ S RI R -50\n", {"a.s2p:1:", "R needs"});
  expect_error(good + good, {"a.s2p:3:", "second option line"});
  expect_error(good + "2 0 0 0 0 0", {"a.s2p:3:", "6 numbers, expected 9"});  // cut short
  expect_error(good + "2 0 0 0 0 0 0 0 0 0 0\n", {"a.s2p:3:", "11 numbers"});
  expect_error(good + "2 0 0 0 0 0 0 0 zero\n", {"a.s2p:3:", "\"zero\" is not a number"});
  expect_error(good + "2 0 0 0 0 0 0 0 nan\n", {"a.s2p:3:", "not a number"});
  expect_error(good + "2 0 0 99999 0 0 0 0 0\n", {"a.s2p:3:", "out of range"});
  expect_error(good + "1 0 0 0 0 0 0 0 0\n", {"a.s2p:3:", "rising"});
  expect_error("# HZ S DB R 50\n-1 0 0 0 0 0 0 0 0\n", {"a.s2p:2:", "rising"});
  const auto missing = load_s2p("/nonexistent/a.s2p");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().find("/nonexistent/a.s2p: cannot be opened"), std::string::npos);
}

}  // namespace
}  // namespace ngdsp
