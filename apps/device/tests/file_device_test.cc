// A recording as a device: its gaps, its speed, what is wrong with it.
#include "device/file_device.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "ngdsp/io/sigmf_writer.h"
#include "scripted_source.h"

namespace ngdevice {
namespace {

class FileDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "ngplc-device-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return (folder_ / "r").string(); }

  /// Runs of rising samples, the number of samples missing before each; -1: not said.
  void record(const std::vector<std::pair<std::size_t, int>>& runs) const {
    ngdsp::SigmfMeta meta;
    meta.format = ngdsp::SampleFormat::kRf32;
    meta.sample_rate_hz = 10'000;
    auto writer = ngdsp::SigmfWriter::create(path(), meta);
    ASSERT_TRUE(writer) << writer.error();
    std::uint64_t index = 0;
    for (const auto& [count, missing] : runs) {
      ngdsp::SigmfCapture capture;
      index += static_cast<std::uint64_t>(std::max(0, missing));
      if (missing >= 0) capture.global_index = index;
      if (index == 0) capture.datetime_ns = 1'700'000'000'000'000'000;
      writer->begin_capture(capture);
      std::vector<float> samples(count);
      for (float& sample : samples) sample = static_cast<float>(index++);
      ASSERT_FALSE(writer->write(ngdsp::Span<const float>(samples)));
    }
    ASSERT_FALSE(writer->close());
  }
  FileSource<float> open(bool realtime) const {
    auto reader = ngdsp::SigmfReader::open(path());
    EXPECT_TRUE(reader) << reader.error();
    return FileSource<float>(std::move(*reader), realtime);
  }

  std::filesystem::path folder_;
};

TEST_F(FileDevice, GapsAreThoseOfTheCaptures) {
  record({{1000, 0}, {500, 33}, {1, 1}, {2000, 0}});
  auto source = open(false);
  const Followed all = follow(source);
  EXPECT_EQ(all.samples, 3501U);
  EXPECT_EQ(all.missing, 34U);
  EXPECT_EQ(all.gaps, 3U);
  EXPECT_TRUE(all.in_place);
  EXPECT_EQ(source.sample0_time_ns(), 1'700'000'000'000'000'000);
  EXPECT_EQ(source.counters().missing_samples, 34U);
}

TEST_F(FileDevice, WithoutAnIndexAGapOfUnknownLength) {
  record({{1000, 0}, {500, -1}, {500, 7}});
  auto source = open(false);
  const Followed all = follow(source);
  EXPECT_EQ(all.gaps, 2U);
  EXPECT_EQ(all.missing, 0U);
}

// 2000 samples at 10 kS/s last 0.2 s. A busy machine makes it longer, nothing makes it shorter.
TEST_F(FileDevice, RunsAtItsOwnSpeed) {
  record({{2000, 0}});
  auto source = open(true);
  const std::int64_t begin_ns = system_time_ns();
  EXPECT_EQ(follow(source).samples, 2000U);
  EXPECT_GE(system_time_ns() - begin_ns, 190'000'000);
}

TEST_F(FileDevice, AnotherRateOrKindOfSamplesIsRefused) {
  record({{10, 0}});
  DeviceSettings settings;
  settings.sample_rate_hz = 192'000;
  EXPECT_NE(
      open_file_source<float>(settings, path()).error().find("core:sample_rate is 10000, expected 192000"),
      std::string::npos);
  settings.sample_rate_hz = 10'000;
  EXPECT_NE(open_file_source<ngdsp::cf32>(settings, path()).error().find("expected complex"),
            std::string::npos);
  EXPECT_TRUE(open_file_source<float>(settings, path()));
}

}  // namespace
}  // namespace ngdevice
