// Recordings used as noise.
#pragma once

#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// Power of a recording in the occupied band, per chip, as the receiver's front end sees it. Errors: a sample
/// rate the front end cannot take, no power at all.
Result<double> in_band_power(const Profile& p, double sample_rate_hz, double carrier_hz,
                             const std::vector<float>& noise);

}  // namespace ngdsp
