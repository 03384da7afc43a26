// Every recording in testvectors gives exactly the frames beside it, however its samples are cut into blocks.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "ngdsp/io/sigmf_reader.h"
#include "ngdsp/rx/receiver.h"

namespace {

using ngdsp::cf32;
using ngdsp::Profile;
using ngdsp::ReceivedFrame;
using ngdsp::Span;
using nlohmann::json;

std::string to_hex(const std::vector<std::uint8_t>& bytes) {
  static const char* const digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

/// The project's vectors, or those of the environment's NGPLC_VECTORS.
std::string folder() {
  const char* other = std::getenv("NGPLC_VECTORS");
  return other ? other : NGPLC_VECTOR_FOLDER;
}

/// A recording in memory and the profile as it lies in its samples.
struct Vector {
  Profile profile;
  std::vector<float> real;
  std::vector<cf32> complex;
  json expected;

  std::size_t size() const { return profile.real ? real.size() : complex.size(); }
};

void load(const std::string& name, Vector& v) {
  const std::string stem = folder() + "/" + name;
  auto reader = ngdsp::SigmfReader::open(stem);
  ASSERT_TRUE(reader) << reader.error();
  const auto& meta = reader->meta();
  ASSERT_EQ(meta.sha512.size(), 128U) << "vectors carry their hash";
  auto profile = ngdsp::find_profile(json::parse(meta.ngplc_json("profile")).get<std::string>());
  ASSERT_TRUE(profile) << profile.error();
  v.profile = *profile;
  v.profile.sample_rate_hz = meta.sample_rate_hz;
  if (ngdsp::is_complex(meta.format)) {
    v.profile.real = false;
    v.profile.center_hz = meta.frequency_hz().value();
    v.complex.resize(reader->samples());
    ASSERT_TRUE(reader->read(Span<cf32>(v.complex)));
  } else {
    v.real.resize(reader->samples());
    ASSERT_TRUE(reader->read(Span<float>(v.real)));
  }
  std::ifstream file(stem + ".json");
  v.expected = json::parse(file, nullptr, false);
  ASSERT_TRUE(v.expected.is_array()) << stem << ".json";
}

template <typename Sample>
void feed(ngdsp::Receiver& receiver, const std::vector<Sample>& samples, std::size_t chunk) {
  for (std::size_t at = 0; at < samples.size(); at += chunk) {
    receiver.process(Span<const Sample>(samples).subspan(at, std::min(chunk, samples.size() - at)));
  }
}

std::vector<ReceivedFrame> decode(const Vector& v, std::size_t chunk) {
  std::vector<ReceivedFrame> frames;
  ngdsp::ReceiverConfig config;
  config.profile = v.profile;
  auto receiver = ngdsp::Receiver::create(config, [&frames](const ReceivedFrame& f) { frames.push_back(f); });
  EXPECT_TRUE(receiver) << receiver.error();
  if (!receiver) return frames;
  if (v.profile.real) {
    feed(*receiver, v.real, chunk);
  } else {
    feed(*receiver, v.complex, chunk);
  }
  receiver->flush();
  EXPECT_EQ(receiver->counters().samples, v.size());
  EXPECT_EQ(receiver->counters().frames, frames.size());
  return frames;
}

/// Every expected frame once, nothing else.
void check(const json& expected, const std::vector<ReceivedFrame>& frames) {
  ASSERT_EQ(frames.size(), expected.size());
  std::vector<bool> taken(frames.size(), false);
  for (const json& want : expected) {
    bool found = false;
    for (std::size_t i = 0; i < frames.size() && !found; ++i) {
      const double off = static_cast<double>(frames[i].sample_index) - want["sample_index"].get<double>();
      found = !taken[i] && to_hex(frames[i].payload) == want["payload"].get<std::string>() &&
              frames[i].sequence == want["sequence"].get<int>() &&
              std::abs(off) <= want["tolerance_samples"].get<double>();
      if (found) taken[i] = true;
    }
    EXPECT_TRUE(found) << "missing: " << want;
  }
}

/// The same frames with the same numbers: receiving must not depend on the block size at all.
void check_same(const std::vector<ReceivedFrame>& a, const std::vector<ReceivedFrame>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].payload, b[i].payload);
    EXPECT_EQ(a[i].sequence, b[i].sequence);
    EXPECT_EQ(a[i].sample_index, b[i].sample_index);
    EXPECT_EQ(a[i].sample_fraction, b[i].sample_fraction);
    EXPECT_EQ(a[i].snr_db, b[i].snr_db);
    EXPECT_EQ(a[i].carrier_offset_hz, b[i].carrier_offset_hz);
    EXPECT_EQ(a[i].clock_offset_ppm, b[i].clock_offset_ppm);
    EXPECT_EQ(a[i].corrected_bits, b[i].corrected_bits);
  }
}

std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    if (entry.path().extension() == ".sigmf-meta") list.push_back(entry.path().stem().string());
  }
  std::sort(list.begin(), list.end());
  return list;
}

class VectorTest : public testing::TestWithParam<std::string> {};

TEST_P(VectorTest, GivesExactlyTheExpectedFrames) {
  Vector v;
  ASSERT_NO_FATAL_FAILURE(load(GetParam(), v));
  const auto whole = decode(v, v.size());
  ASSERT_NO_FATAL_FAILURE(check(v.expected, whole));
  // Block sizes of one radio packet, of a sound card, of a file reader, and an odd one.
  for (const std::size_t chunk : {1000U, 65536U}) {
    SCOPED_TRACE(chunk);
    check_same(whole, decode(v, chunk));
  }
  // Tiny blocks where the recording is short enough for the time they take.
  constexpr std::size_t kShort = 110000;
  if (v.size() > kShort) return;
  for (const std::size_t chunk : {1U, 7U, 4096U}) {
    SCOPED_TRACE(chunk);
    check_same(whole, decode(v, chunk));
  }
}

INSTANTIATE_TEST_SUITE_P(All, VectorTest, testing::ValuesIn(names()), [](const auto& vector) {
  std::string name = vector.param;
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
});

TEST(VectorSet, CoversWhatItPromises) {
  int positive = 0, negative = 0;
  std::uintmax_t bytes = 0;
  std::set<ngdsp::SampleFormat> formats;
  std::map<std::string, std::set<std::size_t>> classes;
  for (const std::string& name : names()) {
    Vector v;
    ASSERT_NO_FATAL_FAILURE(load(name, v));
    const std::string stem = folder() + "/" + name;
    bytes += std::filesystem::file_size(stem + ".sigmf-data");
    auto reader = ngdsp::SigmfReader::open(stem);
    formats.insert(reader->meta().format);
    (v.expected.empty() ? negative : positive) += 1;
    for (const json& frame : v.expected)
      classes[v.profile.name].insert(frame["payload"].get<std::string>().size() / 2);
  }
  EXPECT_GE(positive, 16);
  EXPECT_GE(negative, 8);
  EXPECT_LT(bytes, 40'000'000U);
  EXPECT_EQ(formats.size(), 5U);
  for (const Profile& profile : ngdsp::shipped_profiles()) {
    EXPECT_EQ(classes[profile.name], (std::set<std::size_t>{16, 32, 64})) << profile.name;
  }
}

}  // namespace
