#include "ngdsp/channel/cyclic_noise.h"

#include <cmath>

#include "channel/field_check.h"
#include "ngdsp/base/db.h"

namespace ngdsp {

std::string CyclicConfig::validate(const std::string& name) const {
  FieldCheck check(name + ".");
  check.range("level_db", level_db, 0, 80, "dB");
  check.range("phase_deg", phase_deg, -360, 360, "degrees");
  check.range("exponent", exponent, 0, 1e7);
  check.range("slope_db", slope_db, -60, 60, "dB");
  return check.error();
}

CyclicNoise::CyclicNoise(const CyclicConfig& config)
    : config_(config), excess_(from_db(config.level_db) - 1) {}

void CyclicNoise::add(Span<const double> turns, Span<float> variance) {
  for (std::size_t k = 0; k < turns.size(); ++k) {
    const double phase = 2 * kPi * (turns[k] - std::floor(turns[k]) + config_.phase_deg / 360);
    variance[k] += static_cast<float>(excess_ * std::pow(std::abs(std::sin(phase)), config_.exponent));
  }
}

}  // namespace ngdsp
