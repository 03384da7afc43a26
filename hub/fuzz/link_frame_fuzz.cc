// Link frames and their contents from outside: nothing passes without the key, what decodes encodes to the
// same bytes.
#include <algorithm>
#include <cstdlib>

#include "ngwire/link/command.h"
#include "ngwire/link/link_device.h"
#include "ngwire/link/link_time.h"
#include "ngwire/link/reading_codec.h"
#include "ngwire/link/relay.h"

namespace {

// Equal up to the padding.
void expect_same(const std::vector<std::uint8_t>& again, const std::uint8_t* data, std::size_t size) {
  if (again.empty() || again.size() > size || !std::equal(again.begin(), again.end(), data)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ngwire;
  const ByteView view{data, size};
  static Ccm ccm;
  static const Key key = {0x5a};
  LinkHeader header;
  if (read_link_header(view, header) == LinkError::none) {
    if (content_bytes(header.kind, size) > 0 && open_link_frame(ccm, key, 1, header, header.counter, view))
      std::abort();
    JoinRequest request;
    JoinAccept accept;
    if (open_join_request(ccm, key, view, request) == LinkError::none ||
        open_join_accept(ccm, key, request, view, accept) == LinkError::none)
      std::abort();
    join_request_eui(view);
  }
  if (const auto command = decode_command(view)) expect_same(encode(*command), data, size);
  if (const auto answer = decode_answer(view)) expect_same(encode(*answer), data, size);
  if (const auto time = decode_time_frame(view)) expect_same(encode(*time), data, size);
  if (size <= content_bytes(LinkKind::relay, kMaxLinkPayload)) {
    if (const auto frames = decode_sub_frames(view)) expect_same(encode(*frames), data, size);
  }
  Reading reading;
  if (decode_reading_content(data, size, reading) == ReadingError::none) {
    std::vector<std::uint8_t> again;
    if (!encode_reading_content(reading, again).empty()) std::abort();
    expect_same(again, data, size);
  }
  return 0;
}
