// A radio as its driver offers it: packets with times. Behind it stands UHD, or in tests a radio that fails
// on demand.
#pragma once

#include <memory>

#include "stream.h"

namespace ngdevice {

/// What became of one packet, or of a wait for it.
enum class RadioEvent {
  kNone,      ///< samples
  kTimeout,   ///< nothing came in time
  kOverflow,  ///< samples were lost, because they were not taken in time or on the way
  kBad,       ///< a packet that cannot be read
  kLate,      ///< the time wanted for the start has passed
  kGone,      ///< the radio does not go on
};

struct RadioPacket {
  std::size_t count = 0;
  RadioEvent event = RadioEvent::kNone;
  std::optional<std::int64_t> ticks;  ///< time of the first sample, in samples since 1970-01-01 UTC
};

/// What happened to samples on their way out.
struct RadioReport {
  std::uint64_t underruns = 0, late = 0;
};

class RadioReceiver {
 public:
  virtual ~RadioReceiver() = default;
  virtual const StreamInfo& info() const = 0;
  /// Begins at `start_ticks`, or at once.
  virtual void start(std::optional<std::int64_t> start_ticks) = 0;
  virtual RadioPacket receive(ngdsp::Span<ngdsp::cf32> out, double timeout_s) = 0;
};

class RadioTransmitter {
 public:
  virtual ~RadioTransmitter() = default;
  virtual const StreamInfo& info() const = 0;
  /// Time now, in samples since 1970-01-01 UTC.
  virtual std::int64_t now_ticks() = 0;
  /// Samples taken; 0 when the radio takes none in `timeout_s`. `ticks`: time of the first one of a burst,
  /// `last`: the burst ends.
  virtual std::size_t send(ngdsp::Span<const ngdsp::cf32> in, std::optional<std::int64_t> ticks, bool last,
                           double timeout_s) = 0;
  /// Since the last call; waits for it up to `timeout_s`.
  virtual RadioReport report(double timeout_s) = 0;
};

/// Samples of a radio; a real source is the real part, which a receiver tuned to 0 Hz has on a line.
template <typename Sample>
std::unique_ptr<SampleSource<Sample>> make_radio_source(std::unique_ptr<RadioReceiver> radio,
                                                        std::optional<std::int64_t> start_ns);
template <typename Sample>
std::unique_ptr<SampleSink<Sample>> make_radio_sink(std::unique_ptr<RadioTransmitter> radio,
                                                    std::optional<std::int64_t> start_ns);

/// A USRP by UHD, where the program is built with it. Errors: none found with what was, another rate, no such
/// antenna or source of clock and time.
ngdsp::Result<std::unique_ptr<RadioReceiver>> open_uhd_receiver(const DeviceSettings& settings,
                                                                const std::string& args);
ngdsp::Result<std::unique_ptr<RadioTransmitter>> open_uhd_transmitter(const DeviceSettings& settings,
                                                                      const std::string& args);
/// UHD's version and what it finds.
std::string find_uhd(bool& ok);

}  // namespace ngdevice
