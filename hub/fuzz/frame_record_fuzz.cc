// Feed bodies from outside: whatever decodes must encode again and stay within its limits.
#include <cstdlib>

#include "ngwire/wire/feed_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ngwire;
  if (const auto record = decode_frame_record(data, size)) {
    if (!validate(record.value()).empty() || !encode(record.value())) std::abort();
    if (to_json(record.value()).find('\n') != std::string::npos) std::abort();
    frame_time_ns(record.value());
  }
  if (const auto hello = decode_hello(data, size); hello && !encode(hello.value())) std::abort();
  if (const auto ack = decode_ack(data, size); ack && !encode(ack.value())) std::abort();
  if (const auto down = decode_downlink(data, size); down && !encode(down.value())) std::abort();
  if (const auto report = decode_report(data, size); report && !encode(report.value())) std::abort();
  return 0;
}
