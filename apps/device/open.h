// One text chooses a device:
//
//   alsa[:DEVICE]    sound card, real samples (the first of its channels); DEVICE as ALSA names it, such as
//   hw:1 uhd[:ARGS]       USRP; ARGS as UHD takes them, such as type=usrp1,serial=...; real samples are its
//   real part zmq:ENDPOINT     float samples over ZeroMQ PUB/SUB, as GNU Radio's pub_sink and sub_source have
//   them file:RECORDING   SigMF; a source plays it at its own speed
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "stream.h"

namespace ngdevice {

extern const char* const kDeviceKinds;  ///< for help and error texts

/// "kind:rest" taken apart.
struct DeviceName {
  std::string kind, rest;
};
ngdsp::Result<DeviceName> parse_device(const std::string& device);

/// A source behind a buffer of settings.buffer_s, started. Errors, one line: no such kind, a device that is
/// missing, busy, or has another rate or kind of samples, with what was found.
template <typename Sample>
ngdsp::Result<std::unique_ptr<SampleSource<Sample>>> open_source(const DeviceSettings& settings);
/// A sink; a file cannot be one (see SigmfWriter).
template <typename Sample>
ngdsp::Result<std::unique_ptr<SampleSink<Sample>>> open_sink(const DeviceSettings& settings);

/// Which back ends this program has and what they find: (name, what was found).
struct DeviceFinding {
  std::string name, found;
  bool ok = false;
};
std::vector<DeviceFinding> find_devices();

}  // namespace ngdevice
