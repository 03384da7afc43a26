#include "ngdsp/io/raw_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace ngdsp {
namespace {
constexpr std::size_t kBlockBytes = 1U << 16U;  // a multiple of every sample size
}

RawReader::RawReader(int file_descriptor, SampleFormat format, std::string name)
    : file_descriptor_(file_descriptor), format_(format), name_(std::move(name)), buffer_(kBlockBytes) {}

/// Brings 1 ... `samples` whole samples to the front of the buffer; 0 at the end of the stream.
Result<std::size_t> RawReader::fill(std::size_t samples) {
  const std::size_t sample_bytes = bytes_per_sample(format_);
  const std::size_t wanted = std::min(samples * sample_bytes, buffer_.size());
  while (held_ < sample_bytes) {
    const ssize_t got = ::read(file_descriptor_, buffer_.data() + held_, wanted - held_);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return Error{name_ + ": cannot read: " + std::generic_category().message(errno)};
    }
    if (got == 0 && held_ != 0) {
      const std::size_t rest = std::exchange(held_, 0);
      return Error{name_ + ": ends with " + std::to_string(rest) + " bytes of a sample, expected " +
                   std::to_string(sample_bytes) + " (" + sample_format_name(format_) + ")"};
    }
    if (got == 0) {
      return std::size_t{0};
    }
    held_ += static_cast<std::size_t>(got);
  }
  return held_ / sample_bytes;
}

template <typename T>
Result<std::size_t> RawReader::read_into(Span<T> out) {
  if (out.empty()) {
    return std::size_t{0};
  }
  Result<std::size_t> count = fill(std::min(out.size(), kBlockBytes));
  if (!count || *count == 0) {
    return count;
  }
  const std::size_t used = *count * bytes_per_sample(format_);
  const Span<const std::uint8_t> bytes(buffer_.data(), used);
  non_finite_ += bytes_to_samples(format_, bytes, out.first(*count)).non_finite;
  held_ -= used;
  std::memmove(buffer_.data(), buffer_.data() + used, held_);
  return *count;
}

Result<std::size_t> RawReader::read(Span<float> out) {
  if (is_complex(format_)) {
    return Error{name_ + ": samples are " + sample_format_name(format_) + ", expected a real format"};
  }
  return read_into(out);
}

Result<std::size_t> RawReader::read(Span<cf32> out) { return read_into(out); }

}  // namespace ngdsp
