// Complex FFT of one size, single precision, unscaled both ways (FFTW behind).
#pragma once

#include <cstddef>
#include <memory>

#include "ngdsp/base/types.h"

namespace ngdsp {

/// X[k] = sum_n x[n] exp(-+ j 2 pi k n / N), unscaled. One object holds its plan and two aligned buffers and
/// may be used by one thread at a time; construction is thread-safe.
class Fft {
 public:
  enum class Direction { kForward, kInverse };
  Fft(std::size_t size, Direction direction);
  ~Fft();
  Fft(Fft&&) noexcept;
  Fft& operator=(Fft&&) noexcept;

  std::size_t size() const;
  /// The aligned input; its content survives execute().
  cf32* input();
  /// The aligned output of the last execute().
  const cf32* output() const;
  void execute();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngdsp
