// Any bytes may arrive as a frame record or as a message of the feed: refused with a reason, or valid, and
// the same after another way over the wire.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "ngwire/wire/feed_message.h"
#include "ngwire/wire/frame_record.h"

namespace {

/// What was decoded can be encoded, and that is decoded again; what was refused has a reason.
template <typename T, typename Decode>
void check(const ngwire::Result<T>& message, Decode decode) {
  if (!message) {
    if (message.error().empty()) std::abort();
    return;
  }
  const auto bytes = ngwire::encode(message.value());
  if (!bytes || !decode(bytes.value().data(), bytes.value().size())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto record = ngwire::decode_frame_record(data, size);
  check(record, &ngwire::decode_frame_record);
  if (record) {
    if (!ngwire::validate(record.value()).empty() || ngwire::to_json(record.value()).empty()) std::abort();
    static_cast<void>(ngwire::frame_time_ns(record.value()));
  }
  check(ngwire::decode_hello(data, size), &ngwire::decode_hello);
  check(ngwire::decode_ack(data, size), &ngwire::decode_ack);
  check(ngwire::decode_downlink(data, size), &ngwire::decode_downlink);
  check(ngwire::decode_report(data, size), &ngwire::decode_report);
  return 0;
}
