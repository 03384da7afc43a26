#include "rx/code_search.h"

#include <volk/volk.h>

#include <algorithm>
#include <cmath>

#include "ngdsp/base/multiversion.h"

namespace ngdsp {
namespace {

constexpr std::size_t kRun = 128;

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

CodeSearch::CodeSearch(const PreambleDetectorConfig& config, std::size_t size, std::size_t workers)
    : length_(config.sequences.at(0).size()), size_(size), forward_(size, Fft::Direction::kForward) {
  for (std::size_t w = 0; w < workers; ++w)
    inverse_.push_back({Fft(size, Fft::Direction::kInverse), Fft(size, Fft::Direction::kInverse)});
  for (const auto& c : config.sequences) {
    std::fill_n(forward_.input(), size, cf32{});
    std::copy(c.begin(), c.end(), forward_.input());
    forward_.execute();
    std::vector<cf32> spectrum(size);
    const float scale = 1.0F / static_cast<float>(size);
    for (std::size_t k = 0; k < size; ++k) spectrum[k] = std::conj(forward_.output()[k]) * scale;
    conj_spectra_.push_back(std::move(spectrum));
  }
  for (std::size_t h = 0; h < 2; ++h) {
    spectrum_[h].resize(size);
    inverse_energy_[h].resize(size);
  }
}

void CodeSearch::read(const ChipBuffer& chips, std::int64_t first_chip) {
  first_chip_ = first_chip;
  const auto missing = static_cast<std::size_t>(std::max<std::int64_t>(0, chips.begin() - first_chip));
  for (int h = 0; h < 2; ++h) {
    const auto half = static_cast<std::size_t>(h);
    cf32* in = forward_.input();
    std::fill_n(in, missing, cf32{});
    const auto lanes = static_cast<std::size_t>(chips.lanes());
    for (std::size_t first = missing; first < missing + lanes; ++first) {
      const float* re = chips.re(2 * h, first_chip + static_cast<std::int64_t>(first));
      const float* im = chips.im(2 * h, first_chip + static_cast<std::int64_t>(first));
      for (std::size_t i = first; i < size_; i += lanes) in[i] = {*re++, *im++};
    }
    forward_.execute();
    std::copy_n(forward_.output(), size_, spectrum_[half].data());
    inverse_energies(in, size_, length_, size_ - length_, inverse_energy_[half].data());
  }
}

void CodeSearch::search(int sequence, double threshold, std::size_t worker, std::vector<PreambleHit>& found) {
  const std::size_t phases = size_ - length_;
  HalfChipPlanes& planes = inverse_[worker];
  for (std::size_t h = 0; h < 2; ++h) {
    volk_32fc_x2_multiply_32fc(planes[h].input(), spectrum_[h].data(),
                               conj_spectra_[static_cast<std::size_t>(sequence)].data(),
                               static_cast<unsigned>(size_));
    planes[h].execute();
  }
  // Half-chip index i is chip i/2 of plane i % 2; quarter points by cubic interpolation of four half-chip
  // values.
  const auto at = [&](std::size_t i) { return planes[i & 1].output()[i >> 1]; };
  const auto low = static_cast<float>(threshold * 0.85);  // 0.7 dB: what the quarter point may add
  for (std::size_t h = 0; h < 2; ++h) {
    for (std::size_t i = 2; i + 2 < phases; ++i) {
      // Nearly all runs hold no peak: one vector pass rules them out.
      if ((i - 2) % kRun == 0) {
        const std::size_t n = std::min(kRun, phases - 2 - i);
        if (largest(planes[h].output() + i, inverse_energy_[h].data() + i, n) < low) {
          i += n - 1;
          continue;
        }
      }
      if (std::norm(planes[h].output()[i]) * inverse_energy_[h][i] < low) continue;
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
      const double statistic = best * static_cast<double>(inverse_energy_[h][i]);
      if (statistic >= threshold)
        found.push_back({sequence, static_cast<double>(first_chip_) + position, 0, statistic});
    }
  }
}

}  // namespace ngdsp
