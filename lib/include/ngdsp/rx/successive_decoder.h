// Decodes the frames of a stretch of stream one after the other, each taken out before the next.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/rx/chip_buffer.h"
#include "ngdsp/rx/frame_estimator.h"
#include "ngdsp/rx/noise_rhythm.h"
#include "ngdsp/rx/noise_weights.h"
#include "ngdsp/rx/spectrum_tracker.h"
#include "ngdsp/rx/vetter.h"
#include "ngdsp/tx/frame_encoder.h"

namespace ngdsp {

/// Where a candidate's life ended.
enum class Stage { kDetection, kVetting, kDecoding, kMetric, kDecoded };

/// A preamble hit and what became of it.
struct Candidate {
  PreambleHit hit;
  Stage stage = Stage::kDetection;
  double evidence = 0;  ///< of the last vetting, nats
  double carrier_offset_hz = 0, clock_ppm = 0;
  int list_used = 0;             ///< by the last decoding
  double frame_metric = 0;       ///< of the best code word found
  double vetted_power = 0;       ///< effective power under the frame at the last vetting; 0: never vetted
  std::size_t symbols_read = 0;  ///< about the preamble, by that vetting
  double read_power = 0;         ///< effective power under them
  double hopeful_power = 0;      ///< the same, below which one that was rejected may pass
  std::vector<FrameHypothesis> hypotheses;  ///< of the last vetting, where it passed
  double tried_power[3] = {};               ///< under the frame at the last decoding of each effort; 0: none
  bool waiting = false;                     ///< the budget of the last step was spent when its turn came
};

struct DecodedFrame {
  std::vector<std::uint8_t> payload;
  FrameEstimate estimate;
  const Candidate* candidate = nullptr;
  int corrected_bits = 0;
  double noise_variance = 0;   ///< per chip, over the frame, after it was taken out
  double cancellation_db = 0;  ///< power of the frame before, against what correlates with it afterwards
  double residual_db = 0;      ///< power left under the frame against the noise floor
};

struct SuccessiveCounters {
  std::uint64_t candidates = 0, vetted = 0, vetting_rejected = 0, decoder_failed = 0, metric_rejected = 0;
  std::uint64_t duplicates = 0, budget_dropped = 0, cut_off = 0, frames = 0, passes = 0, vettings = 0,
                decodings = 0, paths = 0, estimates = 0, strained_steps = 0, crowded_steps = 0, collapses = 0,
                collapsed_steps = 0, filters = 0, weighted_chips = 0, learned_again_chips = 0;
};

struct SuccessiveConfig {
  OffsetRange range;
  double detection_threshold = 0;  ///< 0 = default
  double vetting_threshold = 0;    ///< 0 = default, nats
  double metric_threshold = -1;    ///< -1 = default
  int threads = 1;                 ///< that search, vet and cancel; the frames do not depend on it
  KnownVariance known_variance;    ///< of the noise; empty: learned
  KnownSpectrum known_spectrum;    ///< the same
};

/// Keeps a window of possible frame starts behind the newest chips. Whenever a step of chips is complete:
/// search the window's preambles, vet the candidates whose frames are complete, decode them in order of
/// evidence, take every decoded frame out of the chips, and repeat where that lowered the power, until
/// nothing more decodes. Works in steps of fixed length, so that its frames do not depend on how the chips
/// arrive.
class SuccessiveDecoder {
 public:
  using FrameHandler = std::function<void(const DecodedFrame&)>;
  using CandidateHandler = std::function<void(const Candidate&, const char* reason)>;

  SuccessiveDecoder(const Profile& profile, const SuccessiveConfig& config, FrameHandler on_frame,
                    CandidateHandler on_candidate);
  ~SuccessiveDecoder();

  /// Takes note of chips appended to the buffer; whole steps of them are worked on.
  void advance(ChipBuffer& chips);
  /// The stream ends at chip `end`: decides every frame that is complete, forgets the rest. Chips behind
  /// `end` are zeros, at least span_chips() of them.
  void finish(ChipBuffer& chips, std::int64_t end);
  int span_chips() const;
  const SuccessiveCounters& counters() const;
  /// Frames hide each other and next to none comes out (see CollapseDetector).
  bool collapsed() const;
  /// What was learned of the noise; after finish(), what was learned by then.
  NoiseReport noise_report() const;
  /// Power per chip of what no frame explains.
  double noise_floor() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngdsp
