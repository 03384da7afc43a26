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

template <std::size_t N>
constexpr std::size_t bytes_of(const std::array<RegisterSpec, N>& set) {
  std::size_t sum = kHeaderBytes;
  for (const RegisterSpec& spec : set) sum += spec.bytes;
  return sum;
}
static_assert(bytes_of(kSet1) == 16);
static_assert(bytes_of(kSet2) == 32);
static_assert(bytes_of(kSet3) == 64);

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
  static const std::vector<ReadingSet> sets = {{1, 16, kSet1.data(), kSet1.size()},
                                               {2, 32, kSet2.data(), kSet2.size()},
                                               {3, 64, kSet3.data(), kSet3.size()}};
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
  const ReadingSet* set = find_reading_set(payload[7]);
  if (set == nullptr) return ReadingError::set;
  if (size < set->payload_bytes) return ReadingError::size;
  for (std::size_t i = set->payload_bytes; i < size; ++i) {
    if (payload[i] != 0) return ReadingError::padding;
  }
  Reading out;
  for (std::size_t i = 1; i <= 4; ++i) out.device = out.device << 8U | payload[i];
  out.counter = static_cast<std::uint16_t>(payload[5] << 8U | payload[6]);
  out.set = set->id;
  out.values.reserve(set->count);
  const std::uint8_t* at = payload + kHeaderBytes;
  for (std::size_t i = 0; i < set->count; ++i) {
    const RegisterSpec& spec = set->registers[i];
    const std::int64_t mantissa = read_value(at, spec);
    at += spec.bytes;
    if (mantissa != missing_mantissa(spec)) out.values.push_back({&spec, mantissa});
  }
  reading = std::move(out);
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
  std::vector<std::uint8_t> out(payload_bytes, 0);
  out[0] = static_cast<std::uint8_t>(static_cast<unsigned>(FrameType::plain_reading) << 4U | kVersion);
  for (std::size_t i = 0; i < 4; ++i)
    out[1 + i] = static_cast<std::uint8_t>(reading.device >> (24U - 8U * i));
  out[5] = static_cast<std::uint8_t>(reading.counter >> 8U);
  out[6] = static_cast<std::uint8_t>(reading.counter);
  out[7] = set->id;
  std::size_t used = 0;
  std::uint8_t* at = out.data() + kHeaderBytes;
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
  payload = std::move(out);
  return "";
}

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
