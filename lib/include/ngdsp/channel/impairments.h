// What a line does to samples already made: for recordings and files.
#pragma once

#include <cstdint>
#include <vector>

#include "ngdsp/base/rng.h"
#include "ngdsp/base/types.h"

namespace ngdsp {

/// Resamples x(t) to x(t0 + k (1 + ppm 1e-6)) with a Kaiser-windowed sinc of 96 taps: a fractional delay of
/// -t0 samples and a clock offset. Edges see zeros. Flat to 0.01 dB up to 0.47 of the sample rate.
std::vector<float> resample(Span<const float> x, double t0_samples, double ppm);
std::vector<cf32> resample(Span<const cf32> x, double t0_samples, double ppm);

/// Hilbert transform by a Kaiser-windowed FIR of 95 taps, without delay: sine of cosine, so that
/// x cos(phase) - hilbert(x) sin(phase) is x with its phase turned. Edges see zeros. Flat to 0.01 dB from
/// 0.03 to 0.47 of the sample rate.
std::vector<float> hilbert(Span<const float> x);

/// x[k] *= exp(j 2 pi offset_hz k / fs).
void shift_carrier(Span<cf32> x, double offset_hz, double sample_rate_hz);

/// Adds samples of `noise` (repeated when shorter) times `gain`, starting `offset` samples into it.
void add_recording(Span<float> x, Span<const float> noise, double gain, std::size_t offset);
void add_recording(Span<cf32> x, Span<const cf32> noise, double gain, std::size_t offset);

/// Impulses at Poisson times of `rate_hz`, each white Gaussian of `width_s` and standard deviation `sigma`.
void add_impulses(Span<float> x, double rate_hz, double width_s, double sigma, double sample_rate_hz,
                  Rng& rng);
void add_impulses(Span<cf32> x, double rate_hz, double width_s, double sigma, double sample_rate_hz,
                  Rng& rng);

/// Clips every sample (complex: each part) to +-limit.
void clip(Span<float> x, float limit);
void clip(Span<cf32> x, float limit);

}  // namespace ngdsp
