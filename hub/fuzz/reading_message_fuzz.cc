// Messages from the stream: rows that PostgreSQL can hold, or one line that says what is wrong.
#include <algorithm>
#include <cstdlib>

#include "reading_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The first byte divides the input: a subject, then a body. Half of the inputs have a good subject.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (size == 0) return 0;
  const std::size_t subject = std::min<std::size_t>(data[0] & 63U, size - 1);
  const bool good = (data[0] & 64U) != 0;
  const auto rows = ngplc::hub::parse_reading_message(
      good ? "plc.h1.00000001.reading" : text.substr(1, subject), text.substr(1 + (good ? 0 : subject)));
  if (!rows) {
    if (rows.error().empty() || rows.error().find('\n') != std::string::npos) std::abort();
    return 0;
  }
  if (rows->empty()) std::abort();
  for (const ngplc::hub::ReadingRow& row : rows.value()) {
    for (const std::string* field : {&row.hub, &row.obis, &row.unit, &row.value, &row.total}) {
      if (field->size() > 64 || field->find('\0') != std::string::npos) std::abort();
    }
    if (row.time_ms < 0 || row.hub.empty() || row.value.empty() || row.total.empty()) std::abort();
  }
  return 0;
}
