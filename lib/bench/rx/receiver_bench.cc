// The receiver's speed on one core, in CPU time: on noise, on frames, and its parts. Counters: samples/s, and
// how many times faster than the samples come ("realtime"). Nothing is generated or planned inside a timed
// loop.
#include <benchmark/benchmark.h>
#include <fftw3.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <string>
#include <vector>

#include "ngdsp/base/rng.h"
#include "ngdsp/channel/multipath.h"
#include "ngdsp/channel/noise_level.h"
#include "ngdsp/fec/interleaver.h"
#include "ngdsp/fec/polar_decoder.h"
#include "ngdsp/rx/canceller.h"
#include "ngdsp/rx/chip_buffer.h"
#include "ngdsp/rx/demodulator.h"
#include "ngdsp/rx/front_end.h"
#include "ngdsp/rx/preamble_detector.h"
#include "ngdsp/rx/receiver.h"
#include "ngdsp/tx/frame_encoder.h"
#include "ngdsp/tx/modulator.h"

namespace ngdsp {
namespace {

constexpr double kNoiseSeconds = 30, kRadioNoiseSeconds = 2;
constexpr double kFrameEbn0Db = 5;
// What the receiver searches several carriers at.
constexpr double kCarriersThreshold = 11.5;
// Radio: the segments of four chips that a preamble makes.
constexpr std::size_t kRadioSegments = 512;

const Profile& profile_of(const benchmark::State& state) {
  return shipped_profiles()[static_cast<std::size_t>(state.range(0))];
}

std::vector<float> white_noise(const Profile& p, double seconds) {
  std::vector<float> x(static_cast<std::size_t>(p.sample_rate_hz * seconds));
  Rng rng(1);
  rng.add_noise(Span<float>(x), 0.1);
  return x;
}

double cpu_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void report_rate(benchmark::State& state, const Profile& p, std::size_t samples) {
  const double total = static_cast<double>(samples) * static_cast<double>(state.iterations());
  state.counters["samples/s"] = benchmark::Counter(total, benchmark::Counter::kIsRate);
  state.counters["realtime"] = benchmark::Counter(total / p.sample_rate_hz, benchmark::Counter::kIsRate);
  state.SetLabel(p.name);
}

template <typename Sample>
void run_receiver(benchmark::State& state, const Profile& p, const std::vector<Sample>& samples,
                  std::uint64_t& frames) {
  ReceiverConfig config;
  config.profile = p;
  auto receiver = Receiver::create(config, [&frames](const ReceivedFrame&) { ++frames; });
  if (!receiver) return state.SkipWithError(receiver.error().c_str());
  constexpr std::size_t kBlock = 16384;
  for (auto _ : state) {
    for (std::size_t i = 0; i < samples.size(); i += kBlock)
      receiver->process(Span<const Sample>(samples).subspan(i, std::min(kBlock, samples.size() - i)));
  }
  report_rate(state, p, samples.size());
  const double seconds =
      static_cast<double>(samples.size()) / p.sample_rate_hz * static_cast<double>(state.iterations());
  state.counters["candidates/s"] = static_cast<double>(receiver->counters().candidates) / seconds;
  state.counters["vetted/s"] = static_cast<double>(receiver->counters().vetted) / seconds;
}

void receiver_on_noise(benchmark::State& state) {
  const Profile& p = profile_of(state);
  std::uint64_t frames = 0;
  if (p.real) {
    run_receiver(state, p, white_noise(p, kNoiseSeconds), frames);
  } else {
    std::vector<cf32> x(static_cast<std::size_t>(p.sample_rate_hz * kRadioNoiseSeconds));
    Rng rng(1);
    rng.add_noise(Span<cf32>(x), 0.01);
    run_receiver(state, p, x, frames);
  }
  if (frames > 0) state.SkipWithError("noise passed as a frame");
}

// Frames of 16 bytes one behind the other, sequences in turn.
void receiver_on_frames(benchmark::State& state) {
  const Profile& p = profile_of(state);
  constexpr int kFrames = 64;
  const FrameEncoder encoder(p);
  const Modulator modulator(p);
  const int first = p.first_sequence(16);
  const PayloadClass& c = p.class_of(first);
  const double pitch = (p.frame_chips(c) + 64) * p.samples_per_chip();
  std::vector<float> samples(static_cast<std::size_t>(pitch * (kFrames + 1)));
  Rng rng(2);
  for (int i = 0; i < kFrames; ++i) {
    std::vector<std::uint8_t> payload(16);
    for (auto& b : payload) b = static_cast<std::uint8_t>(rng.below(256));
    Arrival a;
    a.start_samples = pitch * (i + 0.3 + 0.1 * rng.uniform());
    a.phase_rad = rng.uniform(0, 6.28);
    a.clock_ppm = rng.uniform(-50, 50);
    a.carrier_offset_hz = a.clock_ppm * 1e-6 * p.carrier_crystal_hz;
    a.amplitude = 0.1;
    modulator.add(encoder.encode(payload, first + i % c.sequences), a, Span<float>(samples));
  }
  const double chip_ec_n0 = chip_ec_n0_from_ebn0_db(p, c, kFrameEbn0Db);
  rng.add_noise(Span<float>(samples), std::sqrt(noise_variance(p, p.sample_rate_hz, 0.01, chip_ec_n0)));
  std::uint64_t frames = 0;
  run_receiver(state, p, samples, frames);
  const auto sent = static_cast<double>(kFrames) * static_cast<double>(state.iterations());
  state.counters["decoded"] = static_cast<double>(frames) / sent;
  state.counters["frames/s"] = benchmark::Counter(static_cast<double>(frames), benchmark::Counter::kIsRate);
}

void front_end(benchmark::State& state) {
  const Profile& p = profile_of(state);
  const std::vector<float> noise = white_noise(p, 5);
  const std::vector<cf32> samples(noise.begin(), noise.end());
  auto stage = FrontEnd::create(p, p.sample_rate_hz, p.carrier_hz);
  if (!stage) return state.SkipWithError(stage.error().c_str());
  for (auto _ : state) {
    stage->process(samples, [](Span<const cf32> block) { benchmark::DoNotOptimize(block.data()); });
  }
  report_rate(state, p, samples.size());
}

// The detector's transforms alone at FFTW's own speed. One carrier or a few: two forward (half-chip planes)
// and two inverse a sequence and carrier, as long as a block. Many: one forward over segments a sequence and
// code phase. Plans are measured, buffers aligned and warm. Returns CPU seconds of one call's worth.
double transforms_alone(std::size_t size, int forward, int inverse) {
  fftwf_complex* in = fftwf_alloc_complex(size);
  fftwf_complex* out = fftwf_alloc_complex(size);
  const fftwf_plan f = fftwf_plan_dft_1d(static_cast<int>(size), in, out, FFTW_FORWARD, FFTW_MEASURE);
  const fftwf_plan b = fftwf_plan_dft_1d(static_cast<int>(size), in, out, FFTW_BACKWARD, FFTW_MEASURE);
  for (std::size_t i = 0; i < size; ++i) in[i][0] = in[i][1] = static_cast<float>(i % 7) - 3.0F;
  double best = 1e9;
  for (int trial = 0; trial < 20; ++trial) {
    const double start = cpu_seconds();
    for (int i = 0; i < forward; ++i) fftwf_execute(f);
    for (int i = 0; i < inverse; ++i) fftwf_execute(b);
    best = std::min(best, cpu_seconds() - start);
  }
  fftwf_destroy_plan(f);
  fftwf_destroy_plan(b);
  fftwf_free(in);
  fftwf_free(out);
  return best;
}

// "fft_share": the transforms at FFTW's speed, measured in the same run, over the detector's time. 1 =
// nothing but FFTW.
void detector(benchmark::State& state) {
  const Profile& p = profile_of(state);
  const FrameEncoder encoder(p);
  PreambleDetectorConfig config;
  config.chip_rate_hz = p.chip_rate_hz;
  config.threshold = 9;
  const double range_hz = p.max_clock_ppm * 1e-6 * p.carrier_crystal_hz;
  if (range_hz > 0.3 * p.chip_rate_hz / p.preamble_chips) {  // as the receiver: more than one carrier
    config.threshold = kCarriersThreshold;
    config.max_carrier_offset_hz = range_hz;
  }
  for (int q = 0; q < p.sequence_count(); ++q) {
    const auto preamble = encoder.preamble(q);
    config.sequences.emplace_back(preamble.begin(), preamble.end());
  }
  PreambleDetector search(config);
  ChipBuffer chips(p.spreading_factor);
  Rng rng(3);
  std::vector<cf32> noise(static_cast<std::size_t>(4 * (search.span_chips() + 4 * search.hop_chips())));
  rng.add_noise(Span<cf32>(noise), 1.0);
  chips.append(noise);
  const bool grid = !p.real;
  const int forward = grid ? p.sequence_count() * search.hop_chips() : 2;
  const int inverse = grid ? 0 : 2 * p.sequence_count() * search.carrier_bins();
  const auto size = grid ? kRadioSegments : static_cast<std::size_t>(search.span_chips() + 4);
  const double before = transforms_alone(size, forward, inverse);
  std::vector<PreambleHit> hits;
  std::int64_t at = 4;
  const double start = cpu_seconds();
  for (auto _ : state) {
    hits.clear();
    search.search(chips, at, hits);
    at += search.hop_chips();
    if (at + search.span_chips() > chips.end()) at = 4;
    benchmark::DoNotOptimize(hits.data());
  }
  const double each = (cpu_seconds() - start) / static_cast<double>(state.iterations());
  const double alone = std::min(before, transforms_alone(size, forward, inverse));
  state.counters["fft_share"] = alone / each;
  state.counters["fftw_us"] = alone * 1e6;
  report_rate(state, p,
              static_cast<std::size_t>(static_cast<double>(search.hop_chips()) * p.samples_per_chip()));
}

// Hypotheses of 16 frames of 16 bytes at kFrameEbn0Db, 20 ppm off, found to a quarter chip: of one path, or
// of three.
void demodulator(benchmark::State& state) {
  const Profile& p = shipped_profiles().front();
  const FrameEncoder encoder(p);
  const Modulator modulator(p);
  constexpr std::size_t kFrames = 16;
  constexpr double kClockPpm = 20, kFirstChip = 600;
  const std::vector<Tap> taps = *parse_taps(state.range(0) == 1 ? "0@0" : "0@0,-6@0.7,-10@2.3");
  const double pitch = p.frame_chips(p.classes[0]) + 1000.0, per_chip = p.samples_per_chip();
  std::vector<float> samples(static_cast<std::size_t>((kFrames * pitch + 2 * kFirstChip) * per_chip));
  Rng rng(5);
  rng.add_noise(Span<float>(samples), std::sqrt(noise_variance(p, p.sample_rate_hz, 1.0, 1.0)));
  std::vector<FrameHypothesis> hypotheses(kFrames);
  for (std::size_t i = 0; i < kFrames; ++i) {
    FrameHypothesis& h = hypotheses[i];
    h.clock_ppm = kClockPpm;
    h.carrier_offset_hz = kClockPpm * 1e-6 * p.carrier_crystal_hz;
    Arrival a;
    a.clock_ppm = h.clock_ppm;
    a.carrier_offset_hz = h.carrier_offset_hz;
    const double chip = kFirstChip + pitch * static_cast<double>(i) + rng.uniform();
    a.start_samples = chip * per_chip;
    a.phase_rad = rng.uniform(0, 6.28);
    a.amplitude = std::sqrt(chip_ec_n0_from_ebn0_db(p, p.classes[0], kFrameEbn0Db));
    add_multipath(modulator, encoder.encode(std::vector<std::uint8_t>(16), 0), a, taps, p.chip_rate_hz,
                  Span<float>(samples));
    // Times are counted from the middle of the preamble.
    h.chip = std::round(4 * (chip - 0.5e-6 * kClockPpm * p.frame_chips(p.classes[0]))) / 4;
  }
  auto stage = FrontEnd::create(p, p.sample_rate_hz, p.carrier_hz);
  if (!stage) return state.SkipWithError(stage.error().c_str());
  ChipBuffer chips(p.spreading_factor);
  const auto sink = [&chips](Span<const cf32> block) { chips.append(block); };
  stage->process(std::vector<cf32>(samples.begin(), samples.end()), sink);
  stage->flush(sink);

  Demodulator demodulator(encoder, OffsetRange{});
  std::vector<float> llr;
  std::size_t i = 0;
  double evidence = 0, fingers = 0;
  for (auto _ : state) {
    FrameHypothesis h = hypotheses[i++ % kFrames];
    fingers += static_cast<double>(demodulator.demodulate(chips, h, llr).size());
    evidence += h.evidence;
  }
  const auto calls = static_cast<double>(state.iterations());
  state.counters["evidence"] = evidence / calls;
  state.counters["fingers"] = fingers / calls;
  state.SetLabel(std::to_string(state.range(0)) + (state.range(0) == 1 ? " path" : " paths"));
}

// One code word at kFrameEbn0Db: what a decoded frame costs beside finding it. Lists as the receiver tries
// them.
void decoder(benchmark::State& state) {
  const Profile& p = shipped_profiles().front();
  const PayloadClass& c = p.classes[static_cast<std::size_t>(state.range(0))];
  const int list = static_cast<int>(state.range(1));
  const double ebn0_db = static_cast<double>(state.range(2)) / 10.0;
  const FrameEncoder encoder(p);
  PolarDecoder polar(frame_code(c), p.list_size);
  const Interleaver interleaver(c.code_bits);
  // LLR = 4 Re(y)/N0 with y of energy E_s = E_c SF.
  const double es_n0 = chip_ec_n0_from_ebn0_db(p, c, ebn0_db) * p.spreading_factor;
  Rng rng(4);
  std::vector<std::uint8_t> payload(static_cast<std::size_t>(c.payload_bytes));
  std::vector<std::vector<float>> words(32);
  std::vector<float> symbols;
  for (auto& word : words) {
    for (auto& b : payload) b = static_cast<std::uint8_t>(rng.below(256));
    encoder.encode_symbols(payload, p.first_sequence(c.payload_bytes), symbols);
    word.resize(symbols.size());
    for (std::size_t m = 0; m < symbols.size(); ++m)
      word[static_cast<std::size_t>(interleaver[static_cast<int>(m)])] = static_cast<float>(
          4 * es_n0 * (static_cast<double>(symbols[m]) + rng.normal() * std::sqrt(0.5 / es_n0)));
  }
  std::size_t i = 0, ok = 0;
  for (auto _ : state) ok += polar.decode_with_list(words[i++ % words.size()], list, payload).crc_ok;
  state.counters["ok"] = static_cast<double>(ok) / static_cast<double>(state.iterations());
  state.SetLabel(std::to_string(c.payload_bytes) + " B, list " + std::to_string(list) + ", " +
                 std::to_string(state.range(2) / 10) + " dB");
}

// One frame of 16 bytes out of the stream, on so many paths.
void canceller(benchmark::State& state) {
  const Profile& p = shipped_profiles().front();
  const FrameEncoder encoder(p);
  FrameEstimator estimator(encoder, OffsetRange{});
  std::vector<float> symbols;
  encoder.encode_symbols(std::vector<std::uint8_t>(16), 0, symbols);
  const SplitSequence& replica = estimator.replica(FrameHypothesis{}, symbols);
  ChipBuffer chips(p.spreading_factor);
  chips.append(std::vector<cf32>(ChipBuffer::kPlanes * (replica.chips() + 2000)));
  FrameEstimate frame;
  frame.timing.chip = 600.3;
  frame.timing.clock = 20e-6;
  frame.timing.reference = 0.5 * static_cast<double>(replica.chips());
  frame.turns = 1e-5;
  for (int i = 0; i < state.range(0); ++i) frame.fingers.push_back({1.6 * i, {0.7, 0.7}});
  Canceller canceller(p.rolloff);
  double scale = 1;
  for (auto _ : state) {
    canceller.add(chips, frame, replica, scale);
    scale = -scale;
  }
  state.SetLabel(std::to_string(state.range(0)) + (state.range(0) == 1 ? " path" : " paths"));
}

// Arguments: index of the shipped profile (0 cenelec-a, 1 cenelec-a-low, 2 fcc, 4 srd868).
BENCHMARK(receiver_on_noise)->Arg(0)->Arg(1)->Arg(4)->Unit(benchmark::kMillisecond);
BENCHMARK(receiver_on_frames)->Arg(0)->Unit(benchmark::kMillisecond);
BENCHMARK(front_end)->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);
BENCHMARK(detector)->Arg(0)->Arg(1)->Arg(4)->Unit(benchmark::kMicrosecond);
BENCHMARK(demodulator)->Arg(1)->Arg(3)->Unit(benchmark::kMicrosecond);
BENCHMARK(decoder)
    ->ArgsProduct({{0, 1, 2}, {8, 32, 128}, {50}})
    ->ArgsProduct({{0}, {8, 32, 128}, {20}})
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(canceller)->Arg(1)->Arg(3)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace ngdsp
