// What single sources of noise give out.
#pragma once

#include <algorithm>
#include <vector>

#include "ngdsp/channel/mains_phase.h"
#include "ngdsp/channel/noise_source.h"

namespace ngdsp {

/// Mains phase of `count` samples of an exact frequency, from phase 0.
inline std::vector<double> steady_turns(double hz, double sample_rate_hz, std::size_t count) {
  std::vector<double> turns(count);
  for (std::size_t k = 0; k < count; ++k) turns[k] = hz * static_cast<double>(k) / sample_rate_hz;
  return turns;
}

inline std::vector<float> variance_of(VarianceSource& source, const std::vector<double>& turns,
                                      std::size_t block = 1 << 20) {
  std::vector<float> v(turns.size());
  for (std::size_t at = 0; at < v.size(); at += block) {
    const std::size_t n = std::min(block, v.size() - at);
    source.add(Span<const double>(turns).subspan(at, n), Span<float>(v).subspan(at, n));
  }
  return v;
}

inline std::vector<cf32> wave_of(WaveSource& source, const std::vector<double>& turns,
                                 std::size_t block = 1 << 20) {
  std::vector<cf32> v(turns.size());
  for (std::size_t at = 0; at < v.size(); at += block) {
    const std::size_t n = std::min(block, v.size() - at);
    source.add(Span<const double>(turns).subspan(at, n), Span<cf32>(v).subspan(at, n));
  }
  return v;
}

inline double mean_power(const std::vector<cf32>& x) {
  double sum = 0;
  for (const cf32& v : x) sum += static_cast<double>(std::norm(v));
  return sum / static_cast<double>(x.size());
}

}  // namespace ngdsp
