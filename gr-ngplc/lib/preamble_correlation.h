// How much of every preamble is in a stream of chips, at every time.
#pragma once

#include <cstddef>
#include <vector>

#include "ngdsp/base/fft.h"
#include "ngdsp/base/types.h"
#include "ngdsp/waveform/profile.h"

namespace gr {
namespace ngplc {

/// max over sequences of |sum_n r[n] c*[n]|^2 / sum_n |r[n]|^2 from each chip on, exponential(1) for each
/// sequence on noise; the better of two times half a chip apart, at the carrier itself: offsets beyond a
/// quarter of a cycle a preamble are not searched.
class PreambleCorrelation {
 public:
  explicit PreambleCorrelation(const ngdsp::Profile& profile);

  /// Of samples that follow those before, four a chip: the values known now, of as many chips in order.
  std::vector<float> process(ngdsp::Span<const ngdsp::cf32> samples);
  /// Chips from process()'s first value to the first of its samples.
  std::size_t behind_chips() const { return kept_[0].size(); }
  /// For a new stream.
  void restart();

 private:
  static constexpr std::size_t kTimes = 2;  // a chip

  std::size_t length_, hop_;
  ngdsp::Fft forward_, inverse_;
  std::vector<std::vector<ngdsp::cf32>> spectra_;  // conjugate, of preambles
  std::vector<ngdsp::cf32> kept_[kTimes];          // chips that wait for those behind them
};

}  // namespace ngplc
}  // namespace gr
