// Parameters of blocks, checked.
#pragma once

#include <stdexcept>
#include <string>
#include <type_traits>

#include "ngdsp/base/types.h"
#include "ngdsp/waveform/profile.h"

namespace gr {
namespace ngplc {

/// What is wrong with a block's parameters ends its construction.
[[noreturn]] inline void refuse(const char* block, const std::string& what) {
  throw std::invalid_argument(std::string("ngplc ") + block + ": " + what);
}

inline double in_range(const char* block, const char* name, double value, double low, double high,
                       const char* expected) {
  if (!(value >= low && value <= high))
    refuse(block, std::string(name) + " is " + std::to_string(value) + ", expected " + expected);
  return value;
}

/// The profile for samples of type T. 0 and -1 leave rate, carrier and centre at the profile's.
template <class T>
ngdsp::Profile profile_in_samples(const char* block, const std::string& name, double sample_rate_hz,
                                  double carrier_hz, double center_hz) {
  const auto loaded = ngdsp::load_profile(name);
  if (!loaded) refuse(block, loaded.error());
  auto placed = ngdsp::placed_profile(*loaded, !std::is_same_v<T, float>, carrier_hz, center_hz);
  if (!placed) refuse(block, placed.error());
  if (sample_rate_hz != 0) placed->sample_rate_hz = sample_rate_hz;
  if (const std::string wrong = placed->validate(); !wrong.empty()) refuse(block, wrong);
  return *placed;
}

}  // namespace ngplc
}  // namespace gr
