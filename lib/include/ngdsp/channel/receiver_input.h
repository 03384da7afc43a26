// What the input of a receiver does to the samples: coupler, gain control, converter.
#pragma once

#include <string>
#include <vector>

#include "ngdsp/base/types.h"

namespace ngdsp {

struct InputConfig {
  double highpass_hz =
      0;  ///< of the coupler, Butterworth of order 2; 0 = none, else 1 ... 1e8; real samples only
  double lowpass_hz = 0;
  bool agc = false;
  double agc_dbfs = -12;          ///< power it aims at, dB of full scale, -60 ... 0
  double agc_attack_s = 0.001;    ///< time constant while the level rises, 1e-5 ... 100
  double agc_release_s = 0.1;     ///< while it falls
  int adc_bits = 0;               ///< 0: no converter, else 1 ... 24
  double adc_full_scale_db = 30;  ///< without agc: full scale over rms background noise a sample, 0 ... 120

  std::string validate() const;
};

/// A second-order section, direct form II transposed.
class Biquad {
 public:
  /// Butterworth, by the bilinear transform; `edge_hz` (3 dB) below half the sample rate.
  static Biquad highpass(double edge_hz, double sample_rate_hz);
  static Biquad lowpass(double edge_hz, double sample_rate_hz);
  double step(double x);
  void reset() { s1_ = s2_ = 0; }

 private:
  double b0_ = 1, b1_ = 0, b2_ = 0, a1_ = 0, a2_ = 0, s1_ = 0, s2_ = 0;
};

/// Gain sqrt(target/p) with p following |x|^2, fast up and slow down; within +-60 dB of its begin.
class GainControl {
 public:
  GainControl(const InputConfig& config, double sample_rate_hz, double start_power);
  double gain() const { return gain_; }
  /// Takes |x|^2 of a sample, before the gain.
  void follow(double power);

 private:
  double target_, attack_, release_, power_, low_, high_, gain_;
};

/// x to the nearest of 2^bits levels (k + 1/2) 2 full_scale / 2^bits, limited at full scale.
float quantise(float x, int bits, double full_scale);

/// All three in order. With a gain control the samples come out with full scale 1.
template <typename Sample>
class ReceiverInput {
 public:
  /// `background` is the power of the background noise per sample.
  ReceiverInput(const InputConfig& config, double sample_rate_hz, double background);
  void process(Span<Sample> x);

 private:
  InputConfig config_;
  std::vector<Biquad> filters_;
  GainControl gain_;
  double full_scale_;
};

extern template class ReceiverInput<float>;
extern template class ReceiverInput<cf32>;

}  // namespace ngdsp
