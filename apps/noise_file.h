// A recording used as the noise of an experiment.
#pragma once

#include <string>
#include <vector>

#include "ngdsp/base/error.h"

namespace ngplc_app {

struct NoiseFile {
  std::vector<float> samples;
  double sample_rate_hz = 0;
};

/// The whole of a SigMF recording of real samples.
ngdsp::Result<NoiseFile> load_noise(const std::string& path);

}  // namespace ngplc_app
