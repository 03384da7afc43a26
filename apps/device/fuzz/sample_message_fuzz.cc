// Any bytes may come over a socket: whole items inside the message, or nothing.
#include <cstddef>
#include <cstdlib>

#include "device/sample_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const std::size_t item_bytes : {4U, 8U}) {
    const auto message = ngdevice::parse_samples({data, size}, item_bytes);
    if (!message || message->count == 0) continue;
    const bool inside = message->items >= data && message->items + message->count * item_bytes == data + size;
    if (!inside) std::abort();
    volatile std::uint8_t last = message->items[message->count * item_bytes - 1];
    static_cast<void>(last);
  }
  return 0;
}
