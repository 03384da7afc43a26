#include "ngdsp/rx/receiver.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/rx/front_end.h"
#include "ngdsp/waveform/frame_energy.h"

namespace ngdsp {
namespace {

constexpr std::size_t kPiece = 65536;    // samples worked on at a time
constexpr float kLargestSample = 1e9F;   // beyond it correlations of a block leave single precision
constexpr double kSilentSeconds = 0.01;  // zeros in a row that no converter on a line gives by chance
constexpr double kLevelSeconds = 0.1;    // over which the level of the samples is known
// Of the longest frame: what lost more is not decoded.
constexpr double kBridgedFrames = 0.5;

}  // namespace

const char* to_string(Stage stage) {
  switch (stage) {
    case Stage::kDetection:
      return "detection";
    case Stage::kVetting:
      return "vetting";
    case Stage::kDecoding:
      return "decoding";
    case Stage::kMetric:
      return "metric";
    case Stage::kDecoded:
      return "decoded";
  }
  return "unknown";
}

std::string ReceiverConfig::validate() const {
  if (std::string e = profile.validate(); !e.empty()) return e;
  if (!(sample_rate_hz >= 0) || !std::isfinite(sample_rate_hz)) return "sample_rate_hz must be positive";
  if (max_clock_ppm > 500) return "max_clock_ppm must be at most 500 ppm";
  if (!(extra_carrier_hz >= 0) || extra_carrier_hz > 1e5) return "extra_carrier_hz must be 0 to 1e5 Hz";
  if (!(full_scale > 0)) return "full_scale must be positive";
  if (threads < 1 || threads > 64) return "threads must be 1 to 64";
  return {};
}

struct Receiver::Impl {
  ReceiverConfig config;
  FrameHandler on_frame;
  TraceHandler on_trace;
  ResidualHandler on_residual;
  double sample_rate_hz, samples_per_chip;
  FrontEnd front_end;
  SuccessiveDecoder decoder;
  ChipBuffer chips;
  std::uint64_t fed = 0;     // input samples since the last restart
  std::uint64_t origin = 0;  // input sample of chip 0
  ReceiverCounters counters;
  double noise_power = 0;   // mean chip power, smoothed over about a second
  double level = 0;         // mean square of the samples
  std::uint64_t zeros = 0;  // in a row, at the end of what came
  Rng missing{0};
  std::vector<cf32> input;

  Impl(const ReceiverConfig& c, FrameHandler frame, TraceHandler trace, double fs, FrontEnd front,
       const OffsetRange& range);
  void take(Span<const cf32> block);
  void report(const DecodedFrame& decoded);
  void report_residual(const ChipBuffer& chips, ChipRange left);
  void trace(const Candidate& c, const char* reason);
  void restart(std::uint64_t sample_index);
  cf32 stand_in();
  void count_zero(bool zero);
  void feed();
  bool bridge(std::uint64_t sample_index);
  template <typename Sample>
  void process(Span<const Sample> samples);
};

namespace {

SuccessiveConfig decoding_of(const ReceiverConfig& config, const OffsetRange& range) {
  SuccessiveConfig c;
  c.range = range;
  c.detection_threshold = config.detection_threshold;
  c.vetting_threshold = config.vetting_threshold;
  c.metric_threshold = config.metric_threshold;
  c.threads = config.threads;
  c.known_variance = config.known_variance;
  c.known_spectrum = config.known_spectrum;
  return c;
}

}  // namespace

Receiver::Impl::Impl(const ReceiverConfig& c, FrameHandler frame, TraceHandler tracer, double fs,
                     FrontEnd front, const OffsetRange& range)
    : config(c),
      on_frame(std::move(frame)),
      on_trace(std::move(tracer)),
      sample_rate_hz(fs),
      samples_per_chip(fs / c.profile.chip_rate_hz),
      front_end(std::move(front)),
      decoder(
          c.profile, decoding_of(c, range), [this](const DecodedFrame& f) { report(f); },
          [this](const Candidate& candidate, const char* reason) { trace(candidate, reason); }),
      chips(c.profile.spreading_factor) {}

Receiver::Receiver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Receiver::~Receiver() = default;
Receiver::Receiver(Receiver&&) noexcept = default;
Receiver& Receiver::operator=(Receiver&&) noexcept = default;

Result<Receiver> Receiver::create(const ReceiverConfig& config, FrameHandler on_frame,
                                  TraceHandler on_trace) {
  if (std::string e = config.validate(); !e.empty()) return Error{e};
  const Profile& p = config.profile;
  const double fs = config.sample_rate_hz > 0 ? config.sample_rate_hz : p.sample_rate_hz;
  const double carrier = (config.carrier_hz >= 0 ? config.carrier_hz : p.carrier_hz) -
                         (config.center_hz >= 0 ? config.center_hz : p.center_hz);
  const double clock_ppm = config.max_clock_ppm >= 0 ? config.max_clock_ppm : p.max_clock_ppm;
  Result<FrontEnd> front_end = FrontEnd::create(p, fs, carrier);
  if (!front_end) return Error{front_end.error()};

  // Where the whole carrier range stays within 0.3 turns of the preamble, one bin does: 1.3 dB lost at its
  // very edge.
  const double range_hz = clock_ppm * 1e-6 * p.carrier_crystal_hz + config.extra_carrier_hz;
  const double coherent_hz = 0.3 * p.chip_rate_hz / p.preamble_chips;
  OffsetRange range;
  range.max_clock_ppm = clock_ppm;
  range.extra_carrier_hz = config.extra_carrier_hz;
  // The search tells the carrier to 0.09 cycles a preamble rms at 2 dB; of 600 preambles none was 0.3 off.
  range.carrier_bin_hz = range_hz > coherent_hz ? 0.3 * p.chip_rate_hz / p.preamble_chips : 0;
  return Receiver(std::unique_ptr<Impl>(
      new Impl(config, std::move(on_frame), std::move(on_trace), fs, std::move(*front_end), range)));
}

void Receiver::Impl::restart(std::uint64_t sample_index) {
  chips.restart();
  origin = sample_index;
  fed = 0;
  zeros = 0;
}

void Receiver::Impl::count_zero(bool zero) {
  zeros = zero ? zeros + 1 : 0;
  const auto silence = static_cast<std::uint64_t>(std::max(1.0, kSilentSeconds * sample_rate_hz));
  if (zeros >= silence) counters.silent_samples += zeros == silence ? silence : 1;
}

// For a missing sample: noise as strong as what is received. Silence would be the surest part of every frame
// it touches, and say that there is none.
cf32 Receiver::Impl::stand_in() {
  if (config.profile.real) return {static_cast<float>(std::sqrt(level) * missing.normal()), 0};
  const double sigma = std::sqrt(0.5 * level);
  const double re = missing.normal(), im = missing.normal();
  return {static_cast<float>(sigma * re), static_cast<float>(sigma * im)};
}

void Receiver::Impl::feed() {
  fed += input.size();
  front_end.process(input, [this](Span<const cf32> block) { take(block); });
}

template <typename Sample>
void Receiver::Impl::process(Span<const Sample> samples) {
  const auto full = static_cast<float>(config.full_scale);
  const double share = 1 / (kLevelSeconds * sample_rate_hz);
  for (std::size_t done = 0; done < samples.size(); done += kPiece) {
    const Span<const Sample> piece = samples.subspan(done, std::min(kPiece, samples.size() - done));
    input.assign(piece.begin(), piece.end());
    for (cf32& x : input) {
      const float power = std::norm(x);
      if (!(power <= kLargestSample * kLargestSample)) {  // NaN fails every comparison
        ++counters.nonfinite_samples;
        zeros = 0;
        x = stand_in();
        continue;
      }
      count_zero(power == 0);
      if (std::max(std::abs(x.real()), std::abs(x.imag())) >= full) ++counters.clipped_samples;
      level += share * (static_cast<double>(power) - level);
    }
    counters.samples += piece.size();
    feed();
  }
}

// A gap short enough for frames to survive it.
bool Receiver::Impl::bridge(std::uint64_t sample_index) {
  const std::uint64_t expected = origin + fed;
  int longest = 0;
  for (const PayloadClass& c : config.profile.classes)
    longest = std::max(longest, config.profile.frame_chips(c));
  const auto most = static_cast<std::uint64_t>(kBridgedFrames * longest * samples_per_chip);
  if (fed == 0 || sample_index <= expected || sample_index - expected > most) return false;
  for (std::uint64_t left = sample_index - expected; left > 0; left -= input.size()) {
    input.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, left)));
    for (cf32& x : input) x = stand_in();
    feed();
  }
  return true;
}

void Receiver::Impl::take(Span<const cf32> block) {
  const std::int64_t from = chips.end();
  chips.append(block);
  const double power = chips.mean_power(static_cast<double>(from), block.size() / ChipBuffer::kPlanes);
  const double share = std::min(1.0, static_cast<double>(block.size()) / 4.0 / config.profile.chip_rate_hz);
  noise_power = noise_power == 0 ? power : noise_power + share * (power - noise_power);
  decoder.advance(chips);
}

void Receiver::Impl::trace(const Candidate& c, const char* reason) {
  if (!on_trace) return;
  const Profile& p = config.profile;
  CandidateTrace t;
  t.sequence = c.hit.sequence;
  t.sample_index = static_cast<double>(origin) +
                   (c.hit.chip - p.preamble_start(p.class_of(c.hit.sequence))) * samples_per_chip;
  t.detection = c.hit.statistic;
  t.evidence = c.evidence;
  t.carrier_offset_hz = c.carrier_offset_hz;
  t.clock_offset_ppm = c.clock_ppm;
  t.list_used = c.list_used;
  t.frame_metric = c.frame_metric;
  t.stage = c.stage;
  t.reason = reason;
  on_trace(t);
}

void Receiver::Impl::report(const DecodedFrame& d) {
  const Profile& p = config.profile;
  const FrameEstimate& e = d.estimate;
  const PayloadClass& c = p.class_of(e.sequence);
  ReceivedFrame f;
  f.payload = d.payload;
  f.sequence = e.sequence;
  const double sample = e.timing.first_chip() * samples_per_chip, whole = std::round(sample);
  f.sample_index = origin + static_cast<std::uint64_t>(std::max(0.0, whole));
  f.sample_fraction = sample - whole;
  f.amplitude = e.amplitude();
  const double chip_ec_n0 = f.amplitude * f.amplitude / d.noise_variance;
  f.snr_db = snr_db_from_chip(p, chip_ec_n0);
  f.ebn0_db = ebn0_db_from_chip(p, c, chip_ec_n0);
  f.carrier_offset_hz = e.turns * p.chip_rate_hz + e.base_hz;
  f.clock_offset_ppm = e.timing.clock * 1e6;
  f.delay_spread_s = e.delay_spread_chips() * p.chip_s();
  f.residual_db = d.residual_db;
  f.cancellation_db = d.cancellation_db;
  f.code_bits = c.code_bits;
  f.corrected_bits = d.corrected_bits;
  f.list_used = d.candidate->list_used;
  f.detection = d.candidate->hit.statistic;
  f.phase_rad = std::arg(e.fingers.front().gain);
  on_frame(f);
}

void Receiver::Impl::report_residual(const ChipBuffer& leaving, ChipRange left) {
  constexpr auto kMost = static_cast<std::int64_t>(ReceiverCounters::kStepChips);
  for (; left.last - left.first > kMost; left.first += kMost)
    report_residual(leaving, {left.first, left.first + kMost});
  Residual r;
  r.sample_index = static_cast<double>(origin) + static_cast<double>(left.first) * samples_per_chip;
  LanePosition p(left.first, leaving.lanes());
  for (std::int64_t chip = left.first; chip < left.last; ++chip, ++p) {
    for (int k = 0; k < ChipBuffer::kPlanes; ++k)
      r.samples.emplace_back(*leaving.sample_re(k, p), *leaving.sample_im(k, p));
    r.weights.push_back(*leaving.weight(p));
  }
  on_residual(r);
}

void Receiver::on_residual(ResidualHandler handler) {
  Impl& s = *impl_;
  s.on_residual = std::move(handler);
  ChipBuffer::Leaving leaving;
  if (s.on_residual)
    leaving = [&s](const ChipBuffer& chips, ChipRange left) { s.report_residual(chips, left); };
  s.chips.set_leaving(std::move(leaving));
}

void Receiver::process(Span<const float> samples) { impl_->process(samples); }
void Receiver::process(Span<const cf32> samples) { impl_->process(samples); }

void Receiver::flush() {
  Impl& s = *impl_;
  s.front_end.flush([&s](Span<const cf32> block) { s.take(block); });
  // Zeros behind the stream's end are no chips of a frame; the margin forgives the tail of the last pulse.
  const std::int64_t end =
      std::min(s.chips.end(), static_cast<std::int64_t>(static_cast<double>(s.fed) / s.samples_per_chip) +
                                  FrameReader::kMarginChips);
  s.chips.append(std::vector<cf32>(static_cast<std::size_t>(ChipBuffer::kPlanes * s.decoder.span_chips())));
  s.decoder.finish(s.chips, end);
  s.chips.discard_before(end);
  s.restart(s.origin);
}

void Receiver::reset_at(std::uint64_t sample_index) {
  ++impl_->counters.gaps;
  if (impl_->bridge(sample_index)) return;
  flush();
  impl_->restart(sample_index);
}

ReceiverCounters Receiver::counters() const {
  ReceiverCounters c = impl_->counters;
  const SuccessiveCounters& d = impl_->decoder.counters();
  c.candidates = d.candidates;
  c.vetted = d.vetted;
  c.vetting_rejected = d.vetting_rejected;
  c.decoder_failed = d.decoder_failed;
  c.metric_rejected = d.metric_rejected;
  c.duplicates = d.duplicates;
  c.budget_dropped = d.budget_dropped;
  c.cut_off = d.cut_off;
  c.strained_steps = d.strained_steps;
  c.crowded_steps = d.crowded_steps;
  c.collapses = d.collapses;
  c.collapsed_steps = d.collapsed_steps;
  c.filters = d.filters;
  c.weighted_chips = d.weighted_chips;
  c.learned_again_chips = d.learned_again_chips;
  c.frames = d.frames;
  return c;
}

NoiseReport Receiver::noise_report() const { return impl_->decoder.noise_report(); }

bool Receiver::collapsed() const { return impl_->decoder.collapsed(); }

double Receiver::noise_dbfs() const {
  // The front end sees real noise twice, at both sides of zero.
  const double sides = impl_->config.profile.real ? 2 : 1;
  return to_db(std::max(impl_->noise_power * impl_->samples_per_chip / sides, 1e-30));
}

}  // namespace ngdsp
