// Samples over sockets: every one, in place; what is lost or no message of samples is counted.
#include "device/zmq_device.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <zmq.hpp>

#include "scripted_source.h"

namespace ngdevice {
namespace {

using ngdsp::Span;

/// A publisher of its own for hostile messages.
class ZmqDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    socket_.bind("ipc://*");
    endpoint_ = socket_.get(zmq::sockopt::last_endpoint);
    settings_.device = "zmq:" + endpoint_;
    settings_.sample_rate_hz = 1e6;
  }
  /// Opens the source and publishes until it is joined: the first samples it gives.
  std::unique_ptr<SampleSource<float>> joined() {
    auto source = open_zmq_source<float>(settings_, endpoint_);
    EXPECT_TRUE(source) << source.error();
    std::vector<float> out(16);
    for (int tries = 0; tries < 1000; ++tries) {
      publish("1234");
      const auto got = (*source)->read(Span<float>(out));
      if (got && got->count > 0) break;
    }
    // What was published meanwhile.
    while (true) {
      const auto got = (*source)->read(Span<float>(out));
      if (!got || got->count == 0) break;
    }
    return std::move(*source);
  }
  void publish(const std::string& bytes) { socket_.send(zmq::buffer(bytes), zmq::send_flags::none); }
  static std::string header(std::uint64_t index, std::uint64_t tags = 0) {
    std::string bytes("\xF0\x5F\x01", 3);
    bytes.append(reinterpret_cast<const char*>(&index), 8);
    bytes.append(reinterpret_cast<const char*>(&tags), 8);
    return bytes;
  }
  static std::string items(std::size_t count) { return std::string(4 * count, '\0'); }

  zmq::context_t context_;
  zmq::socket_t socket_{context_, zmq::socket_type::pub};
  std::string endpoint_;
  DeviceSettings settings_;
};

TEST_F(ZmqDevice, HeadersTellWhatIsMissing) {
  const auto source = joined();
  std::vector<float> out(100);
  const auto next = [&] { return *source->read(Span<float>(out)); };
  publish(header(1000) + items(10));
  Chunk chunk = next();
  EXPECT_EQ(chunk.count, 10U);
  EXPECT_FALSE(chunk.gap);
  publish(header(1010) + items(5));
  EXPECT_FALSE(next().gap);
  publish(header(1020) + items(5));
  chunk = next();
  EXPECT_TRUE(chunk.gap);
  EXPECT_EQ(chunk.missing, 5U);
  publish(header(3) + items(5));  // the publisher was started again
  chunk = next();
  EXPECT_TRUE(chunk.gap);
  EXPECT_EQ(chunk.missing, 0U);
  publish(header(~std::uint64_t{0} - 5) + items(5));  // no stream is that long
  chunk = next();
  EXPECT_TRUE(chunk.gap);
  EXPECT_EQ(chunk.missing, 0U);
  EXPECT_EQ(source->counters().missing_samples, 5U);
}

TEST_F(ZmqDevice, WhatIsNoMessageOfSamplesIsRefusedAndItsSamplesAreAGap) {
  const auto source = joined();
  std::vector<float> out(100);
  publish(header(0) + items(10));
  EXPECT_EQ(source->read(Span<float>(out))->count, 10U);
  const std::uint64_t endless = ~std::uint64_t{0};
  std::string other_version = header(10) + items(1);
  other_version[2] = 2;
  const std::string hostile[] = {
      "abc",         header(10, 1) + "tags", header(10, endless), std::string(18, 'x'),
      other_version, "\xF0\x5F\x01",         header(10) + "x"};
  for (const std::string& message : hostile) {
    publish(message);
    EXPECT_EQ(source->read(Span<float>(out))->count, 0U);
  }
  publish("");
  EXPECT_EQ(source->read(Span<float>(out))->count, 0U);
  publish(header(17) + items(1));
  const auto chunk = source->read(Span<float>(out));
  EXPECT_TRUE(chunk->gap);
  EXPECT_EQ(chunk->missing, 7U);
  EXPECT_EQ(source->counters().refused, 7U);
}

TEST_F(ZmqDevice, AnEndpointThatIsNoneIsOneLine) {
  EXPECT_NE(open_zmq_source<float>(settings_, "nonsense").error().find("expected an endpoint"),
            std::string::npos);
  // The address is taken by this test's own publisher.
  const auto taken = open_zmq_sink<float>(settings_, "tcp://256.0.0.1:1");
  EXPECT_FALSE(taken);
}

// A stream at real time: 0.3 s at 192 kS/s from the sink into the source, every sample in its place.
TEST(ZmqStream, PacedFromSinkToSource) {
  DeviceSettings settings;
  settings.sample_rate_hz = 192'000;
  const std::string endpoint = "ipc:///tmp/ngplc-zmq-test-" + std::to_string(getpid());
  auto sink = open_zmq_sink<float>(settings, endpoint);
  ASSERT_TRUE(sink) << sink.error();
  auto source = open_zmq_source<float>(settings, endpoint);
  ASSERT_TRUE(source) << source.error();
  constexpr std::size_t kCount = 57'600;
  std::vector<float> samples(kCount), out(10'000), heard;
  for (std::size_t i = 0; i < kCount; ++i) samples[i] = static_cast<float>(i);
  const std::int64_t begin_ns = system_time_ns();
  std::thread sender([&] {
    EXPECT_FALSE((*sink)->write(Span<const float>(samples)));
    EXPECT_FALSE((*sink)->drain());
  });
  while (heard.size() < kCount && system_time_ns() - begin_ns < 20'000'000'000) {
    const auto got = (*source)->read(Span<float>(out));
    ASSERT_TRUE(got) << got.error();
    heard.insert(heard.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(got->count));
  }
  sender.join();
  EXPECT_EQ(heard, samples);
  EXPECT_GE(system_time_ns() - begin_ns, 290'000'000);
  EXPECT_EQ((*source)->counters().gaps, 0U);
}

}  // namespace
}  // namespace ngdevice
