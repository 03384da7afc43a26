#include "energy_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ngplc::hub {
namespace {

struct Field {
  const char* obis;
  const char* unit;
  int shift;  // decimal exponent from the unit here to that of the object
};
constexpr std::array<Field, 9> kFields = {{{"1-0:1.7.0", "W", -3},
                                           {"1-0:32.7.0", "V", 0},
                                           {"1-0:31.7.0", "A", 0},
                                           {"1-0:1.8.0", "Wh", -3},
                                           {"1-0:1.8.1", "Wh", -3},
                                           {"1-0:1.8.2", "Wh", -3},
                                           {"1-0:1.8.3", "Wh", -3},
                                           {"1-0:1.8.4", "Wh", -3},
                                           {"1-0:3.8.0", "varh", -3}}};

}  // namespace

std::string energy_data_json(const std::vector<StoredReading>& values) {
  std::array<std::string, kFields.size()> numbers;
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    const Field& field = kFields[i];
    const auto value = std::find_if(values.begin(), values.end(), [&](const StoredReading& v) {
      return v.obis == field.obis && v.unit == field.unit;
    });
    if (value == values.end()) return "";
    numbers[i] = ngwire::decimal_string(value->mantissa, value->exponent + field.shift);
    // A number without a point is an integer to many receivers, and a column cannot be both.
    if (numbers[i].find('.') == std::string::npos) numbers[i] += ".0";
  }
  return fmt::format(
      R"({{"power":{},"voltage":{},"current":{},"active_energy":{{"total":{},"t1":{},"t2":{},"t3":{},"t4":{}}},)"
      R"("reactive_energy":{{"total":{}}}}})",
      numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7],
      numbers[8]);
}

}  // namespace ngplc::hub
