// Label codes and manifests: a device or one line that says what is wrong.
#include <cstdlib>

#include "claim_code.h"
#include "manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto code = ngplc::hub::parse_claim_code(text);
  if (code) {
    if (code->eui == 0 && (!ngplc::hub::gtin_checks(code->gtin) || code->serial.empty())) std::abort();
  } else if (code.error().empty() || code.error().find('\n') != std::string::npos) {
    std::abort();
  }
  const auto entries = ngplc::hub::parse_manifest(text);
  if (entries) {
    if (entries->empty()) std::abort();
  } else if (entries.error().empty() || entries.error().find('\n') != std::string::npos) {
    std::abort();
  }
  return 0;
}
