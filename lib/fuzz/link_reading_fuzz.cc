// Any bytes may arrive as a payload: refused with a reason, or a reading that goes back into the same bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "ngwire/link/reading_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ngwire::Reading reading;
  if (ngwire::decode_reading(data, size, reading) != ngwire::ReadingError::none) return 0;
  for (const ngwire::RegisterValue& value : reading.values) {
    if (ngwire::decimal_string(value.mantissa, value.spec->exponent).empty()) std::abort();
  }
  std::vector<std::uint8_t> back;
  if (!ngwire::encode_reading(reading, size, back).empty()) std::abort();
  if (back != std::vector<std::uint8_t>(data, data + size)) std::abort();
  return 0;
}
