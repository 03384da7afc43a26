#include "ngdsp/channel/noise_source.h"

namespace ngdsp {

NoiseBand noise_band(const Profile& p, double sample_rate_hz, double carrier_hz) {
  NoiseBand band;
  band.real = p.real;
  band.sample_rate_hz = sample_rate_hz;
  band.center_hz = p.center_hz;
  band.carrier_hz = carrier_hz >= 0 ? carrier_hz : p.carrier_hz;
  band.chip_rate_hz = p.chip_rate_hz;
  return band;
}

}  // namespace ngdsp
