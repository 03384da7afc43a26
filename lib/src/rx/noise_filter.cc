#include "ngdsp/rx/noise_filter.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "ngdsp/base/db.h"
#include "ngdsp/base/fft.h"
#include "ngdsp/base/multiversion.h"
#include "ngdsp/waveform/pulse.h"
#include "rx/vector.h"

namespace ngdsp {
namespace {

constexpr std::size_t kBins = NoiseShape::kBins;
constexpr std::size_t kSamples = NoiseFilter::kSamples;
constexpr std::size_t kSize = kSamples * NoiseFilter::kWindowChips;
constexpr std::size_t kPsiSize = NoiseFilter::kPsiSamples * NoiseFilter::kWindowChips;
constexpr auto kScale = 1 / static_cast<float>(kSize);
constexpr double kBackgroundReach = 64;                                     // chips either side
constexpr double kLinesReach = NoiseFilter::kReach - 2 * kBackgroundReach;  // all three one after the other
constexpr double kAnyReach = 1e9;                                           // no taper
constexpr float kSurest = 0.9999F;  // share of lines in a bin: 40 dB over what is left of them
constexpr double kLeastShare = 1e-3;
constexpr std::size_t kOthersStep = 8;  // some hundred bins tell the noise
constexpr int kMostSteps = 8;
constexpr double kTolerated = 0.01;  // of the noise in the bins of lines
// Up to which sums over pairs of them are less work than two transforms.
constexpr std::size_t kFewLines = 1024;

// A response by kBins, its impulse response tapered (von Hann) to `reach` chips either side; the taps from
// the middle of a span of kBins on.
class Taper {
 public:
  std::vector<cf32> taps(const std::vector<double>& response, double reach) {
    for (std::size_t k = 0; k < kBins; ++k)
      inverse_.input()[k] = static_cast<float>(response[k] / static_cast<double>(kBins));
    inverse_.execute();
    std::vector<cf32> out(kBins);
    for (std::size_t i = 0; i < kBins; ++i) {
      const double chips = static_cast<double>(std::min(i, kBins - i)) / static_cast<double>(kSamples);
      const double share = chips < reach ? 0.5 + 0.5 * std::cos(kPi * chips / reach) : 0;
      out[(i + kBins / 2) % kBins] = static_cast<float>(share) * inverse_.output()[i];
    }
    return out;
  }

 private:
  Fft inverse_{kBins, Fft::Direction::kInverse};
};

std::vector<float> response_of(const std::vector<cf32>& taps, Fft& forward) {
  std::fill_n(forward.input(), forward.size(), cf32{});
  std::copy_n(taps.begin() + kBins / 2, kBins / 2, forward.input());
  std::copy_n(taps.begin(), kBins / 2, forward.input() + forward.size() - kBins / 2);
  forward.execute();
  std::vector<float> response;
  for (std::size_t k = 0; k < forward.size(); ++k) response.push_back(forward.output()[k].real());
  return response;
}

// Of a bin of a transform of kSamples a chip, cycles a chip.
double turns_of(std::size_t bin, std::size_t size) {
  const auto n = static_cast<double>(size);
  return (static_cast<double>(bin) - (2 * bin < size ? 0 : n)) * static_cast<double>(kSamples) / n;
}

// 0 is where nothing is known.
bool all_alike(Span<const float> weights) {
  return std::all_of(weights.begin(), weights.end(), [](float w) { return w == 1 || w == 0; });
}

// A bin where lines lie, and what root of H is there.
struct LineBin {
  std::size_t bin;
  float root;
};

// sum over lines j of M(n - bin of j) x_j for bins n from one on; m: M(that bin), which lies amid its others.
NGDSP_MULTIVERSION void sum_lines(const float* m_re, const float* m_im, const LineBin* lines,
                                  const float* x_re, const float* x_im, std::size_t n, float* out_re,
                                  float* out_im) {
  // Four sums that do not wait for each other.
  Vector a_re{}, a_im{}, b_re{}, b_im{};
  for (std::size_t j = 0; j < n; ++j) {
    Vector a, b;
    load(m_re - lines[j].bin, a);
    load(m_im - lines[j].bin, b);
    a_re += a * x_re[j];
    a_im += a * x_im[j];
    b_re += b * x_re[j];
    b_im += b * x_im[j];
  }
  const Vector re = a_re - b_im, im = a_im + b_re;
  std::memcpy(out_re, &re, sizeof re);
  std::memcpy(out_im, &im, sizeof im);
}

// Of kSamples a chip to kPsiSamples: the band, and down to nothing at its images.
float interpolation(double turns, double rolloff) {
  const double edge = 0.5 * (1 + rolloff), beyond = std::abs(turns) - edge;
  return beyond <= 0 ? 1 : static_cast<float>(0.5 + 0.5 * std::cos(kPi * std::min(1.0, beyond / (1 - edge))));
}

}  // namespace

// The filters, and what works on a window with them: made when the first one comes, as most filters are
// thought of and not taken.
struct NoiseFilter::Impl {
  double rolloff;
  std::vector<cf32> taps, root_taps, share_taps;  // of g, B^-1/2, H
  std::vector<float> response, whitening;         // of g, B^-1/2
  float scale;
  bool has_lines;
  std::unique_ptr<Window> window;
};

struct NoiseFilter::Window {
  Fft forward{kSize, Fft::Direction::kForward}, inverse{kSize, Fft::Direction::kInverse},
      psi{kPsiSize, Fft::Direction::kInverse};
  std::vector<float> whitening, passed, to_psi;  // B^-1/2, 1 - H, scale B^-1/2, by bin
  std::vector<LineBin> lines;
  struct Run {
    std::size_t first, count;  // of lines in bins side by side
  };
  std::vector<Run> runs;
  std::vector<std::size_t> others;                   // some bins of the band, without lines
  std::vector<cf32> samples, received, z, residual;  // received: the spectrum of samples
  bool whitened = false, alike = false;              // z is there; residual is of chips that count alike
  std::vector<float> counts;                         // m by chip
  std::vector<float> sorted;
  std::vector<cf32> solution, left, direction, image;  // by line bin
  // Of few lines: M, the spectrum of 1 - m from bin -kSize on; x by lines, and the sums of one run.
  struct Parts {
    std::vector<float> re, im;
    void resize(std::size_t n) { re.resize(n), im.resize(n); }
  };
  Parts held_back, x, sums;

  explicit Window(const Impl& filter);
  void read();
  void separate_alike();
  void separate(Span<const float> weights);
  void correlate(Span<const float> weights);
  void whiten();
  void count(Span<const float> weights);
  void solve();
  bool few_lines() const { return lines.size() <= kFewLines; }
  void transform_held_back();
  void hold_back(const std::vector<cf32>& in, std::vector<cf32>& out);
  void hold_back_few(const std::vector<cf32>& in, std::vector<cf32>& out);
  void transform_psi(const cf32* spectrum, float factor);
};

NoiseFilter::NoiseFilter(const NoiseShape& shape, double rolloff) : impl_(new Impl) {
  Impl& s = *impl_;
  s.rolloff = rolloff;
  Taper taper;
  Fft forward(kBins, Fft::Direction::kForward);
  std::vector<double> root, share;
  for (std::size_t k = 0; k < kBins; ++k) {
    root.push_back(1 / std::sqrt(shape.background[k]));
    share.push_back(1 - shape.background[k] / shape.all[k]);
  }
  s.has_lines = std::any_of(share.begin(), share.end(), [](double h) { return h > 0; });
  s.root_taps = taper.taps(root, kBackgroundReach);
  s.share_taps = taper.taps(share, kLinesReach);
  s.whitening = response_of(s.root_taps, forward);
  const std::vector<float> shares = response_of(s.share_taps, forward);
  double pulse = 0, passed = 0;
  for (std::size_t k = 0; k < kBins; ++k) {
    const double energy = std::pow(rrc_spectrum(turns_of(k, kBins), rolloff), 2);
    s.response.push_back(s.whitening[k] * s.whitening[k] * (1 - shares[k]));
    pulse += energy;
    passed += energy * static_cast<double>(s.response.back());
  }
  s.scale = static_cast<float>(pulse / passed);
  for (float& g : s.response) g *= s.scale;
  s.taps = taper.taps({s.response.begin(), s.response.end()}, kAnyReach);
}

NoiseFilter::Window::Window(const Impl& filter) : whitening(response_of(filter.root_taps, forward)) {
  const std::vector<float> shares = response_of(filter.share_taps, forward);
  for (std::size_t k = 0; k < kSize; ++k) {
    passed.push_back(1 - shares[k]);  // as it is: limited it would reach further
    const float h = filter.has_lines ? std::clamp(shares[k], 0.0F, kSurest) : 0;
    to_psi.push_back(filter.scale * kScale * whitening[k] *
                     interpolation(turns_of(k, kSize), filter.rolloff));
    whitening[k] *= kScale;
    if (static_cast<double>(h) > kLeastShare) {
      if (lines.empty() || lines.back().bin + 1 != k) runs.push_back({lines.size(), 0});
      lines.push_back({k, std::sqrt(h)});
      ++runs.back().count;
    } else if (k % kOthersStep == 0 && std::abs(turns_of(k, kSize)) < 0.5 * (1 - filter.rolloff))
      others.push_back(k);
  }
  for (auto* v : {&samples, &received, &z, &residual}) v->resize(kSize);
  counts.resize(kWindowChips);
  for (auto* v : {&solution, &left, &direction, &image}) v->resize(lines.size());
  if (!few_lines()) return;
  held_back.resize(2 * kSize + kVectorWidth);
  x.resize(lines.size());
  sums.resize(lines.size() + kVectorWidth);
}

NoiseFilter::~NoiseFilter() = default;
const std::vector<cf32>& NoiseFilter::taps() const { return impl_->taps; }
const std::vector<float>& NoiseFilter::response() const { return impl_->response; }
const std::vector<float>& NoiseFilter::whitening() const { return impl_->whitening; }
bool NoiseFilter::has_lines() const { return impl_->has_lines; }
const cf32* NoiseFilter::residual() const { return impl_->window->residual.data(); }
const cf32* NoiseFilter::psi() const { return impl_->window->psi.output(); }

cf32* NoiseFilter::samples() {
  if (!impl_->window) impl_->window = std::make_unique<Window>(*impl_);
  return impl_->window->samples.data();
}

void NoiseFilter::read() { impl_->window->read(); }
void NoiseFilter::separate() { impl_->window->separate_alike(); }
void NoiseFilter::separate(Span<const float> weights) { impl_->window->separate(weights); }
void NoiseFilter::correlate(Span<const float> weights) { impl_->window->correlate(weights); }

void NoiseFilter::Window::read() {
  whitened = alike = false;
  std::copy_n(samples.data(), kSize, forward.input());
  forward.execute();
  std::copy_n(forward.output(), kSize, received.data());
}

void NoiseFilter::Window::separate_alike() {
  if (std::exchange(alike, true)) return;
  cf32* in = inverse.input();
  for (std::size_t k = 0; k < kSize; ++k) in[k] = whitening[k] * passed[k] * received[k];
  inverse.execute();
  std::copy_n(inverse.output(), kSize, residual.data());
}

void NoiseFilter::Window::whiten() {
  if (std::exchange(whitened, true)) return;
  cf32* in = inverse.input();
  for (std::size_t k = 0; k < kSize; ++k) in[k] = whitening[k] * received[k];
  inverse.execute();
  std::copy_n(inverse.output(), kSize, z.data());
}

void NoiseFilter::Window::separate(Span<const float> weights) {
  if (all_alike(weights)) return separate_alike();
  alike = false;
  whiten();
  if (lines.empty()) {
    residual = z;
    return;
  }
  count(weights);
  cf32* weighed = forward.input();
  for (std::size_t i = 0; i < counts.size(); ++i)
    for (std::size_t k = i * kSamples; k < (i + 1) * kSamples; ++k) weighed[k] = counts[i] * z[k];
  forward.execute();
  solve();
  cf32* in = inverse.input();
  std::fill_n(in, kSize, cf32{});
  for (std::size_t i = 0; i < lines.size(); ++i) in[lines[i].bin] = kScale * lines[i].root * solution[i];
  inverse.execute();
  const cf32* l = inverse.output();
  for (std::size_t k = 0; k < kSize; ++k) residual[k] = z[k] - l[k];
}

void NoiseFilter::Window::correlate(Span<const float> weights) {
  // The spectrum of the residual is still there.
  if (alike && all_alike(weights)) return transform_psi(inverse.input(), static_cast<float>(kSize));
  cf32* weighed = forward.input();
  for (std::size_t i = 0; i < kWindowChips; ++i)
    for (std::size_t k = i * kSamples; k < (i + 1) * kSamples; ++k) weighed[k] = weights[i] * residual[k];
  forward.execute();
  transform_psi(forward.output(), 1);
}

// psi of what is to go through B^-1/2, by bin, times a factor.
void NoiseFilter::Window::transform_psi(const cf32* spectrum, float factor) {
  cf32 *low = psi.input(), *high = low + kPsiSize - kSize;
  for (std::size_t k = 0; k < kSize / 2; ++k) low[k] = factor * to_psi[k] * spectrum[k];
  for (std::size_t k = kSize / 2; k < kSize; ++k) high[k] = factor * to_psi[k] * spectrum[k];
  psi.execute();
}

// m: chips of less noise than most are not counted for more than those.
void NoiseFilter::Window::count(Span<const float> weights) {
  sorted.clear();
  for (const float w : weights)
    if (w > 0) sorted.push_back(w);
  if (sorted.empty()) sorted.push_back(1);
  const auto upper = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() * 3 / 4);
  std::nth_element(sorted.begin(), upper, sorted.end());
  // The window is a circle: its last reach belongs to nothing.
  for (std::size_t i = 0; i < counts.size(); ++i)
    counts[i] = i + kReach < counts.size() ? std::min(1.0F, weights[i] / *upper) : 0.0F;
}

void NoiseFilter::Window::transform_held_back() {
  cf32* chips = forward.input();
  for (std::size_t i = 0; i < counts.size(); ++i)
    std::fill_n(chips + i * kSamples, kSamples, cf32(kScale * (1 - counts[i])));
  forward.execute();
  for (std::size_t k = 0; k < kSize; ++k) {
    const cf32 m = forward.output()[k];
    held_back.re[k] = held_back.re[kSize + k] = m.real();
    held_back.im[k] = held_back.im[kSize + k] = m.imag();
  }
}

// out = H^1/2 (1 - m) H^1/2 in, of a signal by the bins of lines.
void NoiseFilter::Window::hold_back(const std::vector<cf32>& in, std::vector<cf32>& out) {
  if (few_lines()) return hold_back_few(in, out);
  cf32* spread = inverse.input();
  std::fill_n(spread, kSize, cf32{});
  for (std::size_t i = 0; i < lines.size(); ++i) spread[lines[i].bin] = lines[i].root * in[i];
  inverse.execute();
  const cf32* l = inverse.output();
  cf32* chips = forward.input();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const float held = kScale * (1 - counts[i]);
    for (std::size_t k = i * kSamples; k < (i + 1) * kSamples; ++k) chips[k] = held * l[k];
  }
  forward.execute();
  const cf32* spectrum = forward.output();
  for (std::size_t i = 0; i < lines.size(); ++i) out[i] = lines[i].root * spectrum[lines[i].bin];
}

// The same without a transform.
void NoiseFilter::Window::hold_back_few(const std::vector<cf32>& in, std::vector<cf32>& out) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    x.re[i] = lines[i].root * in[i].real();
    x.im[i] = lines[i].root * in[i].imag();
  }
  for (const Run& run : runs) {
    const std::size_t bin = kSize + lines[run.first].bin;
    for (std::size_t i = 0; i < run.count; i += kVectorWidth)
      sum_lines(held_back.re.data() + bin + i, held_back.im.data() + bin + i, lines.data(), x.re.data(),
                x.im.data(), lines.size(), sums.re.data() + i, sums.im.data() + i);
    for (std::size_t i = 0; i < run.count; ++i)
      out[run.first + i] = lines[run.first + i].root * cf32(sums.re[i], sums.im[i]);
  }
}

// The solution from what is left by none.
void NoiseFilter::Window::solve() {
  const auto dot = [](const std::vector<cf32>& a, const std::vector<cf32>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
      sum += static_cast<double>(a[i].real() * b[i].real() + a[i].imag() * b[i].imag());
    return sum;
  };
  const cf32* spectrum = forward.output();
  sorted.clear();
  for (const std::size_t k : others) sorted.push_back(std::norm(spectrum[k]));
  double noise = 0;
  if (!sorted.empty()) {
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    noise = static_cast<double>(*middle) / std::log(2.0);
  }
  for (std::size_t i = 0; i < lines.size(); ++i) left[i] = lines[i].root * spectrum[lines[i].bin];
  if (few_lines()) transform_held_back();
  std::fill(solution.begin(), solution.end(), cf32{});
  direction = left;
  double power = dot(left, left);
  const double enough = kTolerated * noise * static_cast<double>(lines.size());
  for (int step = 0; step < kMostSteps && power > enough; ++step) {
    hold_back(direction, image);
    for (std::size_t i = 0; i < image.size(); ++i) image[i] = direction[i] - image[i];
    const double curvature = dot(direction, image);
    if (!(curvature > 0)) break;
    const auto along = static_cast<float>(power / curvature);
    for (std::size_t i = 0; i < left.size(); ++i) {
      solution[i] += along * direction[i];
      left[i] -= along * image[i];
    }
    const double before = power;
    power = dot(left, left);
    const auto kept = static_cast<float>(power / before);
    for (std::size_t i = 0; i < left.size(); ++i) direction[i] = left[i] + kept * direction[i];
  }
}

}  // namespace ngdsp
