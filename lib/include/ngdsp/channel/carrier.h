// Narrow-band signals of others.
#pragma once

#include "ngdsp/base/rng.h"
#include "ngdsp/channel/noise_source.h"

namespace ngdsp {

/// A steady tone, a tone with amplitude modulation (broadcasting), or a data carrier: QPSK symbols at
/// `width_hz` faded into each other (the power stays), switched on and off by keys. What lies outside the
/// samples' range is left out.
struct CarrierConfig {
  double frequency_hz = 60000;  ///< 1 ... 1e11
  double level_db = 30;         ///< power while on, over N0 times the chip rate, -40 ... 100
  double width_hz = 0;          ///< of a data carrier, 0 = a tone, else 10 ... 1e6
  double on_share = 1;          ///< of the keys, 0.01 ... 1
  double key_s = 0.02;          ///< length of a key, each on or off by chance, 1e-4 ... 1e4
  double am_depth = 0;          ///< modulation, rms, 0 ... 1; tones only
  double am_hz = 4500;          ///< highest modulating frequency, 10 ... 1e5

  std::string validate(const std::string& name) const;
};

class Carrier : public WaveSource {
 public:
  Carrier(const CarrierConfig& config, const NoiseBand& band, std::uint64_t seed);
  void add(Span<const double> turns, Span<cf32> wave) override;

 private:
  struct Symbol {
    cf64 value;
    double audio;
  };
  Symbol symbol(std::int64_t index) const;

  CarrierConfig config_;
  bool held_;
  double step_, amplitude_, phase_;  // turns a sample, of the carrier
  double symbol_rate_;               // symbols a sample
  double start_;                     // in symbols
  std::uint64_t seed_, sample_ = 0;
  std::int64_t at_;
  Symbol now_{}, next_{};
};

}  // namespace ngdsp
