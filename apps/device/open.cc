#include "open.h"

#include <fmt/core.h>

#include <array>
#include <cmath>

#include "buffered_source.h"
#include "file_device.h"
#include "zmq_device.h"
#ifdef NGPLC_ALSA
#include "alsa_device.h"
#endif
#ifdef NGPLC_UHD
#include "radio.h"
#endif

namespace ngdevice {
namespace {

using ngdsp::cf32;
using ngdsp::Error;
using ngdsp::Result;

[[maybe_unused]] Error not_built(const std::string& device, const char* library) {
  return Error{fmt::format("{}: this program was built without {}", device, library)};
}

template <typename Sample>
Result<std::unique_ptr<SampleSource<Sample>>> open_device(const DeviceSettings& settings,
                                                          const DeviceName& name) {
  if (name.kind == "file") return open_file_source<Sample>(settings, name.rest);
  if (name.kind == "zmq") return open_zmq_source<Sample>(settings, name.rest);
  if (name.kind == "uhd") {
#ifdef NGPLC_UHD
    auto radio = open_uhd_receiver(settings, name.rest);
    if (!radio) return Error{radio.error()};
    return make_radio_source<Sample>(std::move(*radio), settings.start_ns);
#else
    return not_built(settings.device, "UHD (libuhd-dev)");
#endif
  }
#ifdef NGPLC_ALSA
  if constexpr (std::is_same_v<Sample, float>) return open_alsa_source(settings, name.rest);
  return Error{settings.device + ": gives real samples, the profile needs complex ones"};
#else
  return not_built(settings.device, "ALSA (libasound2-dev)");
#endif
}

ngdsp::Status check(const DeviceSettings& settings) {
  const auto wrong = [&](const std::string& text) { return Error{settings.device + ": " + text}; };
  if (!(settings.sample_rate_hz >= 100 && settings.sample_rate_hz <= 1e9))
    return wrong(fmt::format("sample rate is {:g}, expected 100 to 1e9 samples/s", settings.sample_rate_hz));
  if (!(settings.buffer_s >= 0.1 && settings.buffer_s <= 600))
    return wrong(fmt::format("buffer is {:g} s, expected 0.1 to 600 s", settings.buffer_s));
  return std::nullopt;
}

}  // namespace

const char* const kDeviceKinds = "alsa[:DEVICE], uhd[:ARGS], zmq:ENDPOINT or file:RECORDING";

Result<DeviceName> parse_device(const std::string& device) {
  const auto colon = device.find(':');
  const DeviceName name{device.substr(0, colon), colon == std::string::npos ? "" : device.substr(colon + 1)};
  const bool alone = name.kind == "alsa" || name.kind == "uhd";
  const bool with_rest = (name.kind == "zmq" || name.kind == "file") && !name.rest.empty();
  if (!alone && !with_rest) return Error{fmt::format("device is \"{}\", expected {}", device, kDeviceKinds)};
  return name;
}

template <typename Sample>
Result<std::unique_ptr<SampleSource<Sample>>> open_source(const DeviceSettings& settings) {
  const auto name = parse_device(settings.device);
  if (!name) return Error{name.error()};
  if (auto wrong = check(settings)) return *wrong;
  if (name->kind == "file" && settings.start_ns)
    return Error{settings.device + ": a recording has times of its own, expected no --start-at"};
  auto device = open_device<Sample>(settings, *name);
  if (!device) return Error{device.error()};
  DeviceSettings buffered = settings;
  if (name->kind == "uhd") buffered.start_ns.reset();  // the radio begins in time by itself
  return std::unique_ptr<SampleSource<Sample>>(
      std::make_unique<BufferedSource<Sample>>(std::move(*device), buffered));
}

template <typename Sample>
Result<std::unique_ptr<SampleSink<Sample>>> open_sink(const DeviceSettings& settings) {
  const auto name = parse_device(settings.device);
  if (!name) return Error{name.error()};
  if (auto wrong = check(settings)) return *wrong;
  if (name->kind == "file") return Error{settings.device + ": a recording is named without --device"};
  if (name->kind == "zmq") return open_zmq_sink<Sample>(settings, name->rest);
  if (name->kind == "uhd") {
#ifdef NGPLC_UHD
    auto radio = open_uhd_transmitter(settings, name->rest);
    if (!radio) return Error{radio.error()};
    return make_radio_sink<Sample>(std::move(*radio), settings.start_ns);
#else
    return not_built(settings.device, "UHD (libuhd-dev)");
#endif
  }
#ifdef NGPLC_ALSA
  if constexpr (std::is_same_v<Sample, float>) return open_alsa_sink(settings, name->rest);
  return Error{settings.device + ": takes real samples, the profile has complex ones"};
#else
  return not_built(settings.device, "ALSA (libasound2-dev)");
#endif
}

std::vector<DeviceFinding> find_devices() {
  std::vector<DeviceFinding> findings;
#ifdef NGPLC_ALSA
  findings.push_back({"sound cards", list_sound_cards(true), true});
#else
  findings.push_back({"sound cards", "built without ALSA (libasound2-dev)", false});
#endif
#ifdef NGPLC_UHD
  bool ok = false;
  const std::string found = find_uhd(ok);
  findings.push_back({"UHD", found, ok});
#else
  findings.push_back({"UHD", "built without UHD (libuhd-dev)", false});
#endif
  return findings;
}

template Result<std::unique_ptr<SampleSource<float>>> open_source<float>(const DeviceSettings&);
template Result<std::unique_ptr<SampleSource<cf32>>> open_source<cf32>(const DeviceSettings&);
template Result<std::unique_ptr<SampleSink<float>>> open_sink<float>(const DeviceSettings&);
template Result<std::unique_ptr<SampleSink<cf32>>> open_sink<cf32>(const DeviceSettings&);

}  // namespace ngdevice
