#include "ngdsp/rx/fingers.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

constexpr std::size_t kMaxFingers = 8;
// |response|^2/noise is exponential(1) on noise; about 30 independent delays: 1 in 700 frames.
constexpr double kFingerStatistic = 10;
constexpr double kFingerRangeDb = -20;

}  // namespace

void find_fingers(std::vector<cf64>& response, double length, double noise, double rolloff,
                  std::vector<Finger>& fingers) {
  fingers.clear();
  double strongest = 0;
  for (std::size_t k = 0; k < kMaxFingers; ++k) {
    std::size_t peak = 1;
    for (std::size_t d = 1; d + 1 < response.size(); ++d)
      if (std::norm(response[d]) > std::norm(response[peak])) peak = d;
    const double left = std::abs(response[peak - 1]), mid = std::abs(response[peak]),
                 right = std::abs(response[peak + 1]);
    const double power = mid * mid;
    if (k > 0 && (power < kFingerStatistic * noise || power < strongest * from_db(kFingerRangeDb))) break;
    if (k == 0) strongest = power;
    const double bend = left - 2 * mid + right;
    const double shift = bend < 0 ? std::clamp(0.5 * (left - right) / bend, -0.5, 0.5) * kDelayStep : 0.0;
    Finger f;
    f.delay_chips = kFirstDelay + static_cast<double>(peak) * kDelayStep + shift;
    f.gain = response[peak] / (length * rc_pulse(shift, rolloff));
    for (std::size_t d = 0; d < response.size(); ++d)
      response[d] -= f.gain * length *
                     rc_pulse(kFirstDelay + static_cast<double>(d) * kDelayStep - f.delay_chips, rolloff);
    fingers.push_back(f);
  }
}

}  // namespace ngdsp
