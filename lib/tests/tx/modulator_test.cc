#include "ngdsp/tx/modulator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "ngdsp/base/db.h"
#include "ngdsp/base/fft.h"
#include "ngdsp/tx/frame_encoder.h"
#include "ngdsp/waveform/pulse.h"
#include "ngdsp/waveform/sequence.h"

namespace ngdsp {
namespace {

// A frame of 16 bytes on sequence 0 as complex samples (imaginary part 0 for real profiles).
std::vector<cf32> render(const Profile& p, const Arrival& arrival, Span<const cf32> chips) {
  const Modulator m(p);
  const auto size = static_cast<std::size_t>(std::ceil(arrival.start_samples)) +
                    static_cast<std::size_t>(m.tail_samples(chips.size())) + 100;
  if (!p.real) {
    std::vector<cf32> out(size);
    m.add(chips, arrival, Span<cf32>(out));
    return out;
  }
  std::vector<float> out(size);
  m.add(chips, arrival, Span<float>(out));
  return {out.begin(), out.end()};
}

std::vector<cf32> frame(const Profile& p) {
  return FrameEncoder(p).encode(std::vector<std::uint8_t>(16, 0x3C), 0);
}

double energy(const std::vector<cf32>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0,
                         [](double sum, const cf32& v) { return sum + static_cast<double>(std::norm(v)); });
}

double correlation(const std::vector<cf32>& a, const std::vector<cf32>& b) {
  cf64 sum;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) sum += cf64(a[i]) * std::conj(cf64(b[i]));
  return std::abs(sum) / std::sqrt(energy(a) * energy(b));
}

// One sample at a time, from 15 chips before the first chip to 15 after the last: the pulse from a table of
// 256 fractions of a chip with a straight line between them, over the 32 chips around the sample.
class PlainModulator {
 public:
  PlainModulator(const Profile& p, double sample_rate_hz) : profile_(p), sample_rate_hz_(sample_rate_hz) {
    for (int f = 0; f <= kPhases; ++f)
      for (int i = 0; i < 2 * kSpan; ++i)
        table_.push_back(rrc_pulse(static_cast<double>(f) / kPhases + kSpan - 1 - i, p.rolloff));
  }

  /// sqrt(2) times the real part for real profiles.
  std::vector<cf64> render(Span<const cf32> chips, const Arrival& a, std::size_t samples) const {
    const auto n = static_cast<std::ptrdiff_t>(chips.size());
    const double step = profile_.chip_rate_hz * (1 + a.clock_ppm * 1e-6) / sample_rate_hz_;
    const double turn =
        2 * kPi * (profile_.carrier_hz - profile_.center_hz + a.carrier_offset_hz) / sample_rate_hz_;
    std::vector<cf64> out(samples);
    for (std::size_t k = 0; k < samples; ++k) {
      const double dt = static_cast<double>(k) - a.start_samples, tau = dt * step, whole = std::floor(tau);
      if (tau < -(kSpan - 1) || k >= std::floor(a.start_samples + static_cast<double>(n + kSpan - 1) / step))
        continue;
      const double x = (tau - whole) * kPhases;
      const int f = std::min(static_cast<int>(x), kPhases - 1);
      cf64 y;
      for (int i = 0; i < 2 * kSpan; ++i) {
        const std::ptrdiff_t chip = static_cast<std::ptrdiff_t>(whole) - (kSpan - 1) + i;
        if (chip < 0 || chip >= n) continue;
        const auto at = static_cast<std::size_t>(f * 2 * kSpan + i);
        y += cf64(chips[static_cast<std::size_t>(chip)]) *
             (table_[at] + (x - f) * (table_[at + 2 * kSpan] - table_[at]));
      }
      y *= std::polar(a.amplitude, turn * dt + a.phase_rad);
      out[k] = profile_.real ? std::sqrt(2.0) * y.real() : y;
    }
    return out;
  }

 private:
  static constexpr int kSpan = 16, kPhases = 256;
  Profile profile_;
  double sample_rate_hz_;
  std::vector<double> table_;
};

std::vector<cf32> render_into(const Profile& p, double sample_rate_hz, const Arrival& arrival,
                              Span<const cf32> chips, std::size_t samples) {
  const Modulator m(p, sample_rate_hz);
  if (!p.real) {
    std::vector<cf32> out(samples);
    m.add(chips, arrival, Span<cf32>(out));
    return out;
  }
  std::vector<float> out(samples);
  m.add(chips, arrival, Span<float>(out));
  return {out.begin(), out.end()};
}

// Largest and mean square difference against the plain way, relative to the amplitude.
struct Difference {
  double peak = 0, rms = 0;
};

Difference difference(const Profile& p, double sample_rate_hz, const Arrival& arrival, Span<const cf32> chips,
                      std::size_t samples) {
  const auto x = render_into(p, sample_rate_hz, arrival, chips, samples);
  const auto y = PlainModulator(p, sample_rate_hz).render(chips, arrival, samples);
  Difference d;
  for (std::size_t k = 0; k < samples; ++k) {
    const double e = std::abs(cf64(x[k]) - y[k]) / arrival.amplitude;
    d.peak = std::max(d.peak, e);
    d.rms += e * e / static_cast<double>(samples);
  }
  d.rms = std::sqrt(d.rms);
  return d;
}

// The cut of the pulse at +-16 chips takes 2/(48 pi^2 a^2 16^3) = 4e-5 of the energy and leaves cross terms
// between chips that average out over 16384 of them: 0.2 % holds with a wide margin.
TEST(Modulator, MeanPowerIsTheSquaredAmplitude) {
  for (const Profile& p : shipped_profiles()) {
    Arrival a;
    a.start_samples = 20 * p.samples_per_chip();
    a.amplitude = 0.3;
    const auto chips = frame(p);
    const double samples = static_cast<double>(chips.size()) * p.samples_per_chip();
    EXPECT_NEAR(energy(render(p, a, chips)) / samples, 0.09, 0.09 * 0.002) << p.name;
  }
}

// Outside the occupied band carrier -+ Rc (1 + a)/2 lies only what cutting the pulse leaves: 4e-5 of the
// energy in all (-44 dB), half of it outside. 1/8 of the chip rate beyond the edge the density is 40 dB down
// too.
TEST(Modulator, StaysInItsBand) {
  constexpr std::size_t kSize = 4096;
  Fft fft(kSize, Fft::Direction::kForward);
  for (const Profile& p : shipped_profiles()) {
    Arrival a;
    a.start_samples = 20 * p.samples_per_chip();
    const auto x = render(p, a, frame(p));
    std::vector<double> psd(kSize);
    for (std::size_t at = 0; at + kSize <= x.size(); at += kSize / 2) {
      for (std::size_t i = 0; i < kSize; ++i) {  // Blackman-Harris: sidelobes 92 dB down, 4 bins wide
        const double w = 2 * kPi * static_cast<double>(i) / kSize;
        const double window =
            0.35875 - 0.48829 * std::cos(w) + 0.14128 * std::cos(2 * w) - 0.01168 * std::cos(3 * w);
        fft.input()[i] = x[at + i] * static_cast<float>(window);
      }
      fft.execute();
      for (std::size_t k = 0; k < kSize; ++k) psd[k] += static_cast<double>(std::norm(fft.output()[k]));
    }
    const double half = p.chip_rate_hz * (1 + p.rolloff) / 2, bin = p.sample_rate_hz / kSize;
    double inside = 0, outside = 0, peak = 0, flat = 0;
    int flat_bins = 0;
    for (std::size_t k = 0; k < kSize; ++k) {
      const double f = bin * (k < kSize / 2 ? static_cast<double>(k) : static_cast<double>(k) - kSize);
      const double from_carrier = std::abs((p.real ? std::abs(f) : f) - (p.carrier_hz - p.center_hz));
      if (from_carrier <= half + 4 * bin)
        inside += psd[k];
      else
        outside += psd[k];
      if (from_carrier > half + p.chip_rate_hz / 8) peak = std::max(peak, psd[k]);
      if (from_carrier < p.chip_rate_hz * 0.4) flat += psd[k], ++flat_bins;
    }
    EXPECT_LT(to_db(outside / inside), -40) << p.name;
    EXPECT_LT(to_db(peak / (flat / flat_bins)), -40) << p.name;
    RecordProperty(p.name + "_outside_db", std::to_string(to_db(outside / inside)));
  }
}

// Single precision leaves the peak of the correlation uncertain by far less than 1/1000 sample; a parabola
// over
// +-0.2 samples of a peak this smooth errs by about as little.
TEST(Modulator, FractionalDelayMovesTheFrame) {
  const Profile p = *find_profile("srd433");
  const auto chips = gold_chips(7, 1000);
  for (const double delay : {0.0, 0.25, 0.5, 0.73, 1.4}) {
    Arrival a;
    a.start_samples = 100 + delay;
    const auto x = render(p, a, chips);
    const auto at = [&](double shift) {
      Arrival b;
      b.start_samples = 100 + delay + shift;
      return correlation(x, render(p, b, chips));
    };
    const double early = at(-0.2), mid = at(0), late = at(0.2);
    EXPECT_NEAR(mid, 1, 1e-6);
    EXPECT_NEAR(0.5 * (early - late) / (early - 2 * mid + late) * 0.2, 0, 1e-3) << delay;
    // A chip is 4 samples: half a sample off already costs; the same samples at another delay must not fit.
    Arrival whole;
    whole.start_samples = 100;
    if (delay >= 0.5) {
      EXPECT_LT(correlation(x, render(p, whole, chips)), 0.99) << delay;
    }
  }
  // A whole sample of delay is exactly a shift of the samples.
  Arrival a, b;
  a.start_samples = 100.25;
  b.start_samples = 101.25;
  const auto x = render(p, a, chips), y = render(p, b, chips);
  for (std::size_t i = 0; i + 1 < x.size(); ++i) ASSERT_NEAR(std::abs(x[i] - y[i + 1]), 0, 1e-6);
}

// 100 ppm over 20 000 chips are two chips: the last 500 chips come that much earlier.
TEST(Modulator, ClockOffsetShortensTheFrame) {
  const Profile p = *find_profile("srd433");
  const auto chips = gold_chips(8, 20000);
  const std::vector<cf32> last(chips.end() - 500, chips.end());
  for (const double ppm : {-100.0, 100.0}) {
    Arrival a;
    a.start_samples = 100;
    a.clock_ppm = ppm;
    auto x = render(p, a, chips);
    Arrival b = a;
    b.start_samples = 100 + 19500 * 4 / (1 + ppm * 1e-6);
    const auto end = render(p, b, last);
    Arrival c = b;
    c.start_samples = 100 + 19500 * 4;
    const auto unmoved = render(p, c, last);
    // Only where the last chips are alone, away from the pulses before them.
    const auto from = static_cast<std::size_t>(b.start_samples) + 64;
    const std::vector<cf32> part(x.begin() + static_cast<std::ptrdiff_t>(from), x.end());
    EXPECT_GT(correlation(part, {end.begin() + static_cast<std::ptrdiff_t>(from), end.end()}), 0.995) << ppm;
    EXPECT_LT(correlation(part, {unmoved.begin() + static_cast<std::ptrdiff_t>(from), unmoved.end()}), 0.3)
        << ppm;
  }
}

TEST(Modulator, CarrierOffsetAndPhase) {
  const Profile p = *find_profile("srd433");
  const auto chips = gold_chips(9, 500);
  Arrival a, b;
  a.start_samples = b.start_samples = 100.5;
  b.carrier_offset_hz = 1234.5;
  b.phase_rad = 0.7;
  const auto x = render(p, a, chips), y = render(p, b, chips);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double angle = 2 * kPi * 1234.5 / p.sample_rate_hz * (static_cast<double>(i) - 100.5) + 0.7;
    ASSERT_NEAR(std::abs(cf64(x[i]) * std::polar(1.0, angle) - cf64(y[i])), 0, 2e-6) << i;
  }
}

TEST(Modulator, WhatLiesOutsideIsLeftOut) {
  const Profile p = *find_profile("srd433");
  const auto chips = gold_chips(10, 400);
  const Modulator m(p);
  Arrival a;
  a.start_samples = 300.3;
  std::vector<cf32> whole(3000);
  m.add(chips, a, Span<cf32>(whole));
  Arrival b = a;
  b.start_samples -= 900;
  std::vector<cf32> part(500);
  m.add(chips, b, Span<cf32>(part));
  for (std::size_t i = 0; i < part.size(); ++i) ASSERT_NEAR(std::abs(part[i] - whole[i + 900]), 0, 2e-6);
  // Nothing before the lead and after the tail, and a second frame adds to the first.
  for (std::size_t i = 0; i < 300 - static_cast<std::size_t>(m.lead_samples()); ++i)
    ASSERT_EQ(whole[i], cf32{});
  for (std::size_t i = 301 + static_cast<std::size_t>(m.tail_samples(400)); i < 3000; ++i)
    ASSERT_EQ(whole[i], cf32{});
  auto twice = whole;
  m.add(chips, a, Span<cf32>(twice));
  for (std::size_t i = 0; i < whole.size(); ++i) ASSERT_NEAR(std::abs(twice[i] - 2.0F * whole[i]), 0, 2e-6);
  a.start_samples = 1e6;
  m.add(chips, a, Span<cf32>(twice));
  m.add({}, b, Span<cf32>(twice));
}

// 3000 chips at 100 ppm come past a whole chip several times in every phase. In 31 chips the fraction of a
// chip drifts by h = 0.0031; a straight line over it errs by at most h^2/8 of the pulse's second derivative,
// whose norm over the chips is at most (pi (1 + a))^2/sqrt(5) = 6: 7e-6, as the table's own lines of 1/256
// chip do; three times their sum bounds the peak. Single precision leaves 1e-7 of each of 32 products.
TEST(Modulator, AgreesWithOneSampleAtATime) {
  const auto chips = gold_chips(11, 3000);
  const struct {
    const char* profile;
    double sample_rate_hz;
  } table[] = {{"cenelec-a", 192000},     {"cenelec-a", 96000}, {"cenelec-a", 144000}, {"cenelec-a", 200000},
               {"cenelec-a-low", 192000}, {"fcc", 1250000},     {"srd433", 500000}};
  for (const auto& t : table) {
    const Profile p = *find_profile(t.profile);
    const double spc = t.sample_rate_hz / p.chip_rate_hz;
    const auto samples = static_cast<std::size_t>(spc * 3040);
    for (const double ppm : {-100.0, 0.0, 100.0}) {
      for (const double fraction : {0.0, 0.37, 0.9999}) {
        Arrival a;
        a.start_samples = std::floor(20 * spc) + fraction;
        a.clock_ppm = ppm;
        a.carrier_offset_hz = ppm * 1e-6 * p.carrier_crystal_hz + 7;
        a.phase_rad = 1.1;
        a.amplitude = 0.3;
        const Difference d = difference(p, t.sample_rate_hz, a, chips, samples);
        EXPECT_LT(d.rms, 1e-5) << t.profile << ' ' << t.sample_rate_hz << ' ' << ppm << ' ' << fraction;
        EXPECT_LT(d.peak, 5e-5) << t.profile << ' ' << t.sample_rate_hz << ' ' << ppm << ' ' << fraction;
      }
    }
  }
}

TEST(Modulator, AgreesInAnyPartOfTheFrame) {
  const auto chips = gold_chips(12, 400);
  for (const char* name : {"cenelec-a", "srd433", "fcc"}) {
    const Profile p = *find_profile(name);
    for (const double start : {-5000.0, -700.6, -64.25, -0.5, 40.75, 600.1, 1e5}) {
      for (const std::size_t samples : {0U, 1U, 127U, 128U, 500U, 3000U}) {
        Arrival a;
        a.start_samples = start;
        a.clock_ppm = 100;
        EXPECT_LT(difference(p, p.sample_rate_hz, a, chips, samples).peak, 5e-5)
            << name << ' ' << start << ' ' << samples;
      }
    }
  }
  // A clock offset beyond what a block of chips may drift, and fewer chips than a block.
  const Profile p = *find_profile("srd433");
  Arrival a;
  a.start_samples = 100.3;
  a.clock_ppm = 5000;
  EXPECT_LT(difference(p, p.sample_rate_hz, a, chips, 2000).peak, 1e-5);
  a.clock_ppm = 50;
  EXPECT_LT(difference(p, p.sample_rate_hz, a, gold_chips(13, 5), 300).peak, 1e-5);
}

// docs/waveform.md states the crest factor: peak over rms of the transmitted signal.
TEST(Modulator, CrestFactor) {
  for (const Profile& p : shipped_profiles()) {
    const FrameEncoder encoder(p);
    for (std::size_t i = 0; i < 3; ++i) {
      const PayloadClass& c = p.classes[i];
      Arrival a;
      a.start_samples = 20 * p.samples_per_chip();
      const auto chips =
          encoder.encode(std::vector<std::uint8_t>(static_cast<std::size_t>(c.payload_bytes), 0xA5),
                         p.first_sequence(c.payload_bytes));
      float peak = 0;
      for (const cf32& x : render(p, a, chips)) peak = std::max(peak, std::norm(x));
      const double crest = to_db(static_cast<double>(peak));
      RecordProperty(p.name + "_" + std::to_string(c.payload_bytes) + "_crest_db", std::to_string(crest));
      EXPECT_GT(crest, 5) << p.name;
      EXPECT_LT(crest, 10) << p.name;
    }
  }
}

}  // namespace
}  // namespace ngdsp
