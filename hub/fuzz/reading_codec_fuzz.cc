// Payloads from the line: what decodes must encode to the same bytes.
#include <algorithm>
#include <cstdlib>

#include "ngwire/link/reading_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ngwire;
  Reading reading;
  if (decode_reading(data, size, reading) != ReadingError::none) return 0;
  std::vector<std::uint8_t> again;
  if (!encode_reading(reading, size, again).empty() ||
      !std::equal(again.begin(), again.end(), data, data + size))
    std::abort();
  for (const RegisterValue& value : reading.values) {
    if (decimal_string(value.mantissa, value.spec->exponent).empty()) std::abort();
  }
  return 0;
}
