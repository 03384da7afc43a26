// The harmonics of a switching converter.
#pragma once

#include "ngdsp/base/rng.h"
#include "ngdsp/channel/noise_source.h"

namespace ngdsp {

/// Lines at the multiples of a switching frequency f + sweep/2 cos(4 pi phase of the mains) + wander. A
/// charger's pulse-width modulation: many harmonics of 10 kHz. An electronic lamp ballast: 87 ... 90 kHz,
/// pulled twice a mains cycle as its supply breathes. Harmonics outside the samples' range are left out.
struct CombConfig {
  double fundamental_hz = 10000;        ///< f, 10 ... 1e6
  int first = 1, last = 10;             ///< harmonics, 1 ... 1000, at most 100 of them
  double level_db = 20;                 ///< power of the first line over N0 times the chip rate, -40 ... 100
  double rolloff_db_per_decade = 0;     ///< how the others fall, 0 ... 100
  double sweep_hz = 0;                  ///< peak to peak, of the fundamental, twice a mains cycle, 0 ... f
  double jitter_hz = 0;                 ///< rms wander of the fundamental, 0 ... f/10
  double jitter_correlation_s = 0.001;  ///< how long it holds, 1e-5 ... 100

  std::string validate(const std::string& name) const;
};

class ConverterComb : public WaveSource {
 public:
  ConverterComb(const CombConfig& config, const NoiseBand& band, std::uint64_t seed);
  void add(Span<const double> turns, Span<cf32> wave) override;

 private:
  struct Line {
    int harmonic;  // whole: a wrapped phase keeps its multiples
    double amplitude, phase;
  };
  CombConfig config_;
  NoiseBand band_;
  std::vector<Line> lines_;
  double phase_;  // turns of the fundamental
  double wander_hz_, keep_, kick_hz_;
  std::uint64_t sample_ = 0;
  Rng rng_;
};

}  // namespace ngdsp
