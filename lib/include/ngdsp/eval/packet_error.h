// Packet-error experiments on one link.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ngdsp/channel/scenario_line.h"
#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// What the mains does to the gain of a line: 1 + depth cos(2 pi hz t + a phase drawn for every frame).
struct GainModulation {
  double depth = 0;  ///< 0 ... 0.9
  double hz = 100;   ///< 0 ... 1000, twice the mains' usually
};
/// "DEPTH@HZ", e.g. "0.1@100".
Result<GainModulation> parse_gain_modulation(const std::string& text);

struct PacketErrorConfig {
  Profile profile;
  int payload_bytes = 16;
  double ebn0_db = 2;
  int frames = 2000;
  int stop_errors = 0;  ///< stop after this many errors; 0 = never early
  std::uint64_t seed = 1;
  int threads = 0;        ///< 0 = all cores
  double cfo_hz = 0;      ///< extra carrier offset, uniform in +-cfo_hz a frame, not tied to the clock
  double clock_ppm = 0;   ///< clock offset uniform in +-clock_ppm a frame; the carrier follows (one crystal)
  std::vector<Tap> taps;  ///< phases of taps are drawn anew for every frame
  GainModulation modulation;            ///< of all that is sent
  std::optional<double> interferer_db;  ///< a second frame of the class lies over the first, so much above it
                                        ///< and begun within +-1024 chips of it: another sequence, its own
                                        ///< clock and phases
  std::vector<float> noise;  ///< real recording used instead of white noise (real profiles), scaled to the
                             ///< power in the occupied band that white noise of this E_b/N0 would have
  std::shared_ptr<const Scenario> scenario;  ///< line, noise instead of white noise (N0 is its background)
                                             ///< and receiver input; not with taps, modulation or noise
  bool genie = false;         ///< the scenario's waveforms are taken out before the receiver, and it is told
                              ///< the variance of the noise in every chip and its spectrum (Genie)
  double lead_s = 0;          ///< noise alone before the frame: a receiver that was on for a while; 0 ... 60
  double sample_rate_hz = 0;  ///< 0 = the profile's
  double carrier_hz = -1;     ///< -1 = the profile's
  double detection_threshold = 0;  ///< of the receiver; 0 = its default
  double vetting_threshold = 0;
};

struct PacketErrorPoint {
  double ebn0_db = 0, snr_db = 0;
  std::uint64_t sent = 0, ok = 0, false_frames = 0;
  std::uint64_t interferers_ok = 0;           ///< of as many as sent
  double per = 0, per_low = 0, per_high = 0;  ///< 95 % Clopper-Pearson interval
  double seconds = 0;
  std::uint64_t candidates = 0, vetted = 0, decoder_failed = 0, metric_rejected = 0;  ///< receiver's counters
  std::vector<double> frame_metrics;  ///< of sent frames whose CRC held, ascending: also below the threshold
};

/// 95 % Clopper-Pearson interval of a rate of k in n.
void clopper_pearson(std::uint64_t k, std::uint64_t n, double& low, double& high);

/// Sends frames one at a time at random delay, phase and sequence through the channel into a streaming
/// Receiver and counts: ok when the payload comes out bit-exact and its sample index is within one chip;
/// every other output counts as a false frame. `progress(done)` is called from worker threads. Errors:
/// invalid configuration.
Result<PacketErrorPoint> measure_packet_error(const PacketErrorConfig& config,
                                              const std::function<void(std::uint64_t)>& progress = {});

/// Receiver on noise alone for `seconds` of stream (split over threads in independent pieces of 60 s): what
/// came out.
struct FalseAlarmResult {
  double seconds = 0;
  std::uint64_t candidates = 0, decodes = 0, metric_rejected = 0, frames = 0;
};
Result<FalseAlarmResult> measure_false_alarms(const Profile& profile, double seconds, std::uint64_t seed,
                                              int threads = 0);

}  // namespace ngdsp
