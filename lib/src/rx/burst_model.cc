#include "ngdsp/rx/burst_model.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numeric>

#include "ngdsp/base/multiversion.h"
#include "rx/vector.h"

namespace ngdsp {
namespace {

constexpr std::size_t kStates = BurstModel::kStates;
constexpr std::size_t kUnitState = 2;               // levels from 6 dB below the background to 39 above
constexpr float kMemoryChips = 65536;               // over which what was seen is forgotten
constexpr float kLargestPower = 20;                 // of the highest level: what is above is taken for that
constexpr float kPriorDraws = 1;                    // expected draws of every level that were never seen
constexpr float kPriorBackground = 1024;            // chips of it that count as seen before the first
constexpr float kPriorLeft = 1, kPriorStayed = 50;  // and how often a level was left, of so many chips
static_assert(sizeof(Vector) == sizeof(BurstModel::States), "a vector holds all states");

inline __attribute__((always_inline)) float sum(const Vector& v) {
  using Half = float __attribute__((vector_size(32)));
  using Quarter = float __attribute__((vector_size(16)));
  Half low, high;
  std::memcpy(&low, &v, sizeof low);
  std::memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
  low += high;
  Quarter a, b;
  std::memcpy(&a, &low, sizeof a);
  std::memcpy(&b, reinterpret_cast<const char*>(&low) + sizeof a, sizeof b);
  a += b;
  return (a[0] + a[2]) + (a[1] + a[3]);
}

// x = 2^x, -100 <= x <= 0, to 4e-5: the fraction by its Taylor series, the rest into the exponent.
inline __attribute__((always_inline)) void raise_2(Vector& x) {
  using Integers = std::int32_t __attribute__((vector_size(64)));
  const Integers whole = __builtin_convertvector(x - 0.5F, Integers);
  const Vector f = x - __builtin_convertvector(whole, Vector);
  x = 1 + f * (0.6931472F + f * (0.2402265F + f * (0.0555041F + f * 0.0096181F)));
  Integers bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits += whole << 23;
  std::memcpy(&x, &bits, sizeof x);
}

// level = x in units; likelihood = exp(-level/s)/s
NGDSP_MULTIVERSION void likelihoods(const float* x, float to_unit, float largest, std::size_t n,
                                    const float* inverse_levels, float* level, float* likelihood) {
  const Vector least = Vector{} - 100.0F;
  Vector inverse;
  load(inverse_levels, inverse);
  for (std::size_t i = 0; i < n; ++i) {
    level[i] = x[i] * to_unit < largest ? x[i] * to_unit : largest;
    Vector e = inverse * (-1.442695F * level[i]);
    e = e > least ? e : least;
    raise_2(e);
    e *= inverse;
    std::memcpy(likelihood + i * kStates, &e, sizeof e);
  }
}

// State probabilities given the chips so far; scale: 1/likelihood of the chip given those before; redrawn:
// probability that the next level is drawn anew.
NGDSP_MULTIVERSION void go_forward(const float* likelihood, std::size_t n, const float* stay,
                                   const float* drawn, float* state, float* scale, float* redrawn) {
  Vector stays, draws;
  load(stay, stays);
  load(drawn, draws);
  const Vector leaves = 1.0F - stays;
  Vector expected = draws;
  for (std::size_t i = 0; i < n; ++i) {
    Vector a;
    load(likelihood + i * kStates, a);
    a *= expected;
    // The two sums do not wait for each other.
    const float left = sum(leaves * a), c = 1 / sum(a);
    expected = (stays * a + draws * left) * c;
    a *= c;
    std::memcpy(state + i * kStates, &a, sizeof a);
    scale[i] = c;
    redrawn[i] = left * c;
  }
}

// Sums over the chips that learn() needs, and the weights.
struct Expected {
  float chips[kStates], left[kStates], drawn[kStates], power[kStates];
};
NGDSP_MULTIVERSION void go_backward(const float* level, const float* likelihood, const float* state,
                                    const float* scale, const float* redrawn, std::size_t n,
                                    const float* stay, const float* drawn, const float* inverse_levels,
                                    float* weights, Expected& out) {
  Vector stays, draws, inverse;
  load(stay, stays);
  load(drawn, draws);
  load(inverse_levels, inverse);
  const Vector leaves = 1.0F - stays;
  Vector chips{}, left{}, drawn_sum{}, power{};
  Vector ahead = Vector{} + 1.0F;  // likelihood of the chips ahead, over that given the chips so far
  for (std::size_t i = n; i-- > 0;) {
    Vector now;
    load(state + i * kStates, now);
    now *= ahead;
    weights[i] = sum(now * inverse);
    chips += now;
    power += now * level[i];
    if (i == 0) break;
    Vector u, before;
    load(likelihood + i * kStates, u);
    load(state + (i - 1) * kStates, before);
    u *= ahead * scale[i];
    const float any = sum(draws * u);
    drawn_sum += draws * u * redrawn[i - 1];
    left += before * leaves * any;
    ahead = stays * u + leaves * any;
  }
  std::memcpy(out.chips, &chips, sizeof chips);
  std::memcpy(out.left, &left, sizeof left);
  std::memcpy(out.drawn, &drawn_sum, sizeof drawn_sum);
  std::memcpy(out.power, &power, sizeof power);
}

BurstModel::States inverse_levels() {
  BurstModel::States inverse;
  for (std::size_t k = 0; k < kStates; ++k)
    inverse[k] = std::exp2(static_cast<float>(kUnitState) - static_cast<float>(k));
  return inverse;
}

}  // namespace

BurstModel::BurstModel() {
  seen_.chips[kUnitState] = seen_.power[kUnitState] = kPriorBackground;
  learn();
}

BurstModel::Seen BurstModel::look(Span<const float> power, Span<float> weights) {
  const std::size_t n = power.size();
  level_.resize(n);
  forward_.resize(n);
  likelihood_.resize(n);
  scale_.resize(n);
  redrawn_.resize(n);
  const States inverse = inverse_levels();
  float* likelihood = likelihood_.data()->values.data();
  float* forward = forward_.data()->values.data();
  likelihoods(power.data(), 1 / unit_, kLargestPower / inverse.back(), n, inverse.data(), level_.data(),
              likelihood);
  go_forward(likelihood, n, stay_.data(), drawn_.data(), forward, scale_.data(), redrawn_.data());
  Expected e;
  go_backward(level_.data(), likelihood, forward, scale_.data(), redrawn_.data(), n, stay_.data(),
              drawn_.data(), inverse.data(), weights.data(), e);
  Seen seen;
  std::copy_n(e.chips, kStates, seen.chips.begin());
  std::copy_n(e.left, kStates, seen.left.begin());
  std::copy_n(e.drawn, kStates, seen.drawn.begin());
  for (std::size_t k = 0; k < kStates; ++k) seen.power[k] = unit_ * e.power[k];
  return seen;
}

void BurstModel::guess(Span<const float> power, Span<float> weights) {
  if (power.size() > 0) look(power, weights);
}

void BurstModel::weigh(Span<const float> power, Span<float> weights) {
  const std::size_t n = power.size();
  if (n == 0) return;
  const Seen now = look(power, weights);
  const float kept = std::exp(-static_cast<float>(n) / kMemoryChips);
  const auto add = [kept](States& seen, const States& x) {
    for (std::size_t k = 0; k < kStates; ++k) seen[k] = kept * seen[k] + x[k];
  };
  add(seen_.chips, now.chips);
  add(seen_.left, now.left);
  add(seen_.drawn, now.drawn);
  add(seen_.power, now.power);
  learn();
}

BurstModel::States BurstModel::shares() const {
  States share = seen_.chips;
  const float all = std::accumulate(share.begin(), share.end(), 0.0F);
  for (float& s : share) s /= all;
  return share;
}

void BurstModel::learn() {
  const float draws = std::accumulate(seen_.drawn.begin(), seen_.drawn.end(), kStates * kPriorDraws);
  for (std::size_t k = 0; k < kStates; ++k) {
    drawn_[k] = (seen_.drawn[k] + kPriorDraws) / draws;
    stay_[k] = 1 - (seen_.left[k] + kPriorLeft) / (seen_.chips[k] + kPriorStayed);
  }
  // Between two levels the commonest noise would be now one and now the other.
  const auto most = static_cast<std::size_t>(std::max_element(seen_.chips.begin(), seen_.chips.end()) -
                                             seen_.chips.begin());
  if (seen_.chips[most] > 0)
    unit_ = std::clamp(seen_.power[most] / seen_.chips[most] * inverse_levels()[most], 0.1F, 10.0F);
}

}  // namespace ngdsp
