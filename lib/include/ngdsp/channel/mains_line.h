// A line that changes with the mains.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ngdsp/channel/grid.h"

namespace ngdsp {

/// One path of a line in physical units.
struct LinePath {
  double gain_db = 0;  ///< within +-60
  double delay_s = 0;  ///< 0 ... 0.01, and at most 64 chips
  double phase_rad = 0;
};

/// Loads behind rectifiers hang on the line for a part of the cycle: its paths, or only its gain, change
/// twice a mains cycle. F. J. Canete et al., "Analysis of the cyclic short-term variation of indoor power
/// line channels", IEEE JSAC 24 (7), 2006. The signal becomes (1 + depth cos 2(p - gain_phase)) ((1 - s) a +
/// s g b), p the mains phase, a and b the signal through either set of paths (each scaled to power 1 in the
/// band), g their gain, s 1 for `other_share` of the time around other_phase and faded within 2 % of half a
/// cycle. With a grid, its states take the place of a and b (place_line).
struct LineConfig {
  std::shared_ptr<const Grid> grid;  ///< from which paths and their changes follow; none: they stand here
  std::string node;                  ///< of the grid, with a modem; empty: every node with one
  std::vector<LinePath> paths;       ///< none: one path
  std::vector<LinePath> others;      ///< none: the paths do not change
  double other_share = 0.3;          ///< of the time, 0.01 ... 0.95
  double other_phase_deg = 90;       ///< mains phase in the middle of that time, +-360
  double other_gain_db = 0;          ///< of the others against the paths, +-60
  double gain_depth = 0;             ///< 0 ... 0.9
  double gain_phase_deg = 0;         ///< mains phase of the highest gain, +-360
  double source_ohm = 0;             ///< output impedance of the sender, 0 ... 1e4
  double line_ohm = 0;               ///< access impedance of the line, 0.01 ... 1e4; 0: no divider

  bool changes() const { return !others.empty() || gain_depth > 0 || (grid && grid->switches()); }
  /// What the divider of both impedances leaves of a sender's amplitude.
  double divider_gain() const { return line_ohm > 0 ? line_ohm / (line_ohm + source_ohm) : 1; }
  std::string validate() const;
};

}  // namespace ngdsp
