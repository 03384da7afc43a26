// The library on recordings made by others: a real spread-spectrum transmitter is acquired, frames added to
// real background noise decode, foreign radio traffic gives no frame.
#include "recordings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdio>
#include <string>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/channel/impairments.h"
#include "ngdsp/eval/noise_survey.h"
#include "ngdsp/eval/packet_error.h"
#include "ngdsp/rx/chip_buffer.h"
#include "ngdsp/rx/despreader.h"
#include "ngdsp/rx/front_end.h"
#include "ngdsp/rx/mains_tracker.h"
#include "ngdsp/rx/preamble_detector.h"
#include "ngdsp/waveform/sequence.h"

namespace {

using ngdsp::cf32;
using ngdsp::ChipBuffer;
using ngdsp::Profile;
using ngdsp::Span;
using recordings::Recording;

class Recordings : public recordings::RecordingsTest {};

// ---- DCF77: 512 chips of 120 carrier cycles a second, phase-modulated by 13 degrees ----

constexpr double kDcfChipRateHz = 77500.0 / 120;
constexpr double kDcfSampleRateHz = 12000;  // the recordings' rate differs by 90 ppm
constexpr const char* kDcfBits = "00110101111011000110111011101";

std::vector<int> dcf77_sequence() {
  // s[n] = s[n - 5] ^ s[n - 9] from 000010001 on, after one leading 0.
  ngdsp::ShiftRegister shift_register(9, 0b10001, 0b100010000);
  std::vector<int> bits = {0};
  while (bits.size() < 512) bits.push_back(shift_register.next());
  return bits;
}

/// The part of the signal in quadrature to its carrier, as a fraction of it. The carrier is the mean over a
/// second around each sample; the sequence has none of its own.
std::vector<cf32> quadrature(const std::vector<cf32>& x) {
  const auto half = static_cast<std::size_t>(kDcfSampleRateHz / 2);
  std::vector<ngdsp::cf64> sums = {0};
  for (const cf32& s : x) sums.push_back(sums.back() + ngdsp::cf64(s));
  std::vector<cf32> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t first = i < half ? 0 : i - half, last = std::min(x.size(), i + half);
    const ngdsp::cf64 carrier = (sums[last] - sums[first]) / static_cast<double>(last - first);
    out[i] = {static_cast<float>((ngdsp::cf64(x[i]) / carrier).imag()), 0.0F};
  }
  return out;
}

/// Correlation with the sequence near its peak: at quarter chips by correlate(), between by a windowed sinc
/// (the matched filter leaves half of that bandwidth empty).
class Peak {
 public:
  Peak(const ChipBuffer& chips, double chip, const ngdsp::SplitSequence& sequence)
      : first_(chip - kReach / 4.0) {
    for (int i = 0; i <= 2 * kReach; ++i)
      values_.push_back(ngdsp::correlate(chips, first_ + i / 4.0, sequence, 0, 512).real());
  }

  double at(double chip) const {
    const double t = (chip - first_) * 4;
    double sum = 0;
    for (int i = 0; i <= 2 * kReach; ++i) {
      const double d = t - i, w = std::abs(d) < kReach ? std::cos(ngdsp::kPi * d / (2 * kReach)) : 0;
      sum += values_[static_cast<std::size_t>(i)] * w * w *
             (std::abs(d) < 1e-9 ? 1 : std::sin(ngdsp::kPi * d) / (ngdsp::kPi * d));
    }
    return sum;
  }

  /// Where the magnitude is largest, by ternary search within a quarter chip.
  double position() const {
    double low = first_ + (kReach - 1.5) / 4.0, high = first_ + (kReach + 1.5) / 4.0;
    while (high - low > 1e-6) {
      const double a = low + (high - low) / 3, b = high - (high - low) / 3;
      if (std::abs(at(a)) < std::abs(at(b)))
        low = a;
      else
        high = b;
    }
    return (low + high) / 2;
  }

 private:
  static constexpr int kReach = 16;
  double first_;
  std::vector<double> values_;
};

/// Residuals of a straight line through y[0], y[1], ...
std::vector<double> detrend(const std::vector<double>& y) {
  const auto n = static_cast<double>(y.size());
  double mean = 0, slope = 0, weight = 0;
  for (const double v : y) mean += v / n;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double x = static_cast<double>(i) - (n - 1) / 2;
    slope += x * y[i];
    weight += x * x;
  }
  std::vector<double> out;
  for (std::size_t i = 0; i < y.size(); ++i)
    out.push_back(y[i] - mean - slope / weight * (static_cast<double>(i) - (n - 1) / 2));
  return out;
}

TEST(Dcf77, SequenceBeginsAsPublished) {
  std::string text;
  int ones = 0;
  for (const int bit : dcf77_sequence()) {
    text += static_cast<char>('0' + bit);
    ones += bit;
  }
  EXPECT_EQ(text.substr(0, 30), "000001000110000100111001010101");
  EXPECT_EQ(ones, 256);
}

TEST_F(Recordings, Dcf77IsAcquired) {
  std::vector<cf32> sequence;
  for (const int bit : dcf77_sequence()) sequence.emplace_back(bit ? -1.0F : 1.0F, 0.0F);

  Profile profile;
  profile.name = "dcf77";
  profile.real = false;
  profile.chip_rate_hz = kDcfChipRateHz;
  profile.rolloff = 1;
  ngdsp::PreambleDetectorConfig detection;
  detection.sequences = {sequence};
  detection.chip_rate_hz = kDcfChipRateHz;
  detection.threshold = 20;
  ngdsp::PreambleDetector detector(detection);
  const ngdsp::SplitSequence split(Span<const cf32>(sequence), 1);

  const auto files = recordings::names("dcf77_");
  ASSERT_EQ(files.size(), 3U);
  for (const std::string& name : files) {
    SCOPED_TRACE(name);
    Recording r;
    ASSERT_NO_FATAL_FAILURE(recordings::load(name, r));
    const double ppm = (r.sample_rate_hz / kDcfSampleRateHz - 1) * 1e6;
    const auto signal = quadrature(ngdsp::resample(Span<const cf32>(r.complex), 0, ppm));

    auto front_end = ngdsp::FrontEnd::create(profile, kDcfSampleRateHz, 0);
    ASSERT_TRUE(front_end) << front_end.error();
    ChipBuffer chips;
    const auto append = [&chips](Span<const cf32> block) { chips.append(block); };
    front_end->process(signal, append);
    front_end->flush(append);
    const std::int64_t end = chips.end();
    chips.append(std::vector<cf32>(static_cast<std::size_t>(4 * detector.span_chips())));
    std::vector<ngdsp::PreambleHit> hits;
    for (std::int64_t at = 0; at < end; at += detector.hop_chips()) detector.search(chips, at, hits);

    std::string bits;
    std::vector<double> arrival_us;
    double weakest = 1e9;
    const double length_chips = static_cast<double>(signal.size()) / kDcfSampleRateHz * kDcfChipRateHz;
    for (const auto& hit : hits) {
      if (hit.chip + 512 > length_chips) continue;  // the recording ends inside it
      const Peak peak(chips, hit.chip, split);
      const double position = peak.position();
      bits += peak.at(position) > 0 ? '0' : '1';
      arrival_us.push_back((position / kDcfChipRateHz - static_cast<double>(bits.size() - 1)) * 1e6);
      weakest = std::min(weakest, hit.statistic);
    }
    EXPECT_EQ(bits, kDcfBits);
    ASSERT_GE(arrival_us.size(), 3U);
    double square = 0, largest = 0;
    for (const double t : detrend(arrival_us)) {
      square += t * t;
      largest = std::max(largest, std::abs(t));
    }
    const double scatter_us = std::sqrt(square / static_cast<double>(arrival_us.size() - 2));
    EXPECT_LE(scatter_us, 20);
    EXPECT_GT(weakest, 2 * detection.threshold) << "the threshold leaves no margin";
    std::printf("%s: %zu sequences, weakest statistic %.0f, scatter %.1f us rms, %.1f us at most\n",
                name.c_str(), bits.size(), weakest, scatter_us, largest);
  }
}

// ---- Frames in recorded background noise ----

constexpr double kComfortableEbn0Db = 4;  // one frame in ten is lost at 1.4

TEST_F(Recordings, FramesAddedToBackgroundNoiseDecode) {
  const auto files = recordings::names("lf_157khz_");
  ASSERT_EQ(files.size(), 4U);
  for (const std::string& name : files) {
    SCOPED_TRACE(name);
    Recording r;
    ASSERT_NO_FATAL_FAILURE(recordings::load(name, r));
    ngdsp::PacketErrorConfig config;
    config.profile = *ngdsp::find_profile("cenelec-a-low");
    config.payload_bytes = 16;
    config.ebn0_db = kComfortableEbn0Db;
    config.frames = 10;
    config.noise = r.real;
    config.sample_rate_hz = r.sample_rate_hz;
    config.carrier_hz = 5000;
    const auto point = ngdsp::measure_packet_error(config);
    ASSERT_TRUE(point) << point.error();
    EXPECT_GE(point->ok, 9U);
    EXPECT_EQ(point->false_frames, 0U);
  }
}

// ---- Foreign traffic: nothing is a frame ----

TEST_F(Recordings, RealProfilesHearNothingInForeignTraffic) {
  const auto files = recordings::names("ism");
  ASSERT_EQ(files.size(), 10U);
  int runs = 0;
  for (const std::string& name : files) {
    Recording r;
    ASSERT_NO_FATAL_FAILURE(recordings::load(name, r));
    for (const Profile& profile : ngdsp::shipped_profiles()) {
      if (!profile.real) continue;
      const int frames = recordings::frames_heard(r, profile);
      if (frames < 0) continue;
      EXPECT_EQ(frames, 0) << name << " as " << profile.name;
      ++runs;
    }
  }
  EXPECT_GE(runs, 2 * 10);
}

// The whole carrier range takes ten times the recordings' length: here a part of it, all in the slow tests.
TEST_F(Recordings, RadioProfilesHearNothingInForeignTraffic) {
  for (const std::string& name : recordings::names("ism")) {
    Recording r;
    ASSERT_NO_FATAL_FAILURE(recordings::load(name, r));
    const std::string profile = name.rfind("ism868", 0) == 0 ? "srd868" : "srd433";
    EXPECT_EQ(recordings::frames_heard(r, *ngdsp::find_profile(profile), 2), 0) << name;
  }
}

// ---- Surveys ----

ngdsp::NoiseSurvey survey_of(const std::string& name) {
  Recording r;
  recordings::load(name, r);
  const bool real = r.complex.empty();
  std::vector<cf32> samples = r.complex;
  if (real) samples.assign(r.real.begin(), r.real.end());
  const auto survey =
      ngdsp::survey_noise(Span<const cf32>(samples), {r.sample_rate_hz, r.center_hz, real, {}});
  EXPECT_TRUE(survey) << survey.error();
  return survey ? *survey : ngdsp::NoiseSurvey{};
}

// DCF77's carrier, whose frequency is a standard, is the strongest line; the signal keyed once a second is no
// rhythm of the mains.
TEST_F(Recordings, SurveyFindsTheCarrierOfDcf77) {
  for (const std::string& name : recordings::names("dcf77")) {
    const ngdsp::NoiseSurvey s = survey_of(name);
    EXPECT_EQ(s.noise_class, "narrow-band") << name;
    ASSERT_FALSE(s.spectrum.lines.empty());
    const auto strongest =
        std::max_element(s.spectrum.lines.begin(), s.spectrum.lines.end(),
                         [](const auto& a, const auto& b) { return a.level_dbfs < b.level_dbfs; });
    EXPECT_NEAR(strongest->frequency_hz, 77500, 0.2) << name;
    EXPECT_FALSE(s.mains.locked) << name;
  }
}

// Background noise around 157 kHz is Gaussian but coloured, and no impulses are in it.
TEST_F(Recordings, SurveyOfBackgroundNoise) {
  for (const std::string& name : recordings::names("lf_157khz")) {
    const ngdsp::NoiseSurvey s = survey_of(name);
    EXPECT_EQ(s.noise_class, "coloured") << name;
    EXPECT_NEAR(s.kurtosis, 2, 0.05) << name;
    EXPECT_LT(s.impulses_per_s, 0.2) << name;
    EXPECT_TRUE(!s.mains.locked || std::abs(s.mains.frequency_hz - 50) < 0.1) << name;
    EXPECT_EQ(ngdsp::link_needs(s).size(), 3U) << name;
  }
}

TEST_F(Recordings, SurveyFindsTheMains) {
  const ngdsp::NoiseSurvey s = survey_of("mains50_025");
  ASSERT_FALSE(s.spectrum.lines.empty());
  EXPECT_EQ(s.noise_class, "narrow-band");
  EXPECT_TRUE(std::any_of(s.spectrum.lines.begin(), s.spectrum.lines.end(), [](const auto& l) {
    return std::abs(l.frequency_hz - 50) < 0.2 && l.level_dbfs > -25;
  }));
}

// The phase of a recorded mains, as the mean of a second around tells it, against the trackers' of the
// waveform itself and of noise in bursts that follow it: within 2 degrees rms, locked in a second and never
// again.
TEST_F(Recordings, MainsPhaseIsFollowed) {
  Recording r;
  load("mains50_025", r);
  const double rate = r.sample_rate_hz;
  const auto half = static_cast<std::size_t>(rate / 2);
  std::vector<std::complex<double>> sums = {0};
  for (std::size_t i = 0; i < r.real.size(); ++i)
    sums.push_back(sums.back() + static_cast<double>(r.real[i]) *
                                     std::polar(1.0, -2 * ngdsp::kPi * 50 * static_cast<double>(i) / rate));
  const auto turns_at = [&](std::size_t i) {
    return 50 * static_cast<double>(i) / rate + std::arg(sums[i + half] - sums[i - half]) / (2 * ngdsp::kPi);
  };
  ngdsp::Rng rng(1);
  for (const bool voltage : {true, false}) {
    constexpr std::size_t kBlock = 40;  // values; of noise four times as many
    ngdsp::MainsTracker tracker(voltage ? 1 / rate : 0.25 / rate);
    double locked_at_s = 0, square = 0, mean = 0, count = 0, reference = 0, last = 0, furthest = 0;
    std::vector<float> x;
    for (std::size_t i = half; i + half + kBlock < r.real.size(); i += kBlock) {
      x.clear();
      if (voltage) {
        x.assign(r.real.begin() + static_cast<std::ptrdiff_t>(i),
                 r.real.begin() + static_cast<std::ptrdiff_t>(i + kBlock));
      } else {
        const double from = turns_at(i);
        double to = turns_at(i + kBlock);
        to += std::round(from + 50 * kBlock / rate - to);
        for (std::size_t k = 0; k < 4 * kBlock; ++k) {
          double sum = 0;
          for (int chip = 0; chip < 30; ++chip) {
            const double share = (static_cast<double>(k) + chip / 30.0) / (4.0 * kBlock);
            const double cycle = 2 * (from + (to - from) * share);
            sum -= (cycle - std::floor(cycle) < 0.1 ? 10 : 1) * std::log(1 - rng.uniform());
          }
          x.push_back(static_cast<float>(std::log(sum)));
        }
      }
      tracker.process(x);
      const double seconds = static_cast<double>(i + kBlock - half) / rate;
      if (!tracker.locked()) locked_at_s = seconds;
      if (seconds < 3) continue;
      double error = tracker.turns() - turns_at(i + kBlock) - reference;
      error -= std::round(error);
      if (count == 0) reference = error, error = 0;
      EXPECT_LT(std::abs(error - last), 0.1) << "a slip at " << seconds << " s";
      last = error;
      square += error * error, mean += error, ++count;
      furthest = std::max(furthest, std::abs(error));
    }
    const double rms_degrees = 360 * std::sqrt(square / count - mean * mean / (count * count));
    std::cout << (voltage ? "waveform: " : "noise: ") << rms_degrees << " degrees rms, furthest "
              << 360 * furthest << ", locked at " << locked_at_s << " s\n";
    EXPECT_LT(rms_degrees, 2);
    EXPECT_LE(locked_at_s, 1.1);
    EXPECT_EQ(tracker.locks(), 1U);
    EXPECT_NEAR(tracker.frequency_hz(), 50, 0.2);
  }
}

}  // namespace
