// How much white noise makes a wanted E_c/N0.
#pragma once

#include "ngdsp/waveform/frame_energy.h"

namespace ngdsp {

/// Variance of white noise per sample (real: sigma^2; complex: both parts) that gives E_c/N0 to a signal of
/// mean power `signal_power`. Complex: sigma^2 = P fs/(Rc Ec/N0); real: half of it, because N0 is counted
/// two-sided around fc.
double noise_variance(const Profile& p, double sample_rate_hz, double signal_power, double chip_ec_n0);

}  // namespace ngdsp
