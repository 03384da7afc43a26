// Reproducible random numbers: the same seed gives the same numbers on every machine and library version.
#pragma once

#include <cstdint>

#include "ngdsp/base/types.h"

namespace ngdsp {

/// xoshiro256++ (Blackman, Vigna 2021), seeded through SplitMix64.
class Rng {
 public:
  explicit Rng(std::uint64_t seed);

  /// A generator for item `index` of the experiment `seed`: independent of how items are spread over threads.
  static Rng stream(std::uint64_t seed, std::uint64_t index);

  std::uint64_t next();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform in 0 ... bound-1; bound >= 1.
  std::uint32_t below(std::uint32_t bound);
  /// Normal, mean 0, variance 1 (polar method of Marsaglia).
  double normal();

  /// Adds white real Gaussian noise of standard deviation `sigma` to every sample.
  void add_noise(Span<float> samples, double sigma);
  /// Adds white complex Gaussian noise of variance `variance` (both parts together) to every sample.
  void add_noise(Span<cf32> samples, double variance);

 private:
  std::uint64_t s_[4];
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace ngdsp
