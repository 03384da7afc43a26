// From input samples to matched-filtered baseband at four samples a chip.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "ngdsp/base/error.h"
#include "ngdsp/base/types.h"
#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// Mixes the carrier to zero, applies the root-raised-cosine matched filter and changes the rate to 4 Rc, all
/// in one overlap-save FFT: with fs and 4 Rc as P/Q in lowest terms, Q M input samples make P M output
/// samples of the same duration, and the filter is evaluated at the exact frequency of every bin. DC, mains
/// and all else out of band fall away. Output: a chip of a signal of mean power a^2 has amplitude a; white
/// noise of variance s^2 per input sample has variance s^2 Rc/fs (complex) or 2 s^2 Rc/fs (real) per chip.
/// Output sample j lies at input time j fs/(4 Rc) exactly.
class FrontEnd {
 public:
  /// carrier_hz: carrier in the input (0 = centre of complex input). Errors: a rate that does not hold the
  /// band, or whose ratio to the chip rate needs a transform above 2^20 samples.
  static Result<FrontEnd> create(const Profile& profile, double sample_rate_hz, double carrier_hz);
  ~FrontEnd();
  FrontEnd(FrontEnd&&) noexcept;
  FrontEnd& operator=(FrontEnd&&) noexcept;

  using Sink = std::function<void(Span<const cf32>)>;
  /// `sink` gets whole blocks of whole chips; where blocks begin does not depend on the sizes of `samples`.
  void process(Span<const cf32> samples, const Sink& sink);
  /// Feeds zeros until all input is out, then starts anew.
  void flush(const Sink& sink);

  /// Chips that the filter looks ahead, and chips a block.
  int lookahead_chips() const;
  int block_chips() const;

 private:
  struct Impl;
  explicit FrontEnd(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngdsp
