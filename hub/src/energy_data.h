// The object that Orman energy monitors send on the MQTT topic energy/data.
#pragma once

#include <string>
#include <vector>

#include "store.h"

namespace ngplc::hub {

inline constexpr char kEnergyDataTopic[] = "energy/data";

/// {"power": kW, "voltage": V, "current": A, "active_energy": {"total", "t1".."t4": kWh}, "reactive_energy":
/// {"total": kvarh}}: what the meter shows, exact decimals that always have a point. Empty unless all of
/// 1-0:1.7.0 (W), 32.7.0 (V), 31.7.0 (A), 1.8.0 to 1.8.4 (Wh) and 3.8.0 (varh) are among the values.
std::string energy_data_json(const std::vector<StoredReading>& values);

}  // namespace ngplc::hub
