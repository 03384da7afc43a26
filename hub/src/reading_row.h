// A register value as a row of a table.
#pragma once

#include <cstdint>
#include <string>

namespace ngplc::hub {

struct ReadingRow {
  std::string hub;
  std::uint32_t device = 0;  ///< address
  std::string obis;
  std::int64_t time_ms = 0;   ///< Unix time of the capture
  std::uint32_t epoch = 0;    ///< 0: in the clear
  std::uint32_t counter = 0;  ///< of the frame
  std::string value;          ///< exact decimal
  std::string total;          ///< the same, goes on over rollovers, resets and exchanged meters
  std::string unit;
  bool late = false;  ///< a newer frame of the device came before
};

}  // namespace ngplc::hub
