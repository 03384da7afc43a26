#include "ngdsp/rx/despreader.h"

#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/multiversion.h"

namespace ngdsp {
namespace {

constexpr std::size_t kLargestBlock = 8192;

// p = r conj(c) with r = (1 - mu) a + mu b
NGDSP_MULTIVERSION void products(const float* a_re, const float* a_im, const float* b_re, const float* b_im,
                                 float mu, const float* c_re, const float* c_im, float* p_re, float* p_im,
                                 std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const float re = a_re[i] + mu * (b_re[i] - a_re[i]);
    const float im = a_im[i] + mu * (b_im[i] - a_im[i]);
    p_re[i] = re * c_re[i] - im * c_im[i];
    p_im[i] = re * c_im[i] + im * c_re[i];
  }
}

NGDSP_MULTIVERSION void products_on_grid(const float* re, const float* im, const float* c_re,
                                         const float* c_im, float* p_re, float* p_im, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    p_re[i] = re[i] * c_re[i] - im[i] * c_im[i];
    p_im[i] = re[i] * c_im[i] + im[i] * c_re[i];
  }
}

NGDSP_MULTIVERSION void fold7(const float* p, float* y, std::size_t count) {
  for (std::size_t m = 0; m < count; ++m) {
    const float* q = p + 7 * m;
    y[m] = ((q[0] + q[1]) + (q[2] + q[3])) + ((q[4] + q[5]) + q[6]);
  }
}

void fold(const float* p, int sf, float* y, std::size_t count) {
  if (sf == 7) return fold7(p, y, count);
  for (std::size_t m = 0; m < count; ++m) {
    float sum = 0;
    for (int i = 0; i < sf; ++i) sum += p[m * static_cast<std::size_t>(sf) + static_cast<std::size_t>(i)];
    y[m] = sum;
  }
}

NGDSP_MULTIVERSION float sum_of(const float* p, std::size_t n) {
  float sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += p[i];
  return sum;
}

NGDSP_MULTIVERSION float sum_of_squares(const float* re, const float* im, std::size_t n) {
  float sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += re[i] * re[i] + im[i] * im[i];
  return sum;
}

void multiply(const ChipBuffer& chips, double t, const SplitSequence& s, std::size_t first, std::size_t n,
              float* p_re, float* p_im) {
  const double quarters = t * ChipBuffer::kPlanes, whole = std::floor(quarters);
  const auto mu = static_cast<float>(quarters - whole);
  const auto q = static_cast<std::int64_t>(whole);
  const std::int64_t chip = q >> 2, next_chip = (q + 1) >> 2;
  const int plane = static_cast<int>(q & 3), next_plane = static_cast<int>((q + 1) & 3);
  if (mu < 1e-6F)
    products_on_grid(chips.re(plane, chip), chips.im(plane, chip), s.re.data() + first, s.im.data() + first,
                     p_re, p_im, n);
  else
    products(chips.re(plane, chip), chips.im(plane, chip), chips.re(next_plane, next_chip),
             chips.im(next_plane, next_chip), mu, s.re.data() + first, s.im.data() + first, p_re, p_im, n);
}

}  // namespace

SplitSequence::SplitSequence(Span<const cf32> chips) {
  re.reserve(chips.size());
  im.reserve(chips.size());
  for (const cf32& c : chips) {
    re.push_back(c.real());
    im.push_back(-c.imag());
  }
}

void SplitSequence::assign_turned(const SplitSequence& from, double turns, std::size_t count) {
  re.resize(count);
  im.resize(count);
  cf64 w(1, 0);
  const cf64 step = std::polar(1.0, -2.0 * kPi * turns);
  for (std::size_t n = 0; n < count; ++n) {
    const auto c = static_cast<float>(w.real()), s = static_cast<float>(w.imag());
    re[n] = from.re[n] * c - from.im[n] * s;
    im[n] = from.re[n] * s + from.im[n] * c;
    w *= step;
  }
}

void despread(const ChipBuffer& chips, double t, const SplitSequence& s, std::size_t first, int sf,
              std::size_t count, float* y_re, float* y_im) {
  alignas(64) thread_local float p_re[kLargestBlock], p_im[kLargestBlock];
  multiply(chips, t, s, first, count * static_cast<std::size_t>(sf), p_re, p_im);
  fold(p_re, sf, y_re, count);
  fold(p_im, sf, y_im, count);
}

cf64 correlate(const ChipBuffer& chips, double t, const SplitSequence& s, std::size_t first,
               std::size_t count) {
  alignas(64) thread_local float p_re[kLargestBlock], p_im[kLargestBlock];
  multiply(chips, t, s, first, count, p_re, p_im);
  return {static_cast<double>(sum_of(p_re, count)), static_cast<double>(sum_of(p_im, count))};
}

double mean_power(const ChipBuffer& chips, std::int64_t chip, std::size_t count) {
  return static_cast<double>(sum_of_squares(chips.re(0, chip), chips.im(0, chip), count)) /
         static_cast<double>(count);
}

}  // namespace ngdsp
