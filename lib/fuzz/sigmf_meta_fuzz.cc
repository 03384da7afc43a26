// Any text may be offered as SigMF metadata: it is refused with a reason, or it can be written and read
// again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ngdsp/io/sigmf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(size == 0 ? "" : reinterpret_cast<const char*>(data), size);
  const auto meta = ngdsp::parse_sigmf_meta(text, "fuzz");
  if (!meta) {
    if (meta.error().empty()) std::abort();
    return 0;
  }
  static_cast<void>(meta->start_time_ns());
  const auto written = ngdsp::format_sigmf_meta(*meta);
  if (!written) std::abort();
  const auto back = ngdsp::parse_sigmf_meta(*written, "fuzz");
  if (!back || back->captures.size() != (meta->captures.empty() ? 1 : meta->captures.size())) std::abort();
  return 0;
}
