#include "ngdsp/channel/noise_colour.h"

#include <volk/volk.h>

#include <algorithm>
#include <cmath>

#include "channel/field_check.h"
#include "ngdsp/base/db.h"
#include "ngdsp/base/fft.h"

namespace ngdsp {

std::string ColourConfig::validate(const std::string& name) const {
  FieldCheck check(name + ".");
  check.range("slope_db", slope_db, -60, 60, "dB");
  check.range("floor", floor, 1e-9, 1e9);
  check.range("rise", rise, 0, 1e9);
  check.range("decay_hz", decay_hz, 100, 1e7, "Hz");
  check.require(table.size() <= 1000, "psd_db", "expected at most 1000 pairs");
  for (std::size_t i = 0; i < table.size(); ++i) {
    check.range("psd_db: frequency", table[i].first, 0, 1e11, "Hz");
    check.range("psd_db: level", table[i].second, -200, 200, "dB");
    check.require(i == 0 || table[i].first > table[i - 1].first, "psd_db", "expected rising frequencies");
  }
  return check.error();
}

Colour::Colour(const ColourConfig& config, const NoiseBand& band) : config_(config), band_(band) {
  constexpr int kPoints = 1000;
  double sum = 0;
  for (int i = 0; i < kPoints; ++i) sum += shape(band.low_hz() + band.chip_rate_hz * (i + 0.5) / kPoints);
  mean_ = sum / kPoints;
}

double Colour::density(double hz) const { return shape(hz) / mean_; }

double Colour::shape(double hz) const {
  const double from_middle = std::clamp((hz - band_.carrier_hz) / band_.chip_rate_hz, -0.5, 0.5);
  double db = -config_.slope_db * from_middle;
  db += to_db(config_.floor + config_.rise * std::exp(-std::abs(hz) / config_.decay_hz));
  const auto& table = config_.table;
  if (!table.empty()) {
    const auto above = std::find_if(table.begin(), table.end(), [hz](const auto& p) { return p.first > hz; });
    if (above == table.begin()) {
      db += table.front().second;
    } else if (above == table.end()) {
      db += table.back().second;
    } else {
      const auto& [low_hz, low_db] = *(above - 1);
      db += low_db + (above->second - low_db) * (hz - low_hz) / (above->first - low_hz);
    }
  }
  return from_db(db);
}

std::vector<cf32> colour_taps(const Colour& colour, const NoiseBand& band) {
  // A resolution of 1/64 of the band; four times that many bins keep the cepstrum from folding.
  std::size_t size = 64;
  while (static_cast<double>(size) < 64 * band.sample_rate_hz / band.chip_rate_hz && size < 1 << 14)
    size *= 2;
  const std::size_t bins = 4 * size;
  Fft inverse(bins, Fft::Direction::kInverse), forward(bins, Fft::Direction::kForward);
  const auto hz = [&](std::size_t bin) {
    const double turns = static_cast<double>(bin) / static_cast<double>(bins);
    const double offset = (turns < 0.5 ? turns : turns - 1) * band.sample_rate_hz;
    return band.real ? std::abs(offset) : band.center_hz + offset;
  };
  const auto scale = 1 / static_cast<float>(bins);
  for (std::size_t i = 0; i < bins; ++i)
    inverse.input()[i] = static_cast<float>(std::log(colour.density(hz(i))) / 2) * scale;
  inverse.execute();
  // The causal half of the cepstrum, doubled.
  for (std::size_t i = 0; i < bins; ++i) {
    const float weight = i == 0 || i == bins / 2 ? 1.0F : i < bins / 2 ? 2.0F : 0.0F;
    forward.input()[i] = weight * inverse.output()[i];
  }
  forward.execute();
  for (std::size_t i = 0; i < bins; ++i) inverse.input()[i] = std::exp(forward.output()[i]) * scale;
  inverse.execute();
  std::vector<cf32> taps(inverse.output(), inverse.output() + size);
  // Faded out: a cliff in the spectrum blurs instead of rippling far away.
  for (std::size_t i = size / 4; i < size; ++i) {
    const double part = static_cast<double>(i - size / 4) / static_cast<double>(size - size / 4);
    taps[i] *= static_cast<float>(0.5 + 0.5 * std::cos(kPi * part));
  }
  if (band.real) {
    for (cf32& t : taps) t = t.real();
  }
  return taps;
}

template <typename Sample>
ColourFilter<Sample>::ColourFilter(const std::vector<cf32>& taps) : line_(taps.size() - 1) {
  for (auto t = taps.rbegin(); t != taps.rend(); ++t) {
    if constexpr (std::is_same_v<Sample, float>)
      reversed_.push_back(t->real());
    else
      reversed_.push_back(*t);
  }
}

template <typename Sample>
void ColourFilter<Sample>::process(Span<Sample> x) {
  line_.insert(line_.end(), x.begin(), x.end());
  const auto taps = static_cast<unsigned>(reversed_.size());
  for (std::size_t k = 0; k < x.size(); ++k) {
    // One kernel whatever the alignment: the sums must not depend on the lengths of blocks.
    if constexpr (std::is_same_v<Sample, float>)
      volk_32f_x2_dot_prod_32f_u(&x[k], line_.data() + k, reversed_.data(), taps);
    else
      volk_32fc_x2_dot_prod_32fc_u(&x[k], line_.data() + k, reversed_.data(), taps);
  }
  line_.erase(line_.begin(), line_.begin() + static_cast<std::ptrdiff_t>(x.size()));
}

template class ColourFilter<float>;
template class ColourFilter<cf32>;

}  // namespace ngdsp
