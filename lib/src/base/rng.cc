#include "ngdsp/base/rng.h"

#include <cmath>

namespace ngdsp {
namespace {

std::uint64_t splitmix(std::uint64_t& x) {
  std::uint64_t z = (x += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::uint64_t rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

}  // namespace

Rng::Rng(std::uint64_t seed) {
  for (auto& s : s_) s = splitmix(seed);
}

Rng Rng::stream(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t x = seed;
  const std::uint64_t a = splitmix(x);
  x = a ^ (index * 0xD1342543DE82EF95ULL + 1);
  return Rng(splitmix(x));
}

std::uint64_t Rng::next() {
  const std::uint64_t result = rotl(s_[0] + s_[3], 23) + s_[0];
  const std::uint64_t t = s_[1] << 17;
  s_[2] ^= s_[0];
  s_[3] ^= s_[1];
  s_[1] ^= s_[2];
  s_[0] ^= s_[3];
  s_[2] ^= t;
  s_[3] = rotl(s_[3], 45);
  return result;
}

double Rng::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

std::uint32_t Rng::below(std::uint32_t bound) {
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(next() >> 32) * bound) >> 32);
}

double Rng::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  double u, v, s;
  do {
    u = 2.0 * uniform() - 1.0;
    v = 2.0 * uniform() - 1.0;
    s = u * u + v * v;
  } while (s >= 1.0 || s == 0.0);
  const double scale = std::sqrt(-2.0 * std::log(s) / s);
  spare_ = v * scale;
  has_spare_ = true;
  return u * scale;
}

void Rng::add_noise(Span<float> samples, double sigma) {
  for (float& x : samples) x += static_cast<float>(sigma * normal());
}

void Rng::add_noise(Span<cf32> samples, double variance) {
  const double sigma = std::sqrt(variance / 2.0);
  for (cf32& x : samples) {
    const double re = normal(), im = normal();
    x += cf32(static_cast<float>(sigma * re), static_cast<float>(sigma * im));
  }
}

}  // namespace ngdsp
