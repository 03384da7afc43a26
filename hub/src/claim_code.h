// Codes on device labels: GS1 element strings and the QR code of the LoRa Alliance (TR005).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ngwire/wire/result.h"

namespace ngplc::hub {

/// What a label says. A GS1 code gives GTIN and serial number, a LoRa code the EUI and perhaps a serial.
struct ClaimCode {
  std::string gtin;       ///< 14 digits with a valid check digit, or empty
  std::string serial;     ///< 1 to 20 characters, or empty
  std::uint64_t eui = 0;  ///< 0: not in the code
};

/// Typed or scanned, at most 512 bytes. GS1: with brackets "(01)…(21)…" or raw, elements in any order, other
/// application identifiers skipped, a leading symbology identifier ("]C1", "]d2", "]Q3") dropped, variable
/// elements ended by GS (0x1D). LoRa: "LW:D0:<JoinEUI>:<DevEUI>:<profile>[:O…][:S…][:P…][:C…]". Fails with
/// one line.
ngwire::Result<ClaimCode> parse_claim_code(std::string_view text);

/// The check digit of a GTIN-14 (mod 10, weights 3 and 1 from the left).
bool gtin_checks(std::string_view gtin);

}  // namespace ngplc::hub
