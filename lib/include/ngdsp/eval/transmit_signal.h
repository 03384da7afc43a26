// A transmitter at work: frames of a profile back to back, for measurements of what it puts on the line.
#pragma once

#include <cstdint>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// `seconds` of frames of all payload classes in turn, drawn payloads, sequences and phases, each beginning
/// where the last one ends, mean power 1. Real profiles only; `sample_rate_hz` must hold the band.
Result<std::vector<float>> continuous_frames(const Profile& profile, double sample_rate_hz, double seconds,
                                             std::uint64_t seed);

}  // namespace ngdsp
