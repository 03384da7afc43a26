// A look at the shape of untrusted CBOR before a parser sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ngwire::detail {

/// Empty when the bytes are exactly one well-formed CBOR item of definite lengths, without tags and nested at
/// most `max_depth` deep; else what was wrong. Why before the parser: nlohmann's reader recurses on nested
/// arrays and on chunked strings, so that 60 kB of 0x7f would end the stack.
std::string check_cbor_shape(const std::uint8_t* data, std::size_t size, std::size_t max_depth);

}  // namespace ngwire::detail
