#include "ngdsp/rx/noise_report.h"

namespace ngdsp {

const char* NoiseReport::noise_class() const {
  static constexpr const char* kNames[] = {
      "white",  "lines",        "coloured",        "lines+coloured",
      "bursts", "lines+bursts", "coloured+bursts", "lines+coloured+bursts"};
  const bool coloured = filtered && background_db > 0, has_lines = filtered && !lines.empty();
  return kNames[(has_lines ? 1 : 0) + (coloured ? 2 : 0) + (weighted ? 4 : 0)];
}

}  // namespace ngdsp
