// ngplc record: what a device hears becomes a SigMF recording.
#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "device_options.h"
#include "ngdsp/base/db.h"
#include "ngdsp/io/sigmf_writer.h"
#include "progress.h"

namespace ngplc_app {
namespace {

using ngdsp::cf32;
using ngdsp::Error;
using ngdsp::Status;

volatile std::sig_atomic_t stop_requested = 0;

struct Recording {
  std::string path;
  ngdsp::SampleFormat format = ngdsp::SampleFormat::kRi16;
  ngdsp::Profile profile;
  double seconds = 0;  ///< 0: until stopped
};

/// How loud it was, so that the next recording can be made with a better gain.
struct Level {
  double energy = 0, peak = 0;
  std::uint64_t samples = 0;

  template <typename Sample>
  void add(ngdsp::Span<const Sample> in) {
    for (const Sample& sample : in) {
      const double power = std::norm(sample);
      energy += power;
      peak = std::max(peak, power);
    }
    samples += in.size();
  }
  double rms_dbfs() const {
    return ngdsp::to_db(std::max(energy / std::max(1.0, static_cast<double>(samples)), 1e-20));
  }
  double peak_dbfs() const { return ngdsp::to_db(std::max(peak, 1e-20)); }
};

ngdsp::SigmfMeta meta_of(const Recording& recording, const ngdevice::StreamInfo& info) {
  ngdsp::SigmfMeta meta;
  meta.format = recording.format;
  meta.sample_rate_hz = info.sample_rate_hz;
  meta.recorder = fmt::format("ngplc record {}", NGPLC_VERSION);
  meta.hardware = info.hardware;
  meta.ngplc = {{"profile", nlohmann::json(recording.profile.name).dump()},
                {"carrier_hz", nlohmann::json(recording.profile.carrier_hz).dump()},
                {"time_source", nlohmann::json(info.time_source).dump()}};
  if (info.gain_db) meta.ngplc.push_back({"gain_db", nlohmann::json(*info.gain_db).dump()});
  return meta;
}

/// Captures begin at the start and after every gap, with their time and place in the stream as far as known.
class Captures {
 public:
  Captures(ngdsp::SigmfWriter& writer, std::optional<double> frequency_hz, double rate_hz)
      : writer_(writer), frequency_hz_(frequency_hz), rate_hz_(rate_hz) {}

  void follow(const ngdevice::Chunk& chunk, std::int64_t sample0_time_ns) {
    const bool first = writer_.samples() == 0;
    if (chunk.gap && !first) {
      index_ += chunk.missing;
      known_ = known_ && chunk.missing > 0;
    }
    if (first || chunk.gap) {
      ngdsp::SigmfCapture capture;
      capture.frequency_hz = frequency_hz_;
      if (sample0_time_ns > 0 && known_)
        capture.datetime_ns =
            sample0_time_ns + ngdevice::samples_to_ns(static_cast<double>(index_), rate_hz_);
      if (known_) capture.global_index = index_;
      writer_.begin_capture(capture);
    }
    index_ += chunk.count;
  }

 private:
  ngdsp::SigmfWriter& writer_;
  std::optional<double> frequency_hz_;
  double rate_hz_;
  std::uint64_t index_ = 0;  ///< of the next sample in the stream
  bool known_ = true;        ///< until a device cannot say how many samples are missing
};

template <typename Sample>
Status record(const Recording& recording, const ngdevice::DeviceSettings& settings, bool json) {
  auto source = ngdevice::open_source<Sample>(settings);
  if (!source) return Error{source.error()};
  const auto& info = (*source)->info();
  spdlog::info("{}: {}", settings.device, info.hardware);
  auto writer = ngdsp::SigmfWriter::create(recording.path, meta_of(recording, info));
  if (!writer) return Error{writer.error()};
  Captures captures(*writer, info.frequency_hz, info.sample_rate_hz);
  const auto wanted = static_cast<std::uint64_t>(std::llround(recording.seconds * info.sample_rate_hz));
  Progress progress("recording", wanted);
  Level level;
  std::vector<Sample> block(1 << 16);
  for (bool more = true; more && !stop_requested && (wanted == 0 || writer->samples() < wanted);) {
    std::size_t room = block.size();
    if (wanted > 0)
      room = static_cast<std::size_t>(std::min<std::uint64_t>(room, wanted - writer->samples()));
    const auto got = (*source)->read(ngdsp::Span<Sample>(block).first(room));
    if (!got) {
      spdlog::error("{}; what was recorded is kept", got.error());
      break;
    }
    more = !got->ended;
    if (got->count == 0) continue;
    captures.follow(*got, (*source)->sample0_time_ns());
    const ngdsp::Span<const Sample> samples(block.data(), got->count);
    level.add(samples);
    if (auto error = writer->write(samples)) return error;
    progress.update(writer->samples());
  }
  progress.clear();
  if (auto error = writer->close()) return error;
  const auto counters = (*source)->counters();
  const std::string meta_path = ngdsp::sigmf_paths(recording.path).meta;
  const double seconds = static_cast<double>(writer->samples()) / info.sample_rate_hz;
  if (json) {
    std::cout << nlohmann::json{{"file", meta_path},
                                {"samples", writer->samples()},
                                {"seconds", seconds},
                                {"rms_dbfs", level.rms_dbfs()},
                                {"peak_dbfs", level.peak_dbfs()},
                                {"saturated", writer->defects().saturated},
                                {"device", device_json(info, counters)}}
                     .dump()
              << std::endl;
  }
  const std::string troubles = device_troubles(counters);
  spdlog::info("{}: {:.1f} s, {:.1f} dBFS, peak {:.1f}{}{}", meta_path, seconds, level.rms_dbfs(),
               level.peak_dbfs(), troubles.empty() ? "" : "; ", troubles);
  return std::nullopt;
}

po::options_description record_options() {
  po::options_description options("");
  // clang-format off
  options.add_options()
      ("profile", po::value<std::string>()->default_value("cenelec-a"), "shipped profile or FILE.toml: rate, centre and kind of samples")
      ("sample-rate", po::value<double>(), "samples/s (the profile's)")
      ("seconds", po::value<double>(), "length, s (until stopped with Ctrl-C)")
      ("datatype", po::value<std::string>(), "ri16_le ci16_le rf32_le cf32_le cu8 (ri16_le on mains, ci16_le on radio)")
      ("json", "print one object about the recording on stdout");
  // clang-format on
  add_device_options(options);
  return options;
}

}  // namespace

int run_record(const Arguments& args) {
  po::options_description hidden;
  hidden.add_options()("out", po::value<std::string>());
  po::positional_options_description positional;
  positional.add("out", 1);
  const auto parsed = parse_options({"record", "OUT --device DEVICE [options]",
                                     "Records what a device hears as OUT.sigmf-meta and OUT.sigmf-data, with "
                                     "time, hardware, gain and hash.\n"
                                     "Where samples are missing a new capture begins."},
                                    record_options(), hidden, positional, args);
  if (!parsed) return kDone;
  const auto& values = *parsed;
  if (!values.count("out")) throw UsageError("no recording named, expected OUT");
  if (!values.count("device"))
    throw UsageError("no --device named, expected " + std::string(ngdevice::kDeviceKinds));
  const auto profile = option_profile(values["profile"].as<std::string>());
  if (!profile) return kFailed;
  Recording recording{.path = values["out"].as<std::string>(), .profile = *profile};
  if (values.count("sample-rate"))
    recording.profile.sample_rate_hz =
        in_range("sample-rate", values["sample-rate"].as<double>(), 100, 1e9, "samples/s");
  if (values.count("seconds"))
    recording.seconds = in_range("seconds", values["seconds"].as<double>(), 0.001, 1e7, "s");
  const auto format =
      ngdsp::parse_sample_format(values.count("datatype") ? values["datatype"].as<std::string>()
                                 : profile->real          ? "ri16_le"
                                                          : "ci16_le");
  if (!format) throw UsageError("--datatype: " + format.error());
  if (ngdsp::is_complex(*format) == profile->real) {
    throw UsageError(fmt::format("--datatype is {}, expected {} samples for {}",
                                 ngdsp::sample_format_name(*format), profile->real ? "real" : "complex",
                                 profile->name));
  }
  recording.format = *format;
  const auto settings = device_settings(values, recording.profile);
  std::signal(SIGINT, [](int) { stop_requested = 1; });
  std::signal(SIGTERM, [](int) { stop_requested = 1; });
  const bool json = values.count("json") > 0;
  const auto error =
      profile->real ? record<float>(recording, settings, json) : record<cf32>(recording, settings, json);
  if (error) spdlog::error("{}", error->text);
  return error ? kFailed : kDone;
}

}  // namespace ngplc_app
