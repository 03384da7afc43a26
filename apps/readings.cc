#include "readings.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "ngwire/link/reading_codec.h"
#include "options.h"

namespace ngplc_app {
namespace {

using ngwire::Reading;
using ngwire::ReadingSet;
using ngwire::RegisterSpec;

constexpr const char* kForm =
    "device=NUMBER[,counter=NUMBER],OBIS=VALUE,... such as device=1001,1-0:1.8.0=123456,1-0:32.7.0=231.4";

/// Whole number of 10^exponent in `value`.
std::int64_t mantissa_of(double value, int exponent) {
  return std::llround(value / std::pow(10.0, exponent));
}

const RegisterSpec* find_in(const ReadingSet& set, std::string_view obis) {
  for (std::size_t i = 0; i < set.count; ++i) {
    if (set.registers[i].obis == obis) return &set.registers[i];
  }
  return nullptr;
}

const ReadingSet* smallest_set(const std::map<std::string, double>& values) {
  const ReadingSet* best = nullptr;
  for (const ReadingSet& set : ngwire::reading_sets()) {
    const bool holds =
        std::all_of(values.begin(), values.end(), [&set](const auto& v) { return find_in(set, v.first); });
    if (holds && (!best || set.payload_bytes < best->payload_bytes)) best = &set;
  }
  return best;
}

}  // namespace

std::vector<std::uint8_t> parse_reading(const std::string& option, const std::string& text) {
  const auto wrong = [&](const std::string& part) {
    return UsageError(fmt::format("--{}: \"{}\" does not fit, expected {}", option, part, kForm));
  };
  Reading reading;
  std::map<std::string, double> values;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, end - at);
    at = end + 1;
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos || equals + 1 == part.size()) throw wrong(part);
    const std::string key = part.substr(0, equals);
    char* rest = nullptr;
    const double value = std::strtod(part.c_str() + equals + 1, &rest);
    if (*rest != '\0' || !(std::abs(value) < 1e15)) throw wrong(part);
    if (key == "device" && value >= 0 && value <= 4294967295.0) {
      reading.device = static_cast<std::uint32_t>(value);
    } else if (key == "counter" && value >= 0 && value <= 65535.0) {
      reading.counter = static_cast<std::uint16_t>(value);
    } else if (ngwire::find_register(key) != nullptr) {
      values[key] = value;
    } else {
      throw wrong(part);
    }
  }
  const ReadingSet* set = smallest_set(values);
  if (!set) throw UsageError(fmt::format("--{}: no reading set has all these registers", option));
  reading.set = set->id;
  for (const auto& [obis, value] : values) {
    const RegisterSpec* spec = find_in(*set, obis);
    reading.values.push_back({spec, mantissa_of(value, spec->exponent)});
  }
  std::vector<std::uint8_t> payload;
  const std::string error = ngwire::encode_reading(reading, set->payload_bytes, payload);
  if (!error.empty()) throw UsageError(fmt::format("--{}: {}", option, error));
  return payload;
}

nlohmann::json reading_json(ngdsp::Span<const std::uint8_t> payload) {
  Reading reading;
  if (ngwire::decode_reading(payload.data(), payload.size(), reading) != ngwire::ReadingError::none)
    return nullptr;
  nlohmann::json values = nlohmann::json::object();
  for (const auto& value : reading.values) {
    std::string text = ngwire::decimal_string(value.mantissa, value.spec->exponent);
    if (!value.spec->unit.empty()) text.append(1, ' ').append(value.spec->unit);
    values[std::string(value.spec->obis)] = text;
  }
  return {{"device", reading.device}, {"counter", reading.counter}, {"values", values}};
}

SimulatedMeter::SimulatedMeter(std::uint32_t device, std::uint64_t seed)
    : device_(device),
      rng_(ngdsp::Rng::stream(seed, device)),
      counter_(static_cast<std::uint16_t>(rng_.below(1000))),
      energy_wh_(std::floor(rng_.uniform(2e5, 2e7))),
      load_w_(rng_.uniform(80, 1500)),
      voltage_v_(rng_.uniform(222, 238)) {}

std::vector<std::uint8_t> SimulatedMeter::payload(double time_s, int payload_bytes) {
  const double hours = std::max(0.0, time_s - last_s_) / 3600.0;
  last_s_ = time_s;
  load_w_ = std::clamp(load_w_ * std::exp(0.25 * rng_.normal()), 30.0, 9000.0);
  voltage_v_ = std::clamp(voltage_v_ + 0.4 * rng_.normal(), 207.0, 253.0);
  energy_wh_ += load_w_ * hours;
  const double current_a = load_w_ / voltage_v_;
  const std::map<std::string_view, double> known = {{"1-0:1.8.0", energy_wh_},
                                                    {"1-0:1.8.1", energy_wh_},
                                                    {"1-0:2.8.0", 0},
                                                    {"1-0:3.8.0", 0.2 * energy_wh_},
                                                    {"1-0:4.8.0", 0},
                                                    {"1-0:32.7.0", voltage_v_},
                                                    {"1-0:52.7.0", voltage_v_ + 1.1},
                                                    {"1-0:72.7.0", voltage_v_ - 0.8},
                                                    {"1-0:31.7.0", current_a / 2},
                                                    {"1-0:51.7.0", current_a / 4},
                                                    {"1-0:71.7.0", current_a / 4},
                                                    {"1-0:21.7.0", load_w_ / 2},
                                                    {"1-0:41.7.0", load_w_ / 4},
                                                    {"1-0:61.7.0", load_w_ / 4},
                                                    {"1-0:16.7.0", load_w_},
                                                    {"1-0:14.7.0", 50 + 0.02 * rng_.normal()},
                                                    {"1-0:13.7.0", 0.97},
                                                    {"0-0:97.97.0", 0}};
  Reading reading;
  reading.device = device_;
  reading.counter = counter_++;
  for (const ReadingSet& set : ngwire::reading_sets()) {
    if (set.payload_bytes != payload_bytes) continue;
    reading.set = set.id;
    for (std::size_t i = 0; i < set.count; ++i) {
      const auto found = known.find(set.registers[i].obis);
      if (found == known.end()) continue;
      reading.values.push_back({&set.registers[i], mantissa_of(found->second, set.registers[i].exponent)});
    }
    break;  // the first of its class fills it in the clear
  }
  std::vector<std::uint8_t> bytes;
  const std::string error = ngwire::encode_reading(reading, static_cast<std::size_t>(payload_bytes), bytes);
  if (!error.empty()) throw std::runtime_error("simulated reading: " + error);
  return bytes;
}

}  // namespace ngplc_app
