#include "ngdsp/channel/cable.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

CableType cable(const std::string& name) {
  const auto found = find_cable(name);
  EXPECT_TRUE(found) << found.error();
  return found ? *found : CableType{};
}

/// Thick conductors far apart in air: nothing is lost worth mentioning.
CableType lossless() {
  CableType c;
  c.radius_mm = 5;
  c.spacing_mm = 500;
  c.permittivity = 1;
  c.loss_tangent = 0;
  c.conductivity_s_m = 1e8;
  return c;
}

TEST(Cable, ShippedOnesAreValid) {
  EXPECT_GE(shipped_cables().size(), 5U);
  for (const CableType& c : shipped_cables()) EXPECT_EQ(c.validate(), "") << c.name;
  const auto missing = find_cable("NAYY 4x95");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().find("NYM 3x1.5"), std::string::npos);
}

TEST(Cable, ValidateNamesTheField) {
  CableType c;
  c.radius_mm = -1;
  EXPECT_NE(c.validate().find("radius_mm"), std::string::npos);
  c = {};
  c.spacing_mm = 2;  // the conductors touch
  EXPECT_NE(c.validate().find("spacing_mm"), std::string::npos);
  c = {};
  c.permittivity = std::nan("");
  EXPECT_NE(c.validate().find("permittivity"), std::string::npos);
  c = {};
  c.loss_tangent = 0.1;
  c.loss_slope = 0.01;
  EXPECT_NE(c.validate().find("loss_slope"), std::string::npos);
}

TEST(Cable, LosslessLineHasTheImpedanceAndSpeedOfItsGeometry) {
  const LineConstants line = line_constants(lossless(), 10e6);
  // Z = 119.917 ohm acosh(D/2a), speed of light: the conductors' inside is worth less than 1e-3 here.
  EXPECT_NEAR(line.impedance_ohm.real(), 119.917 * std::acosh(50.0), 0.5);
  EXPECT_NEAR(line.propagation.imag() / (2 * kPi * 10e6 / 299792458.0), 1, 1e-3);
  EXPECT_LT(line.propagation.real(), 1e-4);
}

TEST(Cable, ResistanceIsThatOfTheWireAtLowFrequencyAndOfTheSkinAtHigh) {
  CableType c = lossless();
  c.conductivity_s_m = 58e6;
  c.radius_mm = 1;
  const auto resistance = [&](double f) {
    const LineConstants line = line_constants(c, f);
    return (line.propagation * line.impedance_ohm).real();
  };
  // Go and return; the proximity factor of D/2a = 250 is 1.
  EXPECT_NEAR(resistance(10) / (2 / (58e6 * kPi * 1e-6)), 1, 1e-3);
  const double skin = 1 / std::sqrt(kPi * 1e7 * 4e-7 * kPi * 58e6);
  // A ring one skin deep, its mean radius half of that inside.
  EXPECT_NEAR(resistance(1e7) / (2 / (58e6 * 2 * kPi * 1e-3 * skin)), 1 + skin / 2e-3, 2e-3);
  // Continued fraction and series meet where |k a| = 40.
  const double meet = 1600 / (2 * kPi * 4e-7 * kPi * 58e6 * 1e-6);
  EXPECT_NEAR(resistance(meet * (1 - 1e-9)) / resistance(meet * (1 + 1e-9)), 1, 1e-6);
}

TEST(Cable, DielectricAtOneMegahertzIsAsNamed) {
  CableType c = lossless();
  c.permittivity = 4;
  c.loss_tangent = 0.05;
  for (const double slope : {0.0, 0.3}) {
    c.loss_slope = slope;
    const LineConstants line = line_constants(c, 1e6);
    const cf64 y = line.propagation / line.impedance_ohm;
    EXPECT_NEAR(y.real() / y.imag(), 0.05, 1e-9) << slope;
    const LineConstants low = line_constants(c, 1e5);
    const cf64 y_low = low.propagation / low.impedance_ohm;
    // e_inf + chi (j 0.1)^-0.3 with e_inf = 1 - 0.05/tan 0.471 and chi = 0.05/sin 0.471, times permittivity.
    EXPECT_NEAR(y_low.real() / y_low.imag(), slope == 0 ? 0.05 : 0.0909, 1e-4);
    EXPECT_GT(y_low.imag() * 10, y.imag());  // causal: permittivity falls where there is loss
  }
}

TEST(Cable, MatchedLineLosesItsAttenuation) {
  for (const CableType& c : shipped_cables()) {
    const LineConstants line = line_constants(c, 1e5);
    const double length = 300;
    // A load of the line's own impedance at the end: V2/V1 = exp(-gamma l), V1/I1 = Z_c.
    const Chain all = line_chain(line, length).then(shunt_chain(line.impedance_ohm));
    EXPECT_NEAR(std::abs(1.0 / all.a - std::exp(-line.propagation * length)), 0, 1e-12) << c.name;
    EXPECT_NEAR(std::abs(all.a / all.c / line.impedance_ohm), 1, 1e-12) << c.name;
  }
}

TEST(Cable, OpenStubNotchesAtAQuarterWave) {
  const CableType c = cable("NYM 3x1.5");
  const double length = 20;
  double lowest = 1, at_hz = 0;
  for (double f = 1e6; f < 4e6; f += 1e3) {
    const Chain stub = line_chain(line_constants(c, f), length);
    const double s21 = std::abs(shunt_chain(stub.a / stub.c).s21(50));
    if (s21 < lowest) {
      lowest = s21;
      at_hz = f;
    }
  }
  EXPECT_NEAR(line_constants(c, at_hz).propagation.imag() * length, kPi / 2, 0.01);
  EXPECT_LT(lowest, 0.2);
}

TEST(Cable, ChainsAreReciprocalPassiveAndAddUp) {
  for (const CableType& c : shipped_cables()) {
    for (const double f : {2e4, 6.3e4, 5e5, 5e6, 3e7}) {
      const LineConstants line = line_constants(c, f);
      const Chain whole = line_chain(line, 90);
      EXPECT_NEAR(std::abs(whole.a * whole.d - whole.b * whole.c - 1.0), 0, 1e-9) << c.name << f;
      EXPECT_LE(std::abs(whole.s21(50)), 1) << c.name << f;
      const Chain parts = line_chain(line, 30).then(line_chain(line, 60));
      EXPECT_NEAR(std::abs(parts.s21(50) / whole.s21(50) - 1.0), 0, 1e-9) << c.name << f;
      EXPECT_GT(line.propagation.real(), 0) << c.name << f;
      EXPECT_GT(line.impedance_ohm.real(), 0) << c.name << f;
    }
  }
}

}  // namespace
}  // namespace ngdsp
