#include "eval/spread_algebra.h"

#include "ngdsp/base/multiversion.h"

namespace ngdsp::spread {

NGDSP_MULTIVERSION
void multiply(const float* v, const float* s, float* u, std::size_t n, std::size_t stride) {
  for (std::size_t i = 0; i < stride; ++i) u[i] = 0;
  std::size_t c = 0;
  for (; c + 4 <= n; c += 4) {
    const float *r0 = v + c * stride, *r1 = r0 + stride, *r2 = r1 + stride, *r3 = r2 + stride;
    const float s0 = s[c], s1 = s[c + 1], s2 = s[c + 2], s3 = s[c + 3];
    for (std::size_t i = 0; i < stride; ++i) u[i] += s0 * r0[i] + s1 * r1[i] + s2 * r2[i] + s3 * r3[i];
  }
  for (; c < n; ++c) {
    for (std::size_t i = 0; i < stride; ++i) u[i] += s[c] * v[c * stride + i];
  }
}

NGDSP_MULTIVERSION
void rank_one(float* v, const float* u, float alpha, std::size_t n, std::size_t stride) {
  for (std::size_t r = 0; r < n; ++r) {
    const float factor = alpha * u[r];
    float* row = v + r * stride;
    for (std::size_t i = 0; i < stride; ++i) row[i] += factor * u[i];
  }
}

NGDSP_MULTIVERSION
float dot(const float* a, const float* b, std::size_t n) {
  float sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

NGDSP_MULTIVERSION
void axpy(float* a, const float* b, float alpha, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) a[i] += alpha * b[i];
}

NGDSP_MULTIVERSION
void invert(float* v, std::size_t n, std::size_t stride) {
  for (std::size_t k = 0; k < n; ++k) {
    float* pivot = v + k * stride;
    const float inverse = 1.0F / pivot[k];
    pivot[k] = 1.0F;
    for (std::size_t i = 0; i < stride; ++i) pivot[i] *= inverse;
    for (std::size_t r = 0; r < n; ++r) {
      if (r == k) continue;
      float* row = v + r * stride;
      const float factor = row[k];
      row[k] = 0;
      for (std::size_t i = 0; i < stride; ++i) row[i] -= factor * pivot[i];
    }
  }
}

void fold(float* v, std::size_t rows, std::size_t stride) {
  for (std::size_t a = 0; a < rows; ++a) {
    for (std::size_t b = 0; b < a; ++b) v[a * stride + b] *= 2;
    for (std::size_t b = a + 1; b < stride; ++b) v[a * stride + b] = 0;
  }
}

// Four rows of T and 32 vectors at a time: the accumulators stay in registers.
NGDSP_MULTIVERSION
void quadratic_forms(const float* t, const float* block, float* q, std::size_t rows, std::size_t stride) {
  using Lanes = float __attribute__((vector_size(64), aligned(4), may_alias));
  const auto* in = reinterpret_cast<const Lanes*>(block);  // chip c: in[2 c] and in[2 c + 1]
  Lanes low{}, high{};
  for (std::size_t a = 0; a < rows; a += 4) {
    const float *t0 = t + a * stride, *t1 = t0 + stride, *t2 = t1 + stride, *t3 = t2 + stride;
    Lanes a0{}, a1{}, a2{}, a3{}, b0{}, b1{}, b2{}, b3{};
    for (std::size_t c = 0; c < a + 4; ++c) {
      const Lanes x = in[2 * c], y = in[2 * c + 1];
      a0 += t0[c] * x;
      b0 += t0[c] * y;
      a1 += t1[c] * x;
      b1 += t1[c] * y;
      a2 += t2[c] * x;
      b2 += t2[c] * y;
      a3 += t3[c] * x;
      b3 += t3[c] * y;
    }
    const Lanes* s = in + 2 * a;
    low += a0 * s[0] + a1 * s[2] + a2 * s[4] + a3 * s[6];
    high += b0 * s[1] + b1 * s[3] + b2 * s[5] + b3 * s[7];
  }
  auto* out = reinterpret_cast<Lanes*>(q);
  out[0] = low;
  out[1] = high;
}

}  // namespace ngdsp::spread
