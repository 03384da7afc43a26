// A scenario's line in the band of a profile: who sends over it, through which paths, and when they change.
#pragma once

#include <string>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/channel/mains_line.h"
#include "ngdsp/channel/multipath.h"
#include "ngdsp/channel/noise_source.h"

namespace ngdsp {

/// Mean of |H(f)|^2 over the occupied band, of paths whose powers sum to 1: echoes shorter than a chip add up
/// with the phase their delay gives the carrier. No paths: 1.
double path_power(const std::vector<LinePath>& paths, const NoiseBand& band);

std::vector<Tap> to_taps(const std::vector<LinePath>& paths, double chip_rate_hz);

/// The way from one sender to the receiver in one state of the line.
struct SenderPaths {
  std::vector<Tap> taps;  ///< for add_multipath(), phases included; none: one path
  double amplitude = 1;   ///< of Arrival, beside the frame's own
};

struct LineSender {
  std::string node;        ///< of the grid; empty: the paths stand in the scenario
  double level_db = 0;     ///< received power over that of the median sender
  double delay_chips = 0;  ///< of what arrives strongest
  std::vector<SenderPaths> states;
};

/// A state of the line, the same for all senders.
struct LineState {
  double gain = 1;  ///< of the signal through it
  float scale = 1;  ///< beside the gain: brings its paths to power 1 in the band
};

/// Part of both half mains cycles in which a state other than the first holds.
struct LineWindow {
  std::size_t state = 1;
  double middle_turns = 0;  ///< mains phase in its middle
  double share = 0;         ///< of the half cycle, to 1
};

/// At least one sender and one state. A frame is rendered through the sender's paths of every state;
/// ScenarioLine adds the states up.
struct PlacedLine {
  std::vector<LineSender> senders;  ///< of a grid in its order
  std::size_t median = 0;           ///< the sender in the middle of their levels
  std::vector<LineState> states{LineState{}};
  std::vector<LineWindow> windows;  ///< the first state holds outside; they do not overlap
};

/// One sender, one state.
PlacedLine line_through(std::vector<Tap> taps);

/// Of a valid line. A grid is solved for every state of its loads (grid_paths), into the hub's phase that
/// hears the line's node best; without a node the phase whose median over the nodes is highest, and every
/// modem sends but one that sits at a phase of the hub. Paths are scaled to a mean power of 1 over the band
/// and the mains cycle. Errors: delays above 64 chips, a carrier outside 1 kHz to 30 MHz, no sender, nothing
/// heard of the median one, a node whose response 32 paths do not give back within -20 dB.
Result<PlacedLine> place_line(const LineConfig& config, const Profile& profile);

/// Factors of the signal through each state at these mains phases, (1 + depth cos 2(p - gain_phase)) s g: the
/// shares s of the states sum to 1, and fade from one to the next within 2 % of half a cycle.
void line_gains(const LineConfig& config, const PlacedLine& line, Span<const double> turns,
                std::vector<std::vector<float>>& gains);

}  // namespace ngdsp
