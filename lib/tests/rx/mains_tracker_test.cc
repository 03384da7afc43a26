#include "ngdsp/rx/mains_tracker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/channel/mains_phase.h"

namespace ngdsp {
namespace {

constexpr double kStep = 0.5e-3;
constexpr int kChips = 24;  // of noise in a value

// log of the mean power of noise that is `high` over the rest for a tenth of every half cycle, from here to
// there in the cycle.
float noise_level(double from, double to, double high, Rng& rng) {
  double sum = 0;
  for (int i = 0; i < kChips; ++i) {
    const double at = 2 * (from + (to - from) * i / kChips);
    sum -= std::log(1 - rng.uniform()) * (at - std::floor(at) < 0.1 ? high : 1) / kChips;
  }
  return static_cast<float>(std::log(sum));
}

struct Tracked {
  double locked_after_s = 0, rms_degrees = 0, furthest_degrees = 0;
  std::uint64_t locks = 0;
};

// Degrees of the mains from where it was 3 s after the lock.
Tracked track(const MainsConfig& mains, double high_db, double seconds, std::uint64_t seed) {
  MainsPhase phase(mains, 1 / kStep, seed);
  MainsTracker tracker(kStep);
  Rng rng(seed);
  constexpr std::size_t kPiece = 200;
  std::vector<double> turns(kPiece);
  std::vector<float> x(kPiece);
  std::vector<double> errors;
  Tracked r;
  double reference = 0;
  for (double t = 0; t < seconds; t += 0.1) {
    phase.next(Span<double>(turns));
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] = noise_level(turns[i], turns[i] + (turns[1] - turns[0]), from_db(high_db), rng);
    tracker.process(x);
    if (!tracker.locked()) {
      r.locked_after_s = t + 0.1;
      continue;
    }
    const double expected = turns.back() + (turns[1] - turns[0]);
    double error = tracker.turns() - expected - reference;
    error -= std::round(error);
    if (t > r.locked_after_s + 3) {
      if (errors.empty()) reference += error, error = 0;
      errors.push_back(360 * error);
    }
  }
  double mean = 0, square = 0;
  for (const double e : errors) mean += e / static_cast<double>(errors.size());
  for (const double e : errors) {
    square += (e - mean) * (e - mean) / static_cast<double>(errors.size());
    r.furthest_degrees = std::max(r.furthest_degrees, std::abs(e - mean));
  }
  r.rms_degrees = std::sqrt(square);
  r.locks = tracker.locks();
  return r;
}

TEST(MainsTracker, FollowsBurstsOfEveryMains) {
  for (const double hz : {50.0, 60.0, 50.0 / 3}) {
    MainsConfig mains;
    mains.frequency_hz = hz;
    mains.deviation_hz = 0.0004 * hz;
    const Tracked r = track(mains, 10, 60, 7);
    EXPECT_EQ(r.locks, 1U) << hz;
    EXPECT_LT(r.locked_after_s, 1.15) << hz;
    EXPECT_LT(r.rms_degrees, 2) << hz;
    EXPECT_LT(r.furthest_degrees, 8) << hz;
    RecordProperty(std::to_string(hz), std::to_string(r.rms_degrees));
  }
}

TEST(MainsTracker, FindsNoneInNoiseAlone) {
  MainsConfig mains;
  EXPECT_EQ(track(mains, 0, 60, 8).locks, 0U);
}

TEST(MainsTracker, FindsNoneWhereAnotherRhythmIs) {
  MainsConfig mains;
  mains.frequency_hz = 43;  // no multiple of its double within 1 % of one of a mains'
  EXPECT_EQ(track(mains, 20, 30, 9).locks, 0U);
}

TEST(MainsTracker, LetsGoOfMainsThatEndsAndFindsItAgain) {
  Rng rng(10);
  MainsTracker tracker(kStep);
  std::vector<float> x(2000);
  const auto second = [&](double high_db, int n) {
    for (int i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < x.size(); ++k)
        x[k] = noise_level(0.025 * static_cast<double>(k), 0.025 * static_cast<double>(k + 1),
                           from_db(high_db), rng);
      tracker.process(x);
    }
  };
  second(13, 3);
  EXPECT_TRUE(tracker.locked());
  EXPECT_EQ(tracker.profile().size(), 40U);
  second(0, 3);
  EXPECT_FALSE(tracker.locked());
  EXPECT_TRUE(tracker.profile().empty());
  second(13, 6);
  EXPECT_TRUE(tracker.locked());
  const std::vector<double> profile = tracker.profile();
  const auto [low, high] = std::minmax_element(profile.begin(), profile.end());
  EXPECT_NEAR(*high - *low, std::log(from_db(13)), 0.8);
}

TEST(MainsTracker, AnythingIsTaken) {
  MainsTracker tracker(kStep);
  tracker.process(std::vector<float>(5000, NAN));
  tracker.process(std::vector<float>(5000, HUGE_VALF));
  tracker.process(std::vector<float>(5000, 1e30F));
  EXPECT_FALSE(tracker.locked());
}

// A sine is highest at phase 0, and is asked for between pieces of a tenth of a second, too.
TEST(MainsTracker, TellsThePhaseOfTheNextValue) {
  MainsTracker tracker(kStep);
  for (int i = 0; i < 6000; ++i) {
    const double turns = 50.01 * kStep * i + 0.3;
    if (i > 4000) {
      const double error = tracker.turns() - turns;
      ASSERT_NEAR(error - std::round(error), 0, 1.0 / 360) << i;
    }
    const auto x = static_cast<float>(std::cos(2 * kPi * turns));
    tracker.process(Span<const float>(&x, 1));
  }
}

}  // namespace
}  // namespace ngdsp
