#include "ngdsp/channel/receiver_input.h"

#include <algorithm>
#include <cmath>

#include "channel/field_check.h"
#include "ngdsp/base/db.h"

namespace ngdsp {

std::string InputConfig::validate() const {
  FieldCheck check("input.");
  if (highpass_hz != 0) check.range("highpass_hz", highpass_hz, 1, 1e8, "Hz, or 0 for none");
  if (lowpass_hz != 0) check.range("lowpass_hz", lowpass_hz, 1, 1e8, "Hz, or 0 for none");
  check.range("agc_dbfs", agc_dbfs, -60, 0, "dB of full scale");
  check.range("agc_attack_s", agc_attack_s, 1e-5, 100, "s");
  check.range("agc_release_s", agc_release_s, 1e-5, 100, "s");
  if (adc_bits != 0) check.range("adc_bits", adc_bits, 1, 24, "bits, or 0 for no converter");
  check.range("adc_full_scale_db", adc_full_scale_db, 0, 120, "dB");
  return check.error();
}

Biquad Biquad::lowpass(double edge_hz, double sample_rate_hz) {
  const double w = std::tan(kPi * edge_hz / sample_rate_hz), norm = 1 + std::sqrt(2.0) * w + w * w;
  Biquad b;
  b.b0_ = b.b2_ = w * w / norm;
  b.b1_ = 2 * b.b0_;
  b.a1_ = 2 * (w * w - 1) / norm;
  b.a2_ = (1 - std::sqrt(2.0) * w + w * w) / norm;
  return b;
}

Biquad Biquad::highpass(double edge_hz, double sample_rate_hz) {
  Biquad b = lowpass(edge_hz, sample_rate_hz);  // the same poles
  const double w = std::tan(kPi * edge_hz / sample_rate_hz);
  b.b0_ = b.b2_ = 1 / (1 + std::sqrt(2.0) * w + w * w);
  b.b1_ = -2 * b.b0_;
  return b;
}

double Biquad::step(double x) {
  const double y = b0_ * x + s1_;
  s1_ = b1_ * x - a1_ * y + s2_;
  s2_ = b2_ * x - a2_ * y;
  return y;
}

GainControl::GainControl(const InputConfig& config, double sample_rate_hz, double start_power)
    : target_(from_db(config.agc_dbfs)),
      attack_(-std::expm1(-1 / (config.agc_attack_s * sample_rate_hz))),
      release_(-std::expm1(-1 / (config.agc_release_s * sample_rate_hz))),
      power_(start_power),
      low_(start_power * 1e-6),
      high_(start_power * 1e6),
      gain_(std::sqrt(target_ / start_power)) {}

void GainControl::follow(double power) {
  power_ += (power > power_ ? attack_ : release_) * (power - power_);
  power_ = std::clamp(power_, low_, high_);
  gain_ = std::sqrt(target_ / power_);
}

float quantise(float x, int bits, double full_scale) {
  const double step = 2 * full_scale / std::exp2(bits), most = full_scale - step / 2;
  return static_cast<float>(
      std::clamp((std::floor(static_cast<double>(x) / step) + 0.5) * step, -most, most));
}

template <typename Sample>
ReceiverInput<Sample>::ReceiverInput(const InputConfig& config, double sample_rate_hz, double background)
    : config_(config),
      gain_(config, sample_rate_hz, background),
      full_scale_(config.agc ? 1 : std::sqrt(background * from_db(config.adc_full_scale_db))) {
  if (config.highpass_hz > 0) filters_.push_back(Biquad::highpass(config.highpass_hz, sample_rate_hz));
  if (config.lowpass_hz > 0) filters_.push_back(Biquad::lowpass(config.lowpass_hz, sample_rate_hz));
}

template <typename Sample>
void ReceiverInput<Sample>::process(Span<Sample> x) {
  for (Sample& v : x) {
    if constexpr (std::is_same_v<Sample, float>) {
      for (Biquad& f : filters_) v = static_cast<float>(f.step(static_cast<double>(v)));
    }
    if (config_.agc) {
      const auto power = static_cast<double>(std::norm(v));
      v *= static_cast<float>(gain_.gain());
      gain_.follow(power);
    }
    if (config_.adc_bits == 0) continue;
    if constexpr (std::is_same_v<Sample, float>)
      v = quantise(v, config_.adc_bits, full_scale_);
    else
      v = {quantise(v.real(), config_.adc_bits, full_scale_),
           quantise(v.imag(), config_.adc_bits, full_scale_)};
  }
}

template class ReceiverInput<float>;
template class ReceiverInput<cf32>;

}  // namespace ngdsp
