#include "ngdsp/channel/sampled_paths.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/channel/impairments.h"

namespace ngdsp {
namespace {

constexpr double kResampleMargin = 64;  // half the length of resample() and some

// What turns the phase of real samples; complex ones turn by themselves.
std::vector<float> quadrature(Span<const float> x) { return hilbert(x); }
std::vector<cf32> quadrature(Span<const cf32>) { return {}; }

void turn(Span<float> x, Span<const float> quadrature, double phase_rad) {
  const auto c = static_cast<float>(std::cos(phase_rad)), s = static_cast<float>(std::sin(phase_rad));
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = c * x[k] - s * quadrature[k];
}
void turn(Span<cf32> x, Span<const cf32>, double phase_rad) {
  const cf32 factor(std::polar(1.0F, static_cast<float>(phase_rad)));
  for (cf32& v : x) v *= factor;
}

// Samples [first, first + count) of x, zeros outside it.
template <typename Sample>
std::vector<Sample> window(Span<const Sample> x, std::ptrdiff_t first, std::size_t count) {
  std::vector<Sample> part(count);
  const auto size = static_cast<std::ptrdiff_t>(x.size());
  const std::ptrdiff_t low = std::clamp<std::ptrdiff_t>(first, 0, size);
  const std::ptrdiff_t high = std::clamp<std::ptrdiff_t>(first + static_cast<std::ptrdiff_t>(count), 0, size);
  if (low < high) std::copy(x.begin() + low, x.begin() + high, part.begin() + (low - first));
  return part;
}

template <typename Sample>
void add(Span<const Sample> x, double from, double ppm, std::vector<Tap> taps, double chip_samples,
         double gain, Span<Sample> out, std::int64_t first) {
  if (taps.empty()) taps.resize(1);
  double power = 0;
  bool turned = false;
  for (const Tap& tap : taps) {
    power += from_db(tap.gain_db);
    turned = turned || tap.phase_rad != 0;
  }
  const std::vector<Sample> quad = turned ? quadrature(x) : std::vector<Sample>();
  const auto length = static_cast<std::size_t>(
      std::ceil(static_cast<double>(out.size()) * (1 + ppm * 1e-6) + 2 * kResampleMargin + 2));
  for (const Tap& tap : taps) {
    const double start = from - tap.delay_chips * chip_samples;
    const auto begin = static_cast<std::int64_t>(std::floor(start - kResampleMargin));
    std::vector<Sample> path = window(x, begin - first, length);
    if (tap.phase_rad != 0)
      turn(Span<Sample>(path), window(Span<const Sample>(quad), begin - first, length), tap.phase_rad);
    const double within = start - static_cast<double>(begin);
    if (ppm == 0 && within == std::floor(within))
      path.erase(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(within));
    else
      path = resample(Span<const Sample>(path), within, ppm);
    const auto amplitude = static_cast<float>(gain * std::sqrt(from_db(tap.gain_db) / power));
    for (std::size_t k = 0; k < out.size(); ++k) out[k] += amplitude * path[k];
  }
}

}  // namespace

void add_sampled_paths(Span<const float> x, double from, double ppm, const std::vector<Tap>& taps,
                       double chip_samples, double gain, Span<float> out, std::int64_t first) {
  add(x, from, ppm, taps, chip_samples, gain, out, first);
}
void add_sampled_paths(Span<const cf32> x, double from, double ppm, const std::vector<Tap>& taps,
                       double chip_samples, double gain, Span<cf32> out, std::int64_t first) {
  add(x, from, ppm, taps, chip_samples, gain, out, first);
}

}  // namespace ngdsp
