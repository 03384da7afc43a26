#include "ngwire/link/reading_codec.h"

#include <algorithm>
#include <array>

namespace ngwire {
namespace {

// type/version 1, device 4, counter 2, set 1.
constexpr std::size_t kHeaderBytes = 8;
constexpr std::uint8_t kVersion = 1;

constexpr std::array<RegisterSpec, 3> kSet1 = {{
    {"1-0:1.8.0", "Wh", 0, 5, false},
    {"1-0:32.7.0", "V", -1, 2, false},
    {"0-0:97.97.0", "", 0, 1, false},
}};
constexpr std::array<RegisterSpec, 9> kSet2 = {{
    {"1-0:1.8.0", "Wh", 0, 5, false},
    {"1-0:2.8.0", "Wh", 0, 5, false},
    {"1-0:32.7.0", "V", -1, 2, false},
    {"1-0:31.7.0", "A", -2, 2, false},
    {"1-0:16.7.0", "W", 0, 3, true},
    {"1-0:14.7.0", "Hz", -2, 2, false},
    {"1-0:13.7.0", "", -3, 2, true},
    {"0-0:96.7.21", "", 0, 2, false},
    {"0-0:97.97.0", "", 0, 1, false},
}};
constexpr std::array<RegisterSpec, 19> kSet3 = {{
    {"1-0:1.8.0", "Wh", 0, 5, false},   {"1-0:2.8.0", "Wh", 0, 5, false},  {"1-0:3.8.0", "varh", 0, 5, false},
    {"1-0:4.8.0", "varh", 0, 5, false}, {"1-0:1.8.1", "Wh", 0, 5, false},  {"1-0:32.7.0", "V", -1, 2, false},
    {"1-0:52.7.0", "V", -1, 2, false},  {"1-0:72.7.0", "V", -1, 2, false}, {"1-0:31.7.0", "A", -2, 2, false},
    {"1-0:51.7.0", "A", -2, 2, false},  {"1-0:71.7.0", "A", -2, 2, false}, {"1-0:21.7.0", "W", 0, 3, true},
    {"1-0:41.7.0", "W", 0, 3, true},    {"1-0:61.7.0", "W", 0, 3, true},   {"1-0:16.7.0", "W", 0, 3, true},
    {"1-0:14.7.0", "Hz", -2, 2, false}, {"1-0:13.7.0", "", -3, 2, true},   {"0-0:96.7.21", "", 0, 2, false},
    {"0-0:97.97.0", "", 0, 1, false},
}};

// Sets that fill the sealed content of a class: 5, 17 and 49 bytes.
constexpr std::array<RegisterSpec, 1> kSet4 = {{
    {"1-0:1.8.0", "Wh", 0, 4, false},
}};
constexpr std::array<RegisterSpec, 5> kSet5 = {{
    {"1-0:1.8.0", "Wh", 0, 5, false},
    {"1-0:32.7.0", "V", -1, 2, false},
    {"1-0:31.7.0", "A", -2, 2, false},
    {"1-0:16.7.0", "W", 0, 3, true},
    {"0-0:1.0.0", "s", 0, 4, false},
}};
constexpr std::array<RegisterSpec, 16> kSet6 = {{
    {"1-0:1.8.0", "Wh", 0, 5, false},
    {"1-0:2.8.0", "Wh", 0, 5, false},
    {"1-0:3.8.0", "varh", 0, 5, false},
    {"1-0:4.8.0", "varh", 0, 5, false},
    {"1-0:32.7.0", "V", -1, 2, false},
    {"1-0:52.7.0", "V", -1, 2, false},
    {"1-0:72.7.0", "V", -1, 2, false},
    {"1-0:31.7.0", "A", -2, 2, false},
    {"1-0:51.7.0", "A", -2, 2, false},
    {"1-0:71.7.0", "A", -2, 2, false},
    {"1-0:16.7.0", "W", 0, 3, true},
    {"1-0:14.7.0", "Hz", -2, 2, false},
    {"1-0:13.7.0", "", -3, 2, true},
    {"0-0:96.7.21", "", 0, 2, false},
    {"0-0:97.97.0", "", 0, 1, false},
    {"0-0:1.0.0", "s", 0, 4, false},
}};

template <std::size_t N>
constexpr std::size_t bytes_of(const std::array<RegisterSpec, N>& set) {
  std::size_t sum = 0;
  for (const RegisterSpec& spec : set) sum += spec.bytes;
  return sum;
}
static_assert(kHeaderBytes + bytes_of(kSet1) == 16);
static_assert(kHeaderBytes + bytes_of(kSet2) == 32);
static_assert(kHeaderBytes + bytes_of(kSet3) == 64);
// In a sealed frame: one byte for the set, then the registers.
static_assert(1 + bytes_of(kSet4) == 5);
static_assert(1 + bytes_of(kSet5) == 17);
static_assert(1 + bytes_of(kSet6) <= 49);

template <std::size_t N>
ReadingSet make_set(std::uint8_t id, const std::array<RegisterSpec, N>& set) {
  const std::size_t plain = kHeaderBytes + bytes_of(set);
  const std::uint8_t payload = plain <= 16 ? 16 : plain <= 32 ? 32 : 64;
  return {id, payload, static_cast<std::uint8_t>(bytes_of(set)), set.data(), set.size()};
}

bool is_class(std::size_t size) { return size == 16 || size == 32 || size == 64; }

std::int64_t lowest(const RegisterSpec& spec) {
  return spec.is_signed ? -(std::int64_t{1} << (8 * spec.bytes - 1)) + 1
                        : 0;  // the most negative one means missing
}
std::int64_t highest(const RegisterSpec& spec) {
  return spec.is_signed ? (std::int64_t{1} << (8 * spec.bytes - 1)) - 1
                        : (std::int64_t{1} << (8 * spec.bytes)) - 2;
}

std::int64_t read_value(const std::uint8_t* at, const RegisterSpec& spec) {
  std::uint64_t raw = 0;
  for (std::size_t i = 0; i < spec.bytes; ++i) raw = raw << 8U | at[i];
  const std::uint64_t sign = std::uint64_t{1} << (8U * spec.bytes - 1U);
  if (spec.is_signed && (raw & sign) != 0)
    return static_cast<std::int64_t>(raw) - static_cast<std::int64_t>(2 * sign);
  return static_cast<std::int64_t>(raw);
}

void write_value(std::uint8_t* at, const RegisterSpec& spec, std::int64_t mantissa) {
  auto raw = static_cast<std::uint64_t>(mantissa);
  for (std::size_t i = spec.bytes; i-- > 0; raw >>= 8U) at[i] = static_cast<std::uint8_t>(raw);
}

}  // namespace

std::uint8_t frame_type_nibble(const std::uint8_t* payload, std::size_t size) {
  return size == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(payload[0] >> 4U);
}

const std::vector<ReadingSet>& reading_sets() {
  static const std::vector<ReadingSet> sets = {make_set(1, kSet1), make_set(2, kSet2), make_set(3, kSet3),
                                               make_set(4, kSet4), make_set(5, kSet5), make_set(6, kSet6)};
  return sets;
}

const ReadingSet* find_reading_set(std::uint8_t id) {
  for (const ReadingSet& set : reading_sets()) {
    if (set.id == id) return &set;
  }
  return nullptr;
}

const RegisterSpec* find_register(std::string_view obis) {
  for (const ReadingSet& set : reading_sets()) {
    for (std::size_t i = 0; i < set.count; ++i) {
      if (set.registers[i].obis == obis) return &set.registers[i];
    }
  }
  return nullptr;
}

std::int64_t missing_mantissa(const RegisterSpec& spec) {
  return spec.is_signed ? lowest(spec) - 1 : highest(spec) + 1;
}

const char* to_string(ReadingError error) {
  switch (error) {
    case ReadingError::none:
      return "ok";
    case ReadingError::empty:
      return "empty";
    case ReadingError::other_type:
      return "other_type";
    case ReadingError::version:
      return "version";
    case ReadingError::size:
      return "size";
    case ReadingError::set:
      return "set";
    case ReadingError::padding:
      return "padding";
  }
  return "unknown";
}

ReadingError decode_reading(const std::uint8_t* payload, std::size_t size, Reading& reading) {
  if (size == 0) return ReadingError::empty;
  if (frame_type_nibble(payload, size) != static_cast<std::uint8_t>(FrameType::plain_reading))
    return ReadingError::other_type;
  if ((payload[0] & 15U) != kVersion) return ReadingError::version;
  if (!is_class(size)) return ReadingError::size;
  Reading out;
  // The set and its registers lie in a row, as in a sealed frame.
  if (const ReadingError error = decode_reading_content(payload + 7, size - 7, out);
      error != ReadingError::none)
    return error;
  for (std::size_t i = 1; i <= 4; ++i) out.device = out.device << 8U | payload[i];
  out.counter = static_cast<std::uint16_t>(payload[5] << 8U | payload[6]);
  reading = std::move(out);
  return ReadingError::none;
}

ReadingError decode_reading_content(const std::uint8_t* content, std::size_t size, Reading& reading) {
  if (size == 0) return ReadingError::empty;
  const ReadingSet* set = find_reading_set(content[0]);
  if (set == nullptr) return ReadingError::set;
  const std::size_t used = 1U + set->bytes;
  if (size < used) return ReadingError::size;
  for (std::size_t i = used; i < size; ++i) {
    if (content[i] != 0) return ReadingError::padding;
  }
  std::vector<RegisterValue> values;
  values.reserve(set->count);
  const std::uint8_t* at = content + 1;
  for (std::size_t i = 0; i < set->count; ++i) {
    const RegisterSpec& spec = set->registers[i];
    const std::int64_t mantissa = read_value(at, spec);
    at += spec.bytes;
    if (mantissa != missing_mantissa(spec)) values.push_back({&spec, mantissa});
  }
  reading.set = set->id;
  reading.values = std::move(values);
  return ReadingError::none;
}

std::string encode_reading(const Reading& reading, std::size_t payload_bytes,
                           std::vector<std::uint8_t>& payload) {
  const ReadingSet* set = find_reading_set(reading.set);
  if (set == nullptr) return "reading set " + std::to_string(reading.set) + " is unknown";
  if (!is_class(payload_bytes) || payload_bytes < set->payload_bytes) {
    return "reading set " + std::to_string(set->id) + " does not fit a payload of " +
           std::to_string(payload_bytes) + " bytes";
  }
  std::vector<std::uint8_t> content;
  if (std::string wrong = encode_reading_content(reading, content); !wrong.empty()) return wrong;
  std::vector<std::uint8_t> out(payload_bytes, 0);
  out[0] = static_cast<std::uint8_t>(static_cast<unsigned>(FrameType::plain_reading) << 4U | kVersion);
  for (std::size_t i = 0; i < 4; ++i)
    out[1 + i] = static_cast<std::uint8_t>(reading.device >> (24U - 8U * i));
  out[5] = static_cast<std::uint8_t>(reading.counter >> 8U);
  out[6] = static_cast<std::uint8_t>(reading.counter);
  std::copy(content.begin(), content.end(), out.begin() + 7);
  payload = std::move(out);
  return "";
}

std::string encode_reading_content(const Reading& reading, std::vector<std::uint8_t>& content) {
  const ReadingSet* set = find_reading_set(reading.set);
  if (set == nullptr) return "reading set " + std::to_string(reading.set) + " is unknown";
  std::vector<std::uint8_t> out(1U + set->bytes, 0);
  out[0] = set->id;
  std::size_t used = 0;
  std::uint8_t* at = out.data() + 1;
  for (std::size_t i = 0; i < set->count; ++i) {
    const RegisterSpec& spec = set->registers[i];
    std::int64_t mantissa = missing_mantissa(spec);
    std::size_t matches = 0;
    for (const RegisterValue& value : reading.values) {
      if (value.spec == nullptr || value.spec->obis != spec.obis) continue;
      ++matches;
      if (value.spec->exponent != spec.exponent)
        return "register " + std::string(spec.obis) + " has another exponent";
      if (value.mantissa < lowest(spec) || value.mantissa > highest(spec)) {
        return "register " + std::string(spec.obis) + " is out of range";
      }
      mantissa = value.mantissa;
    }
    if (matches > 1) return "register " + std::string(spec.obis) + " is repeated";
    used += matches;
    write_value(at, spec, mantissa);
    at += spec.bytes;
  }
  if (used != reading.values.size()) return "a register is not in reading set " + std::to_string(set->id);
  content = std::move(out);
  return "";
}

bool is_cumulative(const RegisterSpec& spec) {
  // A-B:C.D.E with D = 8: time integral since the start of counting.
  const std::size_t first = spec.obis.find('.');
  return first != std::string_view::npos && spec.obis.substr(first, 3) == ".8.";
}

std::int64_t register_modulus(const RegisterSpec& spec) { return highest(spec) + 1; }

std::string decimal_string(std::int64_t mantissa, int exponent) {
  exponent = std::clamp(exponent, -18, 18);
  const bool negative = mantissa < 0;
  // Through unsigned: the most negative mantissa has no positive twin.
  std::string digits = std::to_string(negative ? 0 - static_cast<std::uint64_t>(mantissa)
                                               : static_cast<std::uint64_t>(mantissa));
  if (exponent > 0 && mantissa != 0) digits.append(static_cast<std::size_t>(exponent), '0');
  if (exponent < 0) {
    const auto places = static_cast<std::size_t>(-exponent);
    if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
    digits.insert(digits.size() - places, ".");
  }
  return negative ? "-" + digits : digits;
}

}  // namespace ngwire
