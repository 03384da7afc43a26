// Frames over the paths of a grid into the receiver: how far it is from the bound of `ngplc reach`.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/channel/grid_paths.h"
#include "ngdsp/channel/noise_level.h"
#include "ngdsp/rx/receiver.h"
#include "ngdsp/tx/frame_encoder.h"
#include "ngdsp/tx/modulator.h"

namespace ngdsp {
namespace {

/// A modem of a shipped grid and the hub's port on the same phase, in the first state of the loads.
struct Link {
  PathSet paths;
  double gain = 0;       ///< mean |H|^2 over the band
  double spread_db = 0;  ///< between its largest and smallest in the band
};

Link link_of(const std::string& grid_name, const std::string& node, const Profile& p) {
  const auto grid = load_grid(std::string(NGPLC_GRIDS) + "/" + grid_name + ".toml");
  EXPECT_TRUE(grid) << grid.error();
  const GridNetwork network(*grid);
  const std::vector<GridPort>& ports = network.ports();
  std::size_t from = network.hub_ports();
  while (grid->nodes[static_cast<std::size_t>(ports[from].node)].name != node) ++from;
  const auto to = static_cast<std::size_t>(ports[from].phase);
  Link link;
  link.paths = grid_paths(network, p, grid->source_ohm, {{from, to}})[0].states[0];
  double least = INFINITY, most = 0;
  for (const BandPoint& b : band_points(p, 65)) {
    const double h =
        std::norm(transfer(network.impedances(b.frequency_hz, 0), ports.size(), from, to, grid->source_ohm));
    link.gain += b.weight * h;
    least = std::min(least, h);
    most = std::max(most, h);
  }
  link.spread_db = to_db(most / least);
  return link;
}

/// Frames lost of 100, each alone in white noise of this E_b/N0, delay, phase and clock within 50 ppm drawn.
int lost_frames(const Link& link, const Profile& p, double ebn0_db) {
  constexpr int kFrames = 100;
  const FrameEncoder encoder(p);
  const Modulator modulator(p);
  const PayloadClass& payload_class = p.classes[0];
  Rng rng(7);
  int lost = 0;
  for (int frame = 0; frame < kFrames; ++frame) {
    std::vector<std::uint8_t> payload(static_cast<std::size_t>(payload_class.payload_bytes));
    for (std::uint8_t& byte : payload) byte = static_cast<std::uint8_t>(rng.next());
    const std::vector<cf32> chips =
        encoder.encode(Span<const std::uint8_t>(payload), frame % payload_class.sequences);
    Arrival arrival;
    arrival.start_samples = 8000 + 30 * rng.uniform();
    arrival.phase_rad = 2 * kPi * rng.uniform();
    arrival.clock_ppm = 100 * (rng.uniform() - 0.5);
    arrival.carrier_offset_hz = arrival.clock_ppm * 1e-6 * p.carrier_crystal_hz;
    constexpr double kLevel = 0.05;
    arrival.amplitude = kLevel * link.paths.amplitude / std::sqrt(link.gain);
    std::vector<float> samples(4 * (chips.size() + 6000));
    add_multipath(modulator, Span<const cf32>(chips), arrival, link.paths.taps, p.chip_rate_hz,
                  Span<float>(samples));
    const double variance = noise_variance(p, modulator.sample_rate_hz(), kLevel * kLevel,
                                           chip_ec_n0_from_ebn0_db(p, payload_class, ebn0_db));
    rng.add_noise(Span<float>(samples), std::sqrt(variance));
    ReceiverConfig config;
    config.profile = p;
    bool found = false;
    auto receiver = Receiver::create(
        config, [&](const ReceivedFrame& received) { found = found || received.payload == payload; });
    EXPECT_TRUE(receiver);
    receiver->process(Span<const float>(samples));
    receiver->flush();
    lost += !found;
  }
  return lost;
}

TEST(GridLink, FramesComeThroughNearTheBound) {
  const Profile p;
  const struct {
    const char *grid, *node;
    double sure_db;  ///< from where on none was lost when this was measured
  } links[] = {
      {"quiet-house", "attic", 2.6}, {"long-rural-feeder", "farm-8", 2.6}, {"ev-street", "south-9", 3.6}};
  for (const auto& l : links) {
    const Link link = link_of(l.grid, l.node, p);
    for (const double ebn0_db : {1.6, 2.6, 3.6}) {
      const int lost = lost_frames(link, p, ebn0_db);
      std::printf("%s, %s: %zu paths, %.1f dB of spread over the band, E_b/N0 %.1f dB: %d of 100 lost\n",
                  l.grid, l.node, link.paths.taps.size(), link.spread_db, ebn0_db, lost);
      // None was lost there; six or more of 100 have a probability of 5e-4 at a rate of 1 %.
      if (ebn0_db >= l.sure_db) {
        EXPECT_LT(lost, 6) << l.node << ebn0_db;
      }
    }
  }
}

}  // namespace
}  // namespace ngdsp
