#include "scenario_file.h"

#include <spdlog/spdlog.h>

#include "ngdsp/io/sigmf_reader.h"
#include "options.h"

namespace ngplc_app {
namespace {

ngdsp::Result<ngdsp::Recording> read_recording(const std::string& path) {
  auto reader = ngdsp::SigmfReader::open(path);
  if (!reader) return ngdsp::Error{reader.error()};
  ngdsp::Recording recording;
  recording.sample_rate_hz = reader->meta().sample_rate_hz;
  recording.real = !ngdsp::is_complex(reader->meta().format);
  recording.center_hz = recording.real ? 0 : reader->meta().frequency_hz().value_or(0);
  if (recording.real) {
    std::vector<float> samples(reader->samples());
    const auto got = reader->read(ngdsp::Span<float>(samples));
    if (!got) return ngdsp::Error{got.error()};
    recording.samples.assign(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(*got));
  } else {
    recording.samples.resize(reader->samples());
    const auto got = reader->read(ngdsp::Span<ngdsp::cf32>(recording.samples));
    if (!got) return ngdsp::Error{got.error()};
    recording.samples.resize(*got);
  }
  return recording;
}

bool read_recordings(ngdsp::Scenario& scenario) {
  for (ngdsp::NoiseSegment& segment : scenario.segments)
    if (!read_recordings(segment.noise)) return false;
  if (!scenario.recording) return true;
  auto recording = read_recording(scenario.recording->file);
  if (!recording) {
    spdlog::error("{}", recording.error());
    return false;
  }
  scenario.recording->recording = std::make_shared<const ngdsp::Recording>(std::move(*recording));
  return true;
}

}  // namespace

std::optional<ngdsp::Scenario> option_scenario(const std::string& name_or_path) {
  auto scenario = ngdsp::load_scenario(name_or_path);
  if (!scenario) {
    if (!name_or_path.ends_with(".toml")) throw UsageError("--scenario: " + scenario.error());
    spdlog::error("{}", scenario.error());
    return std::nullopt;
  }
  if (!read_recordings(*scenario)) return std::nullopt;
  return *scenario;
}

}  // namespace ngplc_app
