// Reads the flat part of one CBOR map into typed fields, straight from parser events: no document tree, no
// recursion on input.
#pragma once

#include <bitset>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "ngwire/wire/frame_record.h"

namespace ngwire::detail {

/// Where one key of the map goes, and what is legal there.
struct Field {
  enum class Kind { name, text, u64, i64, u32, real, bytes, pairs };
  std::string_view key;
  Kind kind;
  void* target;
  bool required = true;
  double low = std::numeric_limits<double>::lowest();  // of a real
  double high = std::numeric_limits<double>::max();
  std::uint64_t max_u64 = std::numeric_limits<std::uint64_t>::max();
};

using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

inline constexpr std::uint64_t kMaxSigned = std::numeric_limits<std::int64_t>::max();
inline constexpr std::size_t kMaxTextBytes = 256;

/// True when 1..64 bytes of [A-Za-z0-9._:/-].
bool is_name(std::string_view text);
/// True when at most kMaxTextBytes of printable ASCII.
bool is_text(std::string_view text);

/// Fills the targets from the map. Empty, or what was wrong with which key.
std::string read_map(const std::uint8_t* data, std::size_t size, const Field* fields,
                     std::size_t field_count);

}  // namespace ngwire::detail
