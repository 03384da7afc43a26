#include "rx/code_search.h"

#include <volk/volk.h>

#include <algorithm>
#include <cmath>

#include "ngdsp/base/multiversion.h"
#include "rx/vector.h"

namespace ngdsp {
namespace {

constexpr std::size_t kRun = 128;
// Of the threshold, on the half-chip grid: 0.7 dB, what the quarter point may add.
constexpr double kQuarterShare = 0.85;
// Of the threshold, on the grid of carriers: a quarter of a cycle off a peak keeps 0.81, less in noise.
constexpr double kCarrierShare = 0.7;
// A carrier serves what turns so much less or more during the preamble, cycles: 0.5 dB.
constexpr double kCarrierReach = 0.1875;

NGDSP_MULTIVERSION float largest_product(const float* a, const float* b, std::size_t n) {
  Vector most = {};
  std::size_t i = 0;
  for (; i + kVectorWidth <= n; i += kVectorWidth) {
    Vector x, y;
    load(a + i, x);
    load(b + i, y);
    x *= y;
    most = x > most ? x : most;
  }
  float best = 0;
  for (; i < n; ++i) best = a[i] * b[i] > best ? a[i] * b[i] : best;
  for (i = 0; i < kVectorWidth; ++i) best = most[i] > best ? most[i] : best;
  return best;
}

// Largest statistic |c|^2/energy of a run of phases.
float largest(const cf32* correlation, const float* inverse_energy, std::size_t n) {
  alignas(64) float power[kRun];
  volk_32fc_magnitude_squared_32f(power, correlation, static_cast<unsigned>(n));
  return largest_product(power, inverse_energy, n);
}

// Half a cycle a preamble or a little less, in bins of the transform.
std::size_t carrier_step(std::size_t size, std::size_t length) { return size / (2 * length); }

}  // namespace

int CodeSearch::carriers(const PreambleDetectorConfig& config, std::size_t size) {
  const std::size_t length = config.sequences.at(0).size();
  const double cycle = static_cast<double>(size) / static_cast<double>(length);  // bins
  const double bins = (config.max_carrier_offset_hz / config.chip_rate_hz) * static_cast<double>(size);
  const double beyond = (bins - kCarrierReach * cycle) / static_cast<double>(carrier_step(size, length));
  return 2 * static_cast<int>(std::ceil(std::max(0.0, beyond))) + 1;
}

CodeSearch::CodeSearch(const PreambleDetectorConfig& config, std::size_t size, std::size_t workers)
    : length_(config.sequences.at(0).size()),
      size_(size),
      step_(carrier_step(size, length_)),
      reach_(carriers(config, size) / 2),
      forward_(size, Fft::Direction::kForward) {
  if (reach_ > 0) exact_.emplace(config);
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
    spectrum_[h].resize(size + 2 * step_ * static_cast<std::size_t>(reach_));
    inverse_energy_[h].resize(size);
  }
}

void CodeSearch::read(const ChipBuffer& chips, std::int64_t first_chip) {
  first_chip_ = first_chip;
  if (exact_) exact_->read(chips, first_chip, size_ - length_);
  const std::size_t around = step_ * static_cast<std::size_t>(reach_);
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
    const cf32* out = forward_.output();
    cf32* to = std::copy_n(out + size_ - around, around, spectrum_[half].data());
    std::copy_n(out, around, std::copy_n(out, size_, to));
    inverse_energies(in, size_, length_, size_ - length_, inverse_energy_[half].data());
  }
}

// A carrier that turns `step_` bins faster moves what it carries up by as many.
void CodeSearch::correlate(std::size_t sequence, int carrier, HalfChipPlanes& planes) const {
  const std::size_t moved = step_ * static_cast<std::size_t>(reach_ + carrier);
  for (std::size_t h = 0; h < 2; ++h) {
    volk_32fc_x2_multiply_32fc(planes[h].input(), spectrum_[h].data() + moved, conj_spectra_[sequence].data(),
                               static_cast<unsigned>(size_));
    planes[h].execute();
  }
}

// peak(phase, inverse energy, statistic) for the peaks over time of one carrier, phase a multiple of 1/4.
template <typename Peak>
void CodeSearch::find_peaks(const HalfChipPlanes& planes, double threshold, const Peak& peak) const {
  const std::size_t phases = size_ - length_;
  // Half-chip index i is chip i/2 of plane i % 2; quarter points by cubic interpolation of four half-chip
  // values.
  const auto at = [&](std::size_t i) { return planes[i & 1].output()[i >> 1]; };
  const auto low = static_cast<float>(threshold * kQuarterShare);
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
      const auto inverse_energy = static_cast<double>(inverse_energy_[h][i]);
      if (best * inverse_energy >= threshold) peak(position, inverse_energy, best * inverse_energy);
    }
  }
}

void CodeSearch::search(int sequence, double threshold, std::size_t worker, std::vector<PreambleHit>& found) {
  HalfChipPlanes& planes = inverse_[worker];
  const auto q = static_cast<std::size_t>(sequence);
  const auto begin = static_cast<double>(first_chip_);
  if (!exact_) {
    correlate(q, 0, planes);
    find_peaks(planes, threshold, [&](double phase, double, double statistic) {
      found.push_back({sequence, begin + phase, 0, statistic});
    });
    return;
  }
  const double carrier_cycles =
      static_cast<double>(step_) * static_cast<double>(length_) / static_cast<double>(size_);
  for (int k = -reach_; k <= reach_; ++k) {
    correlate(q, k, planes);
    find_peaks(planes, kCarrierShare * threshold, [&](double phase, double inverse_energy, double) {
      const PreambleHit hit =
          exact_->at(sequence, begin + phase, k * carrier_cycles, inverse_energy, threshold);
      if (hit.statistic >= threshold) found.push_back(hit);
    });
  }
}

}  // namespace ngdsp
