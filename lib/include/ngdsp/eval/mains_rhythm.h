// Whether the power of a noise follows the mains, found without knowing the mains' phase or exact frequency.
#pragma once

#include <utility>
#include <vector>

#include "ngdsp/base/types.h"

namespace ngdsp {

struct MainsRhythm {
  bool tested = false;  ///< long enough: 0.5 s
  bool locked = false;
  double frequency_hz =
      0;  ///< of the mains as the recording's clock has it: the best in 49.5 ... 50.5, 59.5 ... 60.5
  double statistic = 0;  ///< power of harmonics 1 ... 8 over their floor: 8 on average without a rhythm
  double threshold = 0;  ///< exceeded by chance in kFalseLocks of all recordings
  double depth_db = 0;   ///< highest over lowest of the profile
  std::vector<double>
      profile;  ///< mean power over the phase of the mains over its mean, in kProfileBins steps
  std::vector<std::pair<double, double>>
      spectrum;  ///< (Hz, power over its median) of the logarithm of the power
};

inline constexpr double kFalseLocks = 1e-3;
inline constexpr int kProfileBins = 40;

/// `power`: mean powers of successive intervals of `step_s`, 1 ms or less, a minute or less of them: folding
/// wanders with the mains. The logarithm is analysed, so that single impulses do not hide a rhythm. Under no
/// rhythm a harmonic's power over the local floor is exponential and the statistic Gamma(8): the threshold is
/// that of kFalseLocks shared by the 2 Hz x 8 x 2 x duration frequencies that can be told apart. Keyed
/// carriers and bursts have rhythms at many frequencies: the threshold rises as much as the highest
/// statistics of the 1 Hz ranges between 40 and 70 Hz, at their upper quartile, lie above what noise gives.
MainsRhythm find_mains_rhythm(Span<const float> power, double step_s);

}  // namespace ngdsp
