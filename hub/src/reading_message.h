// The message of the NATS sink, read back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ngwire/wire/result.h"
#include "reading_row.h"

namespace ngplc::hub {

/// Rows of one message, subject `plc.<hub>.<dev>.reading`, body as in docs/interfaces.md. Both come from
/// outside: whatever PostgreSQL could not hold or a hub would not say fails with one line that names the
/// field. Rows have the hub's name as it stands in the subject, and times from 1970 to 2262.
ngwire::Result<std::vector<ReadingRow>> parse_reading_message(std::string_view subject,
                                                              std::string_view body);

}  // namespace ngplc::hub
