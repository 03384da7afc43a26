// The spectrum of coloured noise, and the filter that makes it of white noise.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ngdsp/channel/noise_source.h"

namespace ngdsp {

/// A power spectral density, relative: what counts is its shape, scaled to a mean of 1 over the occupied
/// band. The three forms add in dB; each alone is white when it is left at its default.
struct ColourConfig {
  double slope_db = 0;  ///< how much stronger the lower edge of the band is than the upper, linear in dB over
                        ///< Hz between, level beyond; +-60
  double floor = 1, rise = 0,
         decay_hz = 10000;  ///< floor + rise exp(-f/decay): 0 ... 1e9 each, decay 100 ... 1e7
  std::vector<std::pair<double, double>> table;  ///< (Hz, dB), rising in Hz, linear between, level beyond

  bool white() const { return slope_db == 0 && rise == 0 && table.empty(); }
  std::string validate(const std::string& name) const;
};

/// Density at `hz` over the mean in the band.
class Colour {
 public:
  Colour(const ColourConfig& config, const NoiseBand& band);
  double density(double hz) const;

 private:
  double shape(double hz) const;

  ColourConfig config_;
  NoiseBand band_;
  double mean_ = 1;
};

/// Taps h, causal and of minimum phase, with |H(f)|^2 the density: what they colour keeps its place in time.
/// Complex samples get complex taps, real ones real taps. Made from the cepstrum: A. V. Oppenheim, R. W.
/// Schafer, "Discrete-time signal processing".
std::vector<cf32> colour_taps(const Colour& colour, const NoiseBand& band);

/// y[k] = sum h[i] x[k - i], block by block.
template <typename Sample>
class ColourFilter {
 public:
  explicit ColourFilter(const std::vector<cf32>& taps);
  std::size_t size() const { return reversed_.size(); }
  void process(Span<Sample> x);

 private:
  std::vector<Sample> reversed_, line_;  // taps; the last samples, then the block
};

extern template class ColourFilter<float>;
extern template class ColourFilter<cf32>;

}  // namespace ngdsp
