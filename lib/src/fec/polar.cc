#include "ngdsp/fec/polar.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <stdexcept>
#include <string>

#include "fec/polar_transform.h"

namespace ngdsp {
namespace {

// ln phi(x), phi(x) = 1 - E[tanh(L/2)] for L ~ N(x, 2x). Three pieces, all in the logarithm, because phi
// itself underflows for the best channels and 1 - phi cancels for the worst ones (rates of 1/16 need both
// ends).
constexpr double kSmallSquare = 0.0564, kSmallLinear = 0.48560;  // Dai et al. 2017, x < 0.867861
constexpr double kMiddleScale = 0.4527, kMiddlePower = 0.86,
                 kMiddleOffset = 0.0218;  // Ha et al. 2004, x < 10
constexpr double kSmallEnd = 0.867861, kMiddleEnd = 10;

double ln_phi_middle(double x) { return kMiddleOffset - kMiddleScale * std::pow(x, kMiddlePower); }

double ln_phi_large_raw(double x) {
  return 0.5 * std::log(std::numbers::pi / x) - x / 4 + std::log1p(-10 / (7 * x));
}

// The published pieces jump by 0.025 at x = 10; a jump would break the partial order of the bit channels.
double large_join() {
  static const double join = ln_phi_middle(kMiddleEnd) - ln_phi_large_raw(kMiddleEnd);
  return join;
}

double ln_phi(double x) {
  if (x < kSmallEnd) return (kSmallSquare * x - kSmallLinear) * x;
  if (x < kMiddleEnd) return ln_phi_middle(x);
  return ln_phi_large_raw(x) + large_join();
}

double inverse_ln_phi(double y) {
  if (y > ln_phi_middle(kSmallEnd)) {
    // The root of a x^2 - b x - y = 0 that goes to 0 with y, in the form without cancellation.
    const double discriminant = kSmallLinear * kSmallLinear + 4 * kSmallSquare * y;
    return -2 * y / (kSmallLinear + std::sqrt(discriminant));
  }
  if (y > ln_phi_middle(kMiddleEnd)) return std::pow((kMiddleOffset - y) / kMiddleScale, 1 / kMiddlePower);
  double x = std::max(kMiddleEnd, -4 * y);
  for (int i = 0; i < 50; ++i) {  // Newton; the function is close to a line of slope -1/4
    const double slope = -0.25 - 0.5 / x + 10 / (x * (7 * x - 10));
    const double step = (ln_phi_large_raw(x) + large_join() - y) / slope;
    x = std::max(kMiddleEnd, x - step);
    if (std::abs(step) < 1e-13 * x) break;
  }
  return x;
}

double check_node_mean(double mean) {
  const double ln = ln_phi(mean);
  const double one_minus = -std::expm1(ln);
  // phi' = 1 - (1 - phi)^2 = phi (2 - phi): the first form is exact near phi = 1, the second near phi = 0.
  const double y = ln > -0.1 ? std::log1p(-one_minus * one_minus) : ln + std::log1p(one_minus);
  return inverse_ln_phi(y);
}

}  // namespace

PolarCode::PolarCode(int block_bits, int info_bits, double design_ebn0_db)
    : block_bits_(block_bits), info_bits_(info_bits) {
  if (block_bits < 64 || block_bits > 16384 || (block_bits & (block_bits - 1)) != 0) {
    throw std::invalid_argument("polar code: block_bits is " + std::to_string(block_bits) +
                                ", expected a power of two from 64 to 16384");
  }
  if (info_bits < 1 || info_bits >= block_bits) {
    throw std::invalid_argument("polar code: info_bits is " + std::to_string(info_bits) + ", expected 1 to " +
                                std::to_string(block_bits - 1));
  }
  const double rate = static_cast<double>(info_bits) / block_bits;
  std::vector<double> means{4 * rate * std::pow(10.0, design_ebn0_db / 10)};
  while (static_cast<int>(means.size()) < block_bits) {
    std::vector<double> next(2 * means.size());
    for (std::size_t i = 0; i < means.size(); ++i) {
      next[2 * i] = check_node_mean(means[i]);
      next[2 * i + 1] = 2 * means[i];
    }
    means = std::move(next);
  }
  // Mathematical libraries differ in the last bits (about 1e-13 after 14 levels). Reliabilities are therefore
  // compared as whole multiples of 1e-9 nepers: what is equal to that accuracy is a tie and the larger index
  // wins.
  std::vector<std::int64_t> reliability(means.size());
  for (std::size_t i = 0; i < means.size(); ++i) {
    reliability[i] = std::llround(std::log(std::max(means[i], 1e-300)) * 1e9);
  }
  std::vector<int> order(means.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    const auto ra = reliability[static_cast<std::size_t>(a)], rb = reliability[static_cast<std::size_t>(b)];
    return ra != rb ? ra > rb : a > b;
  });
  frozen_.assign(static_cast<std::size_t>(block_bits), 1);
  info_positions_.assign(order.begin(), order.begin() + info_bits);
  std::sort(info_positions_.begin(), info_positions_.end());
  for (const int position : info_positions_) frozen_[static_cast<std::size_t>(position)] = 0;
}

void PolarCode::encode(Span<const std::uint8_t> info, Span<std::uint8_t> code) const {
  std::array<std::uint64_t, 16384 / 64> words{};
  const std::size_t count = static_cast<std::size_t>(block_bits_) / 64;
  std::array<std::uint8_t, kPolarParityPeriod> parity{};
  std::size_t used = 0, remainder = 0;
  for (std::size_t i = 0; i < frozen_.size(); ++i) {
    std::uint8_t bit = parity[remainder];
    if (frozen_[i] == 0) {
      bit = info[used++] & 1U;
      parity[remainder] ^= bit;
    }
    words[i / 64] |= static_cast<std::uint64_t>(bit) << (i % 64);
    if (++remainder == kPolarParityPeriod) remainder = 0;
  }
  for (std::size_t w = 0; w < count; ++w) words[w] = polar_transform_word(words[w]);
  for (std::size_t half = 1; half < count; half *= 2) {
    for (std::size_t start = 0; start < count; start += 2 * half) {
      for (std::size_t i = start; i < start + half; ++i) words[i] ^= words[i + half];
    }
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(block_bits_); ++i) {
    code[i] = static_cast<std::uint8_t>((words[i / 64] >> (i % 64)) & 1U);
  }
}

}  // namespace ngdsp
