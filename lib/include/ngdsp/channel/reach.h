// Which modems of a grid the hub hears, by itself and through one relay.
#pragma once

#include <string>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/channel/grid_network.h"
#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// E_b/N0 in white noise at which 1 % of the frames of a class are lost (docs/performance.md, "One link"): 16
/// bytes 1.6 dB, 32 bytes 1.0, 64 bytes 0.8. Other sizes take the next smaller one's, below 16 that of 16.
double required_ebn0_db(int payload_bytes);

struct ReachConfig {
  Profile profile;
  int payload_bytes = 16;
  double level_dbuv = 120;  ///< rms voltage of the frame behind the source resistance, dB of 1 uV, 0 ... 160

  /// Empty, or one line that names the field. Refuses bands above 30 MHz: a line there is an antenna.
  std::string validate() const;
};

/// One way of a frame: power gain |V_to/E_from|^2, mean over the band and the mains cycle, and what it makes
/// of the level against white noise N0 of the receiving side, E_c/N0 = level^2 gain/(R_c N0). All energy is
/// taken as collected and N0 as flat over the band.
struct LinkBudget {
  double attenuation_db = 0;  ///< of the voltage behind the source resistance
  double snr_db = 0;          ///< in the occupied bandwidth
  double ebn0_db = 0;
  double margin_db = 0;  ///< over required_ebn0_db
};

struct NodeReach {
  std::string node;
  int phase = 0;
  double distance_m = 0;  ///< cable to the hub, the shortest way
  double access_ohm = 0;  ///< |Z| at the node at the carrier, in the first state of the loads
  LinkBudget hub;         ///< to the hub's phase that hears it best
  int hub_phase = 0;
  std::string relay;  ///< the modem with the best way over it, where its worse half is better; empty: none
  double relay_margin_db = 0;  ///< of the worse half of that way

  bool direct() const { return hub.margin_db >= 0; }
  bool relayed() const { return !direct() && !relay.empty() && relay_margin_db >= 0; }
};

struct Reach {
  std::vector<NodeReach> nodes;  ///< in the order of the grid
  double threshold_db = 0;       ///< required_ebn0_db
  std::size_t direct = 0, relayed = 0;
};

/// Of a valid grid.
Result<Reach> find_reach(const Grid& grid, const ReachConfig& config);

/// Attenuation in dB from every modem to the hub's phase that hears it best, at one frequency, mean power
/// over the mains cycle; in the order of Reach::nodes.
std::vector<double> attenuation_db(const Grid& grid, const GridNetwork& network, double frequency_hz);

}  // namespace ngdsp
