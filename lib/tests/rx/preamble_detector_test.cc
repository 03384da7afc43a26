#include "ngdsp/rx/preamble_detector.h"

#include <gtest/gtest.h>

#include <boost/math/distributions/non_central_chi_squared.hpp>
#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/channel/noise_level.h"
#include "ngdsp/rx/front_end.h"
#include "ngdsp/tx/modulator.h"
#include "ngdsp/waveform/sequence.h"

namespace ngdsp {
namespace {

constexpr int kLength = 2048;

std::vector<std::vector<cf32>> sequences(int count) {
  std::vector<std::vector<cf32>> list;
  for (int q = 0; q < count; ++q) list.push_back(gold_chips(sequence_seed(4, q), kLength));
  return list;
}

// Complex baseband at 4 samples a chip through the matched filter.
void fill(ChipBuffer& chips, const std::vector<cf32>& x) {
  Result<FrontEnd> f = FrontEnd::create(*find_profile("srd433"), 500000, 0);
  ASSERT_TRUE(static_cast<bool>(f));
  const auto sink = [&](Span<const cf32> block) { chips.append(block); };
  f->process(x, sink);
  f->flush(sink);
}

std::vector<PreambleHit> search_all(PreambleDetector& d, const ChipBuffer& chips,
                                    std::int64_t* searched = nullptr) {
  std::vector<PreambleHit> hits;
  std::int64_t next = 0;
  for (; next + d.span_chips() <= chips.end(); next += d.hop_chips()) d.search(chips, next, hits);
  if (searched) *searched = next;
  return hits;
}

// On noise the statistic of one cell is exponential(1). The correlation is a complex Gaussian process over
// time whose power spectrum is the raised cosine, of variance f^2 = 1/12 + a^2 (1/4 - 2/pi^2) = 0.0847 (chip
// rates squared). A detector that looked at whole chips alone would report exp(-T) per chip; one that looked
// at every instant finds as many peaks above T as the process crosses T upwards: 2 sqrt(pi) f sqrt(T) exp(-T)
// per chip (Rice). The quarter-chip grid lies between, and both bounds get five Poisson deviations. Peaks
// closer than three chips are merged: at T = 7 that takes less than 6 * 2.7 exp(-7) = 1.5 %.
TEST(PreambleDetector, FalseAlarmsFollowTheExponentialLaw) {
  PreambleDetectorConfig config;
  config.sequences = sequences(8);
  config.chip_rate_hz = 125000;
  Rng rng(31);
  std::vector<cf32> x(4 * 70000);
  rng.add_noise(Span<cf32>(x), 123.0);  // whatever the level
  ChipBuffer chips;
  fill(chips, x);
  for (const double threshold : {5.0, 7.0}) {
    config.threshold = threshold;
    PreambleDetector detector(config);
    EXPECT_EQ(detector.carrier_bins(), 1);
    std::int64_t searched = 0;
    const auto hits = search_all(detector, chips, &searched);
    const double cells = 8.0 * static_cast<double>(searched), per_cell = std::exp(-threshold);
    const double merged = 1 - 6 * 2.7 * per_cell;
    const double low = cells * per_cell * merged;
    const double high = cells * per_cell * 2 * std::sqrt(kPi * 0.0847 * threshold);
    const auto n = static_cast<double>(hits.size());
    EXPECT_GT(n, low - 5 * std::sqrt(low)) << threshold;
    EXPECT_LT(n, high + 5 * std::sqrt(high)) << threshold;
    RecordProperty("per_cell_over_exp_T" + std::to_string(threshold), std::to_string(n / cells / per_cell));
    double above = 0;  // of the peaks, exp(-1) sqrt((T+1)/T) are above T + 1
    for (const PreambleHit& h : hits) {
      ASSERT_GE(h.statistic, threshold);
      above += h.statistic > threshold + 1;
    }
    const double share = std::exp(-1.0) * std::sqrt((threshold + 1) / threshold);
    EXPECT_NEAR(above / n, share, 0.05 + 5 * std::sqrt(share / n)) << threshold;
  }
}

// A preamble of E_p/N0 = 16 dB on the time grid: the correlation is sqrt(E_p) plus noise, the denominator
// also holds the signal, 1 + E_p/(N0 L) = 1.019 of the noise alone. So 2 * 1.019 * statistic is noncentral
// chi-square with 2 degrees of freedom and noncentrality 2 E_p/N0; that the detector picks the best of
// several times adds at most one more degree. Between these lies the detection rate; 400 preambles give it to
// 4 * sqrt(1/4/400) = 0.1.
TEST(PreambleDetector, DetectionFollowsTheory) {
  constexpr int kCount = 400, kSpacing = 2200;
  const Profile p = *find_profile("srd433");
  const double ep = from_db(16), ec = ep / kLength;
  const auto list = sequences(1);
  const Modulator m(p);
  std::vector<cf32> x(static_cast<std::size_t>(4 * (kSpacing * kCount + 12000)));
  Rng rng(32);
  for (int i = 0; i < kCount; ++i) {
    Arrival a;
    a.start_samples = 4.0 * (100 + i * kSpacing);
    a.phase_rad = rng.uniform(0, 2 * kPi);
    m.add(list[0], a, Span<cf32>(x));
  }
  rng.add_noise(Span<cf32>(x), noise_variance(p, p.sample_rate_hz, 1.0, ec));
  ChipBuffer chips;
  fill(chips, x);
  PreambleDetectorConfig config;
  config.sequences = list;
  config.chip_rate_hz = 125000;
  for (const double threshold : {9.0, 30.0, 36.0, 45.0}) {
    config.threshold = threshold;
    PreambleDetector detector(config);
    const auto hits = search_all(detector, chips);
    int found = 0;
    for (int i = 0; i < kCount; ++i)
      for (const PreambleHit& h : hits)
        if (std::abs(h.chip - (100 + i * kSpacing)) <= 0.5) {
          ++found;
          break;
        }
    const double level = 2 * threshold * (1 + ec), rate = static_cast<double>(found) / kCount;
    using Chi = boost::math::non_central_chi_squared;
    EXPECT_GT(rate, 1 - cdf(Chi(2, 2 * ep), level) - 0.1) << threshold;
    EXPECT_LT(rate, 1 - cdf(Chi(3, 2 * ep), level) + 0.1) << threshold;
    // P(miss) = 2e-6 at the receiver's threshold: none of 400.
    if (threshold == 9) {
      EXPECT_EQ(found, kCount);
    }
  }
}

// Carriers are told to an eighth of a cycle a preamble, times to a quarter chip, which costs at most 0.2 dB
// (a chip an eighth off). Without noise the statistic is then at least 0.85 of the preamble's length, 0.1 of
// that spare for the energy, which is taken at whole chips.
// Few carriers are searched half a cycle apart, many a cycle: 6.55 cycles of 61.0 Hz need 13 half ones either
// side, 142.2 need 143.
TEST(PreambleDetector, CarrierBinsCoverTheRange) {
  const Profile p = *find_profile("srd433");
  PreambleDetectorConfig config;
  config.sequences = sequences(2);
  config.chip_rate_hz = 125000;
  config.threshold = 1000;
  const Modulator m(p);
  for (const auto& [range_hz, bins] : {std::pair(400.0, 27), std::pair(8678.4, 287)}) {
    config.max_carrier_offset_hz = range_hz;
    PreambleDetector detector(config);
    EXPECT_EQ(detector.carrier_bins(), bins);
    for (const double offset : {-range_hz, -133.3, -11.4, 0.0, 5.0, 11.4, 215.7, range_hz})
      for (const double delay : {0.0, 0.125, 0.3}) {
        std::vector<cf32> x(4 * static_cast<std::size_t>(detector.span_chips() + 100));
        Arrival a;
        a.start_samples = 4 * (300 + delay);
        a.carrier_offset_hz = offset;
        m.add(config.sequences[1], a, Span<cf32>(x));
        ChipBuffer chips;
        fill(chips, x);
        const auto hits = search_all(detector, chips);
        ASSERT_EQ(hits.size(), 1U) << offset << ' ' << delay;
        EXPECT_EQ(hits[0].sequence, 1);
        EXPECT_NEAR(hits[0].chip, 300 + delay, 0.2);
        EXPECT_NEAR(hits[0].carrier_offset_hz, offset, 61.0 / 8);
        // The matched filter stays at the nominal carrier: 0.2 dB at the range's end.
        EXPECT_GT(hits[0].statistic, (range_hz > 1000 ? 0.81 : 0.85) * kLength) << offset << ' ' << delay;
      }
  }
}

// Over carriers too the statistic of a cell is exponential(1) on noise. Cells of one chip and one cycle a
// preamble are independent, so at least as many hits as these cells make; at most as many as the field has
// peaks.
TEST(PreambleDetector, FalseAlarmsOverCarriersFollowTheField) {
  PreambleDetectorConfig config;
  config.sequences = sequences(2);
  config.chip_rate_hz = 125000;
  config.max_carrier_offset_hz = 8678.4;  // 20 ppm of 433.92 MHz
  config.threshold = 9;
  PreambleDetector detector(config);
  Rng rng(34);
  std::vector<cf32> x(static_cast<std::size_t>(4 * (detector.span_chips() + 7 * detector.hop_chips())));
  rng.add_noise(Span<cf32>(x), 0.01);
  ChipBuffer chips;
  fill(chips, x);
  std::int64_t searched = 0;
  const auto hits = search_all(detector, chips, &searched);
  const double cycles = 2 * config.max_carrier_offset_hz * kLength / config.chip_rate_hz;
  const double low = 2 * static_cast<double>(searched) * cycles * std::exp(-config.threshold);
  const double high =
      2 * static_cast<double>(searched) / detector.hop_chips() * detector.noise_hits(config.threshold);
  EXPECT_GT(static_cast<double>(hits.size()), low - 5 * std::sqrt(low));
  EXPECT_LT(static_cast<double>(hits.size()), high + 5 * std::sqrt(high));
}

// What the search finds does not depend on where its blocks begin.
TEST(PreambleDetector, BlocksJoinWithoutSeam) {
  const Profile p = *find_profile("srd433");
  PreambleDetectorConfig config;
  config.sequences = sequences(1);
  config.chip_rate_hz = 125000;
  config.threshold = 500;
  PreambleDetector detector(config);
  const int hop = detector.hop_chips();
  const Modulator m(p);
  for (const double at : {hop - 1.0, hop - 0.25, hop + 0.0, hop + 0.25, hop + 1.0}) {
    std::vector<cf32> x(static_cast<std::size_t>(4 * (2 * hop + 10000)));
    Arrival a;
    a.start_samples = 4 * at;
    m.add(config.sequences[0], a, Span<cf32>(x));
    ChipBuffer chips;
    fill(chips, x);
    const auto hits = search_all(detector, chips);
    ASSERT_EQ(hits.size(), 1U) << at - hop;
    EXPECT_NEAR(hits[0].chip, at, 0.13);
  }
}

TEST(PreambleDetector, SilenceGivesNothing) {
  PreambleDetectorConfig config;
  config.sequences = sequences(1);
  PreambleDetector detector(config);
  ChipBuffer chips;
  chips.append(std::vector<cf32>(4 * 20000));
  EXPECT_TRUE(search_all(detector, chips).empty());
}

TEST(ChipBuffer, KeepsPlanesAndForgets) {
  for (const int lanes : {1, 3, 7}) {
    SCOPED_TRACE(lanes);
    ChipBuffer b(lanes);
    std::vector<cf32> x(40);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = {static_cast<float>(i), -static_cast<float>(i)};
    b.append(x);
    EXPECT_EQ(b.begin(), 0);
    EXPECT_EQ(b.end(), 10);
    EXPECT_EQ(*b.re(3, 2), 11);
    if (lanes <= 5) {
      EXPECT_EQ(b.im(1, 4)[1], -4 * (4 + lanes) - 1);
    }
    b.discard_before(4);
    EXPECT_EQ(b.begin(), 4);
    EXPECT_EQ(*b.re(0, 4), 16);
    b.append(x);
    EXPECT_EQ(b.end(), 20);
    b.discard_before(15);
    EXPECT_EQ(*b.re(2, 15), 22);
    b.discard_before(3);
    EXPECT_EQ(b.begin(), 15);
    b.discard_before(100);
    EXPECT_EQ(b.begin(), b.end());
    b.restart();
    EXPECT_EQ(b.begin(), 0);
    EXPECT_EQ(b.end(), 0);
    b.append(x);
    EXPECT_EQ(*b.im(2, 9), -38);
  }
}

}  // namespace
}  // namespace ngdsp
