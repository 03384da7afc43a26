// The second test of a frame: what a code word must explain of the chips.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "ngdsp/base/rng.h"
#include "ngdsp/rx/frame_estimator.h"
#include "ngdsp/rx/front_end.h"

namespace ngdsp {
namespace {

// A random word on noise: exponential(1), the best of a cycle's carriers, about three. Paths that noise
// feigns beside the strongest, 3 of 100 words, add next to nothing.
TEST(FrameMetric, FeignedPathsDoNotLiftItOnNoise) {
  const Profile p = *find_profile("cenelec-a");
  FrameEncoder encoder(p);
  FrameEstimator estimator(encoder, {p.max_clock_ppm, 0, 0});
  ChipBuffer chips(p.spreading_factor);
  auto front_end = FrontEnd::create(p, p.sample_rate_hz, p.carrier_hz - p.center_hz);
  ASSERT_TRUE(static_cast<bool>(front_end));
  Rng rng(61);
  const auto append = [&](Span<const cf32> block) { chips.append(block); };
  std::vector<float> samples(
      static_cast<std::size_t>(2.5 * p.frame_chips(p.classes[0]) * p.samples_per_chip()));
  rng.add_noise(Span<float>(samples), 1.0);
  front_end->process(std::vector<cf32>(samples.begin(), samples.end()), append);
  front_end->flush(append);

  constexpr int kWords = 600;
  int above[3] = {}, feigned = 0;
  FrameHypothesis h;
  std::vector<float> symbols(static_cast<std::size_t>(p.classes[0].code_bits));
  for (int i = 0; i < kWords; ++i) {
    for (float& s : symbols) s = rng.below(2) != 0 ? 1.0F : -1.0F;
    h.chip = 200 + 20000 * rng.uniform();
    FrameEstimate e;
    estimator.estimate(chips, h, h.chip, estimator.replica(h, symbols), e);
    feigned += e.fingers.size() > 1;
    for (int k = 0; k < 3; ++k) above[k] += e.metric > 4 + 2 * k;
  }
  EXPECT_LT(feigned, 0.2 * kWords);
  for (int k = 0; k < 3; ++k) {
    const double expected = 3 * std::exp(-4 - 2 * k) * kWords;
    EXPECT_LT(above[k], expected + 4 * std::sqrt(expected) + 1) << 4 + 2 * k;
  }
}

}  // namespace
}  // namespace ngdsp
