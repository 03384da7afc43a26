#include "delivery_text.h"

#include <cctype>
#include <nlohmann/json.hpp>

#include "ngwire/wire/frame_record.h"

namespace ngplc::hub {
namespace {

// Tag values: commas, spaces and equal signs are escaped.
std::string influx_tag(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == ',' || c == ' ' || c == '=') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string device_text(std::uint32_t device) { return ngwire::to_hex(std::uint64_t{device}).substr(8); }

std::string topic_level(const std::string& name) {
  std::string out = name;
  for (char& c : out) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-') c = '_';
  }
  return out;
}

std::string delivery_json(const Delivery& d) {
  nlohmann::ordered_json out;
  out["dev"] = device_text(d.device);
  out["ts"] = d.time_ns / 1'000'000;
  out["ts_src"] = "hub";
  out["epoch"] = d.epoch;
  out["fcnt"] = d.counter;
  out["seq"] = d.frame;
  if (d.late) out["late"] = true;
  out["values"] = nlohmann::ordered_json::array();
  for (const StoredReading& v : d.values) {
    nlohmann::ordered_json value = {
        {"obis", v.obis}, {"v", ngwire::decimal_string(v.mantissa, v.exponent)}, {"u", v.unit}, {"q", "ok"}};
    if (v.base != 0) value["total"] = ngwire::decimal_string(v.base + v.mantissa, v.exponent);
    out["values"].push_back(std::move(value));
  }
  out["link"] = {{"snr", d.snr_db}, {"copies", d.copies}};
  return out.dump();
}

std::string influx_lines(const Delivery& d, const std::string& hub) {
  std::string out;
  const std::string time = std::to_string(d.time_ns / 1'000'000);
  for (const StoredReading& v : d.values) {
    out += "meter,hub=" + influx_tag(hub) + ",dev=" + device_text(d.device) + ",obis=" + influx_tag(v.obis) +
           " value=" + ngwire::decimal_string(v.mantissa, v.exponent) +
           ",total=" + ngwire::decimal_string(v.base + v.mantissa, v.exponent) +
           ",fcnt=" + std::to_string(d.counter) + "i " + time + "\n";
  }
  return out;
}

}  // namespace ngplc::hub
