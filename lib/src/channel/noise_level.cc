#include "ngdsp/channel/noise_level.h"

namespace ngdsp {

double noise_variance(const Profile& p, double sample_rate_hz, double signal_power, double chip_ec_n0) {
  const double complex_variance = signal_power * sample_rate_hz / (p.chip_rate_hz * chip_ec_n0);
  return p.real ? complex_variance / 2.0 : complex_variance;
}

}  // namespace ngdsp
