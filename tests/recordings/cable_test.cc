// The cable model against cords measured by others.
#include "ngdsp/channel/cable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "ngdsp/io/touchstone.h"
#include "recordings.h"

namespace {

using ngdsp::cf64;

double level_db(cf64 x) { return 20 * std::log10(std::abs(x)); }

struct Misfit {
  double mean_db = 0, worst_db = 0;  ///< of |S21|
  double mean_rad = 0;               ///< of its phase
};

/// 30 m of the model against a measured file.
Misfit misfit(const ngdsp::CableType& cable, const ngdsp::TwoPort& measured) {
  Misfit m;
  const auto points = static_cast<double>(measured.points.size());
  for (const auto& point : measured.points) {
    const auto line = ngdsp::line_constants(cable, point.frequency_hz);
    const cf64 s21 = ngdsp::line_chain(line, 30).s21(measured.reference_ohm);
    const double e = std::abs(level_db(s21) - level_db(point.s21));
    m.mean_db += e / points;
    m.worst_db = std::max(m.worst_db, e);
    m.mean_rad += std::abs(std::arg(s21 / point.s21)) / points;
  }
  return m;
}

/// Two cords of 30 m, 1.8 to 30 MHz. Their make is not told; the model is a common one, 3 x 14 AWG.
TEST(MeasuredCables, TransmissionOfCordsIsModelled) {
  const std::string folder = recordings::folder("cable_s2p");
  if (!std::filesystem::is_directory(folder))
    GTEST_SKIP() << "no measured cables in " << folder << ": set NGPLC_SHARED_DATA to the folder that holds "
                 << "\"cable_s2p\"";
  const auto cord = ngdsp::find_cable("cord 3x14AWG");
  ASSERT_TRUE(cord) << cord.error();
  ngdsp::CableType usual = *cord;  // with the dielectric of the installation cables, not fitted
  usual.permittivity = 4;
  usual.loss_tangent = 0.04;
  usual.loss_slope = 0;
  for (const char* name : {"CABLE1.S2P", "CABLE2.S2P"}) {
    const auto measured = ngdsp::load_s2p(folder + "/" + name);
    ASSERT_TRUE(measured) << measured.error();
    ASSERT_EQ(measured->points.size(), 1155U);
    const Misfit fitted = misfit(*cord, *measured), plain = misfit(usual, *measured);
    std::printf(
        "%s: mean error of |S21| %.3f dB, worst %.2f dB, mean error of its phase %.3f rad; "
        "with usual PVC %.2f dB\n",
        name, fitted.mean_db, fitted.worst_db, fitted.mean_rad, plain.mean_db);
    EXPECT_LT(fitted.mean_db, 0.25) << name;  // the two cords differ by 0.14
    EXPECT_LT(fitted.mean_rad, 0.1) << name;
    EXPECT_LT(plain.mean_db, 1.5) << name;
  }
}

}  // namespace
