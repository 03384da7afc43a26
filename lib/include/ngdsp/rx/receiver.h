// The streaming receiver: samples in, frames out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/base/types.h"
#include "ngdsp/rx/successive_decoder.h"
#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// One decoded frame with how it was received.
struct ReceivedFrame {
  std::vector<std::uint8_t> payload;
  int sequence = 0;                ///< which spreading sequence
  std::uint64_t sample_index = 0;  ///< input sample nearest to the centre of the first chip (strongest path)
  double sample_fraction = 0;      ///< the rest, -0.5 ... 0.5 samples
  double snr_db = 0;               ///< per complex sample in the occupied bandwidth
  double ebn0_db = 0;
  double carrier_offset_hz = 0;  ///< of the received carrier against the profile's
  double clock_offset_ppm = 0;   ///< positive: the transmitter's clock is faster than the receiver's
  double delay_spread_s = 0;     ///< rms over the combined paths
  double residual_db = 0;        ///< power left after subtracting the frame, against the noise; 0 = all gone
  double cancellation_db = 0;    ///< power of the frame against what is left of it after subtracting
  int corrected_bits = 0;        ///< code bits whose hard decision was wrong
  int code_bits = 0;
  int list_used = 0;     ///< list size that decoded
  double detection = 0;  ///< preamble statistic: |correlation|^2 / noise energy, exponential(1) on noise
  double amplitude = 0;  ///< of the received frame in input units, square root of its mean power
  double phase_rad = 0;
};

const char* to_string(Stage stage);

/// One candidate of the preamble search, for the engineer whose frames do not decode.
struct CandidateTrace {
  int sequence = 0;
  double sample_index = 0;
  double detection = 0;  ///< preamble statistic
  double evidence = 0;   ///< log-likelihood ratio of the vetting, nats
  double carrier_offset_hz = 0;
  double clock_offset_ppm = 0;
  int list_used = 0;
  double frame_metric = 0;  ///< whole-frame correlation energy over noise of the best code word found
  Stage stage = Stage::kDetection;
  std::string reason;
};

/// Everything counted; nothing is dropped without a counter.
struct ReceiverCounters {
  static constexpr std::uint64_t kStepChips = 2048;  ///< of the counters of steps
  std::uint64_t samples = 0;
  std::uint64_t nonfinite_samples = 0;  ///< NaN, infinite or beyond 1e9: missing
  std::uint64_t clipped_samples = 0;    ///< at or beyond full scale of 1.0
  std::uint64_t silent_samples = 0;     ///< zeros in a row of 10 ms or longer: a dead line, or a source that
                                        ///< puts zeros for what it lost
  std::uint64_t gaps = 0;               ///< discontinuities announced by reset_at
  std::uint64_t candidates = 0;         ///< preamble statistics above the threshold
  std::uint64_t vetted = 0;             ///< of these, handed to the decoder
  std::uint64_t vetting_rejected = 0;
  std::uint64_t decoder_failed = 0;   ///< no path passed the CRC
  std::uint64_t metric_rejected = 0;  ///< CRC passed, correlation with the frame did not
  std::uint64_t duplicates = 0;       ///< the same frame found again
  std::uint64_t budget_dropped = 0;   ///< given up while waiting for their turn
  std::uint64_t cut_off = 0;          ///< candidates whose frame the stream does not hold whole
  std::uint64_t strained_steps = 0;   ///< of 2048 chips, with frames left where all should have been decoded
  std::uint64_t crowded_steps = 0;    ///< with more left than usual, of frames of equal powers
  std::uint64_t collapses = 0;        ///< times the line collapsed: frames hide each other, none comes out
  std::uint64_t collapsed_steps = 0;  ///< of 2048 chips, while it was so
  std::uint64_t filters = 0;          ///< times the filter against an uneven spectrum was changed
  std::uint64_t weighted_chips = 0;   ///< that were weighted against bursts, each time they were
  std::uint64_t learned_again_chips = 0;  ///< whose weights were learned again, frames being taken out
  std::uint64_t frames = 0;
};

struct ReceiverConfig {
  Profile profile;
  double sample_rate_hz = 0;  ///< of the input; 0 = the profile's. Any rate that holds the band and has a
                              ///< simple ratio to the chip rate (see FrontEnd)
  double carrier_hz = -1;  ///< carrier in the input if it is not the profile's (recordings at another centre)
  double center_hz = -1;   ///< complex input: frequency of its zero; -1 = the profile's
  double extra_carrier_hz = 0;     ///< carrier offset beyond what the clock offset explains, +- Hz
  double max_clock_ppm = -1;       ///< searched clock range; -1 = the profile's
  double detection_threshold = 0;  ///< 0 = default; the preamble statistic is exponential(1) on noise
  double vetting_threshold = 0;    ///< 0 = default, nats
  double metric_threshold = -1;    ///< -1 = default; least frame metric of a decoded frame
  double full_scale = 1.0;         ///< samples at or beyond it count as clipped
  /// Variance of the noise in a chip from the start of the stream, the background's 1, behind the filter that
  /// evens the spectrum out; spectrum at chip rate. Empty: learned. For measurements of what that costs.
  KnownVariance known_variance;
  KnownSpectrum known_spectrum;
  int threads = 1;  ///< 1 to 64; frames, counters and their order do not depend on it

  std::string validate() const;
};

/// Streaming receiver for one profile. The frames do not depend on how the input is cut into blocks.
/// process() and flush() call `on_frame` from the calling thread, in order of decoding, whatever `threads`.
class Receiver {
 public:
  using FrameHandler = std::function<void(const ReceivedFrame&)>;
  using TraceHandler = std::function<void(const CandidateTrace&)>;

  static Result<Receiver> create(const ReceiverConfig& config, FrameHandler on_frame,
                                 TraceHandler on_trace = {});
  ~Receiver();
  Receiver(Receiver&&) noexcept;
  Receiver& operator=(Receiver&&) noexcept;

  /// What is left of the stream when nothing more is taken out of it, up to 2048 chips at a time, in order
  /// and without gaps but those that reset_at() does not bridge, some 2.5 of the longest frame behind it.
  struct Residual {
    double sample_index = 0;     ///< input sample of samples[0] and of the middle of the first chip
    std::vector<cf32> samples;   ///< matched-filter output at four times the chip rate, carrier at zero
    std::vector<float> weights;  ///< of its chips: the inverse of the variance of their noise, background 1
  };
  using ResidualHandler = std::function<void(const Residual&)>;
  /// Empty, as it is at first: nobody asks, and nothing is done for it.
  void on_residual(ResidualHandler handler);

  void process(Span<const float> samples);  ///< real profiles
  void process(Span<const cf32> samples);   ///< complex profiles
  /// The end of the stream: decides every frame that is complete, then the receiver is as new, counters kept.
  void flush();
  /// A gap: continues at `sample_index`. Frames survive one of up to half of the longest frame. After a
  /// longer one, or where `sample_index` does not say how many samples are missing (it is that of the next
  /// sample or an earlier one), the receiver is flushed and starts anew.
  void reset_at(std::uint64_t sample_index);

  ReceiverCounters counters() const;
  /// The line is collapsed now (see CollapseDetector): it stays so at equal powers above some 1.3 bit/chip
  /// until nodes are silent for a frame length.
  bool collapsed() const;
  /// What it makes of the noise: of the stream, and after its end of all of it.
  NoiseReport noise_report() const;
  /// Variance of the noise per input sample in the occupied band, as it is tracked now, in dB relative
  /// to 1.0.
  double noise_dbfs() const;

 private:
  struct Impl;
  explicit Receiver(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngdsp
