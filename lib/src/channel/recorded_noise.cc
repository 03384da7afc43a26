#include "ngdsp/channel/recorded_noise.h"

#include <algorithm>
#include <cmath>

#include "channel/field_check.h"
#include "ngdsp/base/db.h"
#include "ngdsp/base/fft.h"
#include "ngdsp/base/rng.h"

namespace ngdsp {
namespace {

constexpr int kZeros = 24;     // of the sinc, either side
constexpr int kPhases = 1024;  // table entries between two zeros

// sinc times Blackman-Harris, argument in zeros.
const std::vector<float>& kernel_table() {
  static const std::vector<float> table = [] {
    std::vector<float> t(kZeros * kPhases + 2);
    for (std::size_t i = 0; i < t.size(); ++i) {
      const double d = static_cast<double>(i) / kPhases, w = std::min(d / kZeros, 1.0) * kPi;
      const double window =
          0.35875 + 0.48829 * std::cos(w) + 0.14128 * std::cos(2 * w) + 0.01168 * std::cos(3 * w);
      t[i] = static_cast<float>(window * (d == 0 ? 1 : std::sin(kPi * d) / (kPi * d)));
    }
    return t;
  }();
  return table;
}

float kernel(double d) {
  const double at = std::abs(d) * kPhases;
  const auto i = static_cast<std::size_t>(at);
  if (i >= static_cast<std::size_t>(kZeros * kPhases)) return 0;
  const auto mu = static_cast<float>(at - static_cast<double>(i));
  const auto& t = kernel_table();
  return t[i] + mu * (t[i + 1] - t[i]);
}

}  // namespace

std::string RecordingConfig::validate(const std::string& name) const {
  FieldCheck check(name + ".");
  check.require(!file.empty(), "file", "expected the name of a SigMF recording");
  check.range("level_db", level_db, -40, 100, "dB");
  return check.error();
}

double in_band_power(const Recording& r, const NoiseBand& band) {
  constexpr std::size_t kSize = 4096;
  Fft fft(kSize, Fft::Direction::kForward);
  double window_power = 0, sum = 0;
  std::vector<float> window(kSize);
  for (std::size_t i = 0; i < kSize; ++i) {
    window[i] = static_cast<float>(0.5 - 0.5 * std::cos(2 * kPi * (static_cast<double>(i) + 0.5) / kSize));
    window_power += static_cast<double>(window[i]) * static_cast<double>(window[i]);
  }
  std::size_t pieces = 0;
  for (std::size_t at = 0; at == 0 || at + kSize <= r.samples.size(); at += kSize, ++pieces) {
    for (std::size_t i = 0; i < kSize; ++i)
      fft.input()[i] = at + i < r.samples.size() ? r.samples[at + i] * window[i] : cf32{};
    fft.execute();
    for (std::size_t i = 0; i < kSize; ++i) {
      const double turns = static_cast<double>(i) / kSize;
      const double hz = r.center_hz + (turns < 0.5 ? turns : turns - 1) * r.sample_rate_hz;
      if (hz >= band.low_hz() && hz <= band.high_hz()) sum += static_cast<double>(std::norm(fft.output()[i]));
    }
  }
  return sum * (r.real ? 2 : 1) / (window_power * kSize * static_cast<double>(pieces));
}

Result<PlayedRecording> prepare_recording(const RecordingConfig& config, const NoiseBand& band) {
  if (!config.recording) return Error{"recording.file: " + config.file + " has not been read"};
  const Recording& r = *config.recording;
  if (r.samples.empty() || !(r.sample_rate_hz > 0)) return Error{config.file + ": no samples"};
  if (r.real && !band.real)
    return Error{config.file + ": real samples, expected complex ones as of the line"};
  const double power = in_band_power(r, band);
  if (!(power > 0)) return Error{config.file + ": holds no power in the occupied band"};
  PlayedRecording played;
  played.recording = config.recording;
  played.gain = std::sqrt(from_db(config.level_db) / power / (r.real ? 2 : 1));
  const double half_hz = r.sample_rate_hz / 2;
  if (r.real) {
    played.cutoff = std::min(1.0, band.sample_rate_hz / r.sample_rate_hz);
    return played;
  }
  const double lowest_hz = band.center_hz - (band.real ? 0 : band.sample_rate_hz / 2);
  const double low_hz = std::max(r.center_hz - half_hz, lowest_hz);
  const double high_hz = std::min(r.center_hz + half_hz, band.center_hz + band.sample_rate_hz / 2);
  if (high_hz - low_hz == r.sample_rate_hz) return played;
  // Turn the part that the samples can hold to the middle: what is beyond it must not fold back.
  auto turned = std::make_shared<Recording>(r);
  turned->center_hz = (low_hz + high_hz) / 2;
  for (std::size_t i = 0; i < turned->samples.size(); ++i) {
    const double turns = (r.center_hz - turned->center_hz) / r.sample_rate_hz * static_cast<double>(i);
    turned->samples[i] *= cf32(std::polar(1.0, 2 * kPi * (turns - std::floor(turns))));
  }
  played.recording = turned;
  played.cutoff = (high_hz - low_hz) / r.sample_rate_hz;
  return played;
}

RecordedNoise::RecordedNoise(const PlayedRecording& played, const NoiseBand& band, std::uint64_t seed)
    : played_(played),
      step_(played.recording->sample_rate_hz / band.sample_rate_hz),
      turn_(played.recording->real ? 0
                                   : (played.recording->center_hz - band.center_hz) / band.sample_rate_hz),
      start_(Rng(seed).uniform() * static_cast<double>(played.recording->samples.size())) {
  if (step_ == 1) start_ = std::floor(start_);
}

void RecordedNoise::add(Span<const double>, Span<cf32> wave) {
  const auto& x = played_.recording->samples;
  const auto size = static_cast<std::int64_t>(x.size());
  const double reach = kZeros / played_.cutoff;
  for (cf32& y : wave) {
    const auto k = static_cast<double>(sample_++);
    const double t = std::fmod(start_ + k * step_, static_cast<double>(size));
    cf32 value{};
    if (step_ == 1 && played_.cutoff == 1) {
      value = x[static_cast<std::size_t>(t)];
    } else {
      const auto first = static_cast<std::int64_t>(std::ceil(t - reach));
      const auto last = static_cast<std::int64_t>(std::floor(t + reach));
      for (std::int64_t i = first; i <= last; ++i)
        value += x[static_cast<std::size_t>(((i % size) + size) % size)] *
                 kernel((t - static_cast<double>(i)) * played_.cutoff);
      value *= static_cast<float>(played_.cutoff);
    }
    const double turns = turn_ * k;
    y += value * cf32(std::polar(played_.gain, 2 * kPi * (turns - std::floor(turns))));
  }
}

}  // namespace ngdsp
