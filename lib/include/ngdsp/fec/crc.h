// CRC-24 of the frame payload.
#pragma once

#include <cstdint>

#include "ngdsp/base/types.h"

namespace ngdsp {

/// CRC-24 with generator 0x864CFB (x^24+x^23+x^18+x^17+x^14+x^11+x^10+x^7+x^6+x^5+x^4+x^3+x+1, as CRC24A of
/// 3GPP TS 38.212, 5.1), register preset to 0xB704CE, most significant bit first, no reflection, no final XOR
/// (the CRC of OpenPGP, RFC 4880 6.1). The preset makes the all-zero word invalid.
std::uint32_t crc24(Span<const std::uint8_t> bytes);

}  // namespace ngdsp
