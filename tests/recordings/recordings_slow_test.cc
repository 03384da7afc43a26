// What takes minutes: the loss in recorded background noise, and every profile over its whole carrier range
// on foreign traffic.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "ngdsp/eval/packet_error.h"
#include "recordings.h"

namespace {

using recordings::Recording;

class SlowRecordings : public recordings::RecordingsTest {};

constexpr int kFrames = 200;
constexpr double kPer = 0.1;

double packet_error_rate(const std::vector<float>& noise, double ebn0_db) {
  ngdsp::PacketErrorConfig config;
  config.profile = *ngdsp::find_profile("cenelec-a-low");
  config.payload_bytes = 16;
  config.ebn0_db = ebn0_db;
  config.frames = kFrames;
  config.stop_errors = kFrames / 4;
  config.noise = noise;
  config.sample_rate_hz = 20000;
  config.carrier_hz = 5000;
  const auto point = ngdsp::measure_packet_error(config);
  if (!point) {
    ADD_FAILURE() << point.error();
    return 0;
  }
  EXPECT_EQ(point->false_frames, 0U);
  std::printf("  E_b/N0 %5.1f dB: %3llu of %3llu lost\n", ebn0_db,
              static_cast<unsigned long long>(point->sent - point->ok),
              static_cast<unsigned long long>(point->sent));
  std::fflush(stdout);
  return std::max(point->per, 0.25 / kFrames);
}

/// E_b/N0 at which one frame in ten is lost: stepped until it is crossed, then log-linear between.
double threshold_db(const std::vector<float>& noise) {
  constexpr double kStepDb = 0.5;
  std::map<int, double> per;
  int i = 2;
  for (int steps = 0; steps < 60; ++steps) {
    per[i] = packet_error_rate(noise, i * kStepDb);
    const int next = per[i] > kPer ? i + 1 : i - 1;
    if (per.count(next)) {
      const int low = std::min(i, next);
      const double a = std::log(per[low]), b = std::log(per[low + 1]);
      return (low + (a - std::log(kPer)) / (a - b)) * kStepDb;
    }
    i = next;
  }
  ADD_FAILURE() << "no threshold found";
  return 1e9;
}

TEST_F(SlowRecordings, LossInBackgroundNoise) {
  std::printf("white noise\n");
  const double white_db = threshold_db({});
  std::printf("threshold %.1f dB\n", white_db);
  for (const std::string& name : recordings::names("lf_157khz_")) {
    Recording r;
    ASSERT_NO_FATAL_FAILURE(recordings::load(name, r));
    ASSERT_EQ(r.sample_rate_hz, 20000);
    std::printf("%s\n", name.c_str());
    const double loss_db = threshold_db(r.real) - white_db;
    std::printf("loss %.1f dB\n", loss_db);
    EXPECT_LT(loss_db, 1) << name;
  }
}

TEST_F(SlowRecordings, NoProfileHearsForeignTraffic) {
  for (const std::string& name : recordings::names("ism")) {
    Recording r;
    ASSERT_NO_FATAL_FAILURE(recordings::load(name, r));
    for (const ngdsp::Profile& profile : ngdsp::shipped_profiles()) {
      const int frames = recordings::frames_heard(r, profile);
      EXPECT_LE(frames, 0) << name << " as " << profile.name;
    }
  }
}

}  // namespace
