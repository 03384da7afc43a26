// By what the registers of a device are multiplied: the ratio of the transformers before its meter, or a
// unit.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "ngwire/wire/result.h"

namespace ngplc::hub {

/// mantissa * 10^exponent, exact.
struct Multiplier {
  std::int64_t mantissa = 1;  ///< 1..999999, no multiple of ten
  int exponent = 0;           ///< -6..6

  /// value * mantissa. A product beyond +-2^62 stands at that end; a value of a register of five bytes that
  /// rolled over up to three times has none.
  std::int64_t times(std::int64_t value) const;
};

/// By the OBIS code of the register.
using Multipliers = std::map<std::string, Multiplier>;

/// Adds one. `factor`: a decimal number from 0.000001 to 1000000 of at most six significant digits, without
/// sign or power of ten. Returns one line that says what is wrong, or nothing: no OBIS code, no such number,
/// given twice, more than 32 registers.
std::string add_multiplier(Multipliers& all, const std::string& obis, std::string_view factor);

/// "OBIS=FACTOR OBIS=FACTOR ...", one space between them; empty: none. Fails as add_multiplier().
ngwire::Result<Multipliers> parse_multipliers(std::string_view text);

/// The factor as people write it.
std::string to_text(const Multiplier& multiplier);
/// What parse_multipliers() reads.
std::string to_text(const Multipliers& all);

}  // namespace ngplc::hub
