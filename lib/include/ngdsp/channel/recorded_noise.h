// A recording as noise, at any rate.
#pragma once

#include <memory>
#include <string>

#include "ngdsp/base/error.h"
#include "ngdsp/channel/noise_source.h"

namespace ngdsp {

struct Recording {
  std::vector<cf32> samples;  ///< imaginary parts 0 when real
  double sample_rate_hz = 0;
  double center_hz = 0;
  bool real = true;
};

struct RecordingConfig {
  std::string file;     ///< SigMF; whoever loads the scenario reads it into `recording`
  double level_db = 0;  ///< mean power in the occupied band over N0 times the chip rate, -40 ... 100
  std::shared_ptr<const Recording> recording;

  std::string validate(const std::string& name) const;
};

/// Power of the recording in the occupied band, 0 when it does not reach there.
double in_band_power(const Recording& recording, const NoiseBand& band);

/// A recording made ready for samples of one kind.
struct PlayedRecording {
  std::shared_ptr<const Recording> recording;  ///< around the middle of what the samples can hold of it
  double cutoff = 1;                           ///< of what is held, 1 = half the recording's rate
  double gain = 1;
};
/// Real recordings make real samples only. Errors: none has been read, no samples, no power in the band.
Result<PlayedRecording> prepare_recording(const RecordingConfig& config, const NoiseBand& band);

/// Repeats the recording from a drawn start, interpolated by a windowed sinc of 24 zeros either side.
class RecordedNoise : public WaveSource {
 public:
  RecordedNoise(const PlayedRecording& played, const NoiseBand& band, std::uint64_t seed);
  void add(Span<const double> turns, Span<cf32> wave) override;

 private:
  PlayedRecording played_;
  double step_, turn_;  // of the output: recording samples a sample, turns a sample
  double start_;
  std::uint64_t sample_ = 0;
};

}  // namespace ngdsp
