// ngplc channel: what a line does to a recording. Block by block, so that length does not matter.
#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/channel/impairments.h"
#include "ngdsp/channel/noise_level.h"
#include "ngdsp/channel/receiver_input.h"
#include "ngdsp/channel/sampled_paths.h"
#include "ngdsp/io/sigmf_reader.h"
#include "ngdsp/io/sigmf_writer.h"
#include "options.h"
#include "progress.h"
#include "scenario_file.h"
#include "truth.h"

namespace ngplc_app {
namespace {

using ngdsp::cf32;
using ngdsp::Error;
using ngdsp::Profile;
using ngdsp::SigmfReader;
using ngdsp::Span;
using ngdsp::Status;

struct Tone {
  double frequency_hz = 0, amplitude = 0;
};

struct Impulses {
  double rate_hz = 0, width_s = 0, sigma = 0;
};

struct LineConfig {
  double delay_samples = 0, clock_ppm = 0, cfo_hz = 0;
  ngdsp::PlacedLine paths = ngdsp::line_through({});
  double chip_samples = 1;  ///< samples a chip
  std::vector<Impulses> impulses;
  std::vector<Tone> tones;
  double gain = 1, dc = 0, noise_gain = 1, noise_variance = 0, clip = 0;
  int dac_bits = 0;
  std::optional<ngdsp::Scenario> scenario;
  ngdsp::NoiseBand band;  ///< of the scenario
  std::uint64_t seed = 1;

  /// A recording comes from one sender.
  const ngdsp::LineSender& sender() const { return paths.senders[paths.median]; }
};

/// All samples of a recording as `Sample`.
template <typename Sample>
ngdsp::Result<std::vector<Sample>> read_all(SigmfReader& reader) {
  std::vector<Sample> samples(reader.samples());
  auto got = reader.read(Span<Sample>(samples));
  if (!got) return Error{got.error()};
  samples.resize(*got);
  return samples;
}

/// Samples [first, first + count) of the input, zeros outside it.
template <typename Sample>
Status read_window(SigmfReader& reader, std::int64_t first, std::vector<Sample>& out) {
  std::fill(out.begin(), out.end(), Sample{});
  const auto total = static_cast<std::int64_t>(reader.samples());
  const std::int64_t low = std::max<std::int64_t>(first, 0);
  const std::int64_t high = std::min(first + static_cast<std::int64_t>(out.size()), total);
  if (high <= low) return std::nullopt;
  if (auto error = reader.seek(static_cast<std::uint64_t>(low))) return error;
  auto got = reader.read(
      Span<Sample>(out).subspan(static_cast<std::size_t>(low - first), static_cast<std::size_t>(high - low)));
  if (!got) return Error{got.error()};
  return std::nullopt;
}

void shift(Span<float>, double, double, double) {}
void shift(Span<cf32> x, double offset_hz, double sample_rate_hz, double first) {
  if (offset_hz == 0) return;
  const double phase_rad = 2 * ngdsp::kPi * std::fmod(offset_hz / sample_rate_hz * first, 1.0);
  const cf32 factor(std::polar(1.0F, static_cast<float>(phase_rad)));
  for (cf32& v : x) v *= factor;
  ngdsp::shift_carrier(x, offset_hz, sample_rate_hz);
}
void add_tone(Span<float> x, const Tone& tone, double sample_rate_hz, double first) {
  for (std::size_t k = 0; k < x.size(); ++k) {
    const double turns = tone.frequency_hz / sample_rate_hz * (first + static_cast<double>(k));
    x[k] += static_cast<float>(tone.amplitude * std::sqrt(2.0) *
                               std::cos(2 * ngdsp::kPi * (turns - std::floor(turns))));
  }
}
void add_tone(Span<cf32> x, const Tone& tone, double sample_rate_hz, double first) {
  for (std::size_t k = 0; k < x.size(); ++k) {
    const double turns = tone.frequency_hz / sample_rate_hz * (first + static_cast<double>(k));
    x[k] += cf32(std::polar(tone.amplitude, 2 * ngdsp::kPi * (turns - std::floor(turns))));
  }
}
void quantise(Span<float> x, int bits) {
  for (float& v : x) v = ngdsp::quantise(v, bits, 1);
}
void quantise(Span<cf32> x, int bits) {
  for (cf32& v : x) v = {ngdsp::quantise(v.real(), bits, 1), ngdsp::quantise(v.imag(), bits, 1)};
}
void add_noise(Span<float> x, double variance, ngdsp::Rng& rng) { rng.add_noise(x, std::sqrt(variance)); }
void add_noise(Span<cf32> x, double variance, ngdsp::Rng& rng) { rng.add_noise(x, variance); }

/// The recording through the first state of the line, and through the others, with clock and delay: output
/// samples [at, at + out.size()).
template <typename Sample>
Status through_line(const LineConfig& c, SigmfReader& reader, std::uint64_t at, std::vector<Sample>& out,
                    std::vector<std::vector<Sample>>& others) {
  const double step = 1 + c.clock_ppm * 1e-6, start = static_cast<double>(at) * step - c.delay_samples;
  double longest = 0;
  for (const auto& state : c.sender().states)
    longest = std::max(longest, ngdsp::longest_delay_chips(state.taps) * c.chip_samples);
  constexpr double kMargin = ngdsp::kPathMargin;
  const auto first = static_cast<std::int64_t>(std::floor(start - longest - kMargin));
  const double length = longest + static_cast<double>(out.size()) * step + 2 * kMargin + 2;
  std::vector<Sample> in(static_cast<std::size_t>(std::ceil(length)));
  if (auto error = read_window(reader, first, in)) return error;
  if (c.dac_bits > 0) quantise(Span<Sample>(in), c.dac_bits);
  for (std::size_t s = 0; s < c.sender().states.size(); ++s) {
    const auto& paths = c.sender().states[s];
    std::vector<Sample>& state = s == 0 ? out : others[s - 1];
    state.assign(out.size(), Sample{});
    ngdsp::add_sampled_paths(Span<const Sample>(in), start, c.clock_ppm, paths.taps, c.chip_samples,
                             c.gain * paths.amplitude, Span<Sample>(state), first);
  }
  return std::nullopt;
}

template <typename Sample>
Status run_line(const LineConfig& c, SigmfReader& reader, const std::vector<Sample>& noise,
                std::uint64_t samples, ngdsp::SigmfWriter& writer) {
  constexpr std::uint64_t kBlock = 1 << 18;
  const double rate_hz = reader.meta().sample_rate_hz;
  ngdsp::Rng white = ngdsp::Rng::stream(c.seed, 0), bursts = ngdsp::Rng::stream(c.seed, 1),
             start = ngdsp::Rng::stream(c.seed, 2);
  const std::uint64_t noise_start = noise.empty() ? 0 : start.next() % noise.size();
  std::optional<ngdsp::ScenarioLine<Sample>> line;
  if (c.scenario) {
    auto made = ngdsp::ScenarioLine<Sample>::create(*c.scenario, c.paths, c.band,
                                                    c.noise_variance / c.band.white_variance(), c.seed);
    if (!made) return Error{made.error()};
    line = std::move(*made);
  }
  Progress progress("channel", samples);
  std::vector<Sample> block;
  std::vector<std::vector<Sample>> others(c.paths.states.size() - 1);
  for (std::uint64_t at = 0; at < samples; at += kBlock) {
    block.resize(std::min(kBlock, samples - at));
    if (auto error = through_line(c, reader, at, block, others)) return error;
    const Span<Sample> x(block);
    const auto first = static_cast<double>(at);
    shift(x, c.cfo_hz, rate_hz, first);
    for (auto& state : others) shift(Span<Sample>(state), c.cfo_hz, rate_hz, first);
    if (line) line->pass(x, others);
    for (const Tone& tone : c.tones) add_tone(x, tone, rate_hz, first);
    if (!noise.empty()) {
      ngdsp::add_recording(x, Span<const Sample>(noise), c.noise_gain, (noise_start + at) % noise.size());
    }
    for (const Impulses& i : c.impulses)
      ngdsp::add_impulses(x, i.rate_hz, i.width_s, i.sigma, rate_hz, bursts);
    if (!line && c.noise_variance > 0) add_noise(x, c.noise_variance, white);
    if (c.dc != 0) {
      for (Sample& v : block) v += static_cast<float>(c.dc);
    }
    if (c.clip > 0) ngdsp::clip(x, static_cast<float>(c.clip));
    if (auto error = writer.write(Span<const Sample>(block))) return error;
    progress.update(at + block.size());
  }
  return std::nullopt;
}

po::options_description channel_options() {
  using Texts = std::vector<std::string>;
  po::options_description options("");
  // clang-format off
  options.add_options()
      ("ebn0-db", po::value<double>(), "white noise for this E_b/N0 of the recording's strongest frame, dB")
      ("snr-db", po::value<double>(), "white noise for this SNR in the occupied bandwidth of the strongest frame, dB")
      ("noise-dbfs", po::value<double>(), "white noise of this power a sample, dB of full scale")
      ("scenario", po::value<std::string>(), "a place on the mains, NAME or FILE.toml: its line, its noise instead of white noise, its receiver input")
      ("profile", po::value<std::string>(), "profile for --ebn0-db, --snr-db, --taps, --scenario (the recording's ngplc:profile)")
      ("payload-bytes", po::value<int>(), "payload class for --ebn0-db (that of the strongest annotated frame)")
      ("signal-dbfs", po::value<double>(), "power of a frame, dB of full scale (that of the strongest annotated frame)")
      ("gain-db", po::value<double>()->default_value(0, "0"), "gain of the input before anything else, dB")
      ("delay-samples", po::value<double>()->default_value(0, "0"), "delay, any fraction, samples")
      ("clock-ppm", po::value<double>()->default_value(0, "0"), "clock of the recording against the output, ppm")
      ("cfo-hz", po::value<double>()->default_value(0, "0"), "carrier offset, Hz, complex recordings only (ngplc tx --cfo-hz makes it on real ones)")
      ("dac-bits", po::value<int>()->default_value(0), "resolution of the sender's converter, full scale 1; 0 = none, bits")
      ("taps", po::value<std::string>(), "paths GAIN_DB@DELAY_CHIPS[@PHASE_DEG],... scaled to power 1")
      ("noise", po::value<std::string>(), "adds this SigMF recording, repeated as needed, from a drawn start")
      ("noise-gain-db", po::value<double>()->default_value(0, "0"), "gain of that recording, dB")
      ("impulses", po::value<Texts>(), "RATE_HZ@WIDTH_US@DBFS: noise bursts at Poisson times (repeatable)")
      ("tone", po::value<Texts>(), "FREQUENCY_HZ@DBFS: a steady tone, Hz in the recording's samples (repeatable)")
      ("dc", po::value<double>()->default_value(0, "0"), "constant added to every sample, full scale 1")
      ("clip", po::value<double>(), "limits every sample (both parts) to +- this, full scale 1")
      ("datatype", po::value<std::string>(), "ri16_le ci16_le rf32_le cf32_le cu8 (the input's)")
      ("seed", po::value<std::uint64_t>()->default_value(1), "seed of everything drawn")
      ("no-hash", "do not check the input's core:sha512");
  // clang-format on
  return options;
}

LineConfig line_of(const po::variables_map& values, bool complex_samples) {
  using Texts = std::vector<std::string>;
  LineConfig c;
  c.delay_samples = in_range("delay-samples", values["delay-samples"].as<double>(), 0, 1e9, "samples");
  c.clock_ppm = in_range("clock-ppm", values["clock-ppm"].as<double>(), -1000, 1000, "ppm");
  c.cfo_hz = in_range("cfo-hz", values["cfo-hz"].as<double>(), -1e9, 1e9, "Hz");
  if (c.cfo_hz != 0 && !complex_samples) {
    throw UsageError("--cfo-hz needs a complex recording; on real ones use ngplc tx --cfo-hz");
  }
  if (values.count("taps")) {
    const auto taps = ngdsp::parse_taps(values["taps"].as<std::string>());
    if (!taps) throw UsageError("--taps: " + taps.error());
    c.paths = ngdsp::line_through(*taps);
  }
  const auto amplitude = [](double dbfs) { return std::pow(10.0, dbfs / 20.0); };
  if (values.count("impulses")) {
    for (const auto& text : values["impulses"].as<Texts>()) {
      const auto v = parse_at_list("impulses", text, 3, "RATE_HZ@WIDTH_US@DBFS such as 50@100@-6");
      c.impulses.push_back({in_range("impulses", v[0], 0, 1e6, "impulses/s"),
                            in_range("impulses", v[1], 0, 1e6, "us") * 1e-6,
                            amplitude(in_range("impulses", v[2], -200, 40, "dB of full scale"))});
    }
  }
  if (values.count("tone")) {
    for (const auto& text : values["tone"].as<Texts>()) {
      const auto v = parse_at_list("tone", text, 2, "FREQUENCY_HZ@DBFS such as 50000@-20");
      c.tones.push_back({v[0], amplitude(in_range("tone", v[1], -200, 40, "dB of full scale"))});
    }
  }
  c.gain = amplitude(in_range("gain-db", values["gain-db"].as<double>(), -200, 200, "dB"));
  c.dc = in_range("dc", values["dc"].as<double>(), -1e3, 1e3, "");
  c.noise_gain = amplitude(in_range("noise-gain-db", values["noise-gain-db"].as<double>(), -200, 200, "dB"));
  if (values.count("clip")) c.clip = in_range("clip", values["clip"].as<double>(), 1e-9, 1e9, "");
  c.dac_bits = static_cast<int>(in_range("dac-bits", values["dac-bits"].as<int>(), 0, 24, "bits"));
  c.seed = values["seed"].as<std::uint64_t>();
  return c;
}

/// Variance of the white noise the options ask for; a negative one after an error that has been said.
double white_variance(const po::variables_map& values, const std::optional<Profile>& profile,
                      const std::string& name, const std::vector<TrueFrame>& frames, double sample_rate_hz) {
  if (values.count("noise-dbfs"))
    return ngdsp::from_db(in_range("noise-dbfs", values["noise-dbfs"].as<double>(), -300, 60, "dB"));
  const bool by_ebn0 = values.count("ebn0-db") > 0;
  if (!by_ebn0 && !values.count("snr-db")) return 0;
  const auto strongest =
      std::max_element(frames.begin(), frames.end(),
                       [](const TrueFrame& a, const TrueFrame& b) { return a.amplitude < b.amplitude; });
  double power = strongest == frames.end() ? 0 : strongest->amplitude * strongest->amplitude;
  int bytes = strongest == frames.end() ? 0 : static_cast<int>(strongest->payload.size());
  if (values.count("signal-dbfs")) power = ngdsp::from_db(values["signal-dbfs"].as<double>());
  if (values.count("payload-bytes")) bytes = values["payload-bytes"].as<int>();
  if (!(power > 0) || (by_ebn0 && bytes == 0)) {
    spdlog::error("{}: no annotated frame with ngplc:amplitude, expected --signal-dbfs and --payload-bytes",
                  name);
    return -1;
  }
  double chip_ec_n0 = 0;
  if (by_ebn0) {
    if (profile->first_sequence(bytes) < 0) {
      spdlog::error("{}: {} payload bytes are not a class of {}", name, bytes, profile->name);
      return -1;
    }
    const auto& payload_class = profile->class_of(profile->first_sequence(bytes));
    chip_ec_n0 = ngdsp::chip_ec_n0_from_ebn0_db(
        *profile, payload_class, in_range("ebn0-db", values["ebn0-db"].as<double>(), -60, 100, "dB"));
  } else {
    const double snr_db = in_range("snr-db", values["snr-db"].as<double>(), -100, 100, "dB");
    chip_ec_n0 = ngdsp::from_db(snr_db - ngdsp::snr_db_from_chip(*profile, 1.0));
  }
  return ngdsp::noise_variance(*profile, sample_rate_hz, power, chip_ec_n0);
}

/// The scenario into the line.
Status place_scenario(LineConfig& c, const ngdsp::Scenario& scenario, const Profile& profile,
                      const ngdsp::SigmfMeta& meta) {
  Profile placed = profile;
  if (!profile.real) placed.center_hz = meta.frequency_hz().value_or(profile.carrier_hz);
  if (c.sender().states[0].taps.empty()) {
    auto paths = ngdsp::place_line(scenario.line, placed);
    if (!paths) return Error{fmt::format("{}: {}", scenario.name, paths.error())};
    c.paths = std::move(*paths);
  } else if (scenario.line.grid || !scenario.line.paths.empty() || !scenario.line.others.empty()) {
    throw UsageError("--taps: the scenario has paths of its own");
  }
  c.gain *= scenario.line.divider_gain();
  c.scenario = scenario;
  c.band = ngdsp::noise_band(placed, meta.sample_rate_hz);
  return std::nullopt;
}

/// The truth after the line: everything later by the delay and at the new clock.
void move_frames(std::vector<TrueFrame>& frames, const LineConfig& c) {
  const double step = 1 + c.clock_ppm * 1e-6;
  const double strongest_delay = c.sender().delay_chips * c.chip_samples;
  for (TrueFrame& frame : frames) {
    frame.start_samples = (frame.start_samples + c.delay_samples + strongest_delay) / step;
    frame.length_samples /= step;
    frame.clock_ppm += c.clock_ppm;
    frame.carrier_offset_hz += c.cfo_hz;
  }
}

template <typename Sample>
Status load_noise(const std::string& path, const ngdsp::SigmfReaderOptions& options, double sample_rate_hz,
                  std::vector<Sample>& noise) {
  auto reader = SigmfReader::open(path, options);
  if (!reader) return Error{reader.error()};
  if (std::abs(reader->meta().sample_rate_hz / sample_rate_hz - 1) > 1e-6) {
    return Error{fmt::format("{}: core:sample_rate is {:g}, expected the input's {:g}", reader->meta_path(),
                             reader->meta().sample_rate_hz, sample_rate_hz)};
  }
  if (ngdsp::is_complex(reader->meta().format) != std::is_same_v<Sample, cf32>) {
    return Error{fmt::format("{}: core:datatype is {}, expected {} samples as in the input",
                             reader->meta_path(), ngdsp::sample_format_name(reader->meta().format),
                             std::is_same_v<Sample, cf32> ? "complex" : "real")};
  }
  auto samples = read_all<Sample>(*reader);
  if (!samples) return Error{samples.error()};
  noise = std::move(*samples);
  if (noise.empty()) return Error{reader->data_path() + ": no samples, expected at least one"};
  return std::nullopt;
}

template <typename Sample>
Status run_with(const LineConfig& c, const po::variables_map& values,
                const ngdsp::SigmfReaderOptions& options, SigmfReader& reader, std::uint64_t samples,
                ngdsp::SigmfWriter& writer) {
  std::vector<Sample> noise;
  if (values.count("noise")) {
    if (auto error =
            load_noise(values["noise"].as<std::string>(), options, reader.meta().sample_rate_hz, noise))
      return error;
  }
  if (auto error = run_line(c, reader, noise, samples, writer)) return error;
  return writer.close();
}

int fail(const std::string& text) {
  spdlog::error("{}", text);
  return kFailed;
}

}  // namespace

int run_channel(const Arguments& args) {
  po::options_description hidden;
  hidden.add_options()("in", po::value<std::string>())("out", po::value<std::string>());
  po::positional_options_description positional;
  positional.add("in", 1).add("out", 1);
  const auto parsed = parse_options(
      {"channel", "IN OUT [options]",
       "Passes the recording IN through a line and writes OUT. Paths, delay and clock first, then carrier\n"
       "offset, the scenario, tones, recorded noise, impulses, white noise, DC, clipping. Annotations move "
       "along."},
      channel_options(), hidden, positional, args);
  if (!parsed) return kDone;
  const auto& values = *parsed;
  if (!values.count("out")) throw UsageError("two recordings expected, IN and OUT");
  const ngdsp::SigmfReaderOptions options{.check_hash = values.count("no-hash") == 0};
  auto reader = SigmfReader::open(values["in"].as<std::string>(), options);
  if (!reader) return fail(reader.error());
  ngdsp::SigmfMeta meta = reader->meta();
  const bool complex_samples = ngdsp::is_complex(meta.format);
  auto frames = true_frames(meta, reader->meta_path());
  if (!frames) return fail(frames.error());

  LineConfig line = line_of(values, complex_samples);
  std::optional<ngdsp::Scenario> scenario;
  if (values.count("scenario")) {
    scenario = option_scenario(values["scenario"].as<std::string>());
    if (!scenario) return kFailed;
    if (!values.count("ebn0-db") && !values.count("snr-db") && !values.count("noise-dbfs"))
      throw UsageError("--scenario: its background needs a level, --ebn0-db, --snr-db or --noise-dbfs");
  }
  std::optional<Profile> profile;
  if (values.count("profile")) {
    profile = option_profile(values["profile"].as<std::string>());
    if (!profile) return kFailed;
  } else if (const auto name = nlohmann::json::parse(meta.ngplc_json("profile"), nullptr, false);
             name.is_string()) {
    const auto found = ngdsp::load_profile(name.get<std::string>());
    if (!found) return fail(reader->meta_path() + ": ngplc:profile: " + found.error());
    profile = *found;
  }
  const bool needs_profile =
      values.count("ebn0-db") || values.count("snr-db") || values.count("taps") || scenario;
  if (needs_profile && !profile) return fail(reader->meta_path() + ": no ngplc:profile, expected --profile");
  if (profile) {
    profile->real = !complex_samples;
    line.chip_samples = meta.sample_rate_hz / profile->chip_rate_hz;
  }
  if (scenario) {
    if (const auto error = place_scenario(line, *scenario, *profile, meta)) return fail(error->text);
  }
  for (TrueFrame& frame : *frames) frame.amplitude *= line.gain;
  line.noise_variance = white_variance(values, profile, reader->meta_path(), *frames, meta.sample_rate_hz);
  if (line.noise_variance < 0) return kFailed;

  if (values.count("datatype")) {
    const auto format = ngdsp::parse_sample_format(values["datatype"].as<std::string>());
    if (!format) throw UsageError("--datatype: " + format.error());
    if (ngdsp::is_complex(*format) != complex_samples)
      throw UsageError("--datatype: real stays real and complex stays complex");
    meta.format = *format;
  }
  meta.recorder = fmt::format("ngplc channel {}", NGPLC_VERSION);
  move_frames(*frames, line);
  meta.annotations.clear();
  const double step = 1 + line.clock_ppm * 1e-6;
  for (auto& capture : meta.captures) {
    if (capture.sample_start > 0) {
      capture.sample_start = static_cast<std::uint64_t>(
          std::round((static_cast<double>(capture.sample_start) + line.delay_samples) / step));
    }
  }
  auto writer = ngdsp::SigmfWriter::create(values["out"].as<std::string>(), meta);
  if (!writer) return fail(writer.error());
  for (const auto& frame : *frames) writer->annotate(to_annotation(frame));
  const auto samples = static_cast<std::uint64_t>(
      std::ceil((static_cast<double>(reader->samples()) + line.delay_samples) / step));
  const auto error = complex_samples ? run_with<cf32>(line, values, options, *reader, samples, *writer)
                                     : run_with<float>(line, values, options, *reader, samples, *writer);
  if (error) return fail(error->text);
  if (const auto bad = reader->non_finite())
    spdlog::warn("{}: {} samples were not finite and were taken as zero", reader->data_path(), bad);
  if (const auto saturated = writer->defects().saturated)
    spdlog::warn("{} samples beyond full scale were limited", saturated);
  if (line.noise_variance > 0)
    spdlog::info("{} noise of {:.2f} dB of full scale a sample", line.scenario ? "background" : "white",
                 ngdsp::to_db(line.noise_variance));
  return kDone;
}

}  // namespace ngplc_app
