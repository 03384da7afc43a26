// USRPs by UHD. Its exceptions end here: what goes wrong while a device is opened is one line.
#include <fmt/core.h>

#include <cmath>
#include <mutex>
#include <thread>
#include <uhd/stream.hpp>
#include <uhd/usrp/multi_usrp.hpp>
#include <uhd/utils/log.hpp>
#include <uhd/version.hpp>

#include "radio.h"

namespace ngdevice {
namespace {

using ngdsp::cf32;
using ngdsp::Error;
using ngdsp::Result;
using ngdsp::Span;
using uhd::usrp::multi_usrp;

/// The driver's texts in one line.
std::string one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!space || (!line.empty() && line.back() != ' ')) line += space ? ' ' : c;
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string list_usrps() {
  std::string list;
  for (const uhd::device_addr_t& found : uhd::device::find(uhd::device_addr_t("")))
    list += (list.empty() ? "" : "; ") + found.to_string();
  return list.empty() ? "no USRP" : list;
}

struct Opened {
  multi_usrp::sptr usrp;
  StreamInfo info;
};

/// Clock and time are set before the rate, so that the streamer's first time is right.
void set_time(multi_usrp& usrp, const DeviceSettings& settings) {
  usrp.set_clock_source(settings.clock_source);
  usrp.set_time_source(settings.time_source);
  const auto now = [] { return uhd::time_spec_t::from_ticks(system_time_ns(), 1e9); };
  if (settings.time_source == "internal") {
    usrp.set_time_now(now());
  } else {  // the system's clock tells which second, the pulse when it begins
    usrp.set_time_unknown_pps(uhd::time_spec_t(now().get_full_secs() + 2, 0.0));
    std::this_thread::sleep_for(std::chrono::seconds(2));
  }
}

void expect(bool good, const std::string& text) {
  if (!good) throw std::runtime_error(text);
}

Opened open(const DeviceSettings& settings, const std::string& args, bool receive) {
  uhd::log::set_console_level(uhd::log::warning);
  const uhd::device_addr_t address(args);
  if (uhd::device::find(address, uhd::device::USRP).empty())
    throw std::runtime_error("no such radio; found: " + list_usrps());
  Opened opened;
  opened.usrp = multi_usrp::make(address);
  multi_usrp& usrp = *opened.usrp;
  set_time(usrp, settings);
  const uhd::tune_request_t tune(settings.frequency_hz);
  if (receive) {
    usrp.set_rx_rate(settings.sample_rate_hz);
    usrp.set_rx_freq(tune);
    if (settings.gain_db) usrp.set_rx_gain(*settings.gain_db);
    if (!settings.antenna.empty()) usrp.set_rx_antenna(settings.antenna);
  } else {
    usrp.set_tx_rate(settings.sample_rate_hz);
    usrp.set_tx_freq(tune);
    if (settings.gain_db) usrp.set_tx_gain(*settings.gain_db);
    if (!settings.antenna.empty()) usrp.set_tx_antenna(settings.antenna);
  }
  const double rate_hz = receive ? usrp.get_rx_rate() : usrp.get_tx_rate();
  expect(std::abs(rate_hz / settings.sample_rate_hz - 1) < 1e-6,
         fmt::format("gives {:g} samples/s, expected {:g}", rate_hz, settings.sample_rate_hz));
  const double frequency_hz = receive ? usrp.get_rx_freq() : usrp.get_tx_freq();
  expect(std::abs(frequency_hz - settings.frequency_hz) <= 100,
         fmt::format("tunes to {:.0f} Hz, expected {:.0f}", frequency_hz, settings.frequency_hz));
  opened.info = {
      .device = settings.device,
      .hardware = fmt::format("{}, {}, antenna {}, clock {}", usrp.get_mboard_name(),
                              receive ? usrp.get_rx_subdev_name() : usrp.get_tx_subdev_name(),
                              receive ? usrp.get_rx_antenna() : usrp.get_tx_antenna(), settings.clock_source),
      .sample_rate_hz = settings.sample_rate_hz,
      .frequency_hz = frequency_hz,
      .gain_db = receive ? usrp.get_rx_gain() : usrp.get_tx_gain(),
      .time_source = settings.time_source == "internal" ? "system" : settings.time_source};
  return opened;
}

const uhd::stream_args_t kStream("fc32");

class UhdReceiver : public RadioReceiver {
 public:
  explicit UhdReceiver(Opened opened)
      : opened_(std::move(opened)), stream_(opened_.usrp->get_rx_stream(kStream)) {}
  ~UhdReceiver() override { stream_->issue_stream_cmd(uhd::stream_cmd_t::STREAM_MODE_STOP_CONTINUOUS); }

  const StreamInfo& info() const override { return opened_.info; }
  void start(std::optional<std::int64_t> start_ticks) override {
    uhd::stream_cmd_t command(uhd::stream_cmd_t::STREAM_MODE_START_CONTINUOUS);
    command.stream_now = !start_ticks;
    if (start_ticks)
      command.time_spec = uhd::time_spec_t::from_ticks(*start_ticks, opened_.info.sample_rate_hz);
    stream_->issue_stream_cmd(command);
  }
  RadioPacket receive(Span<cf32> out, double timeout_s) override {
    uhd::rx_metadata_t about;
    RadioPacket packet;
    packet.count = stream_->recv(out.data(), out.size(), about, timeout_s, true);
    if (about.has_time_spec) packet.ticks = about.time_spec.to_ticks(opened_.info.sample_rate_hz);
    packet.event = event_of(about.error_code);
    return packet;
  }

 private:
  static RadioEvent event_of(uhd::rx_metadata_t::error_code_t code) {
    switch (code) {
      case uhd::rx_metadata_t::ERROR_CODE_NONE:
        return RadioEvent::kNone;
      case uhd::rx_metadata_t::ERROR_CODE_TIMEOUT:
        return RadioEvent::kTimeout;
      case uhd::rx_metadata_t::ERROR_CODE_OVERFLOW:
        return RadioEvent::kOverflow;
      case uhd::rx_metadata_t::ERROR_CODE_LATE_COMMAND:
        return RadioEvent::kLate;
      case uhd::rx_metadata_t::ERROR_CODE_BROKEN_CHAIN:
        return RadioEvent::kGone;
      default:
        return RadioEvent::kBad;
    }
  }

  Opened opened_;
  uhd::rx_streamer::sptr stream_;
};

class UhdTransmitter : public RadioTransmitter {
 public:
  explicit UhdTransmitter(Opened opened)
      : opened_(std::move(opened)), stream_(opened_.usrp->get_tx_stream(kStream)) {}

  const StreamInfo& info() const override { return opened_.info; }
  std::int64_t now_ticks() override {
    return opened_.usrp->get_time_now().to_ticks(opened_.info.sample_rate_hz);
  }
  std::size_t send(Span<const cf32> in, std::optional<std::int64_t> ticks, bool last,
                   double timeout_s) override {
    uhd::tx_metadata_t about;
    about.start_of_burst = ticks.has_value();
    about.end_of_burst = last;
    about.has_time_spec = ticks.has_value();
    if (ticks) about.time_spec = uhd::time_spec_t::from_ticks(*ticks, opened_.info.sample_rate_hz);
    return stream_->send(in.data(), in.size(), about, timeout_s);
  }
  RadioReport report(double timeout_s) override {
    RadioReport report;
    uhd::async_metadata_t about;
    while (stream_->recv_async_msg(about, timeout_s)) {
      using Code = uhd::async_metadata_t;
      const auto code = about.event_code;
      if (code == Code::EVENT_CODE_BURST_ACK) break;
      report.underruns += code == Code::EVENT_CODE_UNDERFLOW || code == Code::EVENT_CODE_UNDERFLOW_IN_PACKET;
      report.late += code == Code::EVENT_CODE_TIME_ERROR;
    }
    return report;
  }

 private:
  Opened opened_;
  uhd::tx_streamer::sptr stream_;
};

template <typename Radio, typename Interface>
Result<std::unique_ptr<Interface>> made(const DeviceSettings& settings, const std::string& args,
                                        bool receive) {
  try {
    return std::unique_ptr<Interface>(std::make_unique<Radio>(open(settings, args, receive)));
  } catch (const std::exception& error) {
    return Error{fmt::format("{}: {}", settings.device, one_line(error.what()))};
  }
}

}  // namespace

Result<std::unique_ptr<RadioReceiver>> open_uhd_receiver(const DeviceSettings& settings,
                                                         const std::string& args) {
  return made<UhdReceiver, RadioReceiver>(settings, args, true);
}
Result<std::unique_ptr<RadioTransmitter>> open_uhd_transmitter(const DeviceSettings& settings,
                                                               const std::string& args) {
  return made<UhdTransmitter, RadioTransmitter>(settings, args, false);
}

std::string find_uhd(bool& ok) {
  try {
    uhd::log::set_console_level(uhd::log::error);
    ok = true;
    return fmt::format("{}, found: {}", uhd::get_version_string(), list_usrps());
  } catch (const std::exception& error) {
    ok = false;
    return one_line(error.what());
  }
}

}  // namespace ngdevice
