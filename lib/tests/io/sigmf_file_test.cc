// Recordings on disk: what is written is read, and what is broken is refused.
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "ngdsp/base/rng.h"
#include "ngdsp/io/sigmf_reader.h"
#include "ngdsp/io/sigmf_writer.h"
#include "temp_folder.h"

namespace ngdsp {
namespace {

SigmfMeta meta_of(SampleFormat format) {
  SigmfMeta meta;
  meta.format = format;
  meta.sample_rate_hz = 192000;
  meta.description = "test";
  meta.recorder = "sigmf_file_test";
  meta.ngplc = {{"profile", "\"cenelec-a\""}};
  meta.captures = {{0, 63000.0, 1'709'208'000'123'456'789}};
  return meta;
}

class SigmfFile : public TempFolderTest {
 protected:
  /// Writes `count` real samples 0, 1/32768, 2/32768 ... as ri16_le to NAME.
  void record(const std::string& name, std::size_t count) const {
    auto writer = SigmfWriter::create(path(name), meta_of(SampleFormat::kRi16));
    ASSERT_TRUE(writer) << writer.error();
    std::vector<float> samples(count);
    for (std::size_t i = 0; i < count; ++i) {
      samples[i] = static_cast<float>(i) / 32768.0F;
    }
    ASSERT_FALSE(writer->write(Span<const float>(samples)));
    ASSERT_FALSE(writer->close());
  }
  std::string open_error(const std::string& name, SigmfReaderOptions options = {}) const {
    const auto reader = SigmfReader::open(path(name), options);
    return reader ? "opened" : reader.error();
  }
};

class SigmfRoundTrip : public SigmfFile, public ::testing::WithParamInterface<SampleFormat> {};

TEST_P(SigmfRoundTrip, SamplesAndMetadata) {
  const SampleFormat format = GetParam();
  constexpr std::size_t kCount = 100'003;  // several blocks, and no multiple of one
  Rng rng(11);
  std::vector<float> real(kCount);
  std::vector<cf32> complex_samples(kCount);
  rng.add_noise(Span<float>(real), 0.2);
  rng.add_noise(Span<cf32>(complex_samples), 0.08);

  auto writer = SigmfWriter::create(path("r.sigmf-meta"), meta_of(format));
  ASSERT_TRUE(writer) << writer.error();
  for (std::size_t done = 0; done < kCount;) {
    const std::size_t count = std::min<std::size_t>(kCount - done, 1 + rng.below(40'000));
    ASSERT_FALSE(is_complex(format) ? writer->write(Span<const cf32>(complex_samples).subspan(done, count))
                                    : writer->write(Span<const float>(real).subspan(done, count)));
    done += count;
  }
  writer->annotate({2000, 10, "second", "", {}, ""});
  writer->annotate({1000, {}, "first", "a comment", {{"device", "7"}}, ""});
  EXPECT_EQ(writer->samples(), kCount);
  ASSERT_FALSE(writer->close());
  EXPECT_EQ(files(), 2U);

  auto reader = SigmfReader::open(path("r"));
  ASSERT_TRUE(reader) << reader.error();
  EXPECT_EQ(reader->samples(), kCount);
  EXPECT_EQ(reader->meta().format, format);
  EXPECT_EQ(reader->meta().sample_rate_hz, 192000);
  EXPECT_EQ(reader->meta().frequency_hz(), 63000.0);
  EXPECT_EQ(reader->meta().start_time_ns(), 1'709'208'000'123'456'789);
  EXPECT_EQ(reader->meta().sha512.size(), 128U);
  EXPECT_EQ(reader->meta().ngplc_json("profile"), "\"cenelec-a\"");
  ASSERT_EQ(reader->meta().annotations.size(), 2U);
  EXPECT_EQ(reader->meta().annotations[0].label, "first");
  EXPECT_EQ(reader->meta().annotations[0].ngplc[0].json, "7");

  const float step = format == SampleFormat::kCu8                                     ? 1.0F / 127.5F
                     : format == SampleFormat::kRi16 || format == SampleFormat::kCi16 ? 1.0F / 32768.0F
                                                                                      : 0.0F;
  const auto limited = [&](float x) {
    return step > 0 ? std::min(std::max(x, -1.0F), 1.0F - (step < 1e-4F ? step : 0)) : x;
  };
  std::vector<cf32> back(kCount);
  std::size_t done = 0;
  while (true) {
    const std::size_t count = std::min<std::size_t>(kCount - done, 1 + rng.below(30'000));
    const auto got = reader->read(Span<cf32>(back).subspan(done, count));
    ASSERT_TRUE(got) << got.error();
    if (*got == 0) break;
    done += *got;
    EXPECT_EQ(reader->position(), done);
    if (done == kCount) break;
  }
  ASSERT_EQ(done, kCount);
  std::vector<cf32> more(1);
  EXPECT_EQ(*reader->read(Span<cf32>(more)), 0U);
  for (std::size_t i = 0; i < kCount; ++i) {
    const cf32 sent = is_complex(format) ? complex_samples[i] : cf32{real[i], 0.0F};
    // Half a step of rounding, and the float error of scaling by 127.5.
    ASSERT_NEAR(back[i].real(), limited(sent.real()), step * 0.5F + (step > 0 ? 1e-6F : 0.0F)) << i;
    ASSERT_NEAR(back[i].imag(), limited(sent.imag()), step * 0.5F + (step > 0 ? 1e-6F : 0.0F)) << i;
  }
  EXPECT_EQ(reader->non_finite(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Formats, SigmfRoundTrip,
                         ::testing::Values(SampleFormat::kRi16, SampleFormat::kCi16, SampleFormat::kRf32,
                                           SampleFormat::kCf32, SampleFormat::kCu8),
                         [](const auto& tested) { return std::string(sample_format_name(tested.param)); });

TEST_F(SigmfFile, SeekReadsFromThere) {
  record("r", 1000);
  auto reader = SigmfReader::open(path("r"));
  ASSERT_TRUE(reader) << reader.error();
  ASSERT_FALSE(reader->seek(990));
  std::vector<float> samples(100);
  EXPECT_EQ(*reader->read(Span<float>(samples)), 10U);
  EXPECT_EQ(samples[0], 990.0F / 32768.0F);
  EXPECT_TRUE(reader->seek(1001));
}

TEST_F(SigmfFile, CapturesBeginWhereSamplesAreMissing) {
  SigmfMeta meta = meta_of(SampleFormat::kRi16);
  meta.hardware = "a sound card";
  auto writer = SigmfWriter::create(path("r"), meta);
  ASSERT_TRUE(writer) << writer.error();
  const std::vector<float> samples(100);
  for (const std::uint64_t index : {7U, 1000U, 1000U, 5000U}) {  // the third in place of the second
    SigmfCapture capture;
    capture.global_index = index;
    writer->begin_capture(capture);
    if (writer->samples() == 100 && index != 5000) continue;
    ASSERT_FALSE(writer->write(Span<const float>(samples)));
  }
  ASSERT_FALSE(writer->close());
  const auto reader = SigmfReader::open(path("r"));
  ASSERT_TRUE(reader) << reader.error();
  EXPECT_EQ(reader->meta().hardware, "a sound card");
  const auto& captures = reader->meta().captures;
  ASSERT_EQ(captures.size(), 2U);
  EXPECT_EQ(captures[0].sample_start, 0U);
  EXPECT_EQ(captures[0].global_index, 7U);
  EXPECT_EQ(captures[1].sample_start, 100U);
  EXPECT_EQ(captures[1].global_index, 5000U);
}

TEST_F(SigmfFile, EmptyRecordingIsARecording) {
  record("r", 0);
  auto reader = SigmfReader::open(path("r"));
  ASSERT_TRUE(reader) << reader.error();
  std::vector<float> samples(4);
  EXPECT_EQ(*reader->read(Span<float>(samples)), 0U);
}

TEST_F(SigmfFile, MissingFilesAreNamed) {
  EXPECT_NE(open_error("none").find("none.sigmf-meta: cannot open"), std::string::npos);
  record("r", 10);
  std::filesystem::remove(path("r.sigmf-data"));
  EXPECT_NE(open_error("r").find("r.sigmf-data: cannot open"), std::string::npos);
  std::filesystem::create_directory(path("r.sigmf-data"));
  EXPECT_NE(open_error("r").find("r.sigmf-data: cannot open the data file: not a regular file"),
            std::string::npos);
}

TEST_F(SigmfFile, OddLengthIsRefusedOrTolerated) {
  record("r", 1000);
  std::filesystem::resize_file(path("r.sigmf-data"), 1501);
  const std::string error = open_error("r");
  EXPECT_NE(error.find("r.sigmf-data: 1501 bytes, expected a multiple of 2"), std::string::npos) << error;
  EXPECT_NE(error.find("core:datatype"), std::string::npos);
  // Tolerated, its hash is still wrong; without the hash the whole samples are there.
  EXPECT_NE(open_error("r", {true, true}).find("SHA-512"), std::string::npos);
  auto reader = SigmfReader::open(path("r"), {false, true});
  ASSERT_TRUE(reader) << reader.error();
  EXPECT_EQ(reader->samples(), 750U);
}

TEST_F(SigmfFile, WrongHashIsRefused) {
  record("r", 1000);
  std::string data = content("r.sigmf-data");
  data[700] = static_cast<char>(data[700] ^ 1);
  put("r.sigmf-data", data);
  const std::string error = open_error("r");
  EXPECT_NE(error.find("r.sigmf-data: SHA-512 is "), std::string::npos) << error;
  EXPECT_NE(error.find("r.sigmf-meta"), std::string::npos) << error;
  EXPECT_EQ(open_error("r", {false, false}), "opened");
}

TEST_F(SigmfFile, HashIsTheStandardOne) {
  record("r", 0);
  auto reader = SigmfReader::open(path("r"));
  ASSERT_TRUE(reader);
  // SHA-512 of nothing, FIPS 180-4.
  EXPECT_EQ(reader->meta().sha512,
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
            "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
}

TEST_F(SigmfFile, AnnotationBeyondTheDataIsRefused) {
  record("r", 100);
  std::string meta = content("r.sigmf-meta");
  const std::string from = "\"annotations\": []";
  ASSERT_NE(meta.find(from), std::string::npos);
  meta.replace(meta.find(from), from.size(),
               R"("annotations": [{"core:sample_start": 90, "core:sample_count": 18446744073709551615}])");
  put("r.sigmf-meta", meta);
  EXPECT_NE(open_error("r").find("r.sigmf-meta: annotations[0].core:sample_count"), std::string::npos)
      << open_error("r");
}

TEST_F(SigmfFile, DatasetNamesAnotherDataFile) {
  record("r", 100);
  std::filesystem::rename(path("r.sigmf-data"), path("samples.bin"));
  std::string meta = content("r.sigmf-meta");
  const std::string from = "\"core:datatype\"";
  meta.replace(meta.find(from), from.size(), R"("core:dataset": "samples.bin", "core:datatype")");
  put("r.sigmf-meta", meta);
  EXPECT_EQ(open_error("r"), "opened");
}

TEST_F(SigmfFile, ComplexIsNotReadOrWrittenAsReal) {
  std::vector<float> real(4);
  std::vector<cf32> complex_samples(4);
  auto writer = SigmfWriter::create(path("c"), meta_of(SampleFormat::kCf32));
  ASSERT_TRUE(writer);
  EXPECT_TRUE(writer->write(Span<const float>(real)));
  EXPECT_FALSE(writer->write(Span<const cf32>(complex_samples)));
  ASSERT_FALSE(writer->close());
  auto reader = SigmfReader::open(path("c"));
  ASSERT_TRUE(reader);
  const auto got = reader->read(Span<float>(real));
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().find("expected real samples, found cf32_le"), std::string::npos);
  auto real_writer = SigmfWriter::create(path("r"), meta_of(SampleFormat::kRf32));
  ASSERT_TRUE(real_writer);
  EXPECT_TRUE(real_writer->write(Span<const cf32>(complex_samples)));
}

TEST_F(SigmfFile, NotANumberIsCountedOnTheWayIn) {
  auto writer = SigmfWriter::create(path("n"), meta_of(SampleFormat::kRf32));
  ASSERT_TRUE(writer);
  const std::vector<float> zeros(1000, 0.5F);
  ASSERT_FALSE(writer->write(Span<const float>(zeros)));
  ASSERT_FALSE(writer->close());
  std::string data = content("n.sigmf-data");
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()};
  std::memcpy(data.data() + 400, bad, sizeof bad);
  put("n.sigmf-data", data);
  auto reader = SigmfReader::open(path("n"), {false, false});
  ASSERT_TRUE(reader) << reader.error();
  std::vector<float> samples(1000);
  EXPECT_EQ(*reader->read(Span<float>(samples)), 1000U);
  EXPECT_EQ(reader->non_finite(), 2U);
  EXPECT_EQ(samples[100], 0.0F);
  EXPECT_EQ(samples[101], 0.0F);
  EXPECT_EQ(samples[102], 0.5F);
}

TEST_F(SigmfFile, FileThatShrinksWhileReadIsAnError) {
  record("r", 100'000);
  auto reader = SigmfReader::open(path("r"));
  ASSERT_TRUE(reader);
  std::filesystem::resize_file(path("r.sigmf-data"), 1000);
  std::vector<float> samples(100'000);
  const auto got = reader->read(Span<float>(samples));
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().find("r.sigmf-data: ended at sample"), std::string::npos);
}

TEST_F(SigmfFile, UnfinishedRecordingLeavesNothing) {
  {
    auto writer = SigmfWriter::create(path("r"), meta_of(SampleFormat::kRf32));
    ASSERT_TRUE(writer);
    const std::vector<float> zeros(1000);
    ASSERT_FALSE(writer->write(Span<const float>(zeros)));
    EXPECT_FALSE(exists("r.sigmf-data"));
    EXPECT_EQ(files(), 1U);
  }
  EXPECT_EQ(files(), 0U);
}

TEST_F(SigmfFile, UnwritableFolderIsNamed) {
  const auto writer = SigmfWriter::create(path("no/such/folder/r"), meta_of(SampleFormat::kRf32));
  ASSERT_FALSE(writer);
  EXPECT_NE(writer.error().find("no/such/folder/r.sigmf-data.part: cannot create"), std::string::npos);
}

TEST_F(SigmfFile, FullDiskIsAnErrorAndLeavesNothing) {
  auto writer = SigmfWriter::create(path("r"), meta_of(SampleFormat::kRf32));
  ASSERT_TRUE(writer);
  // A limit on the size of files stands in for a disk that is full: write() fails alike, with another errno.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto signal_before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 100'000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::vector<float> zeros(100'000);
  const Status written = writer->write(Span<const float>(zeros));
  const Status closed = writer->close();
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, signal_before);
  ASSERT_TRUE(closed);
  EXPECT_NE(closed->text.find("r.sigmf-data.part: cannot write"), std::string::npos) << closed->text;
  EXPECT_TRUE(written);
  writer = Error{"gone"};
  EXPECT_EQ(files(), 0U);
}

TEST_F(SigmfFile, ClosingTwiceIsAnError) {
  auto writer = SigmfWriter::create(path("r"), meta_of(SampleFormat::kRf32));
  ASSERT_TRUE(writer);
  EXPECT_FALSE(writer->close());
  EXPECT_TRUE(writer->close());
  EXPECT_EQ(files(), 2U);
}

}  // namespace
}  // namespace ngdsp
