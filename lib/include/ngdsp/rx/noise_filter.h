// What correlates, made of what was received: a sloping background evened out and lines taken out, jointly
// with what chips count for.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ngdsp/base/types.h"

namespace ngdsp {

/// The spectrum of stationary noise, by bin of a transform of kBins over twice the chip rate, which holds
/// every band, of noise as it is before the matched filter.
struct NoiseShape {
  static constexpr std::size_t kBins = 2048;
  std::vector<double> background;  ///< above 0
  std::vector<double> all;         ///< with lines: the background where there is none, above it elsewhere
};

/// psi = R^-1 r in noise of covariance R = B + L + D: B the background's, L that of lines, both stationary,
/// D of bursts, white and so much in every chip that B's share of its noise is m, 0 ... 1. With
/// z = B^-1/2 r, whose filter is short and spreads a burst little, and the weights w of its chips,
///
///     psi = B^-1/2 w (z - l),    l = H (m z + (1 - m) l),    H = L/(B + L):
///
/// lines are what their Wiener filter H makes of the chips that count, and of its own prediction where they
/// do not. So a burst does not ring through the notches and a line is no burst. With p = B^-1/2 H^1/2
/// l is solved for by conjugate gradients (H^1/2 a = l, (1 - H^1/2 (1 - m) H^1/2) a = H^1/2 m z), in as
/// many steps as leave 1 % of the noise. Where all weights are alike it is one filter, of the taps below.
class NoiseFilter {
 public:
  static constexpr int kReach = 512;             ///< of the filters either side, chips
  static constexpr int kWindowChips = 5120;      ///< worked on at a time
  static constexpr int kHopChips = 3584;         ///< of those, from chip kReach on, are right
  static constexpr std::size_t kSamples = 2;     ///< a chip, received and left
  static constexpr std::size_t kPsiSamples = 4;  ///< a chip

  NoiseFilter(const NoiseShape& shape, double rolloff);
  NoiseFilter(const NoiseFilter&) = delete;
  NoiseFilter& operator=(const NoiseFilter&) = delete;
  ~NoiseFilter();

  /// Of psi = g * r where all chips count alike: kSamples a chip from -kReach chips on, g[-n] = g[n]*, scaled
  /// so that the matched pulse stays 1 in its middle.
  const std::vector<cf32>& taps() const;
  /// g by bin of a NoiseShape.
  const std::vector<float>& response() const;
  /// B^-1/2 by bin of a NoiseShape.
  const std::vector<float>& whitening() const;
  /// Lines are taken out: what is left of a burst depends on the weights.
  bool has_lines() const;

  /// A window's r, where nothing is known 0; then read(), and as often as wanted separate() and correlate().
  cf32* samples();
  void read();
  /// residual() becomes z - l, as if every chip counted alike, or by weights: by chip, 0 where nothing is
  /// known.
  void separate();
  void separate(Span<const float> weights);
  const cf32* residual() const;
  /// psi() becomes B^-1/2 w residual().
  void correlate(Span<const float> weights);
  const cf32* psi() const;

 private:
  struct Window;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngdsp
