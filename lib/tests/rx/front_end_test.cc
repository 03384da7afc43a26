#include "ngdsp/rx/front_end.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/tx/modulator.h"
#include "ngdsp/waveform/sequence.h"

namespace ngdsp {
namespace {

FrontEnd make(const Profile& p, double fs, double carrier) {
  Result<FrontEnd> f = FrontEnd::create(p, fs, carrier);
  EXPECT_TRUE(static_cast<bool>(f)) << f.error();
  return std::move(*f);
}

std::vector<cf32> run(FrontEnd& f, Span<const cf32> x, std::size_t chunk) {
  std::vector<cf32> y;
  const auto sink = [&](Span<const cf32> block) {
    EXPECT_EQ(block.size() % 4, 0U);
    y.insert(y.end(), block.begin(), block.end());
  };
  for (std::size_t i = 0; i < x.size(); i += chunk)
    f.process(x.subspan(i, std::min(chunk, x.size() - i)), sink);
  f.flush(sink);
  return y;
}

TEST(FrontEnd, OutputDoesNotDependOnChunks) {
  for (const auto& [name, fs, carrier] : {std::tuple{"cenelec-a", 192000.0, 63000.0},
                                          {"cenelec-a-low", 20000.0, 5000.0},
                                          {"srd433", 1e6, 3000.5}}) {
    const Profile p = *find_profile(name);
    std::vector<cf32> x(60000);
    Rng rng(1);
    rng.add_noise(Span<cf32>(x), 1.0);
    FrontEnd f = make(p, fs, carrier);
    const auto whole = run(f, x, x.size());
    ASSERT_GE(static_cast<double>(whole.size()), 60000 * 4 * p.chip_rate_hz / fs) << name;
    for (const std::size_t chunk : {1U, 7U, 1000U, 4096U})
      ASSERT_EQ(run(f, x, chunk), whole) << name << ' ' << chunk;
  }
}

// A clean signal of amplitude 0.3 gives chips of amplitude 0.3. Cutting the pulse at +-16 chips leaves
// interference between chips 44 dB down (4e-5 of the energy) at most; -38 dB is allowed for the filter as
// well. Any error of the rate, of half a sample of time or of the carrier by 1e-4 turns a chip breaks this.
void expect_chips(const Profile& p, double fs, double carrier) {
  const auto chips = gold_chips(5, 3000);
  Profile sent = p;
  sent.carrier_hz = carrier + p.center_hz;
  const Modulator m(sent, fs);
  Arrival a;
  a.start_samples = 40 * fs / p.chip_rate_hz;  // chip 40, wherever that falls between samples
  a.amplitude = 0.3;
  const auto size = static_cast<std::size_t>(3100 * fs / p.chip_rate_hz);
  std::vector<cf32> x(size);
  if (p.real) {
    std::vector<float> real(size);
    m.add(chips, a, Span<float>(real));
    x.assign(real.begin(), real.end());
  } else {
    m.add(chips, a, Span<cf32>(x));
  }
  FrontEnd f = make(p, fs, carrier);
  const auto y = run(f, x, x.size());
  ASSERT_GE(y.size(), 4U * 3060) << p.name;
  cf64 gain;
  for (std::size_t n = 0; n < chips.size(); ++n) gain += cf64(y[4 * (40 + n)]) * std::conj(cf64(chips[n]));
  gain /= 3000;
  EXPECT_NEAR(std::abs(gain), 0.3, 0.3 * 2e-3) << p.name << ' ' << fs;
  double error = 0;
  for (std::size_t n = 0; n < chips.size(); ++n)
    error += std::norm(cf64(y[4 * (40 + n)]) - gain * cf64(chips[n]));
  EXPECT_LT(to_db(error / 3000 / 0.09), -38) << p.name << ' ' << fs;
}

TEST(FrontEnd, ChipsKeepTheirAmplitudeAndTime) {
  for (const Profile& p : shipped_profiles()) expect_chips(p, p.sample_rate_hz, p.carrier_hz - p.center_hz);
}

TEST(FrontEnd, WorksAtOtherRates) {
  expect_chips(*find_profile("cenelec-a"), 240000, 63000);
  expect_chips(*find_profile("cenelec-a"), 250000, 63000);
  expect_chips(*find_profile("cenelec-a"), 1e6, 63000);
  expect_chips(*find_profile("cenelec-a-low"), 20000, 5000);
  expect_chips(*find_profile("cenelec-a-low"), 16000, 4000);
  expect_chips(*find_profile("cenelec-a-low"), 20000, 5003.3);  // a carrier between the bins of the transform
  expect_chips(*find_profile("srd433"), 256000, 0);
  expect_chips(*find_profile("srd868"), 2.4e6, -300000.7);
}

TEST(FrontEnd, RefusesRatesThatDoNotFit) {
  const Profile p = *find_profile("cenelec-a");
  for (const double fs : {0.0, -1.0, 48000.0, 181999.0, std::nan("")}) {
    const auto f = FrontEnd::create(p, fs, 63000);
    ASSERT_FALSE(static_cast<bool>(f)) << fs;
    EXPECT_NE(f.error().find("does not hold the band of profile cenelec-a"), std::string::npos) << f.error();
  }
  EXPECT_FALSE(static_cast<bool>(FrontEnd::create(p, 192000, 20000)));  // 20 - 28 kHz is below zero
  EXPECT_FALSE(static_cast<bool>(FrontEnd::create(*find_profile("srd433"), 250000, 60000)));
  const auto odd = FrontEnd::create(p, 192000.12345, 63000);
  ASSERT_FALSE(static_cast<bool>(odd));
  EXPECT_NE(odd.error().find("no simple ratio"), std::string::npos) << odd.error();
  EXPECT_NE(odd.error().find("192000"), std::string::npos) << odd.error();
  EXPECT_FALSE(static_cast<bool>(FrontEnd::create(p, 1e300, 63000)));
}

// What lies outside the band falls away: DC, the mains and a tone half a chip rate above the band.
TEST(FrontEnd, StopsWhatIsOutOfBand) {
  const Profile p;
  for (const double f : {0.0, 50.0, 30000.0, 95000.0}) {
    std::vector<cf32> x(100000);
    for (std::size_t k = 0; k < x.size(); ++k)
      x[k] = {static_cast<float>(std::cos(2 * kPi * f / 192000 * static_cast<double>(k))), 0};
    FrontEnd front_end = make(p, 192000, 63000);
    const auto y = run(front_end, x, x.size());
    double worst = 0;  // away from both ends, whose step is broadband
    for (std::size_t i = 400; i + 10000 < y.size(); ++i)
      worst = std::max(worst, static_cast<double>(std::norm(y[i])));
    EXPECT_LT(to_db(std::max(worst, 1e-12)), -55) << f;
  }
}

TEST(FrontEnd, FlushStartsAnew) {
  const Profile p;
  std::vector<cf32> x(30000);
  Rng rng(2);
  rng.add_noise(Span<cf32>(x), 1.0);
  FrontEnd f = make(p, 192000, 63000);
  const auto first = run(f, x, x.size()), second = run(f, x, x.size());
  EXPECT_EQ(first, second);
}

}  // namespace
}  // namespace ngdsp
