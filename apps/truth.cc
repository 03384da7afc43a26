#include "truth.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "options.h"

namespace ngplc_app {
namespace {

using ngdsp::Error;
using ngdsp::SigmfAnnotation;
using nlohmann::json;

json field(const SigmfAnnotation& annotation, const char* key) {
  for (const auto& f : annotation.ngplc) {
    if (f.key == key) return json::parse(f.json, nullptr, false);
  }
  return nullptr;
}

double number_or(const SigmfAnnotation& annotation, const char* key, double otherwise) {
  const json value = field(annotation, key);
  return value.is_number() ? value.get<double>() : otherwise;
}

}  // namespace

SigmfAnnotation to_annotation(const TrueFrame& frame) {
  SigmfAnnotation annotation;
  annotation.sample_start = static_cast<std::uint64_t>(std::max(0.0, std::round(frame.start_samples)));
  annotation.sample_count = static_cast<std::uint64_t>(std::round(frame.length_samples));
  annotation.label = "frame";
  const auto add = [&annotation](const char* key, const json& value) {
    annotation.ngplc.push_back({key, value.dump()});
  };
  add("payload", to_hex(frame.payload));
  add("sequence", frame.sequence);
  add("start", frame.start_samples);
  add("amplitude", frame.amplitude);
  add("clock_ppm", frame.clock_ppm);
  add("carrier_offset_hz", frame.carrier_offset_hz);
  if (frame.node >= 0) add("node", frame.node);
  return annotation;
}

ngdsp::Result<std::vector<TrueFrame>> true_frames(const ngdsp::SigmfMeta& meta, const std::string& name) {
  std::vector<TrueFrame> frames;
  for (std::size_t i = 0; i < meta.annotations.size(); ++i) {
    const SigmfAnnotation& annotation = meta.annotations[i];
    const json payload = field(annotation, "payload");
    if (payload.is_null()) continue;
    const auto wrong = [&](const char* key, const char* expected) {
      return Error{fmt::format("{}: annotations[{}].ngplc:{}: expected {}", name, i, key, expected)};
    };
    if (!payload.is_string()) return wrong("payload", "a string of hexadecimal digits");
    TrueFrame frame;
    try {
      frame.payload = parse_hex("payload", payload.get<std::string>());
    } catch (const UsageError&) {
      return wrong("payload", "an even number of hexadecimal digits");
    }
    const json sequence = field(annotation, "sequence");
    if (!sequence.is_null() &&
        (!sequence.is_number_integer() || sequence.get<double>() < 0 || sequence.get<double>() > 255)) {
      return wrong("sequence", "a whole number, 0 to 255");
    }
    frame.sequence = sequence.is_null() ? 0 : sequence.get<int>();
    frame.node = static_cast<int>(std::clamp(number_or(annotation, "node", -1), -1.0, 1e9));
    frame.start_samples = number_or(annotation, "start", static_cast<double>(annotation.sample_start));
    frame.length_samples = static_cast<double>(annotation.sample_count.value_or(0));
    frame.amplitude = number_or(annotation, "amplitude", 0);
    frame.clock_ppm = number_or(annotation, "clock_ppm", 0);
    frame.carrier_offset_hz = number_or(annotation, "carrier_offset_hz", 0);
    frames.push_back(std::move(frame));
  }
  return frames;
}

}  // namespace ngplc_app
