#include "preamble_correlation.h"

#include <algorithm>

#include "ngdsp/tx/frame_encoder.h"

namespace gr {
namespace ngplc {
namespace {

using ngdsp::cf32;

std::size_t transform_of(std::size_t preamble) {
  std::size_t size = 1;
  while (size < 2 * preamble) size *= 2;
  return size;
}

}  // namespace

PreambleCorrelation::PreambleCorrelation(const ngdsp::Profile& profile)
    : length_(static_cast<std::size_t>(profile.preamble_chips)),
      hop_(transform_of(length_) - length_ + 1),
      forward_(transform_of(length_), ngdsp::Fft::Direction::kForward),
      inverse_(transform_of(length_), ngdsp::Fft::Direction::kInverse) {
  const ngdsp::FrameEncoder encoder(profile);
  for (int q = 0; q < profile.sequence_count(); ++q) {
    std::fill_n(forward_.input(), forward_.size(), cf32{});
    std::copy(encoder.preamble(q).begin(), encoder.preamble(q).end(), forward_.input());
    forward_.execute();
    std::vector<cf32> spectrum(forward_.output(), forward_.output() + forward_.size());
    for (cf32& x : spectrum) x = std::conj(x) / static_cast<float>(forward_.size());
    spectra_.push_back(std::move(spectrum));
  }
}

void PreambleCorrelation::restart() {
  for (auto& kept : kept_) kept.clear();
}

std::vector<float> PreambleCorrelation::process(ngdsp::Span<const cf32> samples) {
  constexpr std::size_t kSamples = 4;
  for (std::size_t i = 0; i + kSamples <= samples.size(); i += kSamples)
    for (std::size_t t = 0; t < kTimes; ++t) kept_[t].push_back(samples[i + t * kSamples / kTimes]);
  const std::size_t held = kept_[0].size();
  std::vector<float> best(held >= length_ ? held - length_ + 1 : 0);
  for (auto& chips : kept_) {
    std::vector<double> energy{0};  // up to each chip
    for (const cf32 x : chips) energy.push_back(energy.back() + static_cast<double>(std::norm(x)));
    for (std::size_t first = 0; first < best.size(); first += hop_) {
      const std::size_t count = std::min(hop_, best.size() - first);
      std::fill_n(forward_.input(), forward_.size(), cf32{});
      std::copy_n(chips.begin() + static_cast<std::ptrdiff_t>(first), count + length_ - 1, forward_.input());
      forward_.execute();
      for (const std::vector<cf32>& preamble : spectra_) {
        std::transform(preamble.begin(), preamble.end(), forward_.output(), inverse_.input(),
                       [](cf32 a, cf32 b) { return a * b; });
        inverse_.execute();
        for (std::size_t i = 0; i < count; ++i) {
          const double under = energy[first + i + length_] - energy[first + i];
          const double power = static_cast<double>(std::norm(inverse_.output()[i]));
          best[first + i] = std::max(best[first + i], static_cast<float>(power / std::max(under, 1e-30)));
        }
      }
    }
    chips.erase(chips.begin(), chips.begin() + static_cast<std::ptrdiff_t>(best.size()));
  }
  return best;
}

}  // namespace ngplc
}  // namespace gr
