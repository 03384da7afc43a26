#include "energy_file.h"

#include <algorithm>
#include <limits>
#include <string>

namespace ngplc::hub {
namespace {

using ngwire::Result;

constexpr std::array<const char*, 3> kApparent = {"1-0:29.8.0", "1-0:49.8.0", "1-0:69.8.0"};
constexpr std::array<const char*, 3> kReal = {"1-0:21.8.0", "1-0:41.8.0", "1-0:61.8.0"};
constexpr std::array<const char*, 3> kCurrent = {"1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0"};
constexpr std::array<const char*, 3> kVoltage = {"1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0"};

template <class T>
void put(std::uint8_t*& at, T value) {
  auto raw = static_cast<std::uint64_t>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i, raw >>= 8U) *at++ = static_cast<std::uint8_t>(raw);
}

template <class T>
T take(const std::uint8_t*& at) {
  std::uint64_t raw = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) raw |= static_cast<std::uint64_t>(*at++) << (8U * i);
  return static_cast<T>(raw);
}

// Calls `field` for every number in the order of the bytes.
template <class File, class Visit>
void each_number(File& file, Visit field) {
  for (auto& value : file.apparent_energy) field(value);
  for (auto& value : file.real_energy) field(value);
  for (auto& value : file.current_ma) field(value);
  for (auto& value : file.voltage_v) field(value);
}

// mantissa * 10^shift to the nearest; false when it does not fit.
bool scale(std::int64_t mantissa, int shift, std::int64_t& out) {
  for (; shift > 0 && mantissa != 0; --shift) {
    if (__builtin_mul_overflow(mantissa, std::int64_t{10}, &mantissa)) return false;
  }
  // Digits below the last one dropped are dropped before: only the last division rounds.
  for (; shift < -1 && mantissa != 0; ++shift) mantissa /= 10;
  if (shift == -1) mantissa = mantissa / 10 + mantissa % 10 / 5;
  out = mantissa;
  return true;
}

// Fills the registers of three phases. `wrong` names the one that does not fit.
template <class T>
bool fill(const std::vector<StoredReading>& values, const std::array<const char*, 3>& registers,
          const char* unit, int exponent, std::array<T, 3>& out, std::string& wrong) {
  for (std::size_t i = 0; i < registers.size(); ++i) {
    const auto value = std::find_if(values.begin(), values.end(), [&](const StoredReading& v) {
      return v.obis == registers[i] && v.unit == unit;
    });
    if (value == values.end()) return false;
    std::int64_t scaled = 0;
    if (!scale(value->mantissa, value->exponent - exponent, scaled) ||
        scaled > std::numeric_limits<T>::max() || scaled < std::numeric_limits<T>::min())
      wrong = value->obis + ": " + ngwire::decimal_string(value->mantissa, value->exponent) + " " + unit +
              " does not fit " + std::to_string(8 * sizeof(T)) + " bits of 10^" + std::to_string(exponent) +
              " " + unit;
    out[i] = static_cast<T>(scaled);
  }
  return true;
}

// Empty, or which number a meter would not say.
std::string check(const EnergyFile& file) {
  for (std::size_t i = 0; file.measurement_valid && i < 3; ++i) {
    const std::string phase(1, static_cast<char>('A' + i));
    if (file.apparent_energy[i] < 0) return "apparent energy of phase " + phase + ": expected 0 or more";
    if (file.voltage_v[i] < 0) return "voltage of phase " + phase + ": expected 0 or more";
  }
  return "";
}

}  // namespace

std::array<std::uint8_t, kEnergyFileBytes> encode_energy_file(const EnergyFile& file) {
  std::array<std::uint8_t, kEnergyFileBytes> out{};
  std::uint8_t* at = out.data();
  each_number(file, [&at](auto value) { put(at, value); });
  put(at, static_cast<std::uint8_t>(file.measurement_valid));
  return out;
}

Result<EnergyFile> decode_energy_file(ngwire::ByteView bytes) {
  using R = Result<EnergyFile>;
  if (bytes.size != kEnergyFileBytes)
    return R::failure("EnergyFile: expected 67 bytes, found " + std::to_string(bytes.size));
  EnergyFile file;
  const std::uint8_t* at = bytes.data;
  each_number(file, [&at](auto& value) { value = take<std::decay_t<decltype(value)>>(at); });
  file.measurement_valid = *at != 0;
  if (const std::string wrong = check(file); !wrong.empty()) return R::failure("EnergyFile: " + wrong);
  return file;
}

Result<std::optional<EnergyFile>> make_energy_file(const std::vector<StoredReading>& values,
                                                   int energy_exponent) {
  using R = Result<std::optional<EnergyFile>>;
  EnergyFile file;
  std::string wrong;
  if (!fill(values, kApparent, "VAh", energy_exponent, file.apparent_energy, wrong) ||
      !fill(values, kReal, "Wh", energy_exponent, file.real_energy, wrong) ||
      !fill(values, kCurrent, "A", -3, file.current_ma, wrong) ||
      !fill(values, kVoltage, "V", 0, file.voltage_v, wrong))
    return R(std::nullopt);
  file.measurement_valid = true;
  if (wrong.empty()) wrong = check(file);
  if (!wrong.empty()) return R::failure("EnergyFile: " + wrong);
  return R(file);
}

}  // namespace ngplc::hub
