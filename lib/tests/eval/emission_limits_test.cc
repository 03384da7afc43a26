#include "ngdsp/eval/emission_limits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "ngdsp/base/db.h"
#include "ngdsp/eval/transmit_signal.h"

namespace ngdsp {
namespace {

TEST(EmissionLimits, RulesAreWellFormed) {
  std::set<std::string> names;
  for (const EmissionRule& rule : emission_rules()) {
    EXPECT_TRUE(names.insert(rule.name).second);
    EXPECT_LT(rule.band_low_hz, rule.band_high_hz);
    ASSERT_FALSE(rule.limits.empty()) << rule.name;
    for (const EmissionLimit& limit : rule.limits) {
      EXPECT_FALSE(limit.what.empty());
      EXPECT_FALSE(limit.source.empty());
      ASSERT_GE(limit.line.size(), 2U);
      for (std::size_t i = 1; i < limit.line.size(); ++i) {
        EXPECT_LE(limit.line[i - 1].first, limit.line[i].first);
      }
      EXPECT_FALSE(limit.at(limit.line.front().first * 0.99));
      EXPECT_FALSE(limit.at(limit.line.back().first * 1.01));
    }
    EXPECT_TRUE(find_emission_rule(rule.name));
  }
  const auto unknown = find_emission_rule("nowhere");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().find("en50065-a"), std::string::npos);
}

// Between its points a line has no steps: 0.1 % in frequency changes a limit by less than 0.1 dB, unless the
// limit has a step there, which has its frequency twice.
TEST(EmissionLimits, LinesAreContinuousButForTheirSteps) {
  for (const EmissionRule& rule : emission_rules()) {
    for (const EmissionLimit& limit : rule.limits) {
      for (double hz = limit.line.front().first; hz * 1.001 < limit.line.back().first; hz *= 1.001) {
        const auto here = limit.at(hz), next = limit.at(hz * 1.001);
        ASSERT_TRUE(here && next) << rule.name << " " << limit.what << " at " << hz;
        if (hz < 5e6 && hz * 1.001 >= 5e6) continue;
        EXPECT_NEAR(*here, *next, 0.1) << rule.name << " " << limit.what << " at " << hz;
      }
    }
  }
}

TEST(EmissionLimits, KnownValues) {
  const auto limit = [](const char* rule, std::size_t i, double hz) {
    return *find_emission_rule(rule)->limits[i].at(hz);
  };
  EXPECT_NEAR(limit("en50065-a", 1, 9e3), 134, 1e-9);
  EXPECT_NEAR(limit("en50065-a", 1, 95e3), 120, 1e-9);
  EXPECT_NEAR(limit("en50065-a", 1, std::sqrt(9e3 * 95e3)), 127, 1e-9) << "linear in the logarithm";
  EXPECT_NEAR(limit("en50065-b", 0, 100e3), 122, 1e-9);
  EXPECT_NEAR(limit("fcc-15.207", 0, 1e6), 60, 1e-9);
  EXPECT_NEAR(limit("fcc-15.207", 1, 24e3), 40, 1e-9) << "2400/24 = 100 uV/m";
  EXPECT_NEAR(limit("fcc-15.113", 0, 600e3), 56, 1e-9);
  EXPECT_NEAR(limit("arib-t84", 0, 100e3), 117, 0.02) << "0.707 V";
}

TEST(EmissionLimits, LowerOfTwoWhereTheyMeet) {
  EmissionLimit limit;
  limit.line = {{1e3, 60}, {2e3, 60}, {2e3, 50}, {4e3, 50}};
  EXPECT_NEAR(*limit.at(1.99e3), 60, 1e-9);
  EXPECT_NEAR(*limit.at(2e3), 50, 1e-9);
}

TEST(EmissionLimits, MasksOfTheProfiles) {
  EXPECT_EQ(emission_rule_of_mask("EN 50065-1 A"), "en50065-a");
  EXPECT_EQ(emission_rule_of_mask("EN 50065-1 D"), "en50065-d");
  EXPECT_EQ(emission_rule_of_mask("FCC 15.113"), "fcc-15.113");
  EXPECT_FALSE(emission_rule_of_mask("EN 50065-1 E"));
  EXPECT_FALSE(emission_rule_of_mask("ETSI EN 300 220"));
}

TEST(EmissionLimits, FieldNeedsItsCoupling) {
  EmissionScan scan;
  scan.points = {{200e3, 9e3, 100, 100, 100, 60}};
  scan.width_hz = 5e3;
  const EmissionRule rule = *find_emission_rule("fcc-15.207");
  EXPECT_FALSE(judge_emission(scan, rule).judged);
  const auto verdict = judge_emission(scan, rule, -90);
  ASSERT_TRUE(verdict.judged);
  EXPECT_NEAR(verdict.margin_db, 20 * std::log10(12.0) - 10, 1e-6) << "12 uV/m at 200 kHz, 10 dBuV/m there";
}

// Every mains profile at its highest legal level passes and 1 dB more fails, for every rule of its band.
TEST(EmissionLimits, ProfilesAtTheirHighestLegalLevel) {
  Profile japan = *find_profile("fcc");  // within 10 to 450 kHz
  japan.carrier_hz = 280e3;
  japan.band_low_hz = 110e3;
  japan.band_high_hz = 450e3;
  const struct {
    Profile profile;
    const char* rule;
  } cases[] = {{*find_profile("cenelec-a"), "en50065-a"},
               {*find_profile("cenelec-a-low"), "en50065-a"},
               {*find_profile("fcc"), "fcc-15.113"},
               {japan, "arib-t84"},
               {*find_profile("cenelec-a"), "arib-t84-200"}};
  for (const auto& c : cases) {
    const EmissionRule rule = *find_emission_rule(c.rule);
    const double rate_hz = 1.25e6;
    const auto frames = continuous_frames(c.profile, rate_hz, 0.5, 1);
    ASSERT_TRUE(frames) << frames.error();
    const auto margin_at = [&](double level_dbuv) {
      const auto scan = scan_emission({rate_hz, level_dbuv}, Span<const float>(*frames));
      EXPECT_TRUE(scan);
      EXPECT_NEAR(scan->rms_dbuv, level_dbuv, 0.2) << "mean power 1";
      const auto verdict = judge_emission(*scan, rule);
      EXPECT_TRUE(verdict.judged);
      return verdict.margin_db;
    };
    const double highest = 100 + margin_at(100);
    EXPECT_GE(margin_at(highest - 0.001), 0) << c.profile.name << " " << c.rule;
    EXPECT_LT(margin_at(highest + 1), 0) << c.profile.name << " " << c.rule;
    EXPECT_GT(highest, 80) << c.profile.name << " " << c.rule
                           << ": a limit is no use that forbids everything";
    EXPECT_LT(highest, 134) << c.profile.name << " " << c.rule;
  }
}

TEST(TransmitSignal, RefusesRadioProfilesAndLowRates) {
  EXPECT_FALSE(continuous_frames(*find_profile("srd868"), 1e6, 1, 1));
  EXPECT_FALSE(continuous_frames(*find_profile("cenelec-a"), 96e3, 1, 1));
}

}  // namespace
}  // namespace ngdsp
