// What is learned of the noise of a stream on the way, beside its samples.
#pragma once

#include <cstdint>
#include <functional>

#include "ngdsp/base/error.h"
#include "ngdsp/base/types.h"
#include "ngdsp/rx/chip_buffer.h"
#include "ngdsp/rx/front_end.h"
#include "ngdsp/rx/noise_report.h"
#include "ngdsp/rx/noise_rhythm.h"
#include "ngdsp/rx/noise_weights.h"
#include "ngdsp/rx/spectrum_tracker.h"
#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// Spectrum S(f), weights w(t) and rhythm of the noise as the receiver learns them, in steps of as many
/// chips, but of all that comes: no frame is taken out, so what the receiver has taken out weighs here.
class NoiseFrontEnd {
 public:
  static constexpr std::int64_t kStepChips = 2048;

  /// carrier_hz: carrier in the input (0 = centre of complex input). Errors are those of FrontEnd::create.
  static Result<NoiseFrontEnd> create(const Profile& profile, double sample_rate_hz, double carrier_hz);

  /// Gets w of successive chips, once a step: the inverse of the variance of their noise, 1 for the
  /// background.
  using Sink = std::function<void(Span<const float> weights)>;
  /// Chip n of the stream is at input sample n fs/Rc. What comes does not depend on the sizes of `samples`.
  void process(Span<const cf32> samples, const Sink& sink);
  /// The stream ends: weights of all of its chips come, then it is as new.
  void flush(const Sink& sink);
  /// The weight of a chip is there when so many more have come.
  std::int64_t delay_chips() const;

  const SpectrumTracker& spectrum() const { return spectrum_; }
  const NoiseRhythm& rhythm() const { return rhythm_; }
  NoiseReport report() const;

 private:
  NoiseFrontEnd(const Profile& profile, FrontEnd front_end);
  void step(std::int64_t end);
  void tell(std::int64_t end, const Sink& sink);

  FrontEnd front_end_;
  ChipBuffer chips_;
  SpectrumTracker spectrum_;
  NoiseWeights weights_;
  NoiseRhythm rhythm_;
  std::int64_t done_ = 0, told_ = 0;
};

}  // namespace ngdsp
