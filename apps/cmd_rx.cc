// ngplc rx: a device, recordings or raw samples in, frames out.
#include <fmt/core.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "device/file_device.h"
#include "device/open.h"
#include "device/pipe_source.h"
#include "device_options.h"
#include "frame_report.h"
#include "hub_link.h"
#include "ngdsp/io/sigmf_reader.h"
#include "ngdsp/rx/receiver.h"
#include "options.h"
#include "progress.h"
#include "truth.h"

namespace ngplc_app {
namespace {

using ngdevice::SampleSource;
using ngdsp::cf32;
using ngdsp::Error;
using ngdsp::Profile;
using ngdsp::ReceivedFrame;
using ngdsp::SampleFormat;
using ngdsp::Status;

volatile std::sig_atomic_t stop_requested = 0;
void request_stop(int) { stop_requested = 1; }

struct RxOptions {
  std::optional<Profile> profile;  ///< empty: the recording's, else the default
  double carrier_hz = -1, center_hz = -1, threshold = 0, max_clock_ppm = -1;
  std::size_t chunk = 65536;
  int threads = 1;
  bool json = false, status = false, realtime = false, check_hash = true;
  SampleFormat stdin_format = SampleFormat::kRi16;
  bool stdin_format_given = false;
  double sample_rate_hz = 0;  ///< of standard input or a device; 0: the profile's
  double seconds = 0;         ///< of signal, 0: to its end
};

/// One input: what is known about it before the first sample.
struct Input {
  std::string name;
  Profile profile;  ///< as it lies in the samples
  SampleFormat format = SampleFormat::kRi16;
  std::uint64_t samples = 0;  ///< 0: unknown
  bool live = false;          ///< a device: its counters are shown, its silence is told
  std::vector<TrueFrame> truth;
  bool has_truth = false;
  FrameOrigin origin;
};

/// Where frames go.
struct Output {
  const RxOptions& options;
  std::ofstream trace{};
  std::optional<HubLink> hub{};
  bool header_shown = false;
  std::uint64_t frames = 0, expected = 0, found = 0, unexpected = 0, unsent = 0;
};

void show(Output& out, Progress& progress, const Input& input, const ReceivedFrame& frame) {
  progress.clear();
  if (out.options.json) {
    std::cout << frame_json(frame, input.name, input.profile.sample_rate_hz).dump() << '\n';
  } else {
    if (!out.header_shown) std::cout << table_header() << '\n';
    out.header_shown = true;
    std::cout << table_row(frame, input.profile.sample_rate_hz) << '\n';
  }
  std::cout.flush();
}

/// Full scale of a format: what its largest value reads as.
double full_scale(SampleFormat format) {
  const bool sixteen_bits = format == SampleFormat::kRi16 || format == SampleFormat::kCi16;
  return sixteen_bits ? 32767.0 / 32768.0 : 1.0;
}

/// `frames`: those to be compared with the truth, where there is one.
void report(Output& out, const Input& input, const ngdsp::Receiver& receiver,
            const std::vector<ReceivedFrame>& frames, const ngdevice::StreamInfo& stream,
            const ngdevice::StreamCounters& streamed, double took_s) {
  const double rate_hz = input.profile.sample_rate_hz;
  const double signal_s = static_cast<double>(receiver.counters().samples) / rate_hz;
  auto counters = receiver.counters();
  counters.nonfinite_samples += streamed.nonfinite_samples;
  if (counters.nonfinite_samples > 0) {
    spdlog::warn("{}: {} samples were not finite and were taken as zero", input.name,
                 counters.nonfinite_samples);
  }
  out.frames += counters.frames;
  TruthMatch match;
  if (input.has_truth) {
    match = match_truth(input.truth, frames, input.profile.samples_per_chip());
    out.expected += match.expected;
    out.found += match.found;
    out.unexpected += match.unexpected;
  }
  if (out.options.json && out.options.status) {
    nlohmann::json line = {{"type", "status"},
                           {"file", input.name},
                           {"profile", input.origin.profile},
                           {"sample_rate_hz", rate_hz},
                           {"signal_seconds", signal_s},
                           {"seconds", took_s},
                           {"realtime_factor", took_s > 0 ? signal_s / took_s : 0.0},
                           {"noise_dbfs", receiver.noise_dbfs()},
                           {"collapsed", receiver.collapsed()},
                           {"noise", noise_json(receiver.noise_report(), input.profile)},
                           {"counters", counters_json(counters)}};
    if (!std::isfinite(line["noise_dbfs"].get<double>())) line["noise_dbfs"] = nullptr;
    if (input.live) line["device"] = device_json(stream, streamed);
    if (input.has_truth) {
      line["truth"] = {
          {"expected", match.expected}, {"found", match.found}, {"unexpected", match.unexpected}};
    }
    std::cout << line.dump() << std::endl;
  }
  std::string text = fmt::format("{}: {}, {} frames in {:.1f} s of signal", input.name, input.origin.profile,
                                 counters.frames, signal_s);
  if (took_s > 0) text += fmt::format(", {:.0f} x real time", signal_s / took_s);
  if (input.has_truth)
    text += fmt::format("; truth: {} of {} found, {} others", match.found, match.expected, match.unexpected);
  if (counters.collapses > 0)
    text +=
        fmt::format("; collapsed {} times{}", counters.collapses, receiver.collapsed() ? ", still so" : "");
  if (counters.silent_samples > 0) text += fmt::format("; {} silent samples", counters.silent_samples);
  if (counters.clipped_samples > 0) text += fmt::format("; {} clipped samples", counters.clipped_samples);
  if (const auto troubles = device_troubles(streamed); input.live && !troubles.empty())
    text += "; " + troubles;
  spdlog::info("{}", text);
}

/// Says once that a device gives nothing, and at most every ten seconds that samples are missing.
class Watch {
 public:
  explicit Watch(const Input& input) : input_(input) {}
  void see(const ngdevice::Chunk& chunk, const ngdevice::StreamCounters& counters) {
    const auto now = Clock::now();
    if (chunk.count > 0) {
      heard_ = now;
      silence_told_ = false;
    } else if (!silence_told_ && now - heard_ > std::chrono::seconds(5)) {
      silence_told_ = true;
      spdlog::warn("{}: no samples for 5 s", input_.name);
    }
    if (chunk.gap && now >= next_gap_told_) {
      next_gap_told_ = now + std::chrono::seconds(10);
      spdlog::warn("{}: {}", input_.name, device_troubles(counters));
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  const Input& input_;
  Clock::time_point heard_ = Clock::now(), next_gap_told_{};
  bool silence_told_ = false;
};

/// Decodes one input to its end.
template <typename Sample>
Status decode(const Input& input, SampleSource<Sample>& source, Output& out) {
  using Clock = std::chrono::steady_clock;
  std::vector<ReceivedFrame> frames;
  Progress progress("receiving", input.samples);
  ngdsp::ReceiverConfig config;
  config.profile = input.profile;
  config.detection_threshold = out.options.threshold;
  config.max_clock_ppm = out.options.max_clock_ppm;
  config.full_scale = full_scale(input.format);
  config.threads = out.options.threads;
  FrameOrigin origin = input.origin;
  origin.time_source = source.info().time_source;
  const auto on_frame = [&](const ReceivedFrame& frame) {
    show(out, progress, input, frame);
    origin.sample0_time_ns = source.sample0_time_ns();
    if (out.hub && !out.hub->send(frame, origin)) ++out.unsent;
    if (input.has_truth) frames.push_back(frame);  // a device may be listened to for years
  };
  ngdsp::Receiver::TraceHandler on_trace;
  if (out.trace.is_open()) {
    on_trace = [&](const ngdsp::CandidateTrace& candidate) {
      out.trace << candidate_json(candidate, input.name).dump() << '\n';
    };
  }
  auto receiver = ngdsp::Receiver::create(config, on_frame, on_trace);
  if (!receiver)
    return Error{fmt::format("{}: core:sample_rate {:g}: {}", input.name, input.profile.sample_rate_hz,
                             receiver.error())};
  if (out.hub) out.hub->start_run();

  const double limit =
      out.options.seconds > 0 ? out.options.seconds * input.profile.sample_rate_hz : HUGE_VAL;
  std::vector<Sample> block(out.options.chunk);
  std::uint64_t at = 0;
  Clock::duration waited{};  // for samples: what is left is what the receiver takes
  const auto begin = Clock::now();
  Watch watch(input);
  Status failure;
  bool more = true;
  while (more && !stop_requested && static_cast<double>(at) < limit) {
    const auto asked = Clock::now();
    const auto got = source.read(ngdsp::Span<Sample>(block));
    if (!got) failure = Error{got.error()};
    if (!got) break;
    if (input.live || out.options.realtime) waited += Clock::now() - asked;
    if (input.live) watch.see(*got, source.counters());
    if (got->gap) receiver->reset_at(at += got->missing);
    receiver->process(ngdsp::Span<const Sample>(block.data(), got->count));
    at += got->count;
    more = !got->ended;
    progress.update(at);
  }
  receiver->flush();
  progress.clear();
  report(out, input, *receiver, frames, source.info(), source.counters(),
         std::chrono::duration<double>(Clock::now() - begin - waited).count());
  return failure;
}

/// The profile placed into samples of this kind, or why it does not fit.
Status place(Input& input, const Profile& profile, const RxOptions& options, double center_hz,
             double rate_hz) {
  const bool complex_samples = ngdsp::is_complex(input.format);
  const auto placed = placed_profile(profile, complex_samples, options.carrier_hz,
                                     options.center_hz >= 0 ? options.center_hz : center_hz);
  if (!placed) {
    return Error{fmt::format("{}: core:datatype is {}, expected complex samples for {}", input.name,
                             ngdsp::sample_format_name(input.format), profile.name)};
  }
  input.profile = *placed;
  input.profile.sample_rate_hz = rate_hz;
  input.origin.profile = profile.name;
  input.origin.sample_rate_hz = rate_hz;
  if (const std::string wrong = input.profile.validate(); !wrong.empty()) {
    return Error{fmt::format("{}: core:sample_rate {:g} and core:frequency {:.0f} do not fit profile {}: {}",
                             input.name, rate_hz, input.profile.center_hz, profile.name, wrong)};
  }
  return std::nullopt;
}

/// The profile a recording was made with, unless the user names another one; `carrier_hz` is where it lies.
ngdsp::Result<Profile> recorded_profile(const ngdsp::SigmfMeta& meta, const std::string& name,
                                        RxOptions& options) {
  if (options.profile) return *options.profile;
  const auto json = nlohmann::json::parse(meta.ngplc_json("profile"), nullptr, false);
  if (json.is_discarded() || json.is_null()) return ngdsp::load_profile("cenelec-a");
  if (!json.is_string()) return Error{name + ": global.ngplc:profile: expected the name of a profile"};
  auto profile = ngdsp::find_profile(json.get<std::string>());
  if (!profile)
    return Error{name + ": global.ngplc:profile: " + profile.error() + "; --profile names another one"};
  const auto carrier = nlohmann::json::parse(meta.ngplc_json("carrier_hz"), nullptr, false);
  if (options.carrier_hz < 0 && carrier.is_number()) options.carrier_hz = carrier.get<double>();
  return *profile;
}

Status receive_file(const std::string& path, Output& out) {
  RxOptions options = out.options;
  auto reader = ngdsp::SigmfReader::open(path, {.check_hash = options.check_hash});
  if (!reader) return Error{reader.error()};
  const auto& meta = reader->meta();
  Input input;
  input.name = reader->meta_path();
  input.format = meta.format;
  input.samples = reader->samples();
  const auto profile = recorded_profile(meta, input.name, options);
  if (!profile) return Error{profile.error()};
  if (auto error = place(input, *profile, options, meta.frequency_hz().value_or(-1), meta.sample_rate_hz))
    return error;
  auto truth = true_frames(meta, input.name);
  if (!truth) return Error{truth.error()};
  input.truth = std::move(*truth);
  input.has_truth = !input.truth.empty();
  if (input.profile.real) {
    ngdevice::FileSource<float> source(std::move(*reader), options.realtime);
    return decode(input, source, out);
  }
  ngdevice::FileSource<cf32> source(std::move(*reader), options.realtime);
  return decode(input, source, out);
}

Status receive_stdin(Output& out) {
  const RxOptions& options = out.options;
  const auto named =
      options.profile ? ngdsp::Result<Profile>(*options.profile) : ngdsp::load_profile("cenelec-a");
  if (!named) return Error{named.error()};
  Input input;
  input.name = "standard input";
  input.format = options.stdin_format_given ? options.stdin_format
                 : named->real              ? SampleFormat::kRi16
                                            : SampleFormat::kCi16;
  if (auto error = place(input, *named, options, -1,
                         options.sample_rate_hz > 0 ? options.sample_rate_hz : named->sample_rate_hz))
    return error;
  const double rate_hz = input.profile.sample_rate_hz;
  if (input.profile.real) {
    ngdevice::PipeSource<float> source(STDIN_FILENO, input.format, input.name, rate_hz);
    return decode(input, source, out);
  }
  ngdevice::PipeSource<cf32> source(STDIN_FILENO, input.format, input.name, rate_hz);
  return decode(input, source, out);
}

template <typename Sample>
Status receive_from(const Input& input, const ngdevice::DeviceSettings& settings, Output& out) {
  auto source = ngdevice::open_source<Sample>(settings);
  if (!source) return Error{source.error()};
  spdlog::info("{}: {}", input.name, (*source)->info().hardware);
  return decode(input, **source, out);
}

Status receive_device(const po::variables_map& values, Output& out) {
  const RxOptions& options = out.options;
  auto named = options.profile ? ngdsp::Result<Profile>(*options.profile) : ngdsp::load_profile("cenelec-a");
  if (!named) return Error{named.error()};
  if (options.sample_rate_hz > 0) named->sample_rate_hz = options.sample_rate_hz;
  const auto settings = device_settings(values, *named);
  Input input;
  input.name = settings.device;
  input.live = true;
  input.format = named->real ? SampleFormat::kRi16 : SampleFormat::kCi16;  // full scale of what is not float
  if (auto error =
          place(input, *named, options, named->real ? -1 : settings.frequency_hz, settings.sample_rate_hz))
    return error;
  return named->real ? receive_from<float>(input, settings, out) : receive_from<cf32>(input, settings, out);
}

po::options_description rx_options() {
  po::options_description options("");
  // clang-format off
  options.add_options()
      ("profile", po::value<std::string>(), "shipped profile or FILE.toml (the recording's ngplc:profile, else cenelec-a)")
      ("carrier-hz", po::value<double>(), "carrier in the input, Hz (the recording's ngplc:carrier_hz, else the profile's)")
      ("center-hz", po::value<double>(), "frequency of zero in complex input, Hz (the recording's core:frequency, else the profile's)")
      ("datatype", po::value<std::string>(), "of '-': ri16_le ci16_le rf32_le cf32_le cu8 (ri16_le on mains, ci16_le on radio)")
      ("sample-rate", po::value<double>(), "of '-' or --device, samples/s (the profile's)")
      ("seconds", po::value<double>(), "end after so much signal, s (its end)")
      ("json", "one frame a line as JSON on stdout")
      ("status", "with --json: a last line a file with counters, speed and the comparison with the truth")
      ("trace", po::value<std::string>(), "write one JSON line for every candidate: where it ended and why")
      ("threshold", po::value<double>(), "detection threshold of the preamble statistic, exponential(1) on noise (built in)")
      ("max-clock-ppm", po::value<double>(), "largest clock offset searched, ppm (the profile's)")
      ("hub", po::value<std::string>(), "feed the hub at this endpoint, such as tcp://127.0.0.1:5555 or ipc:///run/ngplc/feed")
      ("spool", po::value<std::string>(), "folder that keeps records the hub has not committed (memory only)")
      ("mirror", po::value<std::string>(), "publish every record here as well, endpoint")
      ("receiver-id", po::value<std::string>(), "name of this receiver in the records (the host's name)")
      ("hub-timeout-s", po::value<double>()->default_value(30, "30"), "wait at the end for the hub to commit everything, s")
      ("chunk", po::value<std::size_t>()->default_value(65536), "samples handed to the receiver at once")
      ("threads", po::value<int>()->default_value(1), "cores the receiver may use; the frames are the same")
      ("realtime", "play files at their own speed")
      ("no-hash", "do not check core:sha512");
  // clang-format on
  add_device_options(options);
  return options;
}

RxOptions options_of(const po::variables_map& values) {
  RxOptions o;
  if (values.count("carrier-hz"))
    o.carrier_hz = in_range("carrier-hz", values["carrier-hz"].as<double>(), 0, 1e11, "Hz");
  if (values.count("center-hz"))
    o.center_hz = in_range("center-hz", values["center-hz"].as<double>(), 0, 1e11, "Hz");
  if (values.count("threshold"))
    o.threshold = in_range("threshold", values["threshold"].as<double>(), 1, 1e6, "");
  if (values.count("max-clock-ppm"))
    o.max_clock_ppm = in_range("max-clock-ppm", values["max-clock-ppm"].as<double>(), 0, 200, "ppm");
  o.chunk = static_cast<std::size_t>(
      in_range("chunk", static_cast<double>(values["chunk"].as<std::size_t>()), 1, 1 << 26, "samples"));
  o.threads = static_cast<int>(in_range("threads", values["threads"].as<int>(), 1, 64, "threads"));
  o.json = values.count("json") > 0;
  o.status = values.count("status") > 0;
  o.realtime = values.count("realtime") > 0;
  o.check_hash = values.count("no-hash") == 0;
  if (values.count("sample-rate"))
    o.sample_rate_hz = in_range("sample-rate", values["sample-rate"].as<double>(), 100, 1e9, "samples/s");
  if (values.count("seconds"))
    o.seconds = in_range("seconds", values["seconds"].as<double>(), 0.001, 1e9, "s");
  if (values.count("datatype")) {
    const auto format = ngdsp::parse_sample_format(values["datatype"].as<std::string>());
    if (!format) throw UsageError("--datatype: " + format.error());
    o.stdin_format = *format;
    o.stdin_format_given = true;
  }
  return o;
}

std::string host_name() {
  char name[65] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "ngplc";
  std::string text;
  for (const char* c = name; *c; ++c)
    text += std::isalnum(static_cast<unsigned char>(*c)) || *c == '.' || *c == '-' || *c == '_' ? *c : '-';
  return text;
}

/// Every recording behind the words; what cannot be listed is said and counted.
std::vector<std::string> recordings(const std::vector<std::string>& words, int& failed) {
  std::vector<std::string> files;
  for (const std::string& word : words) {
    if (word == "-") {
      files.push_back(word);
      continue;
    }
    const auto found = ngdsp::list_sigmf(word);
    if (!found) {
      spdlog::error("{}", found.error());
      ++failed;
      continue;
    }
    files.insert(files.end(), found->begin(), found->end());
  }
  return files;
}

}  // namespace

int run_rx(const Arguments& args) {
  po::options_description hidden;
  hidden.add_options()("input", po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add("input", -1);
  const auto parsed = parse_options(
      {"rx", "--device DEVICE | FILE.sigmf-meta ... | FOLDER | - [options]",
       "Decodes what a device hears, recordings, all recordings of a folder, or raw samples on\n"
       "standard input.\n"
       "A recording with annotated frames is compared with them."},
      rx_options(), hidden, positional, args);
  if (!parsed) return kDone;
  const auto& values = *parsed;
  if (values.count("input") == values.count("device")) {
    throw UsageError(values.count("input")
                         ? "either a recording or --device, not both"
                         : "no input named, expected --device, FILE.sigmf-meta, a folder, or - for "
                           "standard input");
  }
  if (!values.count("device")) refuse_device_options(values);
  RxOptions options = options_of(values);
  if (values.count("profile")) {
    options.profile = option_profile(values["profile"].as<std::string>());
    if (!options.profile) return kFailed;
  }
  Output out{.options = options};
  if (values.count("trace")) {
    const auto path = values["trace"].as<std::string>();
    out.trace.open(path);
    if (!out.trace) {
      spdlog::error("{}: cannot be written, expected a path for --trace", path);
      return kFailed;
    }
  }
  if (values.count("hub")) {
    HubOptions hub;
    hub.endpoint = values["hub"].as<std::string>();
    if (values.count("spool")) hub.spool_directory = values["spool"].as<std::string>();
    if (values.count("mirror")) hub.mirror_endpoint = values["mirror"].as<std::string>();
    hub.receiver_id = values.count("receiver-id") ? values["receiver-id"].as<std::string>() : host_name();
    auto link = HubLink::open(hub);
    if (!link) {
      spdlog::error("--hub: {}", link.error());
      return kFailed;
    }
    out.hub.emplace(std::move(*link));
  } else if (values.count("spool") || values.count("mirror")) {
    throw UsageError("--spool and --mirror need --hub");
  }
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);

  int failed = 0;
  std::vector<std::string> files;
  if (values.count("device")) {
    if (const auto error = receive_device(values, out)) {
      spdlog::error("{}", error->text);
      ++failed;
    }
  } else {
    files = recordings(values["input"].as<std::vector<std::string>>(), failed);
  }
  for (const std::string& file : files) {
    if (stop_requested) break;
    const auto error = file == "-" ? receive_stdin(out) : receive_file(file, out);
    if (!error) continue;
    spdlog::error("{}", error->text);
    ++failed;
  }
  if (files.size() > 1) {
    spdlog::info("{} inputs, {} frames; truth: {} of {} found, {} others", files.size(), out.frames,
                 out.found, out.expected, out.unexpected);
  }
  if (out.trace.is_open()) {
    out.trace.close();
    if (!out.trace) {
      spdlog::error("{}: writing failed", values["trace"].as<std::string>());
      ++failed;
    }
  }
  if (out.hub) {
    if (out.unsent > 0) spdlog::error("--hub: {} frames refused, memory and disk are full", out.unsent);
    failed += out.unsent > 0;
    const double timeout_s = in_range("hub-timeout-s", values["hub-timeout-s"].as<double>(), 0, 86400, "s");
    if (const auto error = out.hub->finish(timeout_s)) {
      spdlog::error("--hub: {}", error->text);
      ++failed;
    }
  }
  return failed ? kFailed : kDone;
}

}  // namespace ngplc_app
