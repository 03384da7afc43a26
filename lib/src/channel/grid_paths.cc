#include "ngdsp/channel/grid_paths.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

constexpr std::size_t kBandPoints = 65;
constexpr Eigen::Index kFewestPaths = 8, kMostPaths = 32, kMorePaths = 4;
constexpr double kMisfit = 3e-5;
constexpr double kSpacingChips = 0.5;
constexpr double kRidge = 1e-3;  // against columns of norm 1

}  // namespace

std::vector<BandPoint> band_points(const Profile& p, std::size_t points) {
  const double width_hz = p.chip_rate_hz * (1 + p.rolloff);
  std::vector<BandPoint> list(points);
  double sum = 0;
  for (std::size_t i = 0; i < points; ++i) {
    const double offset_hz = width_hz * ((static_cast<double>(i) + 0.5) / static_cast<double>(points) - 0.5);
    const double flat = (1 - p.rolloff) / 2, x = std::abs(offset_hz) / p.chip_rate_hz;
    const double weight = x <= flat ? 1 : (1 + std::cos(kPi / p.rolloff * (x - flat))) / 2;
    list[i] = {p.carrier_hz + offset_hz, weight};
    sum += weight;
  }
  for (BandPoint& b : list) b.weight /= sum;
  return list;
}

PathSet fit_paths(const Profile& profile, const std::vector<cf64>& response) {
  const std::vector<BandPoint> band = band_points(profile, response.size());
  const auto rows = static_cast<Eigen::Index>(response.size());
  Eigen::VectorXcd wanted(rows);
  Eigen::VectorXd root(rows);
  for (Eigen::Index i = 0; i < rows; ++i) {
    root[i] = std::sqrt(band[static_cast<std::size_t>(i)].weight);
    wanted[i] = root[i] * response[static_cast<std::size_t>(i)];
  }
  const double power = wanted.squaredNorm();
  PathSet set;
  set.power = power;
  if (!(power > 0)) return set;
  Eigen::VectorXcd weights;
  double misfit = power;
  for (Eigen::Index paths = kFewestPaths; paths <= kMostPaths && misfit > kMisfit * power;
       paths += kMorePaths) {
    Eigen::MatrixXcd basis = Eigen::MatrixXcd::Zero(rows + paths, paths);
    for (Eigen::Index i = 0; i < rows; ++i) {
      const double f = band[static_cast<std::size_t>(i)].frequency_hz - profile.carrier_hz;
      for (Eigen::Index k = 0; k < paths; ++k) {
        const double delay_chips = static_cast<double>(k) * kSpacingChips - kPathLeadChips;
        basis(i, k) = std::polar(root[i], -2 * kPi * f * delay_chips / profile.chip_rate_hz);
      }
    }
    basis.bottomRows(paths).diagonal().setConstant(kRidge);
    Eigen::VectorXcd right = Eigen::VectorXcd::Zero(rows + paths);
    right.head(rows) = wanted;
    weights = basis.householderQr().solve(right);
    misfit = (wanted - basis.topRows(rows) * weights).squaredNorm();
  }
  set.error_db = to_db(std::max(misfit / power, 1e-12));
  set.amplitude = weights.norm();
  for (Eigen::Index k = 0; k < weights.size(); ++k) {
    Tap tap;
    tap.gain_db = to_db(std::max(std::norm(weights[k]), std::numeric_limits<double>::min()));
    tap.delay_chips = static_cast<double>(k) * kSpacingChips;
    // A delayed path's carrier is delayed with it (Modulator): the fit's phases hold at the carrier itself.
    const double turns = (profile.carrier_hz - profile.center_hz) * tap.delay_chips / profile.chip_rate_hz;
    tap.phase_rad = std::arg(weights[k]) + 2 * kPi * (turns - std::floor(turns));
    set.taps.push_back(tap);
  }
  return set;
}

std::vector<GridPaths> grid_paths(const GridNetwork& network, const Profile& profile, double source_ohm,
                                  const std::vector<GridLink>& links) {
  std::vector<GridPaths> list(links.size());
  for (GridPaths& paths : list) paths.intervals = network.intervals();
  const std::vector<BandPoint> band = band_points(profile, kBandPoints);
  for (int state = 0; state < network.states(); ++state) {
    std::vector<std::vector<cf64>> responses(links.size());
    for (const BandPoint& b : band) {
      const std::vector<cf64> z = network.impedances(b.frequency_hz, state);
      for (std::size_t i = 0; i < links.size(); ++i)
        responses[i].push_back(transfer(z, network.ports().size(), links[i].from, links[i].to, source_ohm));
    }
    for (std::size_t i = 0; i < links.size(); ++i) list[i].states.push_back(fit_paths(profile, responses[i]));
  }
  return list;
}

}  // namespace ngdsp
