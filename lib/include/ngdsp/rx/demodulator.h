// From a preamble hit to soft code bits, and from a decoded frame to what is known about its path.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/rx/chip_buffer.h"
#include "ngdsp/rx/preamble_detector.h"
#include "ngdsp/tx/frame_encoder.h"

namespace ngdsp {

/// What is believed of a candidate frame. The frame's chip n lies at chip + n (1 - clock_ppm 1e-6).
struct FrameHypothesis {
  int sequence = 0;
  double chip = 0;
  double carrier_offset_hz = 0;
  double clock_ppm = 0;
  double phase_rad = 0;  ///< at the first chip
  double evidence = 0;   ///< log-likelihood ratio against noise, nats
};

/// One resolved path.
struct Finger {
  double delay_chips = 0;
  cf64 gain;
};

/// Data-aided figures of a decoded frame.
struct FrameMeasurement {
  double chip = 0, carrier_offset_hz = 0, clock_ppm = 0, phase_rad = 0;
  double amplitude = 0;       ///< all paths together
  double noise_variance = 0;  ///< per chip, after the frame is taken out
  double delay_spread_chips = 0;
  double residual_db = 0;
  double frame_metric =
      0;  ///< |weighted correlation with all chips|^2 over its noise: E_frame/N0 of a true frame
};

struct DemodulatorConfig {
  double max_clock_ppm = 100;
  double carrier_bin_hz = 0;    ///< half width of the preamble search's carrier bin, 0 where it has but one
  double extra_carrier_hz = 0;  ///< carrier offset not tied to the clock
};

/// Works on one candidate at a time with scratch memory of its own; one object a thread.
///
/// Model: r(t) = sum_l g_l sum_n d[n] p(t - ...) + noise of variance s_b^2 in block b of 32 symbols; d[n]
/// known in the preamble, +-1 times known afterwards. One unknown clock offset drives both the drift of the
/// chips and the carrier.
class Demodulator {
 public:
  Demodulator(const FrameEncoder& encoder, const DemodulatorConfig& config);
  ~Demodulator();
  Demodulator(Demodulator&&) noexcept;
  Demodulator& operator=(Demodulator&&) noexcept;

  /// Chips needed before and after a frame's own chips.
  static constexpr int kMarginChips = 32;
  static constexpr std::size_t kMaxHypotheses = 20;

  /// Evidence that a frame begins at the hit, from its preamble and the squares of its first symbols:
  /// the maximum over clock offset and phase of
  ///   sum_b 2 a Re(e^-j(th + w t_b) P_b)/s_b^2 + a^2 [sum |y|^2 + Re(e^-2j(th + w t_b) y^2)]/s_b^4 - a^2
  ///   L_b/s_b^2,
  /// the log-likelihood ratio to second order in the symbol amplitude (log cosh x = x^2/2), at the amplitude
  /// a frame at the decoding threshold has. Returns the most likely clock offsets, best first: near the
  /// threshold the best one is wrong for one frame in thirty.
  std::vector<FrameHypothesis> vet(const ChipBuffer& chips, const PreambleHit& hit);

  /// Refines the hypothesis over the whole frame, finds the paths, combines them and writes the LLRs of the
  /// symbols in order of transmission: 4 Re(sum_l g_l* y_l)/s_b^2 (positive: +1). Returns the fingers.
  const std::vector<Finger>& demodulate(const ChipBuffer& chips, FrameHypothesis& hypothesis,
                                        std::vector<float>& llr);

  /// With the frame's symbols known: path, offsets, SNR, and how well the whole frame correlates. Uses the
  /// symbols of the last demodulate().
  FrameMeasurement measure(const ChipBuffer& chips, const FrameHypothesis& hypothesis,
                           const std::vector<float>& symbols);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngdsp
