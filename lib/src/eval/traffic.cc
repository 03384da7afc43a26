#include "ngdsp/eval/traffic.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "eval/recorded_noise.h"
#include "ngdsp/base/db.h"
#include "ngdsp/channel/impairments.h"
#include "ngdsp/channel/noise_level.h"

namespace ngdsp {
namespace {

constexpr int kIndexBytes = 8;
constexpr double kMostDelayChips = 64;  // of a tap, see parse_taps
constexpr double kMostClockPpm = 200;

// Independent generators of one experiment.
enum : std::uint64_t { kArrivals, kNoise, kBurstNoise, kFrames, kPayloads, kObedience, kSpread };
Rng generator(std::uint64_t seed, std::uint64_t kind) { return Rng::stream(seed, kind); }
Rng generator(std::uint64_t seed, std::uint64_t kind, std::uint64_t index) {
  return Rng::stream(Rng::stream(seed, kind).next(), index);
}

std::string number_text(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", x);
  return text;
}

std::string outside(const char* field, double value, const char* expected) {
  return std::string(field) + " is " + number_text(value) + ", expected " + expected;
}

bool in_range(double x, double low, double high) { return x >= low && x <= high; }

Profile placed(const TrafficConfig& config) {
  Profile p = config.profile;
  if (config.carrier_hz >= 0) p.carrier_hz = config.carrier_hz;
  return p;
}

}  // namespace

Result<PowerSpread> parse_power_spread(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  PowerSpread spread;
  if (kind == "equal" && colon == std::string::npos) return spread;
  if ((kind == "lognormal" || kind == "uniform") && colon != std::string::npos) {
    spread.kind = kind == "uniform" ? PowerSpread::Kind::kUniform : PowerSpread::Kind::kLognormal;
    const std::string number = text.substr(colon + 1);
    char* end = nullptr;
    spread.db = std::strtod(number.c_str(), &end);
    if (!number.empty() && end == number.c_str() + number.size() && in_range(spread.db, 0, 60)) return spread;
  }
  return Error{"\"" + text + "\", expected equal, lognormal:DB or uniform:DB with 0 to 60 dB"};
}

std::string to_string(const PowerSpread& spread) {
  switch (spread.kind) {
    case PowerSpread::Kind::kLognormal:
      return "lognormal:" + number_text(spread.db);
    case PowerSpread::Kind::kUniform:
      return "uniform:" + number_text(spread.db);
    case PowerSpread::Kind::kEqual:
      break;
  }
  return "equal";
}

std::string TrafficConfig::validate() const {
  if (std::string e = profile.validate(); !e.empty()) return e;
  if (profile.first_sequence(payload_bytes) < 0)
    return "profile " + profile.name + " has no payload class of " + std::to_string(payload_bytes) + " bytes";
  if (payload_bytes <= kIndexBytes) return outside("payload_bytes", payload_bytes, "at least 9");
  if (!in_range(load, 1e-4, 20)) return outside("load", load, "0.0001 to 20 bits a chip");
  if (!in_range(ebn0_db, -60, 120)) return outside("ebn0_db", ebn0_db, "-60 to 120 dB");
  if (!in_range(spread.db, 0, 60)) return outside("spread", spread.db, "0 to 60 dB");
  if (std::string e = levels.validate(); !e.empty()) return e;
  if (!in_range(clock_ppm, 0, kMostClockPpm)) return outside("clock_ppm", clock_ppm, "0 to 200 ppm");
  if (!in_range(cfo_hz, 0, 1e6)) return outside("cfo_hz", cfo_hz, "0 to 1e6 Hz");
  for (const Tap& t : taps)
    if (!in_range(t.delay_chips, 0, kMostDelayChips))
      return outside("delay_chips", t.delay_chips, "0 to 64 chips");
  if (noise && !profile.real)
    return "a noise recording of real samples needs a real profile, " + profile.name + " is complex";
  if (noise && noise->empty()) return "the noise recording is empty";
  if (scenario && (noise || !taps.empty())) return "a scenario brings its own noise and paths";
  if (noiseless && (noise || scenario)) return "noiseless: there is a noise recording or a scenario";
  if (scenario) {
    if (std::string e = scenario->validate(); !e.empty()) return e;
    if (scenario->line.grid && scenario->line.node.empty() && spread.kind != PowerSpread::Kind::kEqual)
      return "spread: the nodes of the scenario's grid have powers of their own";
  }
  if (!in_range(obeying, 0, 1)) return outside("obeying", obeying, "0 to 1");
  if (!in_range(begin_frames, -1000, 0))
    return outside("begin_frames", begin_frames, "-1000 to 0 frame durations");
  if (burst) {
    if (!in_range(burst->at_frames, 0, 1e9) || !in_range(burst->frames, 0, 1e9))
      return "burst: begin and length must be 0 to 1e9 frame durations";
    if (!in_range(burst->db, 0, 60)) return outside("burst", burst->db, "0 to 60 dB");
  }
  if (overload) {
    if (!in_range(overload->at_frames, 0, 1e9) || !in_range(overload->frames, 0, 1e9))
      return "overload: begin and length must be 0 to 1e9 frame durations";
    if (!in_range(overload->load, 0, 20)) return outside("overload", overload->load, "0 to 20 bits a chip");
  }
  return {};
}

Result<PlacedLine> TrafficConfig::line() const {
  if (!scenario) return line_through(taps);
  Result<PlacedLine> placed_line = place_line(scenario->line, placed(*this));
  if (!placed_line) return Error{scenario->name + ": " + placed_line.error()};
  return placed_line;
}

const PayloadClass& TrafficConfig::payload_class() const {
  return profile.class_of(profile.first_sequence(payload_bytes));
}

double TrafficConfig::frame_samples() const {
  return profile.frame_chips(payload_class()) * rate_hz() / profile.chip_rate_hz;
}

Traffic::Traffic(const TrafficConfig& config, PlacedLine line)
    : config_(config),
      line_(std::move(line)),
      arrivals_(generator(config.seed, kArrivals)),
      at_(config.begin_frames * config.frame_samples()),
      obedience_(generator(config.seed, kObedience)),
      spread_(generator(config.seed, kSpread)) {}

// Rate of frames at stream time `at`, and how long it stays so.
double Traffic::arrivals_per_sample(double at, double& until) const {
  const double bits_per_frame = 8.0 * config_.payload_bytes;
  const double chips_per_sample = config_.profile.chip_rate_hz / config_.rate_hz();
  double load = config_.load;
  until = std::numeric_limits<double>::infinity();
  if (config_.overload) {
    const double from = config_.overload->at_frames * config_.frame_samples();
    const double to = from + config_.overload->frames * config_.frame_samples();
    if (at < from) {
      until = from;
    } else if (at < to) {
      until = to;
      load = config_.overload->load;
    }
  }
  return load * chips_per_sample / bits_per_frame;
}

// The next arrival of the Poisson process.
double Traffic::arrival() {
  // Unit rate, its time stretched by the momentary rate.
  double need = -std::log1p(-arrivals_.uniform());
  while (true) {
    double until = 0;
    const double rate = arrivals_per_sample(at_, until);
    if (rate == 0 && std::isinf(until)) return at_ = until;
    if (rate * (until - at_) >= need) return at_ += need / rate;
    need -= rate * (until - at_);
    at_ = until;
  }
}

// Arrivals have no memory: the one that was drawn may be drawn anew.
void Traffic::set_load(double load, double from) {
  config_.load = load;
  at_ = from;
  arriving_.reset();
}

double Traffic::next_start() {
  while (true) {
    if (!arriving_) arriving_ = arrival(), disobeys_ = false;
    if (!held_back_.empty() && held_back_.top() < *arriving_) {
      const double start = held_back_.top();
      if (!gate_.silent(start)) return start;
      held_back_.pop();
      held_back_.push(gate_.begin(start, spread_));
    } else {
      if (!gate_.silent(*arriving_) || disobeys_) return *arriving_;
      disobeys_ = obedience_.uniform() >= config_.obeying;
      if (disobeys_) return *arriving_;
      held_back_.push(gate_.begin(*arriving_, spread_));
      ++deferred_;
      arriving_.reset();
    }
  }
}

SentFrame Traffic::next() {
  const double at = next_start();
  if (at == arriving_) {
    arriving_.reset();
  } else {
    held_back_.pop();
  }
  const Profile& p = config_.profile;
  const PayloadClass& c = config_.payload_class();
  SentFrame f;
  f.index = issued_++;
  Rng rng = generator(config_.seed, kFrames, f.index);
  f.sequence = p.first_sequence(config_.payload_bytes) +
               static_cast<int>(rng.below(static_cast<std::uint32_t>(c.sequences)));
  f.level_db = config_.levels.draw_db(rng);
  f.ebn0_db = config_.ebn0_db + f.level_db - to_db(config_.levels.mean_power());
  const double normal = rng.normal(), uniform = rng.uniform(-0.5, 0.5);
  if (config_.spread.kind == PowerSpread::Kind::kLognormal) f.ebn0_db += config_.spread.db * normal;
  if (config_.spread.kind == PowerSpread::Kind::kUniform && config_.spread.db > 0) {
    // Mean of 10^(x/10) over x in +-db/2 is sinh(a)/a with a = db ln(10)/20.
    const double a = config_.spread.db * std::log(10.0) / 20;
    f.ebn0_db += config_.spread.db * uniform - to_db(std::sinh(a) / a);
  }
  f.arrival.start_samples = at;
  f.arrival.clock_ppm = rng.uniform(-config_.clock_ppm, config_.clock_ppm);
  f.arrival.carrier_offset_hz =
      f.arrival.clock_ppm * 1e-6 * p.carrier_crystal_hz + rng.uniform(-config_.cfo_hz, config_.cfo_hz);
  f.arrival.phase_rad = rng.uniform(0, 2 * kPi);
  if (!config_.scenario)
    for (std::size_t i = 0; i < config_.taps.size(); ++i) f.tap_phases.push_back(rng.uniform(0, 2 * kPi));
  f.sender = rng.below(static_cast<std::uint32_t>(line_.senders.size()));
  const LineSender& sender = line_.senders[f.sender];
  f.ebn0_db += sender.level_db;
  f.arrival.amplitude = std::sqrt(chip_ec_n0_from_ebn0_db(p, c, f.ebn0_db));
  const double samples_per_chip = config_.rate_hz() / p.chip_rate_hz;
  f.start_samples = at + sender.delay_chips * samples_per_chip;
  f.end_samples = f.start_samples + p.frame_chips(c) * samples_per_chip / (1 + f.arrival.clock_ppm * 1e-6);
  return f;
}

namespace {

// What hides the index in the first bytes: a hash of all others.
std::uint64_t index_mask(std::uint64_t seed, Span<const std::uint8_t> payload) {
  std::uint64_t h = seed;
  for (std::size_t i = kIndexBytes; i < payload.size(); ++i) h = Rng::stream(h, payload[i]).next();
  return h;
}

}  // namespace

std::vector<std::uint8_t> Traffic::payload(std::uint64_t index) const {
  Rng rng = generator(config_.seed, kPayloads, index);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(config_.payload_bytes));
  for (auto& b : bytes) b = static_cast<std::uint8_t>(rng.below(256));
  std::uint64_t hidden = index ^ index_mask(config_.seed, bytes);
  for (std::size_t i = 0; i < kIndexBytes; ++i, hidden >>= 8) bytes[i] = static_cast<std::uint8_t>(hidden);
  return bytes;
}

std::optional<std::uint64_t> Traffic::index_of(Span<const std::uint8_t> bytes) const {
  if (bytes.size() != static_cast<std::size_t>(config_.payload_bytes)) return std::nullopt;
  std::uint64_t hidden = 0;
  for (std::size_t i = kIndexBytes; i-- > 0;) hidden = hidden << 8 | bytes[i];
  const std::uint64_t index = hidden ^ index_mask(config_.seed, bytes);
  if (index >= issued_) return std::nullopt;
  const std::vector<std::uint8_t> sent = payload(index);
  return std::equal(sent.begin(), sent.end(), bytes.begin()) ? std::optional(index) : std::nullopt;
}

template <typename Sample>
Result<TrafficSignal<Sample>> TrafficSignal<Sample>::create(const TrafficConfig& config) {
  if (std::string e = config.validate(); !e.empty()) return Error{e};
  if (config.profile.real != std::is_same_v<Sample, float>)
    return Error{"profile " + config.profile.name + " has samples of the other kind"};
  double gain = 0;
  if (config.noise) {
    const double carrier = config.carrier_hz >= 0 ? config.carrier_hz : config.profile.carrier_hz;
    Result<double> power = in_band_power(config.profile, config.rate_hz(), carrier, *config.noise);
    if (!power) return Error{power.error()};
    gain = std::sqrt(1.0 / *power);
  }
  const Result<PlacedLine> placed_line = config.line();
  if (!placed_line) return Error{placed_line.error()};
  TrafficSignal signal(config, *placed_line, gain);
  if (config.scenario) {
    // The noise of the line is drawn beside that of the frames.
    Result<ScenarioLine<Sample>> line = ScenarioLine<Sample>::create(
        *config.scenario, *placed_line, noise_band(config.profile, config.rate_hz(), config.carrier_hz), 1.0,
        generator(config.seed, kNoise).next());
    if (!line) return Error{line.error()};
    signal.line_ = std::move(*line);
  }
  return signal;
}

template <typename Sample>
TrafficSignal<Sample>::TrafficSignal(const TrafficConfig& config, PlacedLine line, double noise_gain)
    : config_(config),
      traffic_(config, std::move(line)),
      encoder_(config.profile),
      modulator_(placed(config), config.rate_hz()),
      noise_(generator(config.seed, kNoise)),
      burst_noise_(generator(config.seed, kBurstNoise)),
      noise_gain_(noise_gain),
      sigma2_(noise_variance(config.profile, config.rate_hz(), 1.0, 1.0)),
      others_(traffic_.line().states.size() - 1) {
  const double samples_per_chip = config.rate_hz() / config.profile.chip_rate_hz;
  reach_ = static_cast<std::size_t>(config.frame_samples() * (1 + 1.5e-6 * kMostClockPpm) +
                                    kMostDelayChips * samples_per_chip) +
           3 * static_cast<std::size_t>(modulator_.lead_samples());
  if (config.noise)
    noise_offset_ = static_cast<std::uint64_t>(noise_.uniform() * static_cast<double>(config.noise->size()));
}

template <typename Sample>
void TrafficSignal<Sample>::keep_from(std::vector<Sample>& buffer, std::size_t samples) const {
  buffer.erase(buffer.begin(),
               buffer.begin() + static_cast<std::ptrdiff_t>(std::min(emitted_, buffer.size())));
  buffer.resize(std::max(buffer.size(), samples + reach_));
}

template <typename Sample>
Span<const Sample> TrafficSignal<Sample>::next_piece(std::size_t samples, std::vector<SentFrame>& sent) {
  keep_from(buffer_, samples);
  for (std::vector<Sample>& others : others_) keep_from(others, samples);
  base_ += emitted_;
  const double end = static_cast<double>(base_ + samples) + modulator_.lead_samples() + 1;
  while (traffic_.next_start() < end) {
    sent.push_back(traffic_.next());
    render(sent.back());
  }
  emitted_ = samples;
  const Span<Sample> piece(buffer_.data(), samples);
  add_noise(piece);
  return {piece.data(), piece.size()};
}

template <typename Sample>
void TrafficSignal<Sample>::render(const SentFrame& frame) {
  Arrival arrival = frame.arrival;
  arrival.start_samples -= static_cast<double>(base_);
  if (arrival.start_samples + static_cast<double>(reach_) < 0) return;  // over before the stream begins
  const std::vector<cf32> chips = encoder_.encode(traffic_.payload(frame.index), frame.sequence);
  const std::vector<SenderPaths>& states = traffic_.line().senders[frame.sender].states;
  for (std::size_t s = 0; s < states.size(); ++s) {
    std::vector<Tap> taps = states[s].taps;
    for (std::size_t i = 0; i < frame.tap_phases.size(); ++i) taps[i].phase_rad += frame.tap_phases[i];
    Arrival through = arrival;
    through.amplitude *= states[s].amplitude;
    add_multipath(modulator_, chips, through, taps, config_.profile.chip_rate_hz,
                  Span<Sample>(s == 0 ? buffer_ : others_[s - 1]));
  }
}

template <typename Sample>
void TrafficSignal<Sample>::add_noise(Span<Sample> out) {
  if (config_.noiseless) return;
  const auto white = [this](Rng& rng, Span<Sample> part, double variance) {
    if constexpr (std::is_same_v<Sample, float>)
      rng.add_noise(part, std::sqrt(variance));
    else
      rng.add_noise(part, variance);
  };
  if (line_)
    line_->pass(out, others_);
  else if (!config_.noise)
    white(noise_, out, sigma2_);
  if constexpr (std::is_same_v<Sample, float>) {
    if (config_.noise) {
      add_recording(out, Span<const float>(*config_.noise), noise_gain_,
                    noise_offset_ % config_.noise->size());
      noise_offset_ += out.size();
    }
  }
  if (!config_.burst) return;
  const double frame = config_.frame_samples();
  const auto clip = [&](double at) {
    const double local = std::ceil(at * frame) - static_cast<double>(base_);
    return static_cast<std::size_t>(std::clamp(local, 0.0, static_cast<double>(out.size())));
  };
  const std::size_t from = clip(config_.burst->at_frames),
                    to = clip(config_.burst->at_frames + config_.burst->frames);
  white(burst_noise_, out.subspan(from, to - from), sigma2_ * (from_db(config_.burst->db) - 1));
}

template class TrafficSignal<float>;
template class TrafficSignal<cf32>;

}  // namespace ngdsp
