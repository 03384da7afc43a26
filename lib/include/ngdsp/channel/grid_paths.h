// From a transfer function to the paths of the simulated line.
#pragma once

#include <vector>

#include "ngdsp/channel/grid_network.h"
#include "ngdsp/channel/multipath.h"
#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// Frequencies over a profile's occupied band, and the share of the signal's power at each (sum 1): the
/// squared root-raised-cosine spectrum.
struct BandPoint {
  double frequency_hz = 0, weight = 0;
};
std::vector<BandPoint> band_points(const Profile& profile, std::size_t points);

/// Paths for add_multipath(), which scales the sum of their powers to 1: multiply Arrival::amplitude by
/// `amplitude`. All delays are kPathLeadChips longer than on the line, so that a response inside a band,
/// which rings before its first path, has no negative ones.
struct PathSet {
  double amplitude = 0;
  double power = 0;  ///< mean of |H|^2 over the band
  std::vector<Tap> taps;
  double error_db = 0;  ///< power of the misfit against that of the response, over the band
};
inline constexpr double kPathLeadChips = 2;

/// Least squares over the band, H(f) = sum c_k exp(-j 2 pi (f - center_hz) tau_k) with tau_k half a chip
/// apart, closer than the band resolves, so that a smooth response needs few: 8, 12, ... paths until the
/// misfit is below -45 dB, at most 32. A small weight on the c_k themselves keeps them from cancelling each
/// other. `response` at band_points(profile, response.size()), at least 33 of them.
PathSet fit_paths(const Profile& profile, const std::vector<cf64>& response);

/// A link of the grid over the mains cycle: one set of paths for each state of the loads.
struct GridPaths {
  std::vector<PathSet> states;
  std::vector<GridInterval> intervals;
};
struct GridLink {
  std::size_t from = 0, to = 0;  ///< indices into GridNetwork::ports()
};
/// One for each link: the grid is solved once for all of them.
std::vector<GridPaths> grid_paths(const GridNetwork& network, const Profile& profile, double source_ohm,
                                  const std::vector<GridLink>& links);

}  // namespace ngdsp
