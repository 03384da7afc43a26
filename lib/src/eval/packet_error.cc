#include "ngdsp/eval/packet_error.h"

#include <algorithm>
#include <atomic>
#include <boost/math/distributions/binomial.hpp>
#include <chrono>
#include <cmath>
#include <mutex>
#include <sstream>

#include "eval/recorded_noise.h"
#include "eval/workers.h"
#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/channel/impairments.h"
#include "ngdsp/channel/noise_level.h"
#include "ngdsp/eval/genie.h"
#include "ngdsp/rx/receiver.h"
#include "ngdsp/tx/frame_encoder.h"
#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

constexpr double kGuardChips = 64;          // quiet chips before the earliest and after the latest frame
constexpr double kDelaySpreadChips = 4096;  // the frame begins anywhere within this many chips

constexpr int kPulseChips = 8, kPulseSteps = 32;  // of the matched filter for chip_variance(): reach, grid
constexpr double kInterfererChips = 1024;         // an interferer begins within so many of the frame

struct Trial {
  std::vector<std::uint8_t> payload, interferer;
  double start_samples = 0;
};

Profile link_profile(const PacketErrorConfig& c) {
  Profile p = c.profile;
  if (c.carrier_hz >= 0) p.carrier_hz = c.carrier_hz;
  return p;
}

template <typename Sample>
class Link {
 public:
  Link(const PacketErrorConfig& c, const PlacedLine& placed, double fs, double noise_gain)
      : config_(c),
        placed_(placed),
        fs_(fs),
        noise_gain_(noise_gain),
        encoder_(link_profile(c)),
        modulator_(encoder_.profile(), fs),
        others_(placed.states.size() - 1) {
    for (int i = 0; i <= (kPulseChips + 1) * kPulseSteps; ++i)
      pulse_energy_.push_back(
          std::pow(rrc_pulse(static_cast<double>(i) / kPulseSteps, encoder_.profile().rolloff), 2));
  }

  /// The scenario's line, when there is one, as it is before its first frame.
  Status prepare() {
    if (!config_.scenario) return std::nullopt;
    const Profile& p = encoder_.profile();
    const double ec_n0 =
        chip_ec_n0_from_ebn0_db(p, p.class_of(p.first_sequence(config_.payload_bytes)), config_.ebn0_db);
    if (config_.genie) genie_.emplace(*config_.scenario, p, noise_band(p, fs_));
    Result<ScenarioLine<Sample>> line =
        ScenarioLine<Sample>::create(genie_ ? genie_->scenario() : *config_.scenario, placed_,
                                     noise_band(p, fs_), 1 / ec_n0, config_.seed);
    if (!line) return Error{line.error()};
    line_ = std::move(*line);
    return std::nullopt;
  }

  /// Tells a receiver what it may know.
  void tell(ReceiverConfig& receiver) const {
    if (!genie_) return;
    receiver.known_variance = [this](std::int64_t chip) { return genie_->variance(chip_variance(chip)); };
    if (genie_->coloured())
      receiver.known_spectrum = [this](double turns) { return genie_->spectrum(turns); };
  }

  /// Variance of the noise in a chip of the last frame's stream: that of the samples under the matched
  /// filter.
  double chip_variance(std::int64_t chip) const {
    const Span<const float> variance = line_->noise().variance();
    const double spc = fs_ / encoder_.profile().chip_rate_hz;
    // A chip's weight counts for its four samples, whose middle lies 3/8 chip behind the first.
    const double middle = (static_cast<double>(chip) + 0.375) * spc;
    double sum = 0, energy = 0;
    for (auto i = std::llround(middle - kPulseChips * spc); i <= std::llround(middle + kPulseChips * spc);
         ++i) {
      const double steps = std::abs(static_cast<double>(i) - middle) / spc * kPulseSteps;
      const double share = pulse_energy_[static_cast<std::size_t>(std::lround(steps))];
      const bool held = i >= 0 && i < static_cast<std::int64_t>(variance.size());
      sum += share * (held ? static_cast<double>(variance[static_cast<std::size_t>(i)]) : 1);
      energy += share;
    }
    return sum / energy;
  }

  // One frame in a stream of its own.
  Trial make(std::uint64_t index, std::vector<Sample>& out) {
    const Profile& p = encoder_.profile();
    Rng rng = Rng::stream(config_.seed, index);
    const int first = p.first_sequence(config_.payload_bytes);
    const PayloadClass& c = p.class_of(first);
    const int q = first + static_cast<int>(rng.below(static_cast<std::uint32_t>(c.sequences)));
    Trial trial;
    trial.payload.resize(static_cast<std::size_t>(config_.payload_bytes));
    for (auto& b : trial.payload) b = static_cast<std::uint8_t>(rng.below(256));
    Arrival a;
    const double spc = fs_ / p.chip_rate_hz;
    const double lead_chips = kGuardChips + config_.lead_s * p.chip_rate_hz;
    a.start_samples = (lead_chips + rng.uniform() * kDelaySpreadChips) * spc;
    a.phase_rad = rng.uniform(0, 2 * kPi);
    a.clock_ppm = rng.uniform(-config_.clock_ppm, config_.clock_ppm);
    a.carrier_offset_hz =
        a.clock_ppm * 1e-6 * p.carrier_crystal_hz + rng.uniform(-config_.cfo_hz, config_.cfo_hz);
    // Of a grid the nodes take turns.
    const LineSender sender = sender_of(index, rng);
    trial.start_samples = a.start_samples + sender.delay_chips * spc;
    const double beside = config_.interferer_db ? kInterfererChips : 0;
    a.start_samples += beside * spc;
    trial.start_samples += beside * spc;
    out.assign(
        static_cast<std::size_t>(
            (lead_chips + kGuardChips + 2 * beside + kDelaySpreadChips + p.frame_chips(c) * 1.0003) * spc),
        Sample{});
    for (std::vector<Sample>& others : others_) others.assign(out.size(), Sample{});
    add(encoder_.encode(trial.payload, q), a, sender, out);
    if (config_.interferer_db) add_interferer(rng, q, a.start_samples, index + 1, trial, out);
    if (line_) {
      line_->restart(rng.next());
      line_->pass(Span<Sample>(out), others_);
      return trial;
    }
    if (config_.modulation.depth > 0) {
      const double phase = rng.uniform(0, 2 * kPi), turn = 2 * kPi * config_.modulation.hz / fs_;
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] *= static_cast<float>(1 + config_.modulation.depth *
                                             std::cos(turn * static_cast<double>(i) + phase));
    }
    const double variance = noise_variance(p, fs_, 1.0, chip_ec_n0_from_ebn0_db(p, c, config_.ebn0_db));
    if constexpr (std::is_same_v<Sample, float>) {
      if (config_.noise.empty())
        rng.add_noise(Span<float>(out), std::sqrt(variance));
      else
        add_recording(Span<float>(out), Span<const float>(config_.noise), noise_gain_,
                      static_cast<std::size_t>(rng.uniform() * static_cast<double>(config_.noise.size())));
    } else {
      rng.add_noise(Span<cf32>(out), variance);
    }
    return trial;
  }

 private:
  // The sender of frame `turn`: the scenario's as it is, paths beside one with phases of their own.
  LineSender sender_of(std::uint64_t turn, Rng& rng) const {
    LineSender sender = placed_.senders[turn % placed_.senders.size()];
    if (!line_)
      for (Tap& t : sender.states[0].taps) t.phase_rad += rng.uniform(0, 2 * kPi);
    return sender;
  }
  // A frame through every state of the line.
  void add(const std::vector<cf32>& chips, const Arrival& a, const LineSender& sender,
           std::vector<Sample>& out) {
    for (std::size_t s = 0; s < sender.states.size(); ++s) {
      Arrival through = a;
      through.amplitude *= sender.states[s].amplitude;
      add_multipath(modulator_, chips, through, sender.states[s].taps, encoder_.profile().chip_rate_hz,
                    Span<Sample>(s == 0 ? out : others_[s - 1]));
    }
  }
  void add_interferer(Rng& rng, int other, double start_samples, std::uint64_t turn, Trial& trial,
                      std::vector<Sample>& out) {
    const Profile& p = encoder_.profile();
    const int first = p.first_sequence(config_.payload_bytes);
    const auto sequences = static_cast<std::uint32_t>(p.class_of(first).sequences);
    const int q = first + (other - first + 1 + static_cast<int>(rng.below(sequences - 1))) %
                              static_cast<int>(sequences);
    trial.interferer.resize(static_cast<std::size_t>(config_.payload_bytes));
    for (auto& b : trial.interferer) b = static_cast<std::uint8_t>(rng.below(256));
    Arrival a;
    a.start_samples = start_samples + rng.uniform(-kInterfererChips, kInterfererChips) * fs_ / p.chip_rate_hz;
    a.phase_rad = rng.uniform(0, 2 * kPi);
    a.clock_ppm = rng.uniform(-config_.clock_ppm, config_.clock_ppm);
    a.carrier_offset_hz =
        a.clock_ppm * 1e-6 * p.carrier_crystal_hz + rng.uniform(-config_.cfo_hz, config_.cfo_hz);
    a.amplitude = std::sqrt(from_db(*config_.interferer_db));
    add(encoder_.encode(trial.interferer, q), a, sender_of(turn, rng), out);
  }

  const PacketErrorConfig& config_;
  const PlacedLine& placed_;
  double fs_, noise_gain_;
  FrameEncoder encoder_;
  Modulator modulator_;
  std::optional<Genie> genie_;
  std::optional<ScenarioLine<Sample>> line_;
  std::vector<std::vector<Sample>> others_;  // through the states of the line after the first
  std::vector<double> pulse_energy_;         // of the matched filter, either side of its middle
};

ReceiverConfig receiver_config(const PacketErrorConfig& c, double fs) {
  ReceiverConfig r;
  r.profile = c.profile;
  r.sample_rate_hz = fs;
  r.carrier_hz = c.carrier_hz;
  r.extra_carrier_hz = c.cfo_hz;
  r.detection_threshold = c.detection_threshold;
  r.vetting_threshold = c.vetting_threshold;
  r.full_scale = 1e30;
  return r;
}

template <typename Sample>
PacketErrorPoint run(const PacketErrorConfig& config, const PlacedLine& placed, double fs, double noise_gain,
                     const std::function<void(std::uint64_t)>& progress) {
  std::atomic<std::uint64_t> next{0}, done{0}, ok{0}, extra{0}, errors{0}, interferers{0};
  std::atomic<std::uint64_t> candidates{0}, vetted{0}, decoder_failed{0}, metric_rejected{0};
  std::mutex mutex;
  std::vector<double> metrics;
  const auto start = std::chrono::steady_clock::now();
  const double chip_samples = fs / config.profile.chip_rate_hz;
  run_threads(thread_count(config.threads), [&](int) {
    Link<Sample> link(config, placed, fs, noise_gain);
    if (link.prepare()) return;  // tried before the threads began
    std::vector<ReceivedFrame> heard;
    std::vector<Sample> samples;
    Trial trial;
    const int first_sequence = config.profile.first_sequence(config.payload_bytes);
    const int sequences = config.profile.class_of(first_sequence).sequences;
    ReceiverConfig listener = receiver_config(config, fs);
    link.tell(listener);
    Result<Receiver> receiver = Receiver::create(
        listener, [&](const ReceivedFrame& f) { heard.push_back(f); },
        [&](const CandidateTrace& t) {
          if (t.stage != Stage::kMetric && t.stage != Stage::kDecoded) return;
          if (t.sequence < first_sequence || t.sequence >= first_sequence + sequences ||
              std::abs(t.sample_index - trial.start_samples) > 2 * chip_samples)
            return;
          const std::lock_guard<std::mutex> lock(mutex);
          metrics.push_back(t.frame_metric);
        });
    while (true) {
      const std::uint64_t index = next++;
      if (index >= static_cast<std::uint64_t>(config.frames) ||
          (config.stop_errors > 0 && errors >= static_cast<std::uint64_t>(config.stop_errors)))
        break;
      trial = link.make(index, samples);
      heard.clear();
      receiver->process(Span<const Sample>(samples));
      receiver->flush();
      bool found = false;
      for (const ReceivedFrame& f : heard) {
        const double at = static_cast<double>(f.sample_index) + f.sample_fraction;
        if (!found && f.payload == trial.payload && std::abs(at - trial.start_samples) < chip_samples)
          found = true;
        else if (config.interferer_db && f.payload == trial.interferer)
          ++interferers;
        else
          ++extra;
      }
      ++(found ? ok : errors);
      ++done;
      if (progress) progress(done);
    }
    candidates += receiver->counters().candidates;
    vetted += receiver->counters().vetted;
    decoder_failed += receiver->counters().decoder_failed;
    metric_rejected += receiver->counters().metric_rejected;
  });
  PacketErrorPoint point;
  const Profile& p = config.profile;
  const PayloadClass& c = p.class_of(p.first_sequence(config.payload_bytes));
  point.ebn0_db = config.ebn0_db;
  point.snr_db = snr_db_from_chip(p, chip_ec_n0_from_ebn0_db(p, c, config.ebn0_db));
  point.sent = done;
  point.ok = ok;
  point.false_frames = extra;
  point.interferers_ok = interferers;
  point.per = point.sent ? static_cast<double>(point.sent - point.ok) / static_cast<double>(point.sent) : 0;
  clopper_pearson(point.sent - point.ok, point.sent, point.per_low, point.per_high);
  point.candidates = candidates;
  point.vetted = vetted;
  point.decoder_failed = decoder_failed;
  point.metric_rejected = metric_rejected;
  std::sort(metrics.begin(), metrics.end());
  point.frame_metrics = std::move(metrics);
  point.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return point;
}

}  // namespace

Result<GainModulation> parse_gain_modulation(const std::string& text) {
  std::istringstream in(text);
  GainModulation m;
  char at = 0, more = 0;
  if (!(in >> m.depth >> at >> m.hz) || at != '@' || in >> more)
    return Error{"\"" + text + "\" is not DEPTH@HZ, expected e.g. 0.1@100"};
  return m;
}

void clopper_pearson(std::uint64_t k, std::uint64_t n, double& low, double& high) {
  using Binomial = boost::math::binomial_distribution<double>;
  const auto trials = static_cast<double>(n), successes = static_cast<double>(k);
  low = k == 0 ? 0.0 : Binomial::find_lower_bound_on_p(trials, successes, 0.025);
  high = n == 0 || k == n ? 1.0 : Binomial::find_upper_bound_on_p(trials, successes, 0.025);
}

Result<PacketErrorPoint> measure_packet_error(const PacketErrorConfig& config,
                                              const std::function<void(std::uint64_t)>& progress) {
  if (std::string e = config.profile.validate(); !e.empty()) return Error{e};
  if (config.profile.first_sequence(config.payload_bytes) < 0)
    return Error{"profile " + config.profile.name + " has no payload class of " +
                 std::to_string(config.payload_bytes) + " bytes"};
  if (config.frames < 1) return Error{"frames is " + std::to_string(config.frames) + ", expected at least 1"};
  if (!(config.lead_s >= 0 && config.lead_s <= 60)) return Error{"lead_s must be 0 to 60"};
  if (!std::isfinite(config.ebn0_db)) return Error{"ebn0_db must be finite"};
  if (!(config.modulation.depth >= 0 && config.modulation.depth <= 0.9 && config.modulation.hz >= 0 &&
        config.modulation.hz <= 1000))
    return Error{"gain modulation: expected a depth of 0 to 0.9 at 0 to 1000 Hz"};
  if (config.interferer_db) {
    if (!(std::abs(*config.interferer_db) <= 80)) return Error{"interferer must be within +-80 dB"};
    if (config.profile.class_of(config.profile.first_sequence(config.payload_bytes)).sequences < 2)
      return Error{"an interferer needs a payload class of two sequences or more"};
  }
  if (!config.noise.empty() && !config.profile.real)
    return Error{"a noise recording of real samples needs a real profile, " + config.profile.name +
                 " is complex"};
  const double fs = config.sample_rate_hz > 0 ? config.sample_rate_hz : config.profile.sample_rate_hz;
  if (Result<Receiver> probe = Receiver::create(receiver_config(config, fs), [](const ReceivedFrame&) {});
      !probe)
    return Error{probe.error()};
  double noise_gain = 0;
  if (!config.noise.empty()) {
    const double carrier = config.carrier_hz >= 0 ? config.carrier_hz : config.profile.carrier_hz;
    Result<double> power = in_band_power(config.profile, fs, carrier, config.noise);
    if (!power) return Error{power.error()};
    const PayloadClass& c = config.profile.class_of(config.profile.first_sequence(config.payload_bytes));
    noise_gain = std::sqrt(1.0 / chip_ec_n0_from_ebn0_db(config.profile, c, config.ebn0_db) / *power);
  }
  if (config.genie && (!config.scenario || !config.scenario->segments.empty()))
    return Error{"a genie needs a scenario whose noise stays"};
  if (config.scenario && (!config.noise.empty() || !config.taps.empty() || config.modulation.depth > 0))
    return Error{"a scenario brings its own noise, paths and gain"};
  if (config.scenario)
    if (std::string e = config.scenario->validate(); !e.empty()) return Error{e};
  const Result<PlacedLine> placed =
      config.scenario ? place_line(config.scenario->line, link_profile(config)) : line_through(config.taps);
  if (!placed) return Error{config.scenario->name + ": " + placed.error()};
  const Status wrong = config.profile.real ? Link<float>(config, *placed, fs, 0).prepare()
                                           : Link<cf32>(config, *placed, fs, 0).prepare();
  if (wrong) return *wrong;
  return config.profile.real ? run<float>(config, *placed, fs, noise_gain, progress)
                             : run<cf32>(config, *placed, fs, noise_gain, progress);
}

Result<FalseAlarmResult> measure_false_alarms(const Profile& profile, double seconds, std::uint64_t seed,
                                              int threads) {
  if (std::string e = profile.validate(); !e.empty()) return Error{e};
  if (!(seconds > 0) || seconds > 1e7) return Error{"seconds must be above 0 and at most 1e7"};
  constexpr double kPieceSeconds = 60;
  const auto pieces = static_cast<std::uint64_t>(std::ceil(seconds / kPieceSeconds));
  std::atomic<std::uint64_t> next{0}, candidates{0}, decodes{0}, rejected{0}, frames{0};
  run_threads(thread_count(threads), [&](int) {
    ReceiverConfig config;
    config.profile = profile;
    config.full_scale = 1e30;
    Result<Receiver> receiver = Receiver::create(config, [&](const ReceivedFrame&) { ++frames; });
    std::vector<float> real;
    std::vector<cf32> complex;
    for (std::uint64_t piece = next++; piece < pieces; piece = next++) {
      Rng rng = Rng::stream(seed, piece);
      const double length = std::min(kPieceSeconds, seconds - kPieceSeconds * static_cast<double>(piece));
      auto left = static_cast<std::uint64_t>(length * profile.sample_rate_hz);
      while (left > 0) {
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left, 65536));
        if (profile.real) {
          real.assign(n, 0.0F);
          rng.add_noise(Span<float>(real), 1.0);
          receiver->process(Span<const float>(real));
        } else {
          complex.assign(n, cf32{});
          rng.add_noise(Span<cf32>(complex), 1.0);
          receiver->process(Span<const cf32>(complex));
        }
        left -= n;
      }
      receiver->flush();
    }
    candidates += receiver->counters().candidates;
    decodes += receiver->counters().vetted;
    rejected += receiver->counters().metric_rejected;
  });
  return FalseAlarmResult{seconds, candidates, decodes, rejected, frames};
}

}  // namespace ngdsp
