// Points in time as SigMF writes them: ISO 8601, UTC, ending in Z.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ngdsp/base/error.h"

namespace ngdsp {

/// Nanoseconds since 1970-01-01T00:00:00Z of "2026-01-31T12:34:56.789Z"; digits beyond nanoseconds are
/// dropped, the fraction may be missing, years 1970 to 2261.
Result<std::int64_t> parse_datetime_ns(std::string_view text);
/// The inverse, with nine digits of fraction; unix_ns >= 0.
std::string format_datetime(std::int64_t unix_ns);

}  // namespace ngdsp
