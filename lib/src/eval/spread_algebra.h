// Small dense matrices of the multi-user receiver, rows padded to a multiple of 16 floats.
#pragma once

#include <cstddef>

namespace ngdsp::spread {

/// u = V s; V symmetric n x stride (only n rows), s and u of `stride` items, what is beyond n is zero.
void multiply(const float* v, const float* s, float* u, std::size_t n, std::size_t stride);
/// V += alpha u u^T.
void rank_one(float* v, const float* u, float alpha, std::size_t n, std::size_t stride);
/// sum_i a[i] b[i].
float dot(const float* a, const float* b, std::size_t n);
/// a += alpha b.
void axpy(float* a, const float* b, float alpha, std::size_t n);
/// V = V^-1 for a symmetric positive definite matrix, in place (Gauss-Jordan, no pivoting).
void invert(float* v, std::size_t n, std::size_t stride);
/// Replaces a symmetric matrix by the lower triangle T with s^T V s = s^T T s, `rows` a multiple of 4.
void fold(float* v, std::size_t rows, std::size_t stride);
/// q[i] = s_i^T T s_i for the 32 vectors of a block: chip c of vector i at block[32 c + i]; T from fold(),
/// `rows` a multiple of 4, rows beyond n zero.
void quadratic_forms(const float* t, const float* block, float* q, std::size_t rows, std::size_t stride);

}  // namespace ngdsp::spread
