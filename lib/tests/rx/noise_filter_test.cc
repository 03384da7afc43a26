#include "ngdsp/rx/noise_filter.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/fft.h"
#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

constexpr std::size_t kSize = NoiseFilter::kSamples * NoiseFilter::kWindowChips;
constexpr std::size_t kLineBins = 4;  // of a NoiseShape, either side of the middle of the band
constexpr double kLines = 300;        // over the background

bool hit(std::size_t chip) { return chip % 500 < 100; }

// White noise of power 1 with lines, and bursts 20 dB high a fifth of the time.
std::vector<cf32> received() {
  constexpr std::size_t kFine = kSize / NoiseShape::kBins;
  Rng rng(5);
  Fft inverse(kSize, Fft::Direction::kInverse);
  std::vector<cf32> line(kSize);
  rng.add_noise(Span<cf32>(line), kLines / static_cast<double>(kSize));
  std::fill_n(inverse.input(), kSize, cf32{});
  for (std::size_t i = 0; i < kLineBins * kFine; ++i) {
    inverse.input()[i] = line[i];
    inverse.input()[kSize - 1 - i] = line[kSize - 1 - i];
  }
  inverse.execute();
  std::vector<cf32> out(inverse.output(), inverse.output() + kSize), burst(kSize);
  rng.add_noise(Span<cf32>(out), 1);
  rng.add_noise(Span<cf32>(burst), 99);
  for (std::size_t n = 0; n < kSize; ++n)
    if (hit(n / NoiseFilter::kSamples)) out[n] += burst[n];
  return out;
}

// What is left beside bursts, in the part of a window that is right; `faint` more bins of lines than there
// are, of a share of the noise too small to matter.
std::vector<cf32> left(std::size_t faint, bool weighed) {
  NoiseShape shape;
  shape.background.assign(NoiseShape::kBins, 1.0);
  shape.all = shape.background;
  for (std::size_t k = 0; k < kLineBins; ++k)
    shape.all[k] = shape.all[NoiseShape::kBins - 1 - k] = 1 + kLines;
  for (std::size_t k = 50; k < 50 + faint; ++k) shape.all[k] = 1.0015;
  std::vector<float> weights(static_cast<std::size_t>(NoiseFilter::kWindowChips), 1.0F);
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (hit(i) && weighed) weights[i] = 0.01F;
  NoiseFilter filter(shape, 0.2);
  const std::vector<cf32> r = received();
  std::copy(r.begin(), r.end(), filter.samples());
  filter.read();
  filter.separate(weights);
  std::vector<cf32> out;
  for (std::size_t n = NoiseFilter::kSamples * NoiseFilter::kReach;
       n < NoiseFilter::kSamples * (NoiseFilter::kReach + NoiseFilter::kHopChips); ++n)
    if (!hit(n / NoiseFilter::kSamples)) out.push_back(filter.residual()[n]);
  return out;
}

double power(const std::vector<cf32>& x) {
  double sum = 0;
  for (const cf32 v : x) sum += static_cast<double>(std::norm(v));
  return sum / static_cast<double>(x.size());
}

// Few bins of lines are summed over in pairs, many are transformed: both solve the same.
TEST(NoiseFilter, FewLinesAndManyAreSolvedForAlike) {
  const std::vector<cf32> few = left(0, true), many = left(250, true), ringing = left(0, false);
  const auto difference = [&few](std::vector<cf32> x) {
    for (std::size_t n = 0; n < x.size(); ++n) x[n] -= few[n];
    return to_db(power(x));
  };
  // Of the noise in the bins of lines, 0.4 % of all, 1 % is tolerated: 44 dB below it all.
  EXPECT_LT(difference(many), -40);
  EXPECT_GT(difference(ringing), -15);
  EXPECT_NEAR(power(few), 1, 0.08);
}

}  // namespace
}  // namespace ngdsp
