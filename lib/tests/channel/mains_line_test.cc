#include "ngdsp/channel/mains_line.h"

#include <gtest/gtest.h>

namespace ngdsp {
namespace {

TEST(LineConfig, DividerIsTheRatioOfImpedances) {
  LineConfig c;
  EXPECT_EQ(c.divider_gain(), 1);
  c.source_ohm = 5;
  c.line_ohm = 1.25;
  EXPECT_DOUBLE_EQ(c.divider_gain(), 0.2);
}

TEST(LineConfig, RangesAreNamed) {
  LineConfig c;
  EXPECT_EQ(c.validate(), "");
  c.others = {{0, 0.1, 0}};
  EXPECT_NE(c.validate().find("line.others: delay"), std::string::npos) << c.validate();
}

}  // namespace
}  // namespace ngdsp
