// Power spectra of test signals.
#pragma once

#include <cmath>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/fft.h"

namespace ngdsp {

/// Welch's estimate with a Hann window and half overlap: density per bin such that white noise of variance v
/// gives v everywhere. The mean of n windows, of which half count as independent, deviates by sqrt(2/n) of
/// itself.
template <typename Sample>
std::vector<double> welch(const std::vector<Sample>& x, std::size_t size) {
  Fft fft(size, Fft::Direction::kForward);
  std::vector<double> window(size), density(size);
  double power = 0;
  for (std::size_t i = 0; i < size; ++i) {
    window[i] = 0.5 - 0.5 * std::cos(2 * kPi * static_cast<double>(i) / static_cast<double>(size));
    power += window[i] * window[i];
  }
  double pieces = 0;
  for (std::size_t at = 0; at + size <= x.size(); at += size / 2, ++pieces) {
    for (std::size_t i = 0; i < size; ++i) fft.input()[i] = cf32(x[at + i]) * static_cast<float>(window[i]);
    fft.execute();
    for (std::size_t i = 0; i < size; ++i) density[i] += static_cast<double>(std::norm(fft.output()[i]));
  }
  for (double& d : density) d /= power * pieces;
  return density;
}

}  // namespace ngdsp
