#include "zmq_device.h"

#include <fmt/core.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "sample_message.h"
#include "shared_counters.h"

namespace ngdevice {
namespace {

using ngdsp::cf32;
using ngdsp::Error;
using ngdsp::Result;
using ngdsp::Span;
using ngdsp::Status;

constexpr int kWaitMs = 200;
constexpr int kHighWater = 1000;  // messages; the buffer behind the source is what bounds memory

template <typename Sample>
class ZmqSource : public SampleSource<Sample> {
 public:
  ZmqSource(const DeviceSettings& settings, const std::string& endpoint)
      : socket_(context_, zmq::socket_type::sub) {
    info_ = {.device = settings.device,
             .hardware = "samples from " + endpoint,
             .sample_rate_hz = settings.sample_rate_hz,
             .time_source = "system"};
    socket_.set(zmq::sockopt::rcvhwm, kHighWater);
    socket_.set(zmq::sockopt::rcvtimeo, kWaitMs);
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::subscribe, "");
    socket_.connect(endpoint);
  }

  Result<Chunk> read(Span<Sample> out) override {
    Chunk chunk;
    try {
      if (taken_ == message_.count && !receive(chunk)) return chunk;
    } catch (const zmq::error_t& error) {
      return Error{info_.device + ": " + error.what()};
    }
    chunk.count = std::min(out.size(), message_.count - taken_);
    std::memcpy(static_cast<void*>(out.data()), message_.items + taken_ * sizeof(Sample),
                chunk.count * sizeof(Sample));
    taken_ += chunk.count;
    counters_.change([&](StreamCounters& c) {
      c.samples += chunk.count;
      c.gaps += chunk.gap;
      c.missing_samples += chunk.missing;
    });
    return chunk;
  }
  const StreamInfo& info() const override { return info_; }
  std::int64_t sample0_time_ns() const override { return sample0_time_ns_; }
  StreamCounters counters() const override { return counters_.get(); }

 private:
  /// The next message; false when none came or it is none of samples.
  bool receive(Chunk& chunk) {
    if (!socket_.recv(buffer_)) return false;
    const auto message = parse_samples({buffer_.data<std::uint8_t>(), buffer_.size()}, sizeof(Sample));
    message_ = message.value_or(SampleMessage{});
    taken_ = 0;
    if (!message) {
      counters_.change([](StreamCounters& c) { ++c.refused; });
      lost_ = true;
      return false;
    }
    if (message_.count == 0) return false;
    if (sample0_time_ns_ == 0)
      sample0_time_ns_ =
          system_time_ns() - samples_to_ns(static_cast<double>(message_.count), info_.sample_rate_hz);
    if (message_.index) {
      const bool behind = expected_ && *message_.index < *expected_;  // the publisher was started again
      if (expected_ && *message_.index != *expected_)
        mark_gap(chunk, behind ? 0 : *message_.index - *expected_);
      expected_ = *message_.index + message_.count;
    } else {
      chunk.gap = lost_;
    }
    lost_ = false;
    return true;
  }

  StreamInfo info_;
  zmq::context_t context_;
  zmq::socket_t socket_;
  zmq::message_t buffer_;
  SampleMessage message_;
  std::size_t taken_ = 0;
  std::optional<std::uint64_t> expected_;
  bool lost_ = false;
  std::int64_t sample0_time_ns_ = 0;
  SharedCounters counters_;
};

template <typename Sample>
class ZmqSink : public SampleSink<Sample> {
 public:
  ZmqSink(const DeviceSettings& settings, const std::string& endpoint)
      : start_ns_(settings.start_ns), socket_(context_, zmq::socket_type::pub) {
    info_ = {.device = settings.device,
             .hardware = "samples to " + endpoint,
             .sample_rate_hz = settings.sample_rate_hz,
             .time_source = "system"};
    socket_.set(zmq::sockopt::sndhwm, kHighWater);
    socket_.set(zmq::sockopt::linger, 1000);
    socket_.bind(endpoint);
  }

  Status write(Span<const Sample> in) override {
    if (sample0_time_ns_ == 0) begin();
    try {
      for (std::size_t done = 0; done < in.size();) {
        const std::size_t count = std::min(in.size() - done, kMessageItems);
        wait_until(position_);
        zmq::message_t message(kSampleHeaderBytes + count * sizeof(Sample));
        auto* bytes = static_cast<std::uint8_t*>(message.data());
        const std::uint64_t tags = 0;
        std::memcpy(bytes, &kSampleMagic, 2);
        bytes[2] = kSampleVersion;
        std::memcpy(bytes + 3, &position_, 8);
        std::memcpy(bytes + 11, &tags, 8);
        std::memcpy(bytes + kSampleHeaderBytes, static_cast<const void*>(&in[done]), count * sizeof(Sample));
        socket_.send(message, zmq::send_flags::none);
        done += count;
        position_ += count;
        counters_.change([&](StreamCounters& c) { c.samples += count; });
      }
    } catch (const zmq::error_t& error) {
      return Error{info_.device + ": " + error.what()};
    }
    return std::nullopt;
  }
  Status drain() override {
    wait_until(position_);
    return std::nullopt;
  }
  const StreamInfo& info() const override { return info_; }
  std::int64_t sample0_time_ns() const override { return sample0_time_ns_; }
  StreamCounters counters() const override { return counters_.get(); }

 private:
  static constexpr std::size_t kMessageItems = 4096;
  static constexpr std::int64_t kJoinNs = 300'000'000;  // for subscribers to find the publisher

  void begin() {
    sample0_time_ns_ = system_time_ns() + kJoinNs;
    if (start_ns_ && *start_ns_ < sample0_time_ns_) counters_.change([](StreamCounters& c) { ++c.late; });
    if (start_ns_) sample0_time_ns_ = std::max(sample0_time_ns_, *start_ns_);
  }
  void wait_until(std::uint64_t sample) const {
    const std::int64_t at_ns =
        sample0_time_ns_ + samples_to_ns(static_cast<double>(sample), info_.sample_rate_hz);
    std::this_thread::sleep_for(std::chrono::nanoseconds(at_ns - system_time_ns()));
  }

  StreamInfo info_;
  std::optional<std::int64_t> start_ns_;
  zmq::context_t context_;
  zmq::socket_t socket_;
  std::uint64_t position_ = 0;
  std::int64_t sample0_time_ns_ = 0;
  SharedCounters counters_;
};

template <typename Device, typename Interface>
Result<std::unique_ptr<Interface>> made(const DeviceSettings& settings, const std::string& endpoint) {
  try {
    return std::unique_ptr<Interface>(std::make_unique<Device>(settings, endpoint));
  } catch (const zmq::error_t& error) {
    return Error{
        fmt::format("zmq:{}: {}, expected an endpoint such as tcp://127.0.0.1:5555 or ipc:///run/samples",
                    endpoint, error.what())};
  }
}

}  // namespace

template <typename Sample>
Result<std::unique_ptr<SampleSource<Sample>>> open_zmq_source(const DeviceSettings& settings,
                                                              const std::string& endpoint) {
  return made<ZmqSource<Sample>, SampleSource<Sample>>(settings, endpoint);
}
template <typename Sample>
Result<std::unique_ptr<SampleSink<Sample>>> open_zmq_sink(const DeviceSettings& settings,
                                                          const std::string& endpoint) {
  return made<ZmqSink<Sample>, SampleSink<Sample>>(settings, endpoint);
}

template Result<std::unique_ptr<SampleSource<float>>> open_zmq_source<float>(const DeviceSettings&,
                                                                             const std::string&);
template Result<std::unique_ptr<SampleSource<cf32>>> open_zmq_source<cf32>(const DeviceSettings&,
                                                                           const std::string&);
template Result<std::unique_ptr<SampleSink<float>>> open_zmq_sink<float>(const DeviceSettings&,
                                                                         const std::string&);
template Result<std::unique_ptr<SampleSink<cf32>>> open_zmq_sink<cf32>(const DeviceSettings&,
                                                                       const std::string&);

}  // namespace ngdevice
