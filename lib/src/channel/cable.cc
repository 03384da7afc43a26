#include "ngdsp/channel/cable.h"

#include <algorithm>
#include <cmath>

#include "channel/field_check.h"
#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

constexpr double kMu0 = 4e-7 * kPi;
constexpr double kLightSpeed = 299792458.0;
constexpr double kEpsilon0 = 1.0 / (kMu0 * kLightSpeed * kLightSpeed);
constexpr double kReferenceHz = 1e6;

/// I0(x)/I1(x) for Re x > 0: continued fraction (DLMF 10.33.1), from |x| = 40 the asymptotic series
/// (10.40.1), which errs there by less than 1e-6.
cf64 bessel_ratio(cf64 x) {
  if (std::abs(x) > 40) return 1.0 + 1.0 / (2.0 * x) + 3.0 / (8.0 * x * x) + 3.0 / (8.0 * x * x * x);
  cf64 ratio = 1;
  for (int order = 60; order >= 1; --order) ratio = 2.0 * order / x + 1.0 / ratio;
  return ratio;
}

cf64 relative_permittivity(const CableType& c, double f) {
  if (c.loss_tangent == 0) return c.permittivity;
  const double slope = c.loss_slope > 0 ? c.loss_slope : 2 / kPi * std::atan(c.loss_tangent);
  const double loss = c.permittivity * c.loss_tangent;
  const double chi = loss / std::sin(slope * kPi / 2);
  const double at_infinity = c.permittivity - chi * std::cos(slope * kPi / 2);
  return at_infinity + std::polar(chi * std::pow(f / kReferenceHz, -slope), -slope * kPi / 2);
}

std::vector<CableType> make_shipped() {
  // Radius of the round wire of the nominal cross section. Spacing: with the usual insulation (1.8, 1.4, 1.8,
  // 0.6, 0.7 mm); in a four-core cable the geometric mean of two neighbours and the opposite conductor,
  // 2^(1/6) of the neighbours' distance. Dielectric: PVC, for NFA2X polyethylene; usual values, not measured
  // on these cables.
  return {
      {"NAYY 4x150", 6.91, 19.5, 35e6, 1, 4.0, 0.04, 0},
      {"NAYY 4x50", 3.99, 12.1, 35e6, 1, 4.0, 0.04, 0},
      {"NFA2X 4x70", 4.72, 14.6, 35e6, 1.2, 2.3, 0.002, 0},
      {"NYM 3x1.5", 0.69, 2.58, 58e6, 1, 4.0, 0.04, 0},
      {"NYM 3x2.5", 0.89, 3.18, 58e6, 1, 4.0, 0.04, 0},
      // Fitted to two measured cords, docs/mains_channel_grid.md.
      {"cord 3x14AWG", 0.83, 2.85, 58e6, 1.25, 3.9, 0.108, 0.29},
  };
}

}  // namespace

std::string CableType::validate() const {
  FieldCheck check("");
  check.require(!name.empty() && name.size() <= 64, "name", "expected 1 to 64 characters");
  check.range("radius_mm", radius_mm, 0.05, 50, "mm");
  check.range("spacing_mm", spacing_mm, 2.02 * radius_mm, 10000, "mm");
  check.range("conductivity_s_m", conductivity_s_m, 1e5, 1e8, "S/m");
  check.range("stranding", stranding, 1, 5);
  check.range("permittivity", permittivity, 1, 20);
  check.range("loss_tangent", loss_tangent, 0, 0.5);
  // Below this slope the part of the permittivity that does not relax would have to be negative.
  const double flattest = loss_slope == 0 ? 0 : std::min(1.0, 2 / kPi * std::atan(loss_tangent));
  check.range("loss_slope", loss_slope, flattest, 1);
  return check.error();
}

const std::vector<CableType>& shipped_cables() {
  static const std::vector<CableType> list = make_shipped();
  return list;
}

Result<CableType> find_cable(const std::string& name) {
  std::string names;
  for (const CableType& c : shipped_cables()) {
    if (c.name == name) return c;
    names += (names.empty() ? "" : ", ") + c.name;
  }
  return Error{"unknown cable \"" + name + "\", expected one of " + names};
}

LineConstants line_constants(const CableType& c, double f) {
  const double omega = 2 * kPi * f, a = c.radius_mm * 1e-3, ratio = c.spacing_mm / (2 * c.radius_mm);
  const cf64 k = std::sqrt(cf64(0, omega * kMu0 * c.conductivity_s_m));
  const cf64 wire = k * bessel_ratio(k * a) / (2 * kPi * a * c.conductivity_s_m);
  const double proximity = ratio / std::sqrt(ratio * ratio - 1), u = std::acosh(ratio);
  const cf64 z = 2 * c.stranding * proximity * wire + cf64(0, omega * kMu0 / kPi * u);
  const cf64 y = cf64(0, omega * kPi * kEpsilon0 / u) * relative_permittivity(c, f);
  return {std::sqrt(z * y), std::sqrt(z / y)};
}

Chain Chain::then(const Chain& n) const {
  return {a * n.a + b * n.c, a * n.b + b * n.d, c * n.a + d * n.c, c * n.b + d * n.d};
}

cf64 Chain::s21(double r) const { return 2.0 / (a + b / r + c * r + d); }

Chain line_chain(const LineConstants& line, double length_m) {
  const cf64 gl = line.propagation * length_m, ch = std::cosh(gl), sh = std::sinh(gl);
  return {ch, line.impedance_ohm * sh, sh / line.impedance_ohm, ch};
}

Chain shunt_chain(cf64 z) { return {1, 0, 1.0 / z, 1}; }
Chain series_chain(cf64 z) { return {1, z, 0, 1}; }

}  // namespace ngdsp
