// What takes minutes: how many false frames a year white noise gives, and what keeping them out costs.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "ngdsp/eval/false_frames.h"
#include "ngdsp/eval/packet_error.h"

namespace ngdsp {
namespace {

// The receiver's margin above K ln 2 where nothing else is on the air (docs/receiver.md, "False frames").
constexpr double kMargin = 18;

// Two hours of noise. Seed 1 gives 0.29 +- 0.10 a year at a margin of 18 and 6.2 at 14.
TEST(FalseFrames, AtMostOneAYearOnWhiteNoise) {
  const auto r = measure_noise_paths(*find_profile("cenelec-a"), 7200, 1);
  ASSERT_TRUE(static_cast<bool>(r)) << r.error();
  std::uint64_t drawn = 0, crc_begins_right = 0;
  for (const NoisePathClass& c : r->classes) {
    std::printf("%d bytes: %llu decodes, %.0f paths, %zu of them measured\n", c.payload_bytes,
                static_cast<unsigned long long>(c.decodes), c.paths, c.drawn.size());
    for (const NoisePath& p : c.drawn) crc_begins_right += p.crc >> 16 == 0;
    drawn += c.drawn.size();
  }
  std::printf("margin: false frames a year +- deviation (candidates above), by class and together\n");
  double mean = 0, deviation = 0;
  for (const double margin :
       {-1000.0, 0.0, 5.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 18.0, 20.0}) {
    std::printf("%5.0f:", margin);
    double total = 0, square = 0;
    for (const NoisePathClass& c : r->classes) {
      const YearlyRate rate = false_frames_a_year(c, r->seconds, margin);
      std::printf(" %9.4f +- %7.4f (%4llu)", rate.mean, rate.deviation,
                  static_cast<unsigned long long>(rate.candidates));
      total += rate.mean;
      square += rate.deviation * rate.deviation;
    }
    std::printf(" %9.4f +- %7.4f\n", total, std::sqrt(square));
    if (margin == kMargin) mean = total, deviation = std::sqrt(square);
  }
  EXPECT_LT(mean + 3 * deviation, 1);

  // That a path passes the CRC by chance alone: eight bits of it vanish once in 256. Lists of one candidate
  // share paths; the count's variance over candidates is 1.2 times that of independent ones (measured).
  const double expected = static_cast<double>(drawn) / 256;
  std::printf("eight bits of the CRC hold for %llu of %llu paths, expected %.0f\n",
              static_cast<unsigned long long>(crc_begins_right), static_cast<unsigned long long>(drawn),
              expected);
  EXPECT_NEAR(static_cast<double>(crc_begins_right), expected, 4 * std::sqrt(1.2 * expected));
}

// At the E_b/N0 where one frame in a hundred is lost. The root of the metric is normal with deviation 0.7
// (measured; 1/sqrt 2 without losses) about 13.8, 18.2, 25.2; the thresholds' roots are 11.1, 14.6, 19.7:
// 16 bytes lose 1e-4, the others nothing. Three or more of 2000 have probability 1e-3.
TEST(FalseFrames, TrueFramesPassTheMetric) {
  const struct {
    int payload_bytes;
    double ebn0_db;
    int frames;
  } points[] = {{16, 1.8, 2000}, {32, 1.2, 500}, {64, 1.0, 300}};
  for (const auto& point : points) {
    PacketErrorConfig c;
    c.profile = *find_profile("cenelec-a");
    c.payload_bytes = point.payload_bytes;
    c.ebn0_db = point.ebn0_db;
    c.frames = point.frames;
    c.clock_ppm = 50;
    const auto r = measure_packet_error(c);
    ASSERT_TRUE(static_cast<bool>(r)) << r.error();
    const auto& metrics = r->frame_metrics;
    ASSERT_GT(metrics.size(), 0.9 * point.frames);
    EXPECT_LE(metrics.size(), static_cast<std::size_t>(point.frames));
    const double least = (8 * c.payload_bytes + 24) * std::log(2.0) + kMargin;
    int below = 0;
    double sum = 0, squares = 0;
    for (const double m : metrics) {
      below += m < least;
      sum += std::sqrt(m);
      squares += m;
    }
    const auto n = static_cast<double>(metrics.size());
    std::printf(
        "%d bytes, %.1f dB: %zu frames, %d below %.1f; least three %.1f %.1f %.1f, root %.3f +- %.3f\n",
        c.payload_bytes, c.ebn0_db, metrics.size(), below, least, metrics[0], metrics[1], metrics[2], sum / n,
        std::sqrt(squares / n - sum / n * (sum / n)));
    EXPECT_LE(below, 2) << point.payload_bytes;
  }
}

}  // namespace
}  // namespace ngdsp
