// Samples from and to a device: the one interface behind which sound cards, sockets, radios and files look
// alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "ngdsp/base/error.h"
#include "ngdsp/base/types.h"

namespace ngdevice {

/// What is asked of a device. A field that it has no use for is left alone; what it cannot do is an error.
struct DeviceSettings {
  std::string device{};  ///< kind[:rest], see open.h
  double sample_rate_hz = 0;
  double frequency_hz = 0;                 ///< radio: what zero of its samples stands for
  std::optional<double> gain_db{};         ///< radio: the device's own without
  std::string antenna{};                   ///< radio: the device's own when empty
  std::string clock_source = "internal";   ///< radio: internal, external, gpsdo, ...
  std::string time_source = "internal";    ///< radio: internal (the system's clock), external, gpsdo, ...
  std::optional<std::int64_t> start_ns{};  ///< time wanted for sample 0, Unix ns
  double buffer_s = 4;                     ///< of samples kept for a receiver that is behind, 0.1 to 600 s
};

/// What a device turned out to be.
struct StreamInfo {
  std::string device{};    ///< as the user named it
  std::string hardware{};  ///< as its driver names it
  double sample_rate_hz = 0;
  std::optional<double> frequency_hz{};
  std::optional<double> gain_db{};
  std::string time_source = "unknown";  ///< of sample0_time_ns(): "system", "gpsdo", "sigmf", ...
};

/// Everything counted since the device was opened.
struct StreamCounters {
  std::uint64_t samples = 0;            ///< handed on
  std::uint64_t overruns = 0;           ///< times samples came faster than they were taken
  std::uint64_t gaps = 0;               ///< places where samples are missing, for whatever reason
  std::uint64_t missing_samples = 0;    ///< in those gaps, as far as the device can say
  std::uint64_t underruns = 0;          ///< sink: times no samples were there to be sent
  std::uint64_t late = 0;               ///< sink: times samples came after the time they were meant for
  std::uint64_t refused = 0;            ///< messages or packets that are none
  std::uint64_t nonfinite_samples = 0;  ///< NaN or infinite, replaced by 0
};

/// What one read gave.
struct Chunk {
  std::size_t count = 0;      ///< samples at the front of the span
  bool gap = false;           ///< samples are missing before the first of them
  std::uint64_t missing = 0;  ///< how many; 0: the device cannot say
  bool ended = false;         ///< nothing will come after these
};

/// More samples missing than any stream has: what says so is wrong, and the length of the gap unknown.
inline constexpr std::uint64_t kMostMissing = 1'000'000'000'000'000;

/// Marks a gap before the chunk.
inline void mark_gap(Chunk& chunk, std::uint64_t missing) {
  chunk.gap = true;
  chunk.missing = missing <= kMostMissing ? missing : 0;
}

/// Sample is float (a line) or cf32 (a band). One thread at a time, counters() from any.
template <typename Sample>
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  /// Waits at most some tenths of a second, so that its caller can be stopped; count 0 without `ended`:
  /// nothing came. Error: the device is gone.
  virtual ngdsp::Result<Chunk> read(ngdsp::Span<Sample> out) = 0;
  virtual const StreamInfo& info() const = 0;
  /// Unix ns of the first sample that was read; 0 before, or unknown.
  virtual std::int64_t sample0_time_ns() const = 0;
  virtual StreamCounters counters() const = 0;
};

template <typename Sample>
class SampleSink {
 public:
  virtual ~SampleSink() = default;
  /// Waits until the device has taken all samples. Error: it is gone.
  virtual ngdsp::Status write(ngdsp::Span<const Sample> in) = 0;
  /// Waits until all samples have left it.
  virtual ngdsp::Status drain() = 0;
  virtual const StreamInfo& info() const = 0;
  /// Unix ns of the first sample that was written; 0 before, or unknown.
  virtual std::int64_t sample0_time_ns() const = 0;
  virtual StreamCounters counters() const = 0;
};

/// Duration of so many samples.
inline std::int64_t samples_to_ns(double samples, double sample_rate_hz) {
  return static_cast<std::int64_t>(samples / sample_rate_hz * 1e9);
}
/// The system's clock, Unix ns.
std::int64_t system_time_ns();

}  // namespace ngdevice
