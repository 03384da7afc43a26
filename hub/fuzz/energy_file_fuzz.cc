// EnergyFiles: what decodes must encode to the same bytes, but for the flag.
#include <algorithm>
#include <cstdlib>

#include "energy_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ngplc::hub;
  const auto file = decode_energy_file({data, size});
  if (!file) {
    if (file.error().empty() || file.error().find('\n') != std::string::npos) std::abort();
    return 0;
  }
  const auto again = encode_energy_file(file.value());
  if (!std::equal(again.begin(), again.end() - 1, data) || (again.back() != 0) != (data[size - 1] != 0))
    std::abort();
  return 0;
}
