// A cable as a two-conductor line, from its geometry.
#pragma once

#include <string>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/base/types.h"

namespace ngdsp {

/// Two equal round conductors in a lossy dielectric, per metre of line (go and return together):
///   z = 2 s p z_i + j w L,  y = j w pi e0 e_r / u,  L = mu0/pi u,  u = acosh(D/(2a))
///   z_i = k I0(k a)/(2 pi a sigma I1(k a)),  k = sqrt(j w mu0 sigma)
///   p = (D/2a)/sqrt((D/2a)^2 - 1)
///   e_r = e_inf + chi (j f/1 MHz)^-m
/// z_i is the internal impedance of a round wire (Ramo, Whinnery, Van Duzer, Fields and Waves, 4.5), p the
/// proximity effect of thin skins (the same, table 5.3b), e_r the power law of dielectrics (Jonscher 1977).
/// e_inf and chi follow from permittivity and loss tangent at 1 MHz. Good where the skin is thinner than the
/// wire: above some 10 kHz.
struct CableType {
  std::string name = "custom";
  double radius_mm = 1;            ///< a: of the solid wire of the same cross section, 0.05 ... 50
  double spacing_mm = 3;           ///< D: between the conductors' centres, 2.02 a ... 10 000
  double conductivity_s_m = 58e6;  ///< sigma: copper 58e6, aluminium 35e6; 1e5 ... 1e8
  double stranding = 1;            ///< s: resistance of the stranded conductor against the solid one, 1 ... 5
  double permittivity = 4;         ///< Re e_r at 1 MHz, 1 ... 20
  double loss_tangent = 0.04;      ///< -Im e_r/Re e_r at 1 MHz, 0 ... 0.5
  double loss_slope =
      0;  ///< m: 0 = a loss tangent that does not depend on frequency (e_inf = 0); else up to 1

  /// Empty, or one line that names the field.
  std::string validate() const;
};

/// NAYY 4x150, NAYY 4x50, NFA2X 4x70, NYM 3x1.5, NYM 3x2.5, and "cord 3x14AWG" (a flexible cord). Four-core
/// cables are given by one conductor and the mean of its distances to the other three.
const std::vector<CableType>& shipped_cables();
/// A shipped cable by name, or an error that lists the names.
Result<CableType> find_cable(const std::string& name);

/// What a line is at one frequency, f > 0.
struct LineConstants {
  cf64 propagation;    ///< gamma = sqrt(z y) in 1/m, real part in neper
  cf64 impedance_ohm;  ///< Z_c = sqrt(z/y)
};
LineConstants line_constants(const CableType& cable, double frequency_hz);

/// The chain matrix of a two-port: (V1, I1) = (a, b; c, d) (V2, I2), I2 leaving. det = 1 for reciprocal ones.
struct Chain {
  cf64 a = 1, b = 0, c = 0, d = 1;

  /// This two-port followed by `next`.
  Chain then(const Chain& next) const;
  /// S21 = S12 between two equal resistances.
  cf64 s21(double reference_ohm) const;
};

/// cosh(gl), Z_c sinh(gl), sinh(gl)/Z_c, cosh(gl).
Chain line_chain(const LineConstants& line, double length_m);
/// An impedance across the line, and one in it.
Chain shunt_chain(cf64 impedance_ohm);
Chain series_chain(cf64 impedance_ohm);

}  // namespace ngdsp
