// Samples already made through several paths: for recordings and files.
#pragma once

#include <cstdint>
#include <vector>

#include "ngdsp/channel/multipath.h"

namespace ngdsp {

/// Samples beside what a path needs of its input: the reach of resample() and hilbert().
inline constexpr std::size_t kPathMargin = 96;

/// out[k] += gain sum_i a_i exp(j phase_i) x(from + k (1 + ppm 1e-6) - delay_i chip_samples), powers of the
/// a_i scaled to sum 1; x(t) is sample t - first of `x`, zero outside it. No taps: one path. The phase of
/// real samples is turned by their Hilbert transform. Delays of whole samples (with ppm 0) are exact, others
/// as resample() makes them.
void add_sampled_paths(Span<const float> x, double from, double ppm, const std::vector<Tap>& taps,
                       double chip_samples, double gain, Span<float> out, std::int64_t first = 0);
void add_sampled_paths(Span<const cf32> x, double from, double ppm, const std::vector<Tap>& taps,
                       double chip_samples, double gain, Span<cf32> out, std::int64_t first = 0);

}  // namespace ngdsp
