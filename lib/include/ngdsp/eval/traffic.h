// Unslotted traffic of many nodes on one line, as samples.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "ngdsp/base/rng.h"
#include "ngdsp/channel/scenario_line.h"
#include "ngdsp/tx/frame_encoder.h"
#include "ngdsp/tx/modulator.h"
#include "ngdsp/tx/transmit_gate.h"
#include "ngdsp/tx/transmit_levels.h"
#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// How received powers differ between frames at equal transmit level.
struct PowerSpread {
  enum class Kind { kEqual, kLognormal, kUniform };
  Kind kind = Kind::kEqual;
  double db = 0;  ///< lognormal: standard deviation, around the median; uniform: width in dB, mean power kept
};

/// "equal", "lognormal:DB" or "uniform:DB", DB 0 to 60.
Result<PowerSpread> parse_power_spread(const std::string& text);
std::string to_string(const PowerSpread& spread);

/// Times are in durations of one frame, counted from sample 0.
struct NoiseBurst {
  double at_frames = 0, frames = 0;
  double db = 0;  ///< noise power during the burst over the usual, 0 ... 60
};
struct LoadStep {
  double at_frames = 0, frames = 0;
  double load = 0;  ///< instead of the usual one; 0 = silence: no frame begins
};

struct TrafficConfig {
  Profile profile;
  int payload_bytes = 16;  ///< at least 9: a number in it tells the frames apart
  double load = 1;         ///< payload bits a chip, 1e-4 ... 20
  double ebn0_db = 10;     ///< mean energy of a payload bit over all transmit levels, N0 = 1 a chip; with
                           ///< lognormal spread the median over the spread
  PowerSpread spread;      ///< not with a scenario whose grid has a sender for every frame
  TransmitLevels levels{std::vector<TransmitLevel>{{0, 1}}};
  double clock_ppm = 0;   ///< clock offset uniform in +-clock_ppm a frame; the carrier follows (one crystal)
  double cfo_hz = 0;      ///< extra carrier offset, uniform in +-cfo_hz a frame
  std::vector<Tap> taps;  ///< phases are drawn anew for every frame
  std::shared_ptr<const std::vector<float>>
      noise;                                 ///< real recording instead of white noise (real profiles),
                                             ///< repeated, scaled to N0 = 1 in the occupied band
  std::shared_ptr<const Scenario> scenario;  ///< line, noise instead of white noise (N0 = 1 a chip is its
                                             ///< background) and receiver input; not with taps or noise
  bool noiseless = false;                    ///< the frames alone; not with noise or scenario
  double sample_rate_hz = 0;                 ///< 0 = the profile's
  double carrier_hz = -1;                    ///< -1 = the profile's
  std::uint64_t seed = 1;
  double begin_frames = 0;  ///< <= 0: traffic is under way this long before sample 0
  std::optional<NoiseBurst> burst;
  std::optional<LoadStep> overload;
  double obeying = 1;  ///< share of the frames whose node hears silence orders, 0 ... 1

  /// Empty, or one line naming the field.
  std::string validate() const;
  double rate_hz() const { return sample_rate_hz > 0 ? sample_rate_hz : profile.sample_rate_hz; }
  const PayloadClass& payload_class() const;
  /// The scenario's in the band of the profile (and carrier), or that through taps. Errors: see place_line.
  Result<PlacedLine> line() const;
  double frame_samples() const;
};

/// A frame as it is sent; times in samples of the stream.
struct SentFrame {
  std::uint64_t index = 0;
  double start_samples = 0;  ///< centre of the first chip, strongest path
  double end_samples = 0;    ///< one chip after the centre of the last
  int sequence = 0;
  std::size_t sender = 0;          ///< of the line
  double level_db = 0;             ///< transmit level
  double ebn0_db = 0;              ///< as received, all paths
  Arrival arrival;                 ///< amplitude for N0 = 1 a chip; the first path
  std::vector<double> tap_phases;  ///< beside those of the taps; none: 0
};

/// Draws the frames of a config (which must be valid), in order of their beginning: Poisson arrivals of
/// load * chip rate / (8 payload_bytes) a second; sequence, power, clock, carrier, phase and sender
/// independently for each. Arrival times do not depend on what else is configured. Frames that obey a silence
/// order begin later (see TransmitGate).
class Traffic {
 public:
  /// `line` is the config's.
  Traffic(const TrafficConfig& config, PlacedLine line);
  /// When the next frame begins, samples of the stream, unless an order comes first.
  double next_start();
  SentFrame next();
  /// No frame that obeys begins from sample `from` on for `length` samples; what next() gave is on its way.
  void order_silence(double from, double length) { gate_.order(from, length); }
  /// Another load from sample `from` on, payload bits a chip, 0 to 20; 0: no frame begins. What next() gave
  /// is on its way.
  void set_load(double load, double from);
  /// Of the frames that next() gives from now on, -60 to 120 dB.
  void set_ebn0_db(double ebn0_db) { config_.ebn0_db = ebn0_db; }
  std::uint64_t issued() const { return issued_; }
  std::uint64_t deferred() const { return deferred_; }  ///< frames held back, once each
  const PlacedLine& line() const { return line_; }

  /// The payload of frame `index`: random bytes of which the first eight also hide the index.
  std::vector<std::uint8_t> payload(std::uint64_t index) const;
  /// Which issued frame carried this payload, if any: nothing needs to be remembered.
  std::optional<std::uint64_t> index_of(Span<const std::uint8_t> payload) const;

 private:
  double arrivals_per_sample(double at, double& until) const;
  double arrival();

  TrafficConfig config_;
  PlacedLine line_;
  Rng arrivals_;
  double at_ = 0;                   // of the last arrival drawn
  std::optional<double> arriving_;  // that arrival, until its frame begins or is held back
  bool disobeys_ = false;           // its frame, drawn when it meets a silence
  std::priority_queue<double, std::vector<double>, std::greater<>> held_back_;  // when they begin
  TransmitGate gate_;
  Rng obedience_, spread_;
  std::uint64_t issued_ = 0, deferred_ = 0;
};

/// The sum of all frames and the noise, piece by piece. Sample: float for real profiles, cf32 for complex
/// ones. Memory: one piece and one frame.
template <typename Sample>
class TrafficSignal {
 public:
  /// Errors: an invalid config, a noise recording that holds no power in the band, a scenario that does not
  /// fit.
  static Result<TrafficSignal> create(const TrafficConfig& config);

  /// The next `samples` of the stream; frames that begin in it are appended to `sent` (a few pulse lengths
  /// early). The span holds until the next call. What is drawn does not depend on the lengths of the pieces.
  Span<const Sample> next_piece(std::size_t samples, std::vector<SentFrame>& sent);
  const Traffic& traffic() const { return traffic_; }
  /// See Traffic; what lies before the end of the last piece is sent already.
  void order_silence(double from, double length) { traffic_.order_silence(from, length); }
  /// See Traffic; both hold for frames that begin after the last piece.
  void set_load(double load) { traffic_.set_load(load, static_cast<double>(base_ + emitted_)); }
  void set_ebn0_db(double ebn0_db) { traffic_.set_ebn0_db(ebn0_db); }

 private:
  TrafficSignal(const TrafficConfig& config, PlacedLine line, double noise_gain);
  void render(const SentFrame& frame);
  void keep_from(std::vector<Sample>& buffer, std::size_t samples) const;
  void add_noise(Span<Sample> out);

  TrafficConfig config_;
  Traffic traffic_;
  FrameEncoder encoder_;
  Modulator modulator_;
  Rng noise_, burst_noise_;
  double noise_gain_, sigma2_;
  std::uint64_t noise_offset_ = 0;
  std::uint64_t base_ = 0;  // stream position of buffer_[0]
  std::size_t emitted_ = 0;
  std::size_t reach_;                        // samples a frame may fill beyond a piece
  std::vector<Sample> buffer_;               // through the first state of the line
  std::vector<std::vector<Sample>> others_;  // through the others
  std::optional<ScenarioLine<Sample>> line_;
};

extern template class TrafficSignal<float>;
extern template class TrafficSignal<cf32>;

}  // namespace ngdsp
