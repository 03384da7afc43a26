#include "device_options.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "ngdsp/io/datetime.h"

namespace ngplc_app {
namespace {

constexpr const char* kNeedDevice[] = {"frequency-hz", "gain-db",  "antenna", "clock-source",
                                       "time-source",  "start-at", "buffer-s"};

}  // namespace

void add_device_options(po::options_description& options) {
  // clang-format off
  options.add_options()
      ("device", po::value<std::string>(), "alsa[:DEVICE], uhd[:ARGS], zmq:ENDPOINT or file:RECORDING")
      ("frequency-hz", po::value<double>(), "radio: what zero of its samples stands for, Hz (0 for real profiles, else the profile's centre)")
      ("gain-db", po::value<double>(), "radio: gain, dB (the device's own)")
      ("antenna", po::value<std::string>(), "radio: antenna (the device's own)")
      ("clock-source", po::value<std::string>()->default_value("internal"), "radio: internal, external, gpsdo, ...")
      ("time-source", po::value<std::string>()->default_value("internal"), "radio: internal is this machine's clock; external, gpsdo, ... a pulse a second")
      ("start-at", po::value<std::string>(), "time of the first sample, UTC, such as 2026-01-31T12:00:00Z (at once)")
      ("buffer-s", po::value<double>()->default_value(4, "4"), "samples kept for a reader that is behind, s");
  // clang-format on
}

ngdevice::DeviceSettings device_settings(const po::variables_map& values, const ngdsp::Profile& profile) {
  ngdevice::DeviceSettings s;
  s.device = values["device"].as<std::string>();
  if (const auto name = ngdevice::parse_device(s.device); !name) throw UsageError("--" + name.error());
  s.sample_rate_hz = profile.sample_rate_hz;
  s.frequency_hz = profile.real ? 0 : profile.center_hz;
  if (values.count("frequency-hz"))
    s.frequency_hz = in_range("frequency-hz", values["frequency-hz"].as<double>(), 0, 1e11, "Hz");
  if (values.count("gain-db"))
    s.gain_db = in_range("gain-db", values["gain-db"].as<double>(), -100, 200, "dB");
  if (values.count("antenna")) s.antenna = values["antenna"].as<std::string>();
  s.clock_source = values["clock-source"].as<std::string>();
  s.time_source = values["time-source"].as<std::string>();
  if (values.count("start-at")) {
    const auto time = ngdsp::parse_datetime_ns(values["start-at"].as<std::string>());
    if (!time) throw UsageError("--start-at: " + time.error());
    if (*time <= ngdevice::system_time_ns()) throw UsageError("--start-at: that time has passed");
    s.start_ns = *time;
  }
  s.buffer_s = in_range("buffer-s", values["buffer-s"].as<double>(), 0.1, 600, "s");
  return s;
}

void refuse_device_options(const po::variables_map& values) {
  for (const char* option : kNeedDevice) {
    if (values.count(option) && !values[option].defaulted())
      throw UsageError(fmt::format("--{} needs --device", option));
  }
}

nlohmann::json device_json(const ngdevice::StreamInfo& info, const ngdevice::StreamCounters& c) {
  nlohmann::json json = {{"device", info.device},
                         {"hardware", info.hardware},
                         {"time_source", info.time_source},
                         {"samples", c.samples},
                         {"overruns", c.overruns},
                         {"gaps", c.gaps},
                         {"missing_samples", c.missing_samples},
                         {"underruns", c.underruns},
                         {"late", c.late},
                         {"refused", c.refused},
                         {"nonfinite_samples", c.nonfinite_samples}};
  if (info.frequency_hz) json["frequency_hz"] = *info.frequency_hz;
  if (info.gain_db) json["gain_db"] = *info.gain_db;
  return json;
}

std::string device_troubles(const ngdevice::StreamCounters& c) {
  std::string text;
  const auto say = [&text](std::uint64_t count, const char* what) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, what);
  };
  say(c.overruns, "overruns");
  say(c.gaps, "gaps");
  say(c.missing_samples, "samples missing");
  say(c.underruns, "underruns");
  say(c.late, "late");
  say(c.refused, "messages refused");
  return text;
}

}  // namespace ngplc_app
