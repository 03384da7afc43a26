// Electricity readings as payloads of test frames: typed on the command line, or from a simulated meter.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "ngdsp/base/rng.h"
#include "ngdsp/base/types.h"

namespace ngplc_app {

/// "device=1001,counter=7,1-0:1.8.0=123456,1-0:32.7.0=231.4": values in the register's unit; the smallest set
/// that has all registers named is taken. Throws UsageError.
std::vector<std::uint8_t> parse_reading(const std::string& option, const std::string& text);

/// The reading in a payload as {"device":..,"counter":..,"values":{"1-0:1.8.0":"123456 Wh",..}}, or null.
nlohmann::json reading_json(ngdsp::Span<const std::uint8_t> payload);

/// A household meter: energy grows with a random load, voltage wanders around 230 V.
class SimulatedMeter {
 public:
  SimulatedMeter(std::uint32_t device, std::uint64_t seed);
  /// What it sends at `time_s`, in `payload_bytes` of 16, 32 or 64. Times must not go back.
  std::vector<std::uint8_t> payload(double time_s, int payload_bytes);

 private:
  std::uint32_t device_;
  ngdsp::Rng rng_;
  std::uint16_t counter_;
  double energy_wh_, load_w_, voltage_v_, last_s_ = 0;
};

}  // namespace ngplc_app
