// What a user says about a device: the same words for rx, record and tx.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "device/open.h"
#include "ngdsp/waveform/profile.h"
#include "options.h"

namespace ngplc_app {

/// --device and all that goes with it.
void add_device_options(po::options_description& options);

/// The settings for samples of this profile; a real one is tuned to 0 Hz, a complex one to its centre. Throws
/// UsageError, also when an option needs --device and there is none.
ngdevice::DeviceSettings device_settings(const po::variables_map& values, const ngdsp::Profile& profile);
void refuse_device_options(const po::variables_map& values);

nlohmann::json device_json(const ngdevice::StreamInfo& info, const ngdevice::StreamCounters& counters);
/// "3 overruns, 1200 samples missing"; empty when nothing went wrong.
std::string device_troubles(const ngdevice::StreamCounters& counters);

}  // namespace ngplc_app
