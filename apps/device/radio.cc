#include "radio.h"

#include <cmath>
#include <vector>

#include "shared_counters.h"

namespace ngdevice {
namespace {

using ngdsp::cf32;
using ngdsp::Error;
using ngdsp::Result;
using ngdsp::Span;
using ngdsp::Status;

constexpr double kWaitS = 0.2;

/// Exact to a sample where nanoseconds in a double would not be: seconds and the rest apart.
std::int64_t ticks_of(std::int64_t ns, double rate_hz) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return static_cast<std::int64_t>(std::llround(static_cast<double>(ns / kSecond) * rate_hz) +
                                   std::llround(static_cast<double>(ns % kSecond) * 1e-9 * rate_hz));
}
std::int64_t ns_of(std::int64_t ticks, double rate_hz) {
  const auto seconds = static_cast<std::int64_t>(std::floor(static_cast<double>(ticks) / rate_hz));
  const double rest = static_cast<double>(ticks) - static_cast<double>(seconds) * rate_hz;
  return seconds * 1'000'000'000 + std::llround(rest / rate_hz * 1e9);
}

template <typename Sample>
class RadioSource : public SampleSource<Sample> {
 public:
  RadioSource(std::unique_ptr<RadioReceiver> radio, std::optional<std::int64_t> start_ns)
      : radio_(std::move(radio)) {
    std::optional<std::int64_t> ticks;
    if (start_ns) ticks = ticks_of(*start_ns, rate_hz());
    radio_->start(ticks);
  }

  Result<Chunk> read(Span<Sample> out) override {
    samples_.resize(out.size());
    const RadioPacket packet = radio_->receive(Span<cf32>(samples_), kWaitS);
    switch (packet.event) {
      case RadioEvent::kTimeout:
        return Chunk{};
      case RadioEvent::kOverflow:
        lost_ = true;
        counters_.change([](StreamCounters& c) { ++c.overruns; });
        break;
      case RadioEvent::kBad:
        lost_ = true;
        counters_.change([](StreamCounters& c) { ++c.refused; });
        break;
      case RadioEvent::kLate:
        return Error{info().device + ": the time wanted for the start had passed when the radio was ready"};
      case RadioEvent::kGone:
        return Error{info().device + ": the radio stopped sending samples"};
      case RadioEvent::kNone:
        break;
    }
    Chunk chunk;
    chunk.count = packet.count;
    if (chunk.count == 0) return chunk;
    for (std::size_t i = 0; i < chunk.count; ++i) {
      if constexpr (std::is_same_v<Sample, float>) {
        out[i] = samples_[i].real();
      } else {
        out[i] = samples_[i];
      }
    }
    follow(packet, chunk);
    counters_.change([&](StreamCounters& c) {
      c.samples += chunk.count;
      c.gaps += chunk.gap;
      c.missing_samples += chunk.missing;
    });
    return chunk;
  }
  const StreamInfo& info() const override { return radio_->info(); }
  std::int64_t sample0_time_ns() const override { return sample0_time_ns_; }
  StreamCounters counters() const override { return counters_.get(); }

 private:
  double rate_hz() const { return info().sample_rate_hz; }
  /// Times tell what is missing, whether the radio said so or not. A time that steps back says nothing.
  void follow(const RadioPacket& packet, Chunk& chunk) {
    const auto count = static_cast<std::int64_t>(packet.count);
    if (packet.ticks) {
      if (sample0_time_ns_ == 0) sample0_time_ns_ = ns_of(*packet.ticks, rate_hz());
      if (next_ && *packet.ticks != *next_)
        mark_gap(chunk, *packet.ticks > *next_ ? static_cast<std::uint64_t>(*packet.ticks - *next_) : 0);
      next_ = *packet.ticks + count;
    } else {
      chunk.gap = lost_;
      if (next_) *next_ += count;
    }
    lost_ = false;
  }

  std::unique_ptr<RadioReceiver> radio_;
  std::vector<cf32> samples_;
  std::optional<std::int64_t> next_;  ///< ticks expected of the next packet
  bool lost_ = false;
  std::int64_t sample0_time_ns_ = 0;
  SharedCounters counters_;
};

template <typename Sample>
class RadioSink : public SampleSink<Sample> {
 public:
  RadioSink(std::unique_ptr<RadioTransmitter> radio, std::optional<std::int64_t> start_ns)
      : radio_(std::move(radio)), start_ns_(start_ns) {}

  Status write(Span<const Sample> in) override {
    const double rate_hz = info().sample_rate_hz;
    samples_.assign(in.begin(), in.end());
    std::optional<std::int64_t> ticks;
    if (sample0_time_ns_ == 0) {
      ticks = start_ns_ ? ticks_of(*start_ns_, rate_hz)
                        : radio_->now_ticks() + static_cast<std::int64_t>(kLeadS * rate_hz);
      sample0_time_ns_ = ns_of(*ticks, rate_hz);
    }
    // The radio takes nothing before a start that is far off.
    double patience_s =
        kPatienceS + std::max(0.0, static_cast<double>(sample0_time_ns_ - system_time_ns()) * 1e-9);
    for (std::size_t done = 0; done < samples_.size();) {
      const std::size_t sent = radio_->send(Span<const cf32>(samples_).subspan(done), ticks, false, kWaitS);
      if (sent > 0) ticks.reset();
      done += sent;
      patience_s = sent > 0 ? kPatienceS : patience_s - kWaitS;
      if (patience_s < 0) return Error{info().device + ": the radio takes no more samples"};
    }
    count(radio_->report(0));
    counters_.change([&](StreamCounters& c) { c.samples += in.size(); });
    return std::nullopt;
  }
  Status drain() override {
    radio_->send({}, std::nullopt, true, kWaitS);
    count(radio_->report(kPatienceS));
    return std::nullopt;
  }
  const StreamInfo& info() const override { return radio_->info(); }
  std::int64_t sample0_time_ns() const override { return sample0_time_ns_; }
  StreamCounters counters() const override { return counters_.get(); }

 private:
  static constexpr double kLeadS =
      0.1;  // from the first write to the antenna: what a USB radio needs to be filled
  static constexpr double kPatienceS = 3;

  void count(const RadioReport& report) {
    counters_.change([&](StreamCounters& c) {
      c.underruns += report.underruns;
      c.late += report.late;
    });
  }

  std::unique_ptr<RadioTransmitter> radio_;
  std::optional<std::int64_t> start_ns_;
  std::vector<cf32> samples_;
  std::int64_t sample0_time_ns_ = 0;
  SharedCounters counters_;
};

}  // namespace

template <typename Sample>
std::unique_ptr<SampleSource<Sample>> make_radio_source(std::unique_ptr<RadioReceiver> radio,
                                                        std::optional<std::int64_t> start_ns) {
  return std::make_unique<RadioSource<Sample>>(std::move(radio), start_ns);
}
template <typename Sample>
std::unique_ptr<SampleSink<Sample>> make_radio_sink(std::unique_ptr<RadioTransmitter> radio,
                                                    std::optional<std::int64_t> start_ns) {
  return std::make_unique<RadioSink<Sample>>(std::move(radio), start_ns);
}

template std::unique_ptr<SampleSource<float>> make_radio_source(std::unique_ptr<RadioReceiver>,
                                                                std::optional<std::int64_t>);
template std::unique_ptr<SampleSource<cf32>> make_radio_source(std::unique_ptr<RadioReceiver>,
                                                               std::optional<std::int64_t>);
template std::unique_ptr<SampleSink<float>> make_radio_sink(std::unique_ptr<RadioTransmitter>,
                                                            std::optional<std::int64_t>);
template std::unique_ptr<SampleSink<cf32>> make_radio_sink(std::unique_ptr<RadioTransmitter>,
                                                           std::optional<std::int64_t>);

}  // namespace ngdevice
