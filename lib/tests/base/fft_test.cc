#include "ngdsp/base/fft.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

// A single-precision FFT errs by about 6e-8 sqrt(log2 N) of the output's rms, which is ||x||; 1e-6 ||x|| is
// more than five times that for N <= 1024, and any wrong bin, sign or scale errs by about ||x|| itself.
void expect_dft(std::size_t n, Fft::Direction direction) {
  Fft fft(n, direction);
  ASSERT_EQ(fft.size(), n);
  Rng rng(n);
  std::vector<cf32> x(n);
  rng.add_noise(Span<cf32>(x), 1.0);
  std::copy(x.begin(), x.end(), fft.input());
  fft.execute();
  double energy = 0;
  for (const cf32& v : x) energy += static_cast<double>(std::norm(v));
  const double sign = direction == Fft::Direction::kForward ? -1 : 1;
  for (std::size_t k = 0; k < n; ++k) {
    cf64 sum;
    for (std::size_t i = 0; i < n; ++i)
      sum += cf64(x[i]) *
             std::polar(1.0, sign * 2 * kPi * static_cast<double>(k * i % n) / static_cast<double>(n));
    ASSERT_LT(std::abs(cf64(fft.output()[k]) - sum), 1e-6 * std::sqrt(energy)) << n << " bin " << k;
    ASSERT_EQ(fft.input()[k], x[k]) << "the input must survive";
  }
}

TEST(Fft, MatchesDirectTransform) {
  for (const std::size_t n : {1U, 2U, 8U, 60U, 343U, 1024U}) {
    expect_dft(n, Fft::Direction::kForward);
    expect_dft(n, Fft::Direction::kInverse);
  }
}

TEST(Fft, MovesAndIsBuiltByManyThreads) {
  std::vector<std::thread> threads;
  std::vector<float> peak(4);
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([t, &peak] {
      Fft fft(64, Fft::Direction::kForward);
      Fft moved = std::move(fft);
      for (std::size_t i = 0; i < 64; ++i)
        moved.input()[i] =
            std::polar(1.0F, static_cast<float>(2 * kPi * static_cast<double>((t + 1) * i) / 64));
      moved.execute();
      peak[t] = moved.output()[t + 1].real();
    });
  for (auto& t : threads) t.join();
  for (const float p : peak) EXPECT_NEAR(p, 64, 1e-3);
}

}  // namespace
}  // namespace ngdsp
