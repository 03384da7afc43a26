#include "ngdsp/io/sample_format.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

namespace ngdsp {

static_assert(std::endian::native == std::endian::little,
              "samples are read as little endian, without swapping");

const char* const kSampleFormatNames = "ri16_le ci16_le rf32_le cf32_le cu8";

namespace {

struct FormatRow {
  SampleFormat format;
  const char* name;
  bool complex;
  std::size_t bytes;
};
constexpr FormatRow kFormats[] = {
    {SampleFormat::kRi16, "ri16_le", false, 2}, {SampleFormat::kCi16, "ci16_le", true, 4},
    {SampleFormat::kRf32, "rf32_le", false, 4}, {SampleFormat::kCf32, "cf32_le", true, 8},
    {SampleFormat::kCu8, "cu8", true, 2},
};

const FormatRow& row(SampleFormat format) { return kFormats[static_cast<std::size_t>(format)]; }

bool finite(float x) { return std::abs(x) <= std::numeric_limits<float>::max(); }

/// One component (real, I or Q) of a format: T as stored.
template <typename T>
T load(const std::uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
float to_unit(std::int16_t x) { return static_cast<float>(x) * (1.0F / 32768.0F); }
float to_unit(std::uint8_t x) { return (static_cast<float>(x) - 127.5F) * (1.0F / 127.5F); }
float to_unit(float x) { return x; }

struct Stored {
  std::uint64_t non_finite = 0;
  std::uint64_t saturated = 0;
};

template <typename T>
void store(T value, std::uint8_t* to) {
  std::memcpy(to, &value, sizeof value);
}
/// Scales, rounds and limits a finite number to the range of T.
template <typename T>
Stored store_unit(float x, float scale, float offset, std::uint8_t* to) {
  constexpr float low = std::numeric_limits<T>::min();
  constexpr float high = std::numeric_limits<T>::max();
  Stored result;
  if (!finite(x)) {
    result.non_finite = 1;
    x = 0;
  }
  // A finite number times the scale may overflow to infinity: the comparisons below still limit it.
  const float scaled = std::nearbyint(x * scale + offset);
  result.saturated = (scaled < low || scaled > high) ? 1 : 0;
  store(static_cast<T>(scaled < low ? low : (scaled > high ? high : scaled)), to);
  return result;
}
Stored store_float(float x, std::uint8_t* to) {
  const bool good = finite(x);
  store(good ? x : 0.0F, to);
  return {good ? 0U : 1U, 0U};
}
Stored store_as(SampleFormat format, float x, std::uint8_t* to) {
  switch (format) {
    case SampleFormat::kRi16:
    case SampleFormat::kCi16:
      return store_unit<std::int16_t>(x, 32768.0F, 0.0F, to);
    case SampleFormat::kCu8:
      return store_unit<std::uint8_t>(x, 127.5F, 127.5F, to);
    default:
      return store_float(x, to);
  }
}

template <typename T>
SampleDefects read_real(const std::uint8_t* bytes, Span<float> out) {
  SampleDefects defects;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float x = to_unit(load<T>(bytes + i * sizeof(T)));
    const bool good = finite(x);
    out[i] = good ? x : 0.0F;
    defects.non_finite += good ? 0 : 1;
  }
  return defects;
}
template <typename T>
SampleDefects read_real_as_complex(const std::uint8_t* bytes, Span<cf32> out) {
  SampleDefects defects;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float x = to_unit(load<T>(bytes + i * sizeof(T)));
    const bool good = finite(x);
    out[i] = {good ? x : 0.0F, 0.0F};
    defects.non_finite += good ? 0 : 1;
  }
  return defects;
}
template <typename T>
SampleDefects read_complex(const std::uint8_t* bytes, Span<cf32> out) {
  SampleDefects defects;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float re = to_unit(load<T>(bytes + (2 * i) * sizeof(T)));
    const float im = to_unit(load<T>(bytes + (2 * i + 1) * sizeof(T)));
    const bool good = finite(re) && finite(im);
    out[i] = good ? cf32{re, im} : cf32{0.0F, 0.0F};
    defects.non_finite += good ? 0 : 1;
  }
  return defects;
}

}  // namespace

Result<SampleFormat> parse_sample_format(std::string_view name) {
  for (const FormatRow& entry : kFormats) {
    if (name == entry.name) {
      return entry.format;
    }
  }
  // The name may come from a file of any content: a short piece of it is enough to recognise it.
  return Error{"sample format \"" + std::string(name.substr(0, 32)) + "\", expected one of " +
               kSampleFormatNames};
}

const char* sample_format_name(SampleFormat format) { return row(format).name; }
bool is_complex(SampleFormat format) { return row(format).complex; }
std::size_t bytes_per_sample(SampleFormat format) { return row(format).bytes; }

SampleDefects bytes_to_samples(SampleFormat format, Span<const std::uint8_t> bytes, Span<float> out) {
  return format == SampleFormat::kRi16 ? read_real<std::int16_t>(bytes.data(), out)
                                       : read_real<float>(bytes.data(), out);
}

SampleDefects bytes_to_samples(SampleFormat format, Span<const std::uint8_t> bytes, Span<cf32> out) {
  switch (format) {
    case SampleFormat::kRi16:
      return read_real_as_complex<std::int16_t>(bytes.data(), out);
    case SampleFormat::kRf32:
      return read_real_as_complex<float>(bytes.data(), out);
    case SampleFormat::kCi16:
      return read_complex<std::int16_t>(bytes.data(), out);
    case SampleFormat::kCu8:
      return read_complex<std::uint8_t>(bytes.data(), out);
    default:
      return read_complex<float>(bytes.data(), out);
  }
}

SampleDefects samples_to_bytes(SampleFormat format, Span<const float> in, Span<std::uint8_t> bytes) {
  const std::size_t size = bytes_per_sample(format);
  SampleDefects defects;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const Stored stored = store_as(format, in[i], bytes.data() + i * size);
    defects.non_finite += stored.non_finite;
    defects.saturated += stored.saturated;
  }
  return defects;
}

SampleDefects samples_to_bytes(SampleFormat format, Span<const cf32> in, Span<std::uint8_t> bytes) {
  const std::size_t part = bytes_per_sample(format) / 2;
  SampleDefects defects;
  for (std::size_t i = 0; i < in.size(); ++i) {
    // A sample with one bad part is bad as a whole, as when reading.
    const bool good = finite(in[i].real()) && finite(in[i].imag());
    const cf32 x = good ? in[i] : cf32{0.0F, 0.0F};
    const Stored re = store_as(format, x.real(), bytes.data() + 2 * i * part);
    const Stored im = store_as(format, x.imag(), bytes.data() + (2 * i + 1) * part);
    defects.non_finite += good ? 0 : 1;
    defects.saturated += re.saturated | im.saturated;
  }
  return defects;
}

}  // namespace ngdsp
