#include "ngdsp/eval/genie.h"

#include <gtest/gtest.h>

namespace ngdsp {
namespace {

Profile profile() { return *load_profile("cenelec-a"); }
NoiseBand band() { return noise_band(profile(), 192000); }

IdealLoss loss_of(const Scenario& s) {
  const Result<IdealLoss> loss = ideal_loss(s, profile(), band(), 5, 1);
  EXPECT_TRUE(loss);
  return loss ? *loss : IdealLoss{};
}

TEST(IdealLoss, IsWhatIsCalculated) {
  EXPECT_NEAR(loss_of({}).db, 0, 1e-6);
  // A tenth of the time 20 dB up: 1/(0.9 + 0.1/100).
  Scenario bursts;
  bursts.bursts.emplace_back();
  bursts.bursts.back().share = 0.1;
  bursts.bursts.back().level_db = 20;
  EXPECT_NEAR(loss_of(bursts).db, 0.45, 0.03);
  // 20 dB linear in dB: mean of N times mean of 1/N is (10 - 0.1)^2/(2 ln 10)^2/(10 x 0.1); the pulse's
  // skirts, where the level stays, add a little.
  Scenario slope;
  slope.background.slope_db = 20;
  EXPECT_NEAR(loss_of(slope).db, -6.65, 0.15);
}

TEST(IdealLoss, AToneCostsItsBandUnlessItIsKnown) {
  Scenario tone;
  tone.carriers.emplace_back();
  const IdealLoss loss = loss_of(tone);
  EXPECT_NEAR(loss.waveforms_known_db, 0, 1e-6);
  EXPECT_GT(loss.db, 0.01);
  EXPECT_LT(loss.db, 0.1);
}

TEST(IdealLoss, RefusesTimesOutOfRange) {
  EXPECT_FALSE(ideal_loss({}, profile(), band(), 0, 1));
  EXPECT_FALSE(ideal_loss({}, profile(), band(), 1e3, 1));
}

TEST(Genie, TakesWaveformsOutAndKnowsTheBackground) {
  Scenario s;
  s.carriers.emplace_back();
  s.combs.emplace_back();
  s.background.slope_db = 20;
  const Genie genie(s, profile(), band());
  EXPECT_TRUE(genie.scenario().carriers.empty() && genie.scenario().combs.empty());
  EXPECT_TRUE(genie.coloured());
  EXPECT_NEAR(genie.spectrum(-0.25) / genie.spectrum(0.25), 10, 0.1);
  EXPECT_EQ(genie.variance(1), 1);
  EXPECT_GT(genie.variance(2), 2);  // white bursts stand higher over the quiet end of the band
  EXPECT_NEAR(Genie({}, profile(), band()).variance(3), 3, 1e-6);
}

}  // namespace
}  // namespace ngdsp
