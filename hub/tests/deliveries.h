// Readings as sinks get them, of no database.
#pragma once

#include <cstdint>
#include <vector>

#include "store.h"

namespace ngplc::hub::test {

inline constexpr std::int64_t kNovember2025Ms = 1'763'667'000'000;

/// The reading number `i` of a hub, of one of 7 devices, a second after the one before.
inline Delivery make_delivery(std::uint32_t i) {
  Delivery d;
  d.frame = i;
  d.device = 1 + i % 7;
  d.epoch = 3;
  d.counter = i;
  d.time_ns = (kNovember2025Ms + 1000 * i) * 1'000'000;
  d.snr_db = -7.5;
  StoredReading energy;
  energy.obis = "1-0:1.8.0";
  energy.unit = "Wh";
  energy.mantissa = 1'000'000 + i;
  energy.base = 500;
  StoredReading voltage;
  voltage.obis = "1-0:32.7.0";
  voltage.unit = "V";
  voltage.mantissa = 2301;
  voltage.exponent = -1;
  d.values = {energy, voltage};
  return d;
}

inline std::vector<Delivery> make_deliveries(std::uint32_t first, std::uint32_t count) {
  std::vector<Delivery> out;
  for (std::uint32_t i = first; i < first + count; ++i) out.push_back(make_delivery(i));
  return out;
}

}  // namespace ngplc::hub::test
