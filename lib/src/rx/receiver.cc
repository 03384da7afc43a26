#include "ngdsp/rx/receiver.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>

#include "ngdsp/base/db.h"
#include "ngdsp/fec/interleaver.h"
#include "ngdsp/fec/polar_decoder.h"
#include "ngdsp/rx/demodulator.h"
#include "ngdsp/rx/despreader.h"
#include "ngdsp/rx/front_end.h"
#include "ngdsp/rx/preamble_detector.h"
#include "ngdsp/waveform/frame_energy.h"

namespace ngdsp {
namespace {

// Defaults and where they come from: docs/receiver.md.
constexpr double kDetectionThreshold = 9;
constexpr double kDetectionThresholdOffsets = 11.5;  // with hundreds of carrier bins to search
// Frames of more than 2048 symbols show twice the evidence, and so does the noise their longer clock search
// finds.
constexpr double kVettingThreshold = 27, kVettingThresholdLong = 38;
constexpr int kLongFrameSymbols = 4096;
// A longer list costs in proportion: only for what is likely a frame.
struct ListStep {
  int list;
  double margin;  // nats above the vetting threshold
};
constexpr ListStep kListSteps[] = {{8, 0}, {32, 1}, {128, 5}};
// The best of 2^K random words reaches a frame metric of about K ln 2 on noise (K: payload and CRC bits).
constexpr double kMetricMargin = 7;
// A frame found again: its own correlation has sidelobes and paths within this many chips.
constexpr double kDuplicateChips = 24;

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
  return {};
}

struct Receiver::Impl {
  ReceiverConfig config;
  FrameHandler on_frame;
  TraceHandler on_trace;
  double sample_rate_hz, samples_per_chip;
  FrontEnd front_end;
  FrameEncoder encoder;
  PreambleDetector detector;
  Demodulator demodulator;
  struct ClassDecoder {
    PolarDecoder decoder;
    Interleaver interleaver;
  };
  std::vector<ClassDecoder> decoders;   // one a payload class
  std::vector<std::size_t> decoder_of;  // by sequence

  ChipBuffer chips;
  std::int64_t next_search = 0;  // first code phase not yet searched
  std::uint64_t fed = 0;         // input samples since the last restart
  std::uint64_t origin = 0;      // input sample of chip 0
  std::vector<PreambleHit> hits;
  std::multimap<std::int64_t, PreambleHit> waiting;  // by the chip at which the whole frame is there
  struct Seen {
    int sequence;
    double chip;
  };
  std::deque<Seen> seen;
  ReceiverCounters counters;
  double noise_power = 0;  // mean chip power, smoothed over about a second
  std::vector<cf32> input;
  struct Attempt {
    FrameHypothesis hypothesis;
    std::vector<float> code_llr;
  };
  std::vector<Attempt> attempts;
  std::vector<float> llr, symbols;
  std::vector<std::uint8_t> payload;

  void take(Span<const cf32> block);
  void search();
  void decode_due(bool all);
  void decode(const PreambleHit& hit);
  void forget();
  void restart(std::uint64_t sample_index);
  void trace(CandidateTrace t, Stage stage, const char* reason) {
    if (!on_trace) return;
    t.stage = stage;
    t.reason = reason;
    on_trace(t);
  }
  template <typename Sample>
  void process(Span<const Sample> samples);
};

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

  FrameEncoder encoder(p);
  PreambleDetectorConfig detection;
  for (int q = 0; q < p.sequence_count(); ++q)
    detection.sequences.emplace_back(encoder.sequence(q).begin(),
                                     encoder.sequence(q).begin() + p.preamble_chips);
  detection.chip_rate_hz = p.chip_rate_hz;
  // Where the whole carrier range stays within 0.3 turns of the preamble, one bin does: 1.3 dB lost at its
  // very edge.
  const double range_hz = clock_ppm * 1e-6 * p.carrier_crystal_hz + config.extra_carrier_hz;
  const double coherent_hz = 0.3 * p.chip_rate_hz / p.preamble_chips;
  detection.max_carrier_offset_hz = range_hz > coherent_hz ? range_hz : 0;
  detection.threshold = config.detection_threshold > 0        ? config.detection_threshold
                        : detection.max_carrier_offset_hz > 0 ? kDetectionThresholdOffsets
                                                              : kDetectionThreshold;

  DemodulatorConfig demodulation;
  demodulation.max_clock_ppm = clock_ppm;
  demodulation.extra_carrier_hz = config.extra_carrier_hz;
  // Half a bin is 0.19 cycles of the preamble, but noise may let the neighbour of the right bin win.
  demodulation.carrier_bin_hz = range_hz > coherent_hz ? 0.5 * p.chip_rate_hz / p.preamble_chips : 0;

  Demodulator demodulator(encoder, demodulation);
  std::unique_ptr<Impl> impl(new Impl{config,
                                      std::move(on_frame),
                                      std::move(on_trace),
                                      fs,
                                      fs / p.chip_rate_hz,
                                      std::move(*front_end),
                                      std::move(encoder),
                                      PreambleDetector(detection),
                                      std::move(demodulator),
                                      {},
                                      {},
                                      ChipBuffer(p.spreading_factor),
                                      0,
                                      0,
                                      0,
                                      {},
                                      {},
                                      {},
                                      {},
                                      0,
                                      {},
                                      {},
                                      {},
                                      {},
                                      {}});
  for (const PayloadClass& c : p.classes) {
    for (int k = 0; k < c.sequences; ++k) impl->decoder_of.push_back(impl->decoders.size());
    impl->decoders.push_back({PolarDecoder(frame_code(c), p.list_size), Interleaver(c.code_bits)});
  }
  impl->restart(0);
  return Receiver(std::move(impl));
}

void Receiver::Impl::restart(std::uint64_t sample_index) {
  chips.restart();
  origin = sample_index;
  fed = 0;
  next_search = -demodulator.kMarginChips / 2;
  waiting.clear();
  seen.clear();
}

template <typename Sample>
void Receiver::Impl::process(Span<const Sample> samples) {
  constexpr std::size_t kPiece = 65536;
  const auto full = static_cast<float>(config.full_scale);
  for (std::size_t done = 0; done < samples.size(); done += kPiece) {
    const Span<const Sample> piece = samples.subspan(done, std::min(kPiece, samples.size() - done));
    input.assign(piece.begin(), piece.end());
    for (cf32& x : input) {
      const float peak = std::max(std::abs(x.real()), std::abs(x.imag()));
      // NaN fails every comparison, so it lands here with infinity.
      if (!(peak < full)) {
        if (!std::isfinite(x.real()) || !std::isfinite(x.imag())) {
          ++counters.nonfinite_samples;
          x = {};
        } else {
          ++counters.clipped_samples;
        }
      }
    }
    counters.samples += piece.size();
    fed += piece.size();
    front_end.process(input, [this](Span<const cf32> block) { take(block); });
  }
}

void Receiver::Impl::take(Span<const cf32> block) {
  const std::int64_t from = chips.end();
  chips.append(block);
  const double power = mean_power(chips, from, block.size() / ChipBuffer::kPlanes);
  const double share = std::min(1.0, static_cast<double>(block.size()) / 4.0 / config.profile.chip_rate_hz);
  noise_power = noise_power == 0 ? power : noise_power + share * (power - noise_power);
  search();
  decode_due(false);
  forget();
}

void Receiver::Impl::search() {
  while (next_search + detector.span_chips() <= chips.end()) {
    hits.clear();
    detector.search(chips, next_search, hits);
    // A preamble that runs over the stream's end into the filter's tail is not one.
    const double last_start = static_cast<double>(fed) / samples_per_chip - config.profile.preamble_chips;
    for (const PreambleHit& hit : hits) {
      if (hit.chip > last_start) continue;
      ++counters.candidates;
      const std::int64_t last = static_cast<std::int64_t>(std::ceil(hit.chip)) +
                                config.profile.frame_chips(config.profile.class_of(hit.sequence)) +
                                demodulator.kMarginChips;
      waiting.emplace(last, hit);
    }
    next_search += detector.hop_chips();
  }
}

void Receiver::Impl::decode_due(bool all) {
  // Zeros behind the stream's end are no chips of a frame; the margin forgives the tail of the last pulse.
  const auto received =
      static_cast<std::int64_t>(static_cast<double>(fed) / samples_per_chip) + demodulator.kMarginChips;
  const std::int64_t end = std::min(chips.end(), received);
  while (!waiting.empty() && (waiting.begin()->first <= end || all)) {
    const PreambleHit hit = waiting.begin()->second;
    const bool whole = waiting.begin()->first <= end;
    waiting.erase(waiting.begin());
    if (whole)
      decode(hit);
    else
      ++counters.cut_off;
  }
}

void Receiver::Impl::forget() {
  std::int64_t oldest = next_search;
  for (const auto& [last, hit] : waiting)
    oldest = std::min(oldest, static_cast<std::int64_t>(std::floor(hit.chip)));
  chips.discard_before(oldest - 2 * demodulator.kMarginChips);
  while (!seen.empty() && seen.front().chip < static_cast<double>(oldest) - kDuplicateChips) seen.pop_front();
}

void Receiver::Impl::decode(const PreambleHit& hit) {
  CandidateTrace t;
  t.sequence = hit.sequence;
  t.sample_index = static_cast<double>(origin) + hit.chip * samples_per_chip;
  t.detection = hit.statistic;
  const double first_needed = hit.chip - demodulator.kMarginChips;
  if (first_needed < static_cast<double>(chips.begin())) {
    ++counters.cut_off;
    return trace(t, Stage::kDetection, "the stream begins inside the frame");
  }
  for (const Seen& s : seen)
    if (s.sequence == hit.sequence && std::abs(s.chip - hit.chip) < kDuplicateChips) {
      ++counters.duplicates;
      return trace(t, Stage::kDetection, "part of a frame already decoded");
    }

  const PayloadClass& c = config.profile.class_of(hit.sequence);
  const std::vector<FrameHypothesis> hypotheses = demodulator.vet(chips, hit);
  t.evidence = hypotheses.front().evidence;
  t.carrier_offset_hz = hypotheses.front().carrier_offset_hz;
  t.clock_offset_ppm = hypotheses.front().clock_ppm;
  const double vetting = config.vetting_threshold > 0       ? config.vetting_threshold
                         : c.code_bits >= kLongFrameSymbols ? kVettingThresholdLong
                                                            : kVettingThreshold;
  if (t.evidence < vetting) {
    ++counters.vetting_rejected;
    return trace(t, Stage::kVetting, "preamble and symbols together look like noise");
  }
  ++counters.vetted;

  // Every likely clock offset with a short list, then with the long one: the right one decodes.
  ClassDecoder& d = decoders[decoder_of[static_cast<std::size_t>(hit.sequence)]];
  payload.resize(static_cast<std::size_t>(c.payload_bytes));
  PolarDecodeResult decoded;
  FrameHypothesis h;
  attempts.resize(hypotheses.size());
  for (const ListStep& step : kListSteps) {
    const int list = std::min(step.list, config.profile.list_size);
    if (decoded.crc_ok || t.evidence < vetting + step.margin) break;
    for (std::size_t k = 0; k < hypotheses.size() && !decoded.crc_ok; ++k) {
      Attempt& a = attempts[k];
      if (&step == kListSteps) {
        a.hypothesis = hypotheses[k];
        demodulator.demodulate(chips, a.hypothesis, llr);
        a.code_llr.resize(llr.size());
        for (std::size_t m = 0; m < llr.size(); ++m)
          a.code_llr[static_cast<std::size_t>(d.interleaver[static_cast<int>(m)])] = llr[m];
      }
      decoded = d.decoder.decode_with_list(a.code_llr, list, payload);
      h = a.hypothesis;
    }
    if (list == config.profile.list_size) break;
  }
  t.carrier_offset_hz = h.carrier_offset_hz;
  t.clock_offset_ppm = h.clock_ppm;
  t.list_used = decoded.list_used;
  if (!decoded.crc_ok) {
    ++counters.decoder_failed;
    return trace(t, Stage::kDecoding, "no path of the list passes the CRC");
  }
  demodulator.demodulate(chips, h, llr);  // once more: measure() works on what it leaves

  encoder.encode_symbols(payload, hit.sequence, symbols);
  const FrameMeasurement m = demodulator.measure(chips, h, symbols);
  t.frame_metric = m.frame_metric;
  const double least = config.metric_threshold >= 0
                           ? config.metric_threshold
                           : (8.0 * c.payload_bytes + 24.0) * std::log(2.0) + kMetricMargin;
  if (m.frame_metric < least) {
    ++counters.metric_rejected;
    return trace(t, Stage::kMetric, "CRC holds, but the frame does not correlate with what was received");
  }
  for (const Seen& s : seen)
    if (s.sequence == hit.sequence && std::abs(s.chip - m.chip) < kDuplicateChips) {
      ++counters.duplicates;
      return trace(t, Stage::kDetection, "part of a frame already decoded");
    }
  seen.push_back({hit.sequence, m.chip});

  ReceivedFrame f;
  f.payload = payload;
  f.sequence = hit.sequence;
  const double sample = m.chip * samples_per_chip, whole = std::round(sample);
  f.sample_index = origin + static_cast<std::uint64_t>(std::max(0.0, whole));
  f.sample_fraction = sample - whole;
  const double chip_ec_n0 = m.amplitude * m.amplitude / m.noise_variance;
  f.snr_db = snr_db_from_chip(config.profile, chip_ec_n0);
  f.ebn0_db = ebn0_db_from_chip(config.profile, c, chip_ec_n0);
  f.carrier_offset_hz = m.carrier_offset_hz;
  f.clock_offset_ppm = m.clock_ppm;
  f.delay_spread_s = m.delay_spread_chips * config.profile.chip_s();
  f.residual_db = m.residual_db;
  f.code_bits = c.code_bits;
  for (std::size_t i = 0; i < llr.size(); ++i) f.corrected_bits += llr[i] * symbols[i] < 0;
  f.list_used = decoded.list_used;
  f.detection = hit.statistic;
  f.amplitude = m.amplitude;
  f.phase_rad = m.phase_rad;
  ++counters.frames;
  trace(t, Stage::kDecoded, "");
  on_frame(f);
}

void Receiver::process(Span<const float> samples) { impl_->process(samples); }
void Receiver::process(Span<const cf32> samples) { impl_->process(samples); }

void Receiver::flush() {
  Impl& s = *impl_;
  s.front_end.flush([&s](Span<const cf32> block) { s.take(block); });
  // The last code phases are searched with zeros behind the stream.
  const std::int64_t end = s.chips.end();
  const std::vector<cf32> zeros(static_cast<std::size_t>(ChipBuffer::kPlanes * s.detector.span_chips()));
  while (s.next_search < end) {
    s.chips.append(zeros);
    s.search();
  }
  s.decode_due(true);
  s.restart(s.origin);
}

void Receiver::reset_at(std::uint64_t sample_index) {
  flush();
  ++impl_->counters.gaps;
  impl_->restart(sample_index);
}

const ReceiverCounters& Receiver::counters() const { return impl_->counters; }

double Receiver::noise_dbfs() const {
  return to_db(std::max(impl_->noise_power * impl_->samples_per_chip, 1e-30));
}

}  // namespace ngdsp
