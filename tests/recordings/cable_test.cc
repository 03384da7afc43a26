// The cable model against cords measured by others.
#include "ngdsp/channel/cable.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>

#include "ngdsp/io/touchstone.h"
#include "recordings.h"

namespace {

using ngdsp::cf64;

double level_db(cf64 x) { return 20 * std::log10(std::abs(x)); }

/// Two cords of 30 m, 1.8 to 30 MHz. Their make is not told; the model is a common one, 3 x 14 AWG.
TEST(MeasuredCables, TransmissionOfCordsIsModelled) {
  const std::string folder = recordings::folder("cable_s2p");
  if (!std::filesystem::is_directory(folder))
    GTEST_SKIP() << "no measured cables in " << folder << ": set NGPLC_SHARED_DATA to the folder that holds "
                 << "\"cable_s2p\"";
  const auto cord = ngdsp::find_cable("cord 3x14AWG");
  ASSERT_TRUE(cord) << cord.error();
  for (const char* name : {"CABLE1.S2P", "CABLE2.S2P"}) {
    const auto measured = ngdsp::load_s2p(folder + "/" + name);
    ASSERT_TRUE(measured) << measured.error();
    ASSERT_EQ(measured->points.size(), 1155U);
    double error_db = 0, worst_db = 0, error_rad = 0;
    for (const auto& point : measured->points) {
      const auto line = ngdsp::line_constants(*cord, point.frequency_hz);
      const cf64 s21 = ngdsp::line_chain(line, 30).s21(measured->reference_ohm);
      const double e = std::abs(level_db(s21) - level_db(point.s21));
      error_db += e;
      worst_db = std::max(worst_db, e);
      error_rad += std::abs(std::arg(s21 / point.s21));
    }
    const auto points = static_cast<double>(measured->points.size());
    std::printf("%s: mean error of |S21| %.3f dB, worst %.2f dB, mean error of its phase %.3f rad\n", name,
                error_db / points, worst_db, error_rad / points);
    // Cords from one shop differ by this much.
    EXPECT_LT(error_db / points, 0.25) << name;
    EXPECT_LT(error_rad / points, 0.1) << name;
  }
}

}  // namespace
