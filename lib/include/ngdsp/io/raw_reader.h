// Reads raw samples without metadata from a pipe, standard input or a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/base/types.h"
#include "ngdsp/io/sample_format.h"

namespace ngdsp {

/// Bytes may arrive in pieces of any size; samples come out whole. Does not own the file descriptor.
class RawReader {
 public:
  /// `name` is for error texts, e.g. "standard input".
  RawReader(int file_descriptor, SampleFormat format, std::string name);

  /// Waits for at least one sample, returns as many as are there, at most out.size(); 0 at the end. Errors: a
  /// complex format read as real, a stream that ends inside a sample, a read that fails.
  Result<std::size_t> read(Span<float> out);
  /// The same; a real format gets zero imaginary parts.
  Result<std::size_t> read(Span<cf32> out);

  /// Samples so far that were NaN or infinite and were replaced by 0.
  std::uint64_t non_finite() const { return non_finite_; }

 private:
  Result<std::size_t> fill(std::size_t samples);
  template <typename T>
  Result<std::size_t> read_into(Span<T> out);

  int file_descriptor_;
  SampleFormat format_;
  std::string name_;
  std::vector<std::uint8_t> buffer_;
  std::size_t held_ = 0;  // bytes of an unfinished sample at the front of the buffer
  std::uint64_t non_finite_ = 0;
};

}  // namespace ngdsp
