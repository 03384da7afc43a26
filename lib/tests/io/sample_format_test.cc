#include "ngdsp/io/sample_format.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(SampleFormat, NamesAreThoseOfSigmf) {
  for (const char* name : {"ri16_le", "ci16_le", "rf32_le", "cf32_le", "cu8"}) {
    const auto format = parse_sample_format(name);
    ASSERT_TRUE(format) << name;
    EXPECT_STREQ(sample_format_name(*format), name);
  }
  EXPECT_EQ(bytes_per_sample(SampleFormat::kRi16), 2U);
  EXPECT_EQ(bytes_per_sample(SampleFormat::kCf32), 8U);
  EXPECT_TRUE(is_complex(SampleFormat::kCu8));
  EXPECT_FALSE(is_complex(SampleFormat::kRf32));
}

TEST(SampleFormat, UnknownNameListsWhatThereIs) {
  for (const char* name : {"", "ri16", "ri16_be", "RI16_LE", "cf64_le", "cu8 "}) {
    const auto format = parse_sample_format(name);
    ASSERT_FALSE(format) << name;
    EXPECT_NE(format.error().find(kSampleFormatNames), std::string::npos);
  }
}

TEST(SampleFormat, IntegerFullScaleIsOne) {
  const std::vector<std::uint8_t> bytes{0x00, 0x80, 0xFF, 0x7F, 0x00, 0x40, 0x01, 0x00};
  std::vector<float> samples(4);
  bytes_to_samples(SampleFormat::kRi16, bytes, Span<float>(samples));
  EXPECT_EQ(samples, (std::vector<float>{-1.0F, 32767.0F / 32768.0F, 0.5F, 1.0F / 32768.0F}));

  const std::vector<std::uint8_t> unsigned_bytes{0, 255, 127, 128};
  std::vector<cf32> complex_samples(2);
  bytes_to_samples(SampleFormat::kCu8, unsigned_bytes, Span<cf32>(complex_samples));
  EXPECT_FLOAT_EQ(complex_samples[0].real(), -1.0F);
  EXPECT_FLOAT_EQ(complex_samples[0].imag(), 1.0F);
  EXPECT_FLOAT_EQ(complex_samples[1].real(), -0.5F / 127.5F);
  EXPECT_FLOAT_EQ(complex_samples[1].imag(), 0.5F / 127.5F);
}

TEST(SampleFormat, EveryCodeOfAnIntegerFormatSurvives) {
  std::vector<std::uint8_t> codes(2 * 65536);
  for (std::size_t i = 0; i < 65536; ++i) {
    codes[2 * i] = static_cast<std::uint8_t>(i & 255U);
    codes[2 * i + 1] = static_cast<std::uint8_t>(i >> 8U);
  }
  std::vector<std::uint8_t> back(codes.size());
  std::vector<float> real(65536);
  bytes_to_samples(SampleFormat::kRi16, codes, Span<float>(real));
  EXPECT_EQ(samples_to_bytes(SampleFormat::kRi16, Span<const float>(real), back).saturated, 0U);
  EXPECT_EQ(back, codes);
  for (const SampleFormat format : {SampleFormat::kCi16, SampleFormat::kCu8}) {
    std::vector<cf32> complex_samples(codes.size() / bytes_per_sample(format));
    bytes_to_samples(format, codes, Span<cf32>(complex_samples));
    back.assign(codes.size(), 0);
    EXPECT_EQ(samples_to_bytes(format, Span<const cf32>(complex_samples), back).saturated, 0U);
    EXPECT_EQ(back, codes) << sample_format_name(format);
  }
}

TEST(SampleFormat, RealBecomesComplexWithZeroImaginaryPart) {
  const std::vector<std::uint8_t> bytes{0x00, 0x40, 0x00, 0xC0};
  std::vector<cf32> samples(2);
  bytes_to_samples(SampleFormat::kRi16, bytes, Span<cf32>(samples));
  EXPECT_EQ(samples, (std::vector<cf32>{{0.5F, 0.0F}, {-0.5F, 0.0F}}));
}

TEST(SampleFormat, WritingBeyondFullScaleSaturatesAndCounts) {
  const std::vector<float> samples{2.0F, -2.0F, 1.0F, -1.0F, 3e38F, -3e38F, 0.0F};
  std::vector<std::uint8_t> bytes(2 * samples.size());
  const SampleDefects defects = samples_to_bytes(SampleFormat::kRi16, Span<const float>(samples), bytes);
  EXPECT_EQ(defects.saturated, 5U);  // all but -1 and 0: +1 is one step beyond 32767
  EXPECT_EQ(defects.non_finite, 0U);
  std::vector<float> back(samples.size());
  bytes_to_samples(SampleFormat::kRi16, bytes, Span<float>(back));
  constexpr float kTop = 32767.0F / 32768.0F;
  EXPECT_EQ(back, (std::vector<float>{kTop, -1.0F, kTop, -1.0F, kTop, -1.0F, 0.0F}));
}

TEST(SampleFormat, NotANumberNeverPasses) {
  const std::vector<cf32> bad{{kNan, 0.5F}, {0.5F, -kInf}, {kInf, kNan}, {0.25F, -0.25F}};
  std::vector<std::uint8_t> bytes(8 * bad.size());
  std::memcpy(bytes.data(), bad.data(), bytes.size());

  std::vector<cf32> samples(bad.size());
  EXPECT_EQ(bytes_to_samples(SampleFormat::kCf32, bytes, Span<cf32>(samples)).non_finite, 3U);
  EXPECT_EQ(samples, (std::vector<cf32>{{0, 0}, {0, 0}, {0, 0}, {0.25F, -0.25F}}));

  std::vector<float> real(2 * bad.size());
  EXPECT_EQ(bytes_to_samples(SampleFormat::kRf32, bytes, Span<float>(real)).non_finite, 4U);
  for (const float x : real) {
    EXPECT_TRUE(std::isfinite(x));
  }

  for (const SampleFormat format : {SampleFormat::kCi16, SampleFormat::kCf32, SampleFormat::kCu8}) {
    EXPECT_EQ(samples_to_bytes(format, Span<const cf32>(bad), bytes).non_finite, 3U);
    EXPECT_EQ(bytes_to_samples(format, bytes, Span<cf32>(samples)).non_finite, 0U);
  }
}

TEST(SampleFormat, FloatsAreKeptExactly) {
  Rng rng(7);
  std::vector<float> samples(1000);
  rng.add_noise(Span<float>(samples), 3.0);
  std::vector<std::uint8_t> bytes(4 * samples.size());
  samples_to_bytes(SampleFormat::kRf32, Span<const float>(samples), bytes);
  std::vector<float> back(samples.size());
  bytes_to_samples(SampleFormat::kRf32, bytes, Span<float>(back));
  EXPECT_EQ(back, samples);
}

}  // namespace
}  // namespace ngdsp
