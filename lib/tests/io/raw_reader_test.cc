#include "ngdsp/io/raw_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

namespace ngdsp {
namespace {

/// A pipe whose writing end is fed by a thread, in pieces of `piece` bytes.
class Feed {
 public:
  Feed(std::string bytes, std::size_t piece) {
    EXPECT_EQ(pipe(ends_.data()), 0);
    thread_ = std::thread([this, bytes = std::move(bytes), piece] {
      for (std::size_t done = 0; done < bytes.size(); done += piece) {
        const std::size_t count = std::min(piece, bytes.size() - done);
        EXPECT_EQ(write(ends_[1], bytes.data() + done, count), static_cast<ssize_t>(count));
      }
      close(ends_[1]);
    });
  }
  ~Feed() {
    thread_.join();
    close(ends_[0]);
  }
  int out() const { return ends_[0]; }

 private:
  std::array<int, 2> ends_{};
  std::thread thread_;
};

std::string ramp(std::size_t samples) {
  std::string bytes;
  for (std::size_t i = 0; i < samples; ++i) {
    bytes += static_cast<char>(i & 255U);
    bytes += static_cast<char>((i >> 8U) & 127U);
  }
  return bytes;
}

TEST(RawReader, AnyPiecesGiveWholeSamples) {
  for (const std::size_t piece : {1U, 3U, 1000U, 65536U}) {
    for (const std::size_t want : {1U, 7U, 100'000U}) {
      const std::size_t total = piece == 1 ? 500 : 60'000;
      const Feed feed(ramp(total), piece);
      RawReader reader(feed.out(), SampleFormat::kRi16, "standard input");
      std::vector<float> block(want);
      std::size_t index = 0;
      while (true) {
        const auto got = reader.read(Span<float>(block));
        ASSERT_TRUE(got) << got.error();
        if (*got == 0) break;
        for (std::size_t i = 0; i < *got; ++i, ++index) {
          ASSERT_EQ(block[i], static_cast<float>(index & 32767U) / 32768.0F) << index;
        }
      }
      EXPECT_EQ(index, total);
    }
  }
}

TEST(RawReader, StreamThatEndsInsideASampleSaysSo) {
  const Feed feed(ramp(5) + "x", 4);
  RawReader reader(feed.out(), SampleFormat::kRi16, "standard input");
  std::vector<float> block(100);
  std::size_t samples = 0;
  while (true) {
    const auto got = reader.read(Span<float>(block));
    if (!got) {
      EXPECT_EQ(got.error(), "standard input: ends with 1 bytes of a sample, expected 2 (ri16_le)");
      break;
    }
    ASSERT_NE(*got, 0U) << "ended without saying so";
    samples += *got;
  }
  EXPECT_EQ(samples, 5U);
  EXPECT_EQ(*reader.read(Span<float>(block)), 0U);
}

TEST(RawReader, ComplexIsNotReadAsReal) {
  RawReader reader(-1, SampleFormat::kCu8, "x");
  std::vector<float> block(1);
  EXPECT_FALSE(reader.read(Span<float>(block)));
  std::vector<cf32> complex_block(1);
  const auto got = reader.read(Span<cf32>(complex_block));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().rfind("x: cannot read: ", 0), 0U) << got.error();
}

}  // namespace
}  // namespace ngdsp
