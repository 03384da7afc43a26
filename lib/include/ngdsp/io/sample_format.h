// Sample formats of recordings and raw streams, and their conversion to and from float.
//
// Full scale is 1.0: 16-bit integers are x/32768 (-1 ... 0.99997), unsigned bytes are (x - 127.5)/127.5 (-1
// ... 1), floats are taken as they are. All formats are little endian; complex samples are I then Q. Nothing
// that is not a number leaves this room: NaN and infinity become 0 and are counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ngdsp/base/error.h"
#include "ngdsp/base/types.h"

namespace ngdsp {

/// Named as in SigMF: r real, c complex; i16 signed, f32 float, u8 unsigned.
enum class SampleFormat { kRi16, kCi16, kRf32, kCf32, kCu8 };

/// "ri16_le ci16_le rf32_le cf32_le cu8": for help and error texts.
extern const char* const kSampleFormatNames;

/// The format called `name`; the error lists the names there are.
Result<SampleFormat> parse_sample_format(std::string_view name);
const char* sample_format_name(SampleFormat format);
bool is_complex(SampleFormat format);
std::size_t bytes_per_sample(SampleFormat format);

/// What a conversion had to change. Counted in samples: a complex sample with two bad parts counts once.
struct SampleDefects {
  std::uint64_t non_finite = 0;  ///< NaN or infinity, replaced by 0
  std::uint64_t saturated =
      0;  ///< beyond the range of an integer format, set to its limit (only towards bytes)

  SampleDefects& operator+=(const SampleDefects& other) {
    non_finite += other.non_finite;
    saturated += other.saturated;
    return *this;
  }
};

/// Converts out.size() samples. bytes.size() must be at least out.size() * bytes_per_sample(format), and the
/// format real.
SampleDefects bytes_to_samples(SampleFormat format, Span<const std::uint8_t> bytes, Span<float> out);
/// The same for complex output; a real format gets a zero imaginary part.
SampleDefects bytes_to_samples(SampleFormat format, Span<const std::uint8_t> bytes, Span<cf32> out);

/// Converts in.size() samples, rounding to nearest. bytes.size() must be at least in.size() *
/// bytes_per_sample(format), and the format real.
SampleDefects samples_to_bytes(SampleFormat format, Span<const float> in, Span<std::uint8_t> bytes);
/// The same for complex input, and the format complex.
SampleDefects samples_to_bytes(SampleFormat format, Span<const cf32> in, Span<std::uint8_t> bytes);

}  // namespace ngdsp
