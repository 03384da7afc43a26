#include "ngdsp/eval/emission_scan.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/fft.h"
#include "ngdsp/eval/emi_detector.h"

namespace ngdsp {
namespace {

constexpr double kLowestHz = 3e3;        // where EN 50065-1 begins
constexpr double kFloor = 1e-30;         // of a power, so that silence has a level
constexpr double kWindowEdge = 1e-6;     // the Gaussian is cut where it is 120 dB down
constexpr double kStepsABandwidth = 10;  // a peak between two envelopes is read 0.1 dB low at most

/// The next size that FFTW likes.
std::size_t smooth_size(std::size_t n) {
  for (;; ++n) {
    std::size_t rest = n;
    for (const std::size_t prime : {2U, 3U, 5U})
      while (rest % prime == 0) rest /= prime;
    if (rest == 1) return n;
  }
}

/// Gaussian whose amplitude spectrum is 1/2 at +- bandwidth/2.
std::vector<float> gaussian(double bandwidth_hz, double sample_rate_hz) {
  const double slope = std::pow(kPi * bandwidth_hz / sample_rate_hz, 2) / (4 * std::log(2.0));
  const auto half = static_cast<std::ptrdiff_t>(std::ceil(std::sqrt(-std::log(kWindowEdge) / slope)));
  std::vector<float> w;
  for (std::ptrdiff_t i = -half; i <= half; ++i)
    w.push_back(static_cast<float>(std::exp(-slope * static_cast<double>(i * i))));
  return w;
}

/// All channels of one band.
class FilterBank {
 public:
  FilterBank(const EmiBand& band, double low_hz, double high_hz, double sample_rate_hz)
      : band_(band),
        rate_hz_(sample_rate_hz),
        window_(gaussian(band.bandwidth_hz, sample_rate_hz)),
        hop_(std::max<std::size_t>(
            1, static_cast<std::size_t>(sample_rate_hz / (kStepsABandwidth * band.bandwidth_hz)))),
        detector_(band, static_cast<double>(hop_) / sample_rate_hz),
        fft_(smooth_size(static_cast<std::size_t>(std::ceil(2 * sample_rate_hz / band.bandwidth_hz))),
             Fft::Direction::kForward) {
    const double spacing = sample_rate_hz / static_cast<double>(fft_.size());
    first_ = static_cast<std::size_t>(std::ceil(low_hz / spacing));
    const double last = std::min(high_hz / spacing, static_cast<double>(fft_.size()) / 2);
    channels_.resize(last > static_cast<double>(first_) ? static_cast<std::size_t>(std::ceil(last)) - first_
                                                        : 0);
    double sum = 0;
    for (const float w : window_) sum += static_cast<double>(w);
    gain_ = static_cast<float>(2 / sum);
  }

  std::size_t window() const { return window_.size(); }

  /// Two windows a transform: one in the real part, the next in the imaginary part.
  void run(Span<const float> x, const std::function<void(double)>& progress) {
    if (channels_.empty()) return;
    const std::size_t n = fft_.size(), count = (x.size() - window_.size()) / hop_ + 1;
    for (std::size_t m = 0; m < count; m += 2) {
      fold(x, m, m + 1 < count);
      fft_.execute();
      const cf32* z = fft_.output();
      for (std::size_t c = 0; c < channels_.size(); ++c) {
        const cf32 a = z[first_ + c], b = std::conj(z[n - first_ - c]);
        step(channels_[c], std::abs(a + b) / 2);
        if (m + 1 < count) step(channels_[c], std::abs(a - b) / 2);
      }
      if (progress && m % 1024 == 0) progress(static_cast<double>(m) / static_cast<double>(count));
    }
    windows_ = count;
  }

  void report(double scale_dbuv, std::vector<EmissionPoint>& points) const {
    // Power through the filter over that through one hertz: integral of 2^-2(2f/B)^2.
    const double noise_hz = band_.bandwidth_hz / 2 * std::sqrt(kPi / (2 * std::log(2.0)));
    for (std::size_t c = 0; c < channels_.size(); ++c) {
      const EmiReading r = detector_.reading(channels_[c].detector);
      const auto level = [scale_dbuv](double rms) { return to_db(rms * rms + kFloor) + scale_dbuv; };
      EmissionPoint p;
      p.frequency_hz = static_cast<double>(first_ + c) * rate_hz_ / static_cast<double>(fft_.size());
      p.bandwidth_hz = band_.bandwidth_hz;
      p.peak_dbuv = level(r.peak);
      p.quasi_peak_dbuv = level(r.quasi_peak);
      p.average_dbuv = level(r.average);
      p.density_dbuv_hz =
          to_db(channels_[c].power / static_cast<double>(windows_) / noise_hz + kFloor) + scale_dbuv;
      points.push_back(p);
    }
  }

 private:
  struct Channel {
    EmiDetector::State detector;
    double power = 0;
  };

  void fold(Span<const float> x, std::size_t m, bool second) {
    const std::size_t n = fft_.size();
    cf32* in = fft_.input();
    std::fill(in, in + n, cf32{});
    const float* a = x.data() + m * hop_;
    const float* b = second ? a + hop_ : a;
    for (std::size_t at = 0; at < window_.size(); at += n) {
      const std::size_t length = std::min(n, window_.size() - at);
      for (std::size_t i = 0; i < length; ++i) in[i] += window_[at + i] * cf32(a[at + i], b[at + i]);
    }
  }

  void step(Channel& channel, float magnitude) {
    const float envelope = gain_ * magnitude;
    detector_.step(channel.detector, envelope);
    channel.power += 0.5 * static_cast<double>(envelope) * static_cast<double>(envelope);
  }

  const EmiBand& band_;
  double rate_hz_;
  std::vector<float> window_;
  std::size_t hop_, first_ = 0, windows_ = 1;
  EmiDetector detector_;
  Fft fft_;
  float gain_ = 1;
  std::vector<Channel> channels_;
};

/// Largest envelope of what lies above kLowestHz: half of every block of the analytic signal is kept, and
/// nothing near the ends of the signal, where the transform would see a step.
double largest_envelope(Span<const float> x, double sample_rate_hz) {
  constexpr std::size_t kSize = 1 << 16;
  constexpr double kEndS = 2e-3;
  Fft forward(kSize, Fft::Direction::kForward), inverse(kSize, Fft::Direction::kInverse);
  const auto lowest = static_cast<std::size_t>(kLowestHz / sample_rate_hz * kSize);
  const auto end = static_cast<std::size_t>(kEndS * sample_rate_hz);
  float largest = 0;
  for (std::size_t at = 0; at < x.size(); at += kSize / 2) {
    for (std::size_t i = 0; i < kSize; ++i) {
      const std::size_t k = at + i;  // sample k - kSize/4
      forward.input()[i] = k >= kSize / 4 && k - kSize / 4 < x.size() ? x[k - kSize / 4] : 0.0F;
    }
    forward.execute();
    std::fill(inverse.input(), inverse.input() + kSize, cf32{});
    std::copy(forward.output() + lowest, forward.output() + kSize / 2, inverse.input() + lowest);
    inverse.execute();
    for (std::size_t i = 0; i < kSize / 2; ++i) {
      if (at + i >= end && at + i + end < x.size())
        largest = std::max(largest, std::norm(inverse.output()[kSize / 4 + i]));
    }
  }
  return 2 * std::sqrt(static_cast<double>(largest)) / kSize;
}

double width_of(const std::vector<EmissionPoint>& points) {
  double highest = -1e9;
  for (const auto& p : points) highest = std::max(highest, p.peak_dbuv);
  const auto high = [highest](const EmissionPoint& p) { return p.peak_dbuv >= highest - 20; };
  const auto first = std::find_if(points.begin(), points.end(), high);
  const auto last = std::find_if(points.rbegin(), points.rend(), high);
  return first == points.end() ? 0 : last->frequency_hz - first->frequency_hz;
}

}  // namespace

Result<EmissionScan> scan_emission(const EmissionScanConfig& config, Span<const float> samples,
                                   const std::function<void(double)>& progress) {
  const double rate = config.sample_rate_hz;
  if (!(rate > 2 * kLowestHz && rate <= 1e8))
    return Error{"sample rate is " + std::to_string(rate) + " Hz, expected 6001 to 1e8"};
  FilterBank low(kEmiBandA, kLowestHz, kEmiBandA.high_hz, rate);
  FilterBank high(kEmiBandB, kEmiBandB.low_hz, kEmiBandB.high_hz, rate);
  if (samples.size() < low.window())
    return Error{"the signal has " + std::to_string(samples.size()) + " samples, expected at least " +
                 std::to_string(low.window()) + " (the length of one 200 Hz filter)"};
  double power = 0;
  for (const float x : samples) power += static_cast<double>(x) * static_cast<double>(x);
  if (!std::isfinite(power)) return Error{"the signal has samples that are no numbers"};

  EmissionScan scan;
  scan.seconds = static_cast<double>(samples.size()) / rate;
  scan.settled = scan.seconds >= 1;
  scan.rms_dbuv = to_db(power / static_cast<double>(samples.size()) + kFloor) + config.full_scale_dbuv;
  const double peak = largest_envelope(samples, rate);
  scan.peak_dbuv = to_db(peak * peak / 2 + kFloor) + config.full_scale_dbuv;
  low.run(samples, [&](double part) {
    if (progress) progress(part / 2);
  });
  high.run(samples, [&](double part) {
    if (progress) progress(0.5 + part / 2);
  });
  low.report(config.full_scale_dbuv, scan.points);
  high.report(config.full_scale_dbuv, scan.points);
  scan.width_hz = width_of(scan.points);
  return scan;
}

}  // namespace ngdsp
