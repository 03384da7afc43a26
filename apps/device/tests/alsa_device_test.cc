// A sound card made of files (ALSA's file plugin): what is in the file comes out, and what is played is in
// the file.
#include "device/alsa_device.h"

#include <alsa/asoundlib.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace ngdevice {
namespace {

using ngdsp::Span;

class AlsaDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "ngplc-alsa-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    // A card of 192 kS/s and 16 bits that reads and writes files.
    std::ofstream(folder_ / "asoundrc")
        << "pcm.card { type plug slave { pcm card_file format S16_LE rate 192000 channels 1 } }\n"
        << "pcm.card_file { type file slave.pcm null file " << folder_ / "out"
        << " infile " << folder_ / "in"
        << " format raw }\n";
    setenv("ALSA_CONFIG_PATH", ("/usr/share/alsa/alsa.conf:" + (folder_ / "asoundrc").string()).c_str(), 1);
    settings_.sample_rate_hz = 192'000;
  }
  void TearDown() override {
    snd_config_update_free_global();
    unsetenv("ALSA_CONFIG_PATH");
    std::filesystem::remove_all(folder_);
  }
  void put(const std::vector<std::int16_t>& words) const {
    std::ofstream file(folder_ / "in", std::ios::binary);
    file.write(reinterpret_cast<const char*>(words.data()), static_cast<std::streamsize>(2 * words.size()));
  }
  std::vector<std::int16_t> played() const {
    std::ifstream file(folder_ / "out", std::ios::binary);
    std::vector<std::int16_t> words(std::filesystem::file_size(folder_ / "out") / 2);
    file.read(reinterpret_cast<char*>(words.data()), static_cast<std::streamsize>(2 * words.size()));
    return words;
  }
  DeviceSettings named(const std::string& pcm) const {
    DeviceSettings s = settings_;
    s.device = "alsa:" + pcm;
    return s;
  }

  std::filesystem::path folder_;
  DeviceSettings settings_;
};

TEST_F(AlsaDevice, GivesWhatTheCardHears) {
  std::vector<std::int16_t> words(50'000);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = static_cast<std::int16_t>(i * 7919);
  put(words);
  auto source = open_alsa_source(named("card"), "card");
  ASSERT_TRUE(source) << source.error();
  EXPECT_NE((*source)->info().hardware.find("sound card"), std::string::npos);
  std::vector<float> heard, out(9'000);
  for (int reads = 0; heard.size() < words.size() && reads < 1000; ++reads) {
    const auto got = (*source)->read(Span<float>(out));
    ASSERT_TRUE(got) << got.error();
    heard.insert(heard.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(got->count));
    if (got->ended) break;
  }
  ASSERT_GE(heard.size(), words.size());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < words.size(); ++i) wrong += heard[i] != static_cast<float>(words[i]) / 32768.0F;
  EXPECT_EQ(wrong, 0U);
  // Some time ago, by this machine's clock.
  EXPECT_NEAR(static_cast<double>(system_time_ns() - (*source)->sample0_time_ns()) * 1e-9, 0, 60);
}

TEST_F(AlsaDevice, PlaysAllSamplesAfterItsLeadOfSilence) {
  put({});
  auto sink = open_alsa_sink(named("card"), "card");
  ASSERT_TRUE(sink) << sink.error();
  std::vector<float> samples(20'000);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<float>(i % 4000 + 1) / 32768.0F;
  samples[5] = 2;  // limited, not wrapped
  ASSERT_FALSE((*sink)->write(Span<const float>(samples)));
  ASSERT_FALSE((*sink)->drain());
  sink->reset();
  const auto words = played();
  const auto first = std::find_if(words.begin(), words.end(), [](std::int16_t word) { return word != 0; });
  ASSERT_GE(words.end() - first, 20'000);
  EXPECT_EQ(first[0], 1);
  EXPECT_EQ(first[5], 32767);
  EXPECT_EQ(first[19'999], 19'999 % 4000 + 1);
  EXPECT_NEAR(static_cast<double>(first - words.begin()) / 192'000, 0.2, 0.01);  // the lead
}

TEST_F(AlsaDevice, ACardThatIsMissingOrCannotIsOneLine) {
  const auto missing = open_alsa_source(named("hw:77"), "hw:77");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().find("alsa:hw:77: "), std::string::npos) << missing.error();
  EXPECT_NE(missing.error().find("found: "), std::string::npos) << missing.error();
  put({});
  settings_.sample_rate_hz = 192'000.5;
  const auto odd = open_alsa_source(named("card"), "card");
  ASSERT_FALSE(odd);
  EXPECT_NE(odd.error().find("samples/s, expected 192000"), std::string::npos) << odd.error();
}

}  // namespace
}  // namespace ngdevice
