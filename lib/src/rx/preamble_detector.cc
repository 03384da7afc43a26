#include "ngdsp/rx/preamble_detector.h"

#include <volk/volk.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "ngdsp/base/fft.h"
#include "ngdsp/base/multiversion.h"

namespace ngdsp {
namespace {

constexpr std::size_t kSmallestTransform = 8192;
constexpr std::size_t kRun = 128;
constexpr int kGuard = 4;  // extra phases either side of a block, so that peaks at its edges are judged alike

NGDSP_MULTIVERSION float largest_product(const float* a, const float* b, std::size_t n) {
  float best = 0;
  for (std::size_t i = 0; i < n; ++i) best = a[i] * b[i] > best ? a[i] * b[i] : best;
  return best;
}

// Largest statistic |c|^2/energy of a run of phases.
float largest(const cf32* correlation, const float* inverse_energy, std::size_t n) {
  alignas(64) float power[kRun];
  volk_32fc_magnitude_squared_32f(power, correlation, static_cast<unsigned>(n));
  return largest_product(power, inverse_energy, n);
}

}  // namespace

struct PreambleDetector::Impl {
  PreambleDetectorConfig config;
  std::size_t length, size, hop;
  std::vector<int> shifts;                      // carrier bins, in transform bins
  std::vector<std::vector<cf32>> conj_spectra;  // by sequence
  Fft forward;
  std::array<Fft, 2> inverse;                 // one a half-chip plane: their outputs are the correlations
  std::array<std::vector<cf32>, 2> spectrum;  // of the half-chip planes
  std::array<std::vector<float>, 2> inverse_energy;

  void correlate(std::size_t half, const std::vector<cf32>& conj_spectrum, int shift);
};

PreambleDetector::PreambleDetector(const PreambleDetectorConfig& config) {
  const std::size_t length = config.sequences.at(0).size();
  std::size_t size = kSmallestTransform;
  // A carrier search wants bins finer than its step, and pays for every one: longer transforms waste less.
  while (size < (config.max_carrier_offset_hz > 0 ? 8 : 4) * length) size *= 2;
  impl_.reset(new Impl{config,
                       length,
                       size,
                       size - length - 2 * kGuard,
                       {},
                       {},
                       Fft(size, Fft::Direction::kForward),
                       {Fft(size, Fft::Direction::kInverse), Fft(size, Fft::Direction::kInverse)},
                       {},
                       {}});
  Impl& s = *impl_;
  const double bin_hz = config.chip_rate_hz / static_cast<double>(size);
  const double widest_hz = 0.375 * config.chip_rate_hz / static_cast<double>(length);
  const int step = std::max(1, static_cast<int>(widest_hz / bin_hz));
  const int reach =
      static_cast<int>(std::ceil((config.max_carrier_offset_hz / bin_hz - step / 2.0) / step - 1e-9));
  for (int i = -std::max(0, reach); i <= std::max(0, reach); ++i) s.shifts.push_back(i * step);
  for (const auto& c : config.sequences) {
    std::fill_n(s.forward.input(), size, cf32{});
    std::copy(c.begin(), c.end(), s.forward.input());
    s.forward.execute();
    std::vector<cf32> spectrum(size);
    const float scale = 1.0F / static_cast<float>(size);
    for (std::size_t k = 0; k < size; ++k) spectrum[k] = std::conj(s.forward.output()[k]) * scale;
    s.conj_spectra.push_back(std::move(spectrum));
  }
  for (int h = 0; h < 2; ++h) {
    s.spectrum[static_cast<std::size_t>(h)].resize(size);
    s.inverse_energy[static_cast<std::size_t>(h)].resize(size);
  }
}

PreambleDetector::~PreambleDetector() = default;
PreambleDetector::PreambleDetector(PreambleDetector&&) noexcept = default;
PreambleDetector& PreambleDetector::operator=(PreambleDetector&&) noexcept = default;

int PreambleDetector::hop_chips() const { return static_cast<int>(impl_->hop); }
int PreambleDetector::span_chips() const { return static_cast<int>(impl_->size) - kGuard; }
int PreambleDetector::carrier_bins() const { return static_cast<int>(impl_->shifts.size()); }

void PreambleDetector::Impl::correlate(std::size_t half, const std::vector<cf32>& conj_spectrum, int shift) {
  // A carrier of `shift` bins moves the sequence's spectrum up by as many.
  const auto n = static_cast<std::ptrdiff_t>(size);
  const auto s = static_cast<std::size_t>(((shift % n) + n) % n);
  const std::vector<cf32>& x = spectrum[half];
  cf32* y = inverse[half].input();
  volk_32fc_x2_multiply_32fc(y + s, x.data() + s, conj_spectrum.data(), static_cast<unsigned>(size - s));
  if (s > 0)
    volk_32fc_x2_multiply_32fc(y, x.data(), conj_spectrum.data() + size - s, static_cast<unsigned>(s));
  inverse[half].execute();
}

void PreambleDetector::search(const ChipBuffer& chips, std::int64_t first_chip,
                              std::vector<PreambleHit>& hits) {
  search(chips, first_chip, std::vector<double>(impl_->conj_spectra.size(), impl_->config.threshold), hits);
}

void PreambleDetector::search(const ChipBuffer& chips, std::int64_t first_chip, Span<const double> thresholds,
                              std::vector<PreambleHit>& hits) {
  Impl& s = *impl_;
  const std::int64_t origin = first_chip - kGuard;
  const std::size_t phases = s.hop + 2 * kGuard;
  const auto missing = static_cast<std::size_t>(std::max<std::int64_t>(0, chips.begin() - origin));
  for (int h = 0; h < 2; ++h) {
    const auto half = static_cast<std::size_t>(h);
    cf32* in = s.forward.input();
    std::fill_n(in, missing, cf32{});
    const auto lanes = static_cast<std::size_t>(chips.lanes());
    for (std::size_t first = missing; first < missing + lanes; ++first) {
      const float* re = chips.re(2 * h, origin + static_cast<std::int64_t>(first));
      const float* im = chips.im(2 * h, origin + static_cast<std::int64_t>(first));
      for (std::size_t i = first; i < s.size; i += lanes) in[i] = {*re++, *im++};
    }
    s.forward.execute();
    std::copy_n(s.forward.output(), s.size, s.spectrum[half].data());
    // Energy under the sequence, by running sum in double: no drift over a block.
    // What is 90 dB below the block is rounding noise of the transform, not a signal.
    double energy = 0, block_energy = 0;
    for (std::size_t i = 0; i < s.size; ++i) block_energy += static_cast<double>(std::norm(in[i]));
    const double least = std::max(1e-9 * block_energy, 1e-30);
    for (std::size_t i = 0; i < s.length; ++i) energy += static_cast<double>(std::norm(in[i]));
    for (std::size_t i = 0; i < phases; ++i) {
      s.inverse_energy[half][i] = energy > least ? static_cast<float>(1.0 / energy) : 0.0F;
      if (i + 1 < phases)
        energy = std::max(0.0, energy + static_cast<double>(std::norm(in[i + s.length])) -
                                   static_cast<double>(std::norm(in[i])));
    }
  }

  std::vector<PreambleHit> found;
  const double bin_hz = s.config.chip_rate_hz / static_cast<double>(s.size);
  for (std::size_t q = 0; q < s.conj_spectra.size(); ++q) {
    const double threshold = thresholds[q];
    if (!std::isfinite(threshold)) continue;
    found.clear();
    for (const int shift : s.shifts) {
      for (std::size_t h = 0; h < 2; ++h) s.correlate(h, s.conj_spectra[q], shift);
      // Half-chip index i is chip i/2 of plane i % 2; quarter points by cubic interpolation of four half-chip
      // values.
      const auto at = [&](std::size_t i) { return s.inverse[i & 1].output()[i >> 1]; };
      for (std::size_t h = 0; h < 2; ++h) {
        const auto low = static_cast<float>(threshold * 0.85);  // 0.7 dB: what the quarter point may add
        for (std::size_t i = 2; i + 2 < phases; ++i) {
          // Nearly all runs hold no peak: one vector pass rules them out.
          if ((i - 2) % kRun == 0) {
            const std::size_t n = std::min(kRun, phases - 2 - i);
            if (largest(s.inverse[h].output() + i, s.inverse_energy[h].data() + i, n) < low) {
              i += n - 1;
              continue;
            }
          }
          if (std::norm(s.inverse[h].output()[i]) * s.inverse_energy[h][i] < low) continue;
          const std::size_t j = 2 * i + h;
          const float here = std::norm(at(j));
          if (std::norm(at(j - 1)) > here || std::norm(at(j + 1)) > here) continue;
          double position = static_cast<double>(j) / 2.0, best = static_cast<double>(here);
          for (const int side : {-1, 1}) {
            const std::size_t a = side < 0 ? j - 1 : j;
            const cf32 mid = 0.5625F * (at(a) + at(a + 1)) - 0.0625F * (at(a - 1) + at(a + 2));
            const auto p = static_cast<double>(std::norm(mid));
            if (p > best) {
              best = p;
              position = static_cast<double>(j) / 2.0 + side * 0.25;
            }
          }
          const double statistic = best * static_cast<double>(s.inverse_energy[h][i]);
          if (statistic >= threshold)
            found.push_back({static_cast<int>(q), position, shift * bin_hz, statistic});
        }
      }
    }
    // Strongest first; what is near a stronger one is the same peak's flank.
    std::sort(found.begin(), found.end(), [](const PreambleHit& a, const PreambleHit& b) {
      return a.statistic != b.statistic ? a.statistic > b.statistic : a.chip < b.chip;
    });
    std::vector<PreambleHit> kept;
    for (const PreambleHit& f : found) {
      const bool flank = std::any_of(kept.begin(), kept.end(), [&](const PreambleHit& k) {
        return std::abs(k.chip - f.chip) < kPeakSpacing;
      });
      if (!flank) kept.push_back(f);
    }
    for (PreambleHit& f : kept) {
      f.chip += static_cast<double>(origin);
      if (f.chip >= static_cast<double>(first_chip) &&
          f.chip < static_cast<double>(first_chip) + static_cast<double>(s.hop))
        hits.push_back(f);
    }
  }
  std::sort(hits.begin(), hits.end(), [](const PreambleHit& a, const PreambleHit& b) {
    return a.chip != b.chip ? a.chip < b.chip : a.sequence < b.sequence;
  });
}

}  // namespace ngdsp
