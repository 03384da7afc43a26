// The plain payload codec for electricity readings, shared by nodes and hub. Layout, bit by bit, in
// docs/interfaces.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ngwire {

/// High nibble of the first payload byte; the low nibble is the version of that type's layout. Unlisted
/// values are reserved.
enum class FrameType : std::uint8_t {
  plain_reading = 1,  ///< this codec: readings in the clear, for commissioning and tests
  secured = 2,        ///< link_frame.h; this codec refuses it
};

/// Frame type nibble of a payload (0 for an empty one).
std::uint8_t frame_type_nibble(const std::uint8_t* payload, std::size_t size);

/// One register of a reading set: value = mantissa * 10^exponent in `unit`.
struct RegisterSpec {
  std::string_view obis;  ///< OBIS code A-B:C.D.E
  std::string_view unit;  ///< "Wh", "V", "A", "W", "Hz", "varh", "" for none
  std::int8_t exponent;   ///< decimal exponent
  std::uint8_t bytes;     ///< width on air, 1..5, big-endian
  bool is_signed;         ///< two's complement
};

/// A list of registers that travel together.
struct ReadingSet {
  std::uint8_t id;             ///< on air
  std::uint8_t payload_bytes;  ///< smallest class that carries it in the clear: 16, 32 or 64
  std::uint8_t bytes;          ///< of all its registers
  const RegisterSpec* registers;
  std::size_t count;
};

/// The sets known. In the clear 1 fills 16 bytes (energy, voltage, status), 2 fills 32 (one phase), 3 fills
/// 64 (three phases); sealed, 4 fills 16 (energy), 5 fills 32 (one phase), 6 goes into 64 (three phases).
const std::vector<ReadingSet>& reading_sets();
/// The set of that id, or nullptr.
const ReadingSet* find_reading_set(std::uint8_t id);
/// The register of that OBIS code in any set, or nullptr.
const RegisterSpec* find_register(std::string_view obis);

/// Mantissa that stands for "no value"; such registers are absent from Reading::values.
std::int64_t missing_mantissa(const RegisterSpec& spec);

struct RegisterValue {
  const RegisterSpec* spec;  ///< into a table of static lifetime
  std::int64_t mantissa;
};

struct Reading {
  std::uint32_t device = 0;   ///< address of the node
  std::uint16_t counter = 0;  ///< rises by one per frame, wraps
  std::uint8_t set = 1;
  std::vector<RegisterValue> values;  ///< in the order of the set
};

/// Why a payload is not a reading; each has a counter in the hub.
enum class ReadingError : std::uint8_t { none, empty, other_type, version, size, set, padding };
/// "ok", "empty", "other_type", "version", "size", "set", "padding".
const char* to_string(ReadingError error);

/// Reads an untrusted payload of 16, 32 or 64 bytes. On any error `reading` is left as it was. Bytes after
/// the set must be zero.
ReadingError decode_reading(const std::uint8_t* payload, std::size_t size, Reading& reading);

/// Writes `payload_bytes` (16, 32 or 64; at least the set's own class) into `payload`. Registers of the set
/// that are not among the values go out as missing. Returns text when the set is unknown, the size does not
/// fit, or a value is foreign to the set, repeated or too large.
std::string encode_reading(const Reading& reading, std::size_t payload_bytes,
                           std::vector<std::uint8_t>& payload);

/// Content of a sealed reading: set (1), its registers, zeros. Sets `set` and `values` of `reading`, on any
/// error nothing.
ReadingError decode_reading_content(const std::uint8_t* content, std::size_t size, Reading& reading);
/// Without padding. Returns text as encode_reading() does.
std::string encode_reading_content(const Reading& reading, std::vector<std::uint8_t>& content);

/// Counts up for ever, so that only differences matter (OBIS D = 8).
bool is_cumulative(const RegisterSpec& spec);
/// A cumulative register counts modulo this number: 256^bytes - 1, because all ones mean "no value".
std::int64_t register_modulus(const RegisterSpec& spec);

/// Exact decimal text of mantissa * 10^exponent, exponent -18..18: (1234567, -2) is "12345.67", (-5, -1) is
/// "-0.5", (12, 3) is "12000".
std::string decimal_string(std::int64_t mantissa, int exponent);

}  // namespace ngwire
