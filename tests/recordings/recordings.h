// Recordings made by others: where they are, their samples, and what a receiver hears in them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/io/sigmf_reader.h"
#include "ngdsp/rx/receiver.h"
#include "ngdsp/waveform/profile.h"

namespace recordings {

using ngdsp::cf32;
using ngdsp::Profile;
using ngdsp::Span;

/// A folder of the environment's NGPLC_SHARED_DATA, or of the one given to CMake.
inline std::string folder(const std::string& name = "recordings") {
  const char* other = std::getenv("NGPLC_SHARED_DATA");
  return std::string(other ? other : NGPLC_SHARED_DATA) + "/" + name;
}

/// A test that needs them. SetUp skips it, with the reason, where the folder is absent.
class RecordingsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::is_directory(folder()))
      GTEST_SKIP() << "no recordings in " << folder() << ": set NGPLC_SHARED_DATA to the folder that holds "
                   << "\"recordings\"";
  }
};

struct Recording {
  std::string name;
  double sample_rate_hz = 0;
  double center_hz = 0;
  std::vector<float> real;    ///< of a real recording; of a complex one the in-phase part
  std::vector<cf32> complex;  ///< of a complex recording
};

/// Names of the recordings that begin with `prefix`, sorted.
inline std::vector<std::string> names(const std::string& prefix) {
  std::vector<std::string> found;
  const auto list = ngdsp::list_sigmf(folder());
  if (!list) return found;
  for (const std::string& path : *list) {
    const std::string stem = std::filesystem::path(path).stem().string();
    if (stem.rfind(prefix, 0) == 0) found.push_back(stem);
  }
  return found;
}

inline void load(const std::string& name, Recording& r) {
  auto reader = ngdsp::SigmfReader::open(folder() + "/" + name);
  ASSERT_TRUE(reader) << reader.error();
  r.name = name;
  r.sample_rate_hz = reader->meta().sample_rate_hz;
  r.center_hz = reader->meta().frequency_hz().value_or(0);
  const auto count = static_cast<std::size_t>(reader->samples());
  r.complex.resize(count);
  for (std::size_t done = 0; done < count;) {
    const auto got = reader->read(Span<cf32>(r.complex).subspan(done));
    ASSERT_TRUE(got) << got.error();
    ASSERT_GT(*got, 0U) << name << " ends early";
    done += *got;
  }
  r.real.resize(count);
  std::transform(r.complex.begin(), r.complex.end(), r.real.begin(), [](cf32 x) { return x.real(); });
  if (!ngdsp::is_complex(reader->meta().format)) r.complex.clear();
}

/// Frames a receiver finds with the profile's carrier in the middle of a complex recording, or as it is in
/// the in-phase part. -1: the band does not fit the rate. `max_clock_ppm` -1 is the profile's.
inline int frames_heard(const Recording& r, const Profile& profile, double max_clock_ppm = -1) {
  ngdsp::ReceiverConfig config;
  config.profile = profile;
  config.sample_rate_hz = r.sample_rate_hz;
  config.max_clock_ppm = max_clock_ppm;
  config.full_scale = 2;
  int frames = 0;
  auto receiver = ngdsp::Receiver::create(config, [&frames](const ngdsp::ReceivedFrame&) { ++frames; });
  if (!receiver) return -1;
  if (profile.real)
    receiver->process(Span<const float>(r.real));
  else
    receiver->process(Span<const cf32>(r.complex));
  receiver->flush();
  EXPECT_EQ(receiver->counters().samples, r.real.size());
  std::cout << r.name << ", " << profile.name << ": " << receiver->counters().candidates << " candidates, "
            << receiver->counters().vetted << " vetted, " << frames << " frames\n";
  return frames;
}

}  // namespace recordings
