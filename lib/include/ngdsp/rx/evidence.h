// How likely a frame is at a carrier, its phase unknown.
#pragma once

#include <algorithm>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/rx/frame_reader.h"

namespace ngdsp {

/// What blocks say at one carrier w and amplitude a: the log-likelihood ratio of a frame against noise, to
/// second order in the symbol amplitude (log cosh x = x^2/2), as a function of the phase th is
///   constant + Re(known e^-j th) + Re(squares e^-2j th),
///   known = sum_b 2 a P_b e^-j w t_b / s_b^2, squares = sum_b a^2 e^-2j w t_b sum y^2 / s_b^4,
///   constant = sum_b a^2 sum |y|^2 / s_b^4 - a^2 L_b / s_b^2,
/// with L_b the chips that the block counts for.
struct CarrierSums {
  cf64 known, squares;
  double constant = 0;
};

struct PhaseFit {
  double turns = 0;  ///< carrier, cycles a chip
  double phase = 0;
  double evidence = -1e300;  ///< nats
};

/// The amplitude for which evidence is computed. log cosh x = x^2/2 holds while a symbol is well below its
/// noise; where it is not, as at the clean end of a frame whose other end is crowded, the parabola makes
/// noise look like frames. There the amplitude is lowered to that of a frame at the decoding threshold in
/// the noise of the block.
struct EvidenceAmplitude {
  double a2;          ///< squared amplitude of a chip
  double most_ec_n0;  ///< of a chip in the squares
  double squares_a2(double noise_power) const { return std::min(a2, most_ec_n0 * noise_power); }
};

CarrierSums sum_blocks(const std::vector<FrameBlock>& blocks, double turns, const EvidenceAmplitude& a);

/// Maximum over the phase: a grid of 48, then a parabola.
PhaseFit fit_phase(const CarrierSums& sums, double turns);

inline PhaseFit fit_phase(const std::vector<FrameBlock>& blocks, double turns, const EvidenceAmplitude& a) {
  return fit_phase(sum_blocks(blocks, turns, a), turns);
}

}  // namespace ngdsp
