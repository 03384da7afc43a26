#include "ngdsp/waveform/profile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "ngdsp/waveform/frame_energy.h"

namespace ngdsp {
namespace {

TEST(Profile, EveryShippedOneIsValid) {
  ASSERT_EQ(shipped_profiles().size(), 5U);
  for (const Profile& p : shipped_profiles()) {
    EXPECT_EQ(p.validate(), "") << p.name;
    const Result<Profile> found = find_profile(p.name);
    ASSERT_TRUE(static_cast<bool>(found));
    EXPECT_EQ(found->chip_rate_hz, p.chip_rate_hz);
  }
  EXPECT_EQ(shipped_profiles().front().name, "cenelec-a");
  EXPECT_EQ(Profile{}.validate(), "");
}

// The table of docs/waveform.md.
TEST(Profile, TableOfTheDocumentation) {
  const struct {
    const char* name;
    bool real;
    double carrier, chip_rate, sample_rate, low, high, ppm;
    std::uint32_t family;
    int sequences[3];
  } table[] = {
      {"cenelec-a", true, 63e3, 48e3, 192e3, 35e3, 91e3, 100, 1, {4, 2, 2}},
      {"cenelec-a-low", true, 42e3, 6e3, 192e3, 38.5e3, 45.5e3, 100, 2, {4, 2, 2}},
      {"fcc", true, 320e3, 280e3, 1.25e6, 154e3, 488e3, 100, 3, {4, 2, 2}},
      {"srd433", false, 433.92e6, 125e3, 500e3, 433.05e6, 434.79e6, 20, 4, {2, 1, 1}},
      {"srd868", false, 868.3e6, 250e3, 1e6, 868e6, 868.6e6, 20, 5, {2, 1, 1}},
  };
  for (const auto& t : table) {
    const Result<Profile> p = find_profile(t.name);
    ASSERT_TRUE(static_cast<bool>(p)) << t.name;
    EXPECT_EQ(p->real, t.real) << t.name;
    EXPECT_EQ(p->carrier_hz, t.carrier) << t.name;
    EXPECT_EQ(p->center_hz, t.real ? 0 : t.carrier) << t.name;
    EXPECT_EQ(p->carrier_crystal_hz, t.carrier) << t.name;
    EXPECT_EQ(p->chip_rate_hz, t.chip_rate) << t.name;
    EXPECT_EQ(p->sample_rate_hz, t.sample_rate) << t.name;
    EXPECT_EQ(p->band_low_hz, t.low) << t.name;
    EXPECT_EQ(p->band_high_hz, t.high) << t.name;
    EXPECT_EQ(p->max_clock_ppm, t.ppm) << t.name;
    EXPECT_EQ(p->sequence_family, t.family) << t.name;
    EXPECT_EQ(p->rolloff, 1.0 / 6.0) << t.name;
    EXPECT_EQ(p->preamble_chips, 2048) << t.name;
    EXPECT_EQ(p->spreading_factor, 7) << t.name;
    ASSERT_EQ(p->classes.size(), 3U) << t.name;
    const int payload[] = {16, 32, 64}, code[] = {2048, 4096, 8192}, frame[] = {16384, 30720, 59392};
    const int preamble[] = {7168, 14336, 28672};
    const double design[] = {-1, -1, 0};
    int q = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const PayloadClass& c = p->classes[i];
      EXPECT_EQ(c.payload_bytes, payload[i]) << t.name;
      EXPECT_EQ(c.code_bits, code[i]) << t.name;
      EXPECT_EQ(c.design_ebn0_db, design[i]) << t.name;
      EXPECT_EQ(c.sequences, t.sequences[i]) << t.name;
      EXPECT_EQ(p->frame_chips(c), frame[i]) << t.name;
      EXPECT_EQ(p->preamble_start(c), preamble[i]) << t.name;
      EXPECT_EQ(p->first_sequence(payload[i]), q) << t.name;
      for (int k = 0; k < c.sequences; ++k) EXPECT_EQ(p->class_of(q++).payload_bytes, payload[i]) << t.name;
    }
    EXPECT_EQ(p->sequence_count(), q) << t.name;
    EXPECT_EQ(p->first_sequence(17), -1);
  }
}

TEST(Profile, RefusesEveryFieldOutOfRangeByName) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const struct {
    const char* field;
    std::function<void(Profile&)> spoil;
  } cases[] = {
      {"name", [](Profile& p) { p.name = ""; }},
      {"name", [](Profile& p) { p.name = std::string(65, 'x'); }},
      {"chip_rate_hz", [](Profile& p) { p.chip_rate_hz = 99; }},
      {"chip_rate_hz", [](Profile& p) { p.chip_rate_hz = 2e8; }},
      {"chip_rate_hz", [=](Profile& p) { p.chip_rate_hz = nan; }},
      {"sample_rate_hz", [](Profile& p) { p.sample_rate_hz = 0; }},
      {"sample_rate_hz", [=](Profile& p) { p.sample_rate_hz = inf; }},
      {"sample_rate_hz", [](Profile& p) { p.sample_rate_hz = 180000; }},  // 91 kHz does not fit below 90
      {"rolloff", [](Profile& p) { p.rolloff = 0.04; }},
      {"rolloff", [](Profile& p) { p.rolloff = 1.01; }},
      {"carrier_hz", [](Profile& p) { p.carrier_hz = -1; }},
      {"carrier_hz", [=](Profile& p) { p.carrier_hz = nan; }},
      {"center_hz", [](Profile& p) { p.center_hz = 10; }},
      {"center_hz", [](Profile& p) { p.center_hz = -5; }},
      {"preamble_chips", [](Profile& p) { p.preamble_chips = 62; }},
      {"preamble_chips", [](Profile& p) { p.preamble_chips = 4098; }},
      {"preamble_chips", [](Profile& p) { p.preamble_chips = 2047; }},  // odd: it has no middle chip edge
      {"spreading_factor", [](Profile& p) { p.spreading_factor = 0; }},
      {"spreading_factor", [](Profile& p) { p.spreading_factor = 257; }},
      {"sequence_family", [](Profile& p) { p.sequence_family = 1 << 20; }},
      {"max_clock_ppm", [](Profile& p) { p.max_clock_ppm = -1; }},
      {"max_clock_ppm", [](Profile& p) { p.max_clock_ppm = 201; }},
      {"carrier_crystal_hz", [](Profile& p) { p.carrier_crystal_hz = -1; }},
      {"list_size", [](Profile& p) { p.list_size = 0; }},
      {"list_size", [](Profile& p) { p.list_size = 48; }},
      {"list_size", [](Profile& p) { p.list_size = 256; }},
      {"band_low_hz", [](Profile& p) { p.band_low_hz = 36000; }},
      {"band_high_hz", [](Profile& p) { p.band_high_hz = 90000; }},
      {"classes", [](Profile& p) { p.classes.clear(); }},
      {"classes", [](Profile& p) { p.classes.resize(9); }},
      {"payload_bytes", [](Profile& p) { p.classes[0].payload_bytes = 0; }},
      {"payload_bytes", [](Profile& p) { p.classes[0].payload_bytes = 256; }},
      {"payload_bytes", [](Profile& p) { p.classes[1] = p.classes[0]; }},
      {"code_bits", [](Profile& p) { p.classes[0].code_bits = 2000; }},
      {"code_bits", [](Profile& p) { p.classes[0].code_bits = 32; }},
      {"code_bits", [](Profile& p) { p.classes[0].code_bits = 32768; }},
      {"code_bits", [](Profile& p) { p.classes[0].code_bits = 256; }},  // 152 bits: rate above 1/2
      {"sequences", [](Profile& p) { p.classes[0].sequences = 0; }},
      {"sequences", [](Profile& p) { p.classes[0].sequences = 17; }},
      {"design_ebn0_db", [](Profile& p) { p.classes[0].design_ebn0_db = 11; }},
      {"design_ebn0_db", [=](Profile& p) { p.classes[0].design_ebn0_db = nan; }},
      {"frame length", [](Profile& p) { p.spreading_factor = 200; }},
  };
  for (const auto& c : cases) {
    Profile p;
    c.spoil(p);
    EXPECT_NE(p.validate().find(c.field), std::string::npos) << c.field << ": \"" << p.validate() << '"';
  }
}

TEST(Profile, MessageHoldsWhatWasFound) {
  Profile p;
  p.spreading_factor = 300;
  EXPECT_EQ(p.validate(), "profile field spreading_factor is 300, expected 1 to 256");
  p = Profile{};
  p.preamble_chips = 1001;
  EXPECT_EQ(p.validate(), "profile field preamble_chips is 1001, expected an even number, 64 to 4096");
}

TEST(Profile, UnknownNameListsTheKnown) {
  const Result<Profile> p = find_profile("cenelec-b");
  ASSERT_FALSE(static_cast<bool>(p));
  EXPECT_NE(p.error().find("cenelec-b"), std::string::npos);
  for (const Profile& s : shipped_profiles()) EXPECT_NE(p.error().find(s.name), std::string::npos);
}

// 16 bytes: 128 payload bits on 16384 chips are 128 chips a bit, 21.07 dB; SNR is per occupied bandwidth,
// Rc (1 + 1/6), 0.67 dB below the chip's.
TEST(FrameEnergy, CountsPayloadBitsAndAllChips) {
  const Profile p;
  EXPECT_NEAR(ebn0_db_from_chip(p, p.classes[0], 1.0), 10 * std::log10(128.0), 1e-12);
  EXPECT_NEAR(ebn0_db_from_chip(p, p.classes[2], 1.0), 10 * std::log10(59392.0 / 512), 1e-12);
  EXPECT_NEAR(chip_ec_n0_from_ebn0_db(p, p.classes[0], 10 * std::log10(128.0)), 1.0, 1e-12);
  EXPECT_NEAR(snr_db_from_chip(p, 1.0), -10 * std::log10(7.0 / 6.0), 1e-12);
}

}  // namespace
}  // namespace ngdsp
