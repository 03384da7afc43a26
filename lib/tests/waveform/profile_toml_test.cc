#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "ngdsp/waveform/profile.h"

namespace ngdsp {
namespace {

std::string error_of(const std::string& toml) {
  const Result<Profile> p = parse_profile(toml, "my.toml");
  return p ? "" : p.error();
}

void expect_error(const std::string& toml, std::initializer_list<const char*> parts) {
  const std::string e = error_of(toml);
  EXPECT_FALSE(e.empty()) << toml;
  for (const char* part : parts) EXPECT_NE(e.find(part), std::string::npos) << part << " in \"" << e << '"';
}

TEST(ProfileToml, EmptyTextIsTheDefault) {
  const Result<Profile> p = parse_profile("", "my.toml");
  ASSERT_TRUE(static_cast<bool>(p)) << p.error();
  EXPECT_EQ(p->carrier_hz, 63000);
  EXPECT_EQ(p->name, "custom");
}

TEST(ProfileToml, BaseAndOverride) {
  const Result<Profile> p = parse_profile(R"(
base = "srd868"
name = "my868"
max_clock_ppm = 5
sequence_family = 77
list_size = 32
rolloff = 0.25
)",
                                          "my.toml");
  ASSERT_TRUE(static_cast<bool>(p)) << p.error();
  EXPECT_EQ(p->name, "my868");
  EXPECT_FALSE(p->real);
  EXPECT_EQ(p->carrier_hz, 868300000);
  EXPECT_EQ(p->chip_rate_hz, 250000);
  EXPECT_EQ(p->max_clock_ppm, 5);
  EXPECT_EQ(p->sequence_family, 77U);
  EXPECT_EQ(p->list_size, 32);
  EXPECT_EQ(p->rolloff, 0.25);
  EXPECT_EQ(p->sequence_count(), 4);
}

TEST(ProfileToml, EveryFieldIsRead) {
  const Result<Profile> p = parse_profile(R"(
name = "all"
real = false
carrier_hz = 2000.5
center_hz = 1000.5
chip_rate_hz = 1000
sample_rate_hz = 8000
rolloff = 0.5
preamble_chips = 128
spreading_factor = 3
sequence_family = 9
max_clock_ppm = 12
carrier_crystal_hz = 2500
list_size = 4
band_low_hz = 1000
band_high_hz = 3000
psd_mask = "none"
[[classes]]
payload_bytes = 8
code_bits = 256
sequences = 3
design_ebn0_db = 0.5
[[classes]]
payload_bytes = 20
code_bits = 1024
)",
                                          "my.toml");
  ASSERT_TRUE(static_cast<bool>(p)) << p.error();
  EXPECT_EQ(p->name, "all");
  EXPECT_FALSE(p->real);
  EXPECT_EQ(p->carrier_hz, 2000.5);
  EXPECT_EQ(p->center_hz, 1000.5);
  EXPECT_EQ(p->chip_rate_hz, 1000);
  EXPECT_EQ(p->sample_rate_hz, 8000);
  EXPECT_EQ(p->rolloff, 0.5);
  EXPECT_EQ(p->preamble_chips, 128);
  EXPECT_EQ(p->spreading_factor, 3);
  EXPECT_EQ(p->sequence_family, 9U);
  EXPECT_EQ(p->max_clock_ppm, 12);
  EXPECT_EQ(p->carrier_crystal_hz, 2500);
  EXPECT_EQ(p->list_size, 4);
  EXPECT_EQ(p->band_low_hz, 1000);
  EXPECT_EQ(p->band_high_hz, 3000);
  EXPECT_EQ(p->psd_mask, "none");
  ASSERT_EQ(p->classes.size(), 2U);
  EXPECT_EQ(p->classes[0].payload_bytes, 8);
  EXPECT_EQ(p->classes[0].code_bits, 256);
  EXPECT_EQ(p->classes[0].sequences, 3);
  EXPECT_EQ(p->classes[0].design_ebn0_db, 0.5);
  EXPECT_EQ(p->classes[1].sequences, 4);  // a class without the field takes the default
}

TEST(ProfileToml, WrongTypesNameLineAndField) {
  expect_error("\n\ncarrier_hz = \"63k\"\n", {"my.toml:3:", "carrier_hz", "a number"});
  expect_error("real = 1", {"my.toml:1:", "real", "true or false"});
  expect_error("name = 5", {"my.toml:1:", "name", "a string"});
  expect_error("\npreamble_chips = 2048.5", {"my.toml:2:", "preamble_chips", "an integer"});
  expect_error("spreading_factor = -7", {"my.toml:1:", "spreading_factor", "0 to 2147483647"});
  expect_error("sequence_family = 4294967296", {"my.toml:1:", "sequence_family"});
  expect_error("classes = 3", {"my.toml:1:", "classes", "array of tables"});
  expect_error("classes = [1, 2]", {"my.toml:1:", "classes", "not a table"});
  expect_error("[[classes]]\npayload_bytes = 16\ncode_bits = \"N\"", {"my.toml:3:", "code_bits"});
}

TEST(ProfileToml, UnknownKeysAreErrors) {
  expect_error("name = \"x\"\nchiprate_hz = 1", {"my.toml:2:", "unknown key", "chiprate_hz"});
  expect_error("[[classes]]\npayload = 1", {"my.toml:2:", "unknown key", "payload"});
}

TEST(ProfileToml, OtherErrors) {
  expect_error("a = = 1", {"my.toml:1:", "not TOML"});
  expect_error("base = \"vhf\"", {"my.toml", "base", "vhf", "cenelec-a"});
  expect_error("spreading_factor = 300", {"my.toml", "spreading_factor", "1 to 256"});
  expect_error("preamble_chips = 2047", {"my.toml", "preamble_chips", "even"});
  expect_error("classes = []", {"my.toml", "classes"});
}

TEST(ProfileToml, LoadsShippedNamesAndFiles) {
  EXPECT_TRUE(static_cast<bool>(load_profile("fcc")));
  EXPECT_FALSE(static_cast<bool>(load_profile("nothing")));
  const Result<Profile> missing = load_profile("/nonexistent/p.toml");
  ASSERT_FALSE(static_cast<bool>(missing));
  EXPECT_NE(missing.error().find("/nonexistent/p.toml"), std::string::npos);
  const auto path = std::filesystem::path(::testing::TempDir()) / "profile_toml_test.toml";
  std::ofstream(path) << "base = \"fcc\"\nsequence_family = 12\n";
  const Result<Profile> p = load_profile(path.string());
  std::filesystem::remove(path);
  ASSERT_TRUE(static_cast<bool>(p)) << p.error();
  EXPECT_EQ(p->sequence_family, 12U);
  EXPECT_EQ(p->chip_rate_hz, 280000);
}

}  // namespace
}  // namespace ngdsp
