// How received frames, candidates and counters are shown: JSON lines and a table.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "ngdsp/rx/receiver.h"
#include "truth.h"

namespace ngplc_app {

nlohmann::json frame_json(const ngdsp::ReceivedFrame& frame, const std::string& file, double sample_rate_hz);
nlohmann::json candidate_json(const ngdsp::CandidateTrace& candidate, const std::string& file);
nlohmann::json counters_json(const ngdsp::ReceiverCounters& counters);
/// What the receiver made of the noise (docs/interfaces.md); frequencies as they are on the line.
nlohmann::json noise_json(const ngdsp::NoiseReport& report, const ngdsp::Profile& profile);

std::string table_header();
std::string table_row(const ngdsp::ReceivedFrame& frame, double sample_rate_hz);

/// Received frames against the truth of a recording: same payload and sequence, first chip within
/// `tolerance_samples`; every true frame is found at most once.
struct TruthMatch {
  std::uint64_t expected = 0, found = 0, unexpected = 0;
};
TruthMatch match_truth(const std::vector<TrueFrame>& truth, const std::vector<ngdsp::ReceivedFrame>& received,
                       double tolerance_samples);

}  // namespace ngplc_app
