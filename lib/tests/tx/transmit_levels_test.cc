#include "ngdsp/tx/transmit_levels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

TEST(TransmitLevels, TheTableOfTheAirInterface) {
  const TransmitLevels air;
  EXPECT_EQ(air.validate(), "");
  ASSERT_EQ(air.levels().size(), 4U);
  const double levels_db[] = {0, -3, -6, -9}, probabilities[] = {0.5, 0, 0.5, 0};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(air.levels()[i].level_db, levels_db[i]);
    EXPECT_EQ(air.levels()[i].probability, probabilities[i]);
  }
  EXPECT_NEAR(air.mean_power(), 0.5 * (1 + std::pow(10.0, -0.6)), 1e-12);
  EXPECT_EQ(to_string(air), "0:50,-3:0,-6:50,-9:0");
}

// 40000 draws: a count is within five standard deviations sqrt(n p (1 - p)) but for 6e-7.
TEST(TransmitLevels, DrawsEachAsOftenAsItsProbability) {
  constexpr int kDraws = 40000;
  const TransmitLevels levels(std::array<double, 4>{0.1, 0.2, 0, 0.7});
  Rng rng(1);
  std::map<double, int> count;
  int both = 0;
  double before = 1;
  for (int i = 0; i < kDraws; ++i) {
    const double level = levels.draw_db(rng);
    ++count[level];
    both += level == -9 && before == -9;
    before = level;
  }
  const auto near = [&](int got, double p) {
    EXPECT_NEAR(got, kDraws * p, 5 * std::sqrt(kDraws * p * (1 - p))) << p;
  };
  near(count[0], 0.1);
  near(count[-3], 0.2);
  EXPECT_EQ(count.count(-6), 0U);
  near(count[-9], 0.7);
  // Neighbours are independent: their joint count varies by p^2 (1 - p^2) + 2 p^3 (1 - p) an attempt, 0.46.
  EXPECT_NEAR(both, kDraws * 0.49, 5 * std::sqrt(kDraws * 0.46));
}

TEST(TransmitLevels, LastAttemptAtFullLevelKeepsTheGeneratorInStep) {
  const TransmitLevels levels;
  Rng a(7), b(7);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(levels.draw_db(a, true), 0);
    levels.draw_db(b);
  }
  EXPECT_EQ(a.next(), b.next());
}

// A sum a little under 1 leaves the rest to the last level that may be drawn at all.
TEST(TransmitLevels, RoundingNeverDrawsWhatHasNoProbability) {
  const TransmitLevels levels(std::array<double, 4>{0, 0.4999996, 0.4999996, 0});
  EXPECT_EQ(levels.validate(), "");
  Rng rng(2);
  for (int i = 0; i < 10000; ++i) {
    const double level = levels.draw_db(rng);
    ASSERT_TRUE(level == -3 || level == -6) << level;
  }
  const TransmitLevels one(std::vector<TransmitLevel>{{-4, 1}});
  EXPECT_EQ(one.draw_db(rng), -4);
  EXPECT_EQ(one.draw_db(rng, true), 0);
}

TEST(TransmitLevels, RefusesWhatMakesNoSense) {
  const auto refused = [](std::vector<TransmitLevel> levels, const char* part) {
    const std::string said = TransmitLevels(std::move(levels)).validate();
    EXPECT_NE(said.find(part), std::string::npos) << '"' << said << "\", expected " << part;
    EXPECT_EQ(said.find('\n'), std::string::npos);
  };
  refused({}, "found 0");
  refused(std::vector<TransmitLevel>(17, {0, 1.0 / 17}), "found 17");
  refused({{1, 1}}, "is 1,");
  refused({{-40.5, 1}}, "-40.5");
  refused({{std::nan(""), 1}}, "nan");
  refused({{0, std::nan("")}}, "nan");
  refused({{0, 1.5}, {-3, -0.5}}, "1.5");
  refused({{0, 0.5}, {-3, 0.4}}, "sum to 0.9");
  EXPECT_EQ(TransmitLevels(std::vector<TransmitLevel>(16, {-40, 1.0 / 16})).validate(), "");
}

TEST(TransmitLevels, TextThereAndBack) {
  const struct {
    const char *text, *again;
  } good[] = {{"0", "0"},
              {"-6", "-6"},
              {"0,-6", "0:50,-6:50"},
              {"0:25,-3:25,-6:50", "0:25,-3:25,-6:50"},
              {"0,-3,-6,-9", "0:25,-3:25,-6:25,-9:25"},
              {"0:12.5,-1.5:87.5", "0:12.5,-1.5:87.5"},
              {"0:0,-6:100", "0:0,-6:100"}};
  for (const auto& g : good) {
    const auto levels = parse_transmit_levels(g.text);
    ASSERT_TRUE(static_cast<bool>(levels)) << levels.error();
    EXPECT_EQ(to_string(*levels), g.again);
  }
  for (int n = 1; n <= 16; ++n) {
    std::string text = "0";
    for (int i = 1; i < n; ++i) text += ",-" + std::to_string(i);
    const auto levels = parse_transmit_levels(text);
    ASSERT_TRUE(static_cast<bool>(levels)) << levels.error();
    const auto again = parse_transmit_levels(to_string(*levels));
    EXPECT_TRUE(static_cast<bool>(again)) << to_string(*levels) << ": " << again.error();
  }
  for (const char* bad : {"", ",", "0,", "0,,-3", "a", "0 -3", "0:", ":50", "0:50", "0:50,-6", "0:50,-6:60",
                          "0:-5,-3:105", "3", "-41", "nan", "inf", "0:nan", "0:50:50",
                          "0,-1,-2,-3,-4,-5,-6,-7,-8,-9,-10,-11,-12,-13,-14,-15,-16"}) {
    const auto levels = parse_transmit_levels(bad);
    ASSERT_FALSE(static_cast<bool>(levels)) << bad;
    EXPECT_NE(levels.error().find(bad), std::string::npos) << levels.error();
  }
}

}  // namespace
}  // namespace ngdsp
