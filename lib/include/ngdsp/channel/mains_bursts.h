// Noise that is switched on and off with the mains.
#pragma once

#include "ngdsp/channel/noise_source.h"

namespace ngdsp {

/// Bursts of Gaussian noise, so many a mains cycle and each for a share of the time between two: what
/// dimmers, rectifiers and universal motors make around the crossings or peaks of the voltage.
struct BurstConfig {
  double share = 0.1;          ///< of the time, 0.001 ... 0.9
  double level_db = 20;        ///< noise during a burst over the background, 0 ... 80
  double phase_deg = 90;       ///< mains phase in the middle of a burst, +-360
  int per_cycle = 2;           ///< 1 a half-wave rectifier, 2 usual, 6 a three-phase converter; 1 ... 6
  double jitter_s = 0;         ///< of each edge, rms, 0 ... 0.01
  double level_jitter_db = 0;  ///< of each burst's level, rms, 0 ... 20
  double slope_db = 0;         ///< how much stronger the lower edge of the band is than the upper, +-60

  std::string validate(const std::string& name) const;
};

class MainsBursts : public VarianceSource {
 public:
  MainsBursts(const BurstConfig& config, double mains_hz, std::uint64_t seed);
  void add(Span<const double> turns, Span<float> variance) override;

 private:
  void draw(std::int64_t burst);

  BurstConfig config_;
  double jitter_;  // of an edge, in burst periods
  std::uint64_t seed_;
  std::int64_t burst_;
  double begin_ = 0, end_ = 0;  // around the middle, in burst periods
  float excess_ = 0;
};

}  // namespace ngdsp
