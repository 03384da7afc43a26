// Tells a line on which frames hide each other for good from one that runs.
#pragma once

#include <cstdint>

namespace ngdsp {

/// Unslotted traffic has two stable states: frames come out and uncover others, or so many hide each other
/// that next to none does. The detector holds the load of found frames that were given up undecoded against
/// the load of those that came out, a cumulative sum (Page, "Continuous inspection schemes", 1954) between
/// two barriers:
///
///     S = clamp(S + (B_lost - B_decoded)/L - (kReference + noise) t/L, 0, kBarrier)
///
/// B: payload bits of the candidates that looked like frames and ended undecoded, and of the frames that came
/// out; t: chips gone by; L: chips of a frame length; noise: B_lost a chip of noise alone. S is in payload
/// bits a chip over one frame length. The line is collapsed from where S reaches the barrier to where it is
/// back at 0, so a line that is silent or idle is not collapsed.
///
/// Why a bit that comes out weighs as much as a lost one: of the frames found on a line that runs at most
/// p = 0.07 are lost in a frame length (2 bit/chip, two levels), in collapse q = 0.9 or more. The
/// log-likelihood ratios of one lost and one decoded are ln(q/p) = 2.6 and ln((1-q)/(1-p)) = -2.2.
class CollapseDetector {
 public:
  /// Payload bits a chip that may be lost for other reasons. In collapse 0.25 to 0.6 are (2.0 to 1.3
  /// bit/chip).
  static constexpr double kReference = 0.125;
  /// Payload bits a chip over one frame length, 38 frames of 16 bytes. An overload of two frame lengths,
  /// after which the line locked again by itself, reached 0.23.
  static constexpr double kBarrier = 0.3;

  /// `frame_chips` > 0: L. `noise_load` >= 0: payload bits a chip.
  CollapseDetector(double frame_chips, double noise_load)
      : frame_chips_(frame_chips), reference_(kReference + noise_load) {}

  /// `chips` more went by, in which so many payload bits were lost and came out.
  void step(double chips, double lost_bits, double decoded_bits);
  bool collapsed() const { return collapsed_; }
  /// Times the line went from running to collapsed.
  std::uint64_t collapses() const { return collapses_; }
  /// S, 0 ... kBarrier.
  double level() const { return level_; }

 private:
  double frame_chips_, reference_;
  double level_ = 0;
  bool collapsed_ = false;
  std::uint64_t collapses_ = 0;
};

}  // namespace ngdsp
