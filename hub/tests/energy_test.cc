// What receivers of other systems know: energy/data and the EnergyFile.
#include <nlohmann/json.hpp>

#include "codec_book.h"
#include "energy_data.h"
#include "energy_file.h"
#include "hub_process.h"

namespace {

using namespace ngplc::hub;

StoredReading value(const char* obis, const char* unit, std::int64_t mantissa, int exponent) {
  StoredReading out;
  out.obis = obis;
  out.unit = unit;
  out.mantissa = mantissa;
  out.exponent = exponent;
  out.base = 1'000'000;  // what the meter shows counts, not the total
  return out;
}

// The example of a shipped codec file as the store has it.
std::vector<StoredReading> example_of(const std::string& name) {
  std::vector<StoredReading> out;
  const auto book = CodecBook::open(NGPLC_CODEC_DIR);
  for (const Codec& codec : book->codecs()) {
    if (codec.name != name) continue;
    ngwire::Reading reading;
    const auto& content = codec.examples[0].content;
    EXPECT_EQ(book->decode("", {content.data(), content.size()}, reading), ngwire::ReadingError::none);
    for (const ngwire::RegisterValue& v : reading.values)
      out.push_back(value(std::string(v.spec->obis).c_str(), std::string(v.spec->unit).c_str(), v.mantissa,
                          v.spec->exponent));
  }
  return out;
}

TEST(EnergyData, KeysUnitsAndTypesOfTheOriginal) {
  const auto values = example_of("orman-cu-1");
  EXPECT_EQ(energy_data_json(values),
            R"({"power":1.1776,"voltage":230.0,"current":5.12,"active_energy":{"total":12345.67,)"
            R"("t1":10000.00,"t2":2345.60,"t3":0.07,"t4":0.00},"reactive_energy":{"total":43.21}})");
  const auto body = nlohmann::json::parse(energy_data_json(values));
  EXPECT_TRUE(body["voltage"].is_number_float()) << "never an integer, whatever the value";
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto without = values;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(energy_data_json(without), "") << values[i].obis;
    auto other = values;
    other[i].unit = "kWh";
    EXPECT_EQ(energy_data_json(other), "") << "a unit that the object does not have";
  }
}

TEST(EnergyData, DecimalsAreExact) {
  auto values = example_of("orman-cu-1");
  for (StoredReading& v : values) {
    if (v.obis != "1-0:1.8.0") continue;
    v.mantissa = 9'007'199'254'740'993;  // 2^53 + 1: no double
    v.exponent = 0;
  }
  EXPECT_NE(energy_data_json(values).find("\"total\":9007199254740.993,"), std::string::npos);
}

std::string hex_of(const EnergyFile& file) {
  const auto bytes = encode_energy_file(file);
  return ngwire::to_hex(bytes.data(), bytes.size());
}

TEST(EnergyFile, LayoutByteByByte) {
  EnergyFile file;
  file.apparent_energy = {0x0102030405060708, 2, 3};
  file.real_energy = {-1, 5, 6};
  file.current_ma = {0x0a0b0c0d, -2, 9};
  file.voltage_v = {0x1122, 231, 229};
  file.measurement_valid = true;
  EXPECT_EQ(hex_of(file),
            "0807060504030201"
            "0200000000000000"
            "0300000000000000"
            "ffffffffffffffff"
            "0500000000000000"
            "0600000000000000"
            "0d0c0b0a"
            "feffffff"
            "09000000"
            "2211"
            "e700"
            "e500"
            "01");
  const auto bytes = encode_energy_file(file);
  const auto again = decode_energy_file({bytes.data(), bytes.size()});
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(again.value(), file);
}

// The bytes 00 01 .. 09 over and over, as the original gateway's test message has them.
TEST(EnergyFile, CountingBytes) {
  std::array<std::uint8_t, kEnergyFileBytes> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i % 10);
  const auto file = decode_energy_file({bytes.data(), bytes.size()});
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ(file->apparent_energy[0], 0x0706050403020100);
  EXPECT_EQ(file->apparent_energy[1], 0x0504030201000908);
  EXPECT_EQ(file->real_energy[2], 0x0706050403020100);
  EXPECT_EQ(file->current_ma[0], 0x01000908);
  EXPECT_EQ(file->voltage_v[0], 0x0100);
  EXPECT_EQ(file->voltage_v[2], 0x0504);
  EXPECT_TRUE(file->measurement_valid);
}

TEST(EnergyFile, HostileBytesAreRefused) {
  std::array<std::uint8_t, 100> bytes{};
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const auto file = decode_energy_file({bytes.data(), size});
    EXPECT_EQ(file.ok(), size == kEnergyFileBytes) << size;
    EXPECT_EQ(file.error(), file ? "" : "EnergyFile: expected 67 bytes, found " + std::to_string(size));
  }
  const auto refused = [&](std::size_t at) {
    auto wrong = bytes;
    wrong[at] = 0x80;
    EXPECT_TRUE(decode_energy_file({wrong.data(), kEnergyFileBytes})) << "not said to be valid";
    wrong[66] = 1;
    return decode_energy_file({wrong.data(), kEnergyFileBytes}).error();
  };
  EXPECT_EQ(refused(7), "EnergyFile: apparent energy of phase A: expected 0 or more");
  EXPECT_EQ(refused(23), "EnergyFile: apparent energy of phase C: expected 0 or more");
  EXPECT_EQ(refused(63), "EnergyFile: voltage of phase B: expected 0 or more");
  EXPECT_EQ(refused(31), "") << "real energy may be exported";
  EXPECT_EQ(refused(51), "") << "so may current";
}

TEST(EnergyFile, FromTheRegistersOfADevice) {
  auto values = example_of("energy-file-1");
  auto file = make_energy_file(values, -3);
  ASSERT_TRUE(file) << file.error();
  ASSERT_TRUE(file.value().has_value());
  EXPECT_EQ(file.value()->apparent_energy[0], 1'234'567'890);
  EXPECT_EQ(file.value()->real_energy[1], 1999);
  EXPECT_EQ(file.value()->current_ma[1], -250);
  EXPECT_EQ(file.value()->voltage_v[2], 229);
  EXPECT_TRUE(file.value()->measurement_valid);
  // In whole Wh, to the nearest.
  file = make_energy_file(values, 0);
  EXPECT_EQ(file.value()->apparent_energy[0], 1'234'568);
  EXPECT_EQ(file.value()->real_energy[1], 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto without = values;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    ASSERT_TRUE(make_energy_file(without, -3));
    EXPECT_FALSE(make_energy_file(without, -3)->has_value()) << values[i].obis;
  }
}

TEST(EnergyFile, ValuesThatDoNotFitAreNamed) {
  const auto with = [](const char* obis, std::int64_t mantissa, int exponent) {
    auto values = example_of("energy-file-1");
    for (StoredReading& v : values) {
      if (v.obis != obis) continue;
      v.mantissa = mantissa;
      v.exponent = exponent;
    }
    return make_energy_file(values, -3);
  };
  EXPECT_EQ(with("1-0:32.7.0", 2305, -1).value()->voltage_v[0], 231) << "half a volt goes up";
  EXPECT_EQ(with("1-0:32.7.0", 23049, -2).value()->voltage_v[0], 230);
  EXPECT_EQ(with("1-0:32.7.0", 32767, 0).value()->voltage_v[0], 32767);
  EXPECT_EQ(with("1-0:32.7.0", 32768, 0).error(),
            "EnergyFile: 1-0:32.7.0: 32768 V does not fit 16 bits of 10^0 V");
  EXPECT_EQ(with("1-0:51.7.0", 3'000'000, 0).error(),
            "EnergyFile: 1-0:51.7.0: 3000000 A does not fit 32 bits of 10^-3 A");
  EXPECT_EQ(with("1-0:69.8.0", INT64_MAX, 0).error(),
            "EnergyFile: 1-0:69.8.0: 9223372036854775807 VAh does not fit 64 bits of 10^-3 VAh");
  EXPECT_EQ(with("1-0:52.7.0", -1, 0).error(), "EnergyFile: voltage of phase B: expected 0 or more");
  EXPECT_EQ(with("1-0:31.7.0", -1500, -6).value()->current_ma[0], -2) << "halves away from zero";
}

}  // namespace
