// A scenario: one place on the mains as data. What is there, not how a program runs it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/channel/carrier.h"
#include "ngdsp/channel/converter_comb.h"
#include "ngdsp/channel/cyclic_noise.h"
#include "ngdsp/channel/mains_bursts.h"
#include "ngdsp/channel/mains_line.h"
#include "ngdsp/channel/mains_phase.h"
#include "ngdsp/channel/noise_colour.h"
#include "ngdsp/channel/random_impulses.h"
#include "ngdsp/channel/receiver_input.h"
#include "ngdsp/channel/recorded_noise.h"
#include "ngdsp/channel/ringing.h"

namespace ngdsp {

struct NoiseSegment;

/// Left at its defaults: white noise on a plain line.
struct Scenario {
  std::string name;  ///< of the file, without .toml
  std::string description;
  MainsConfig mains;
  ColourConfig background;
  std::vector<CyclicConfig> cyclic;
  std::vector<BurstConfig> bursts;
  std::vector<ImpulseConfig> impulses;
  std::vector<RingingConfig> ringing;
  std::vector<CarrierConfig> carriers;
  std::vector<CombConfig> combs;
  std::optional<RecordingConfig> recording;
  LineConfig line;
  InputConfig input;
  std::vector<NoiseSegment> segments;  ///< one after the other instead of noise that stays, then again

  /// Empty when every field is in its legal range and they fit together, else one line naming the field.
  std::string validate() const;
};

/// A time during which the noise is that of another scenario.
struct NoiseSegment {
  double seconds = 60;  ///< 0.01 ... 1e6
  double level_db = 0;  ///< of all of its noise, against that of a segment of 0 dB; +-60
  Scenario noise;       ///< its line, input, mains and segments do not count
};

/// A scenario from TOML text (docs/interfaces.md). Unknown keys, wrong types and values out of range are
/// errors naming `source`, line or field. Files named inside are relative to the folder of `source`; the
/// scenarios of segments are read with it.
Result<Scenario> parse_scenario(const std::string& toml, const std::string& source);
/// The path of a TOML file (ending in ".toml"), or the name of a shipped one.
Result<Scenario> load_scenario(const std::string& name_or_path);

}  // namespace ngdsp
