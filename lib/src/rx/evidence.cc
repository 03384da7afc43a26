#include "ngdsp/rx/evidence.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "ngdsp/base/db.h"
#include "ngdsp/base/multiversion.h"

namespace ngdsp {
namespace {

constexpr std::size_t kPhases = 48;

// cos and sin of the phase grid, and of twice its phases.
struct PhaseGrid {
  std::array<float, kPhases> cos1, sin1, cos2, sin2;
};
const PhaseGrid& phase_grid() {
  static const PhaseGrid grid = [] {
    PhaseGrid g;
    for (std::size_t i = 0; i < kPhases; ++i) {
      const double th = 2.0 * kPi * static_cast<double>(i) / kPhases;
      g.cos1[i] = static_cast<float>(std::cos(th));
      g.sin1[i] = static_cast<float>(std::sin(th));
      g.cos2[i] = static_cast<float>(std::cos(2 * th));
      g.sin2[i] = static_cast<float>(std::sin(2 * th));
    }
    return g;
  }();
  return grid;
}

// Returns the largest.
NGDSP_MULTIVERSION float evidence_on_grid(const PhaseGrid& g, float k_re, float k_im, float s_re, float s_im,
                                          float* out) {
  float most = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < kPhases; ++i) {
    out[i] = k_re * g.cos1[i] + k_im * g.sin1[i] + s_re * g.cos2[i] + s_im * g.sin2[i];
    most = out[i] > most ? out[i] : most;
  }
  return most;
}

}  // namespace

CarrierSums sum_blocks(const std::vector<FrameBlock>& blocks, double turns, const EvidenceAmplitude& a) {
  CarrierSums sums;
  cf64 w = 1, step = 1;
  double time = 0, stride = 0;  // blocks come at a steady pace, so that one step turns to the next
  for (const FrameBlock& b : blocks) {
    if (b.time - time != stride) {
      stride = b.time - time;
      step = std::polar(1.0, -2.0 * kPi * turns * stride);
    }
    w *= step;
    time = b.time;
    sums.known += b.known * (w * (2.0 * std::sqrt(a.a2) * b.weight));
    const double a2 = b.energy > 0 ? a.squares_a2(b.noise_power()) : a.a2;
    sums.squares += b.squares * (w * w * (a2 * b.weight * b.weight));
    sums.constant += a2 * (b.energy * b.weight * b.weight - b.chips * b.weight);
  }
  return sums;
}

PhaseFit fit_phase(const CarrierSums& sums, double turns) {
  PhaseFit best;
  best.turns = turns;
  float grid[kPhases];
  const float most = evidence_on_grid(
      phase_grid(), static_cast<float>(sums.known.real()), static_cast<float>(sums.known.imag()),
      static_cast<float>(sums.squares.real()), static_cast<float>(sums.squares.imag()), grid);
  const auto peak = static_cast<std::size_t>(std::find(grid, grid + kPhases, most) - grid) % kPhases;
  const auto value = [&](std::size_t i) { return static_cast<double>(grid[i % kPhases]); };
  const double before = value(peak + kPhases - 1), after = value(peak + 1);
  const double bend = before - 2 * value(peak) + after;
  const double shift = bend < 0 ? 0.5 * (before - after) / bend : 0.0;
  best.phase = 2.0 * kPi * (static_cast<double>(peak) + shift) / kPhases;
  best.evidence = value(peak) - 0.25 * (before - after) * shift + sums.constant;
  return best;
}

}  // namespace ngdsp
