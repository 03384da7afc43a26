// Root-raised-cosine pulse.
#pragma once

namespace ngdsp {

/// Root-raised-cosine pulse at t chips from its centre, scaled to unit energy per chip period (integral of
/// p^2 dt = 1 with t in chips): Proakis, Digital Communications, eq. 9.2-30. 0 < rolloff <= 1.
double rrc_pulse(double t_chips, double rolloff);

/// Its amplitude spectrum at f chip rates from the centre: 1 below (1 - rolloff)/2, 0 above (1 + rolloff)/2,
/// and cos(pi/(2 rolloff) (|f| - (1 - rolloff)/2)) between, so that the square is the raised cosine.
double rrc_spectrum(double f_chip_rates, double rolloff);

/// Raised-cosine pulse at t chips, 1 at 0: what the root-raised-cosine pulse becomes behind its matched
/// filter.
double rc_pulse(double t_chips, double rolloff);

}  // namespace ngdsp
