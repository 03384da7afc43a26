#include "ngdsp/waveform/profile.h"

#include <cmath>
#include <set>

namespace ngdsp {
namespace {

bool in_range(double x, double low, double high) { return std::isfinite(x) && x >= low && x <= high; }

std::string out_of_range(const std::string& field, double found, const std::string& expected) {
  std::string number = std::to_string(found);
  number.erase(number.find_last_not_of('0') + 1);
  if (number.back() == '.') number.pop_back();
  return "profile field " + field + " is " + number + ", expected " + expected;
}

bool is_power_of_two(int n) { return n > 0 && (n & (n - 1)) == 0; }

std::vector<Profile> make_shipped() {
  std::vector<Profile> list;
  Profile p;
  p.name = "cenelec-a";
  list.push_back(p);

  p = Profile{};
  p.name = "cenelec-a-low";
  p.chip_rate_hz = 6000;
  p.carrier_hz = 42000;
  p.carrier_crystal_hz = 42000;
  p.sequence_family = 2;
  p.band_low_hz = 38500;
  p.band_high_hz = 45500;
  list.push_back(p);

  p = Profile{};
  p.name = "fcc";
  p.chip_rate_hz = 280000;
  p.carrier_hz = 320000;
  p.carrier_crystal_hz = 320000;
  p.sample_rate_hz = 1250000;
  p.sequence_family = 3;
  p.band_low_hz = 154000;
  p.band_high_hz = 488000;
  p.psd_mask = "FCC 15.113";
  list.push_back(p);

  // Radio: fewer sequences, because every one of them is searched over the whole carrier uncertainty.
  p = Profile{};
  p.name = "srd433";
  p.real = false;
  p.chip_rate_hz = 125000;
  p.sample_rate_hz = 500000;
  p.carrier_hz = p.center_hz = p.carrier_crystal_hz = 433920000;
  p.max_clock_ppm = 20;
  p.sequence_family = 4;
  p.band_low_hz = 433050000;
  p.band_high_hz = 434790000;
  p.psd_mask = "ETSI EN 300 220";
  p.classes = {{16, 2048, 2, -1}, {32, 4096, 1, -1}, {64, 8192, 1, 0}};
  list.push_back(p);

  p.name = "srd868";
  p.chip_rate_hz = 250000;
  p.sample_rate_hz = 1000000;
  p.carrier_hz = p.center_hz = p.carrier_crystal_hz = 868300000;
  p.sequence_family = 5;
  p.band_low_hz = 868000000;
  p.band_high_hz = 868600000;
  list.push_back(p);
  return list;
}

}  // namespace

std::string Profile::validate() const {
  if (name.empty() || name.size() > 64) return "profile field name must have 1 to 64 characters";
  if (!in_range(chip_rate_hz, 100, 1e8)) return out_of_range("chip_rate_hz", chip_rate_hz, "100 to 1e8 Hz");
  if (!in_range(sample_rate_hz, 100, 1e9))
    return out_of_range("sample_rate_hz", sample_rate_hz, "100 to 1e9 Hz");
  if (!in_range(rolloff, 0.05, 1.0)) return out_of_range("rolloff", rolloff, "0.05 to 1");
  if (!in_range(carrier_hz, 0, 1e11)) return out_of_range("carrier_hz", carrier_hz, "0 to 1e11 Hz");
  if (!in_range(center_hz, 0, 1e11)) return out_of_range("center_hz", center_hz, "0 to 1e11 Hz");
  if (real && center_hz != 0) return out_of_range("center_hz", center_hz, "0 for real samples");
  if (preamble_chips < 64 || preamble_chips > 4096 || preamble_chips % 2 != 0)
    return out_of_range("preamble_chips", preamble_chips, "an even number, 64 to 4096");
  if (spreading_factor < 1 || spreading_factor > 256)
    return out_of_range("spreading_factor", spreading_factor, "1 to 256");
  if (sequence_family >= (1U << 20)) return out_of_range("sequence_family", sequence_family, "0 to 1048575");
  if (!in_range(max_clock_ppm, 0, 200)) return out_of_range("max_clock_ppm", max_clock_ppm, "0 to 200 ppm");
  if (!in_range(carrier_crystal_hz, chip_rate_hz / 8, 1e11))
    return out_of_range("carrier_crystal_hz", carrier_crystal_hz, "chip_rate_hz/8 to 1e11 Hz");
  if (!is_power_of_two(list_size) || list_size > 128)
    return out_of_range("list_size", list_size, "a power of two up to 128");
  if (classes.empty() || classes.size() > 8) return "profile needs 1 to 8 payload classes";
  std::set<int> sizes;
  for (const PayloadClass& c : classes) {
    if (c.payload_bytes < 1 || c.payload_bytes > 255)
      return out_of_range("classes.payload_bytes", c.payload_bytes, "1 to 255");
    if (!is_power_of_two(c.code_bits) || c.code_bits < 64 || c.code_bits > 16384)
      return out_of_range("classes.code_bits", c.code_bits, "a power of two, 64 to 16384");
    if (2 * (8 * c.payload_bytes + 24) > c.code_bits)
      return out_of_range("classes.code_bits", c.code_bits, "at least twice payload and CRC bits (rate 1/2)");
    if (c.sequences < 1 || c.sequences > 16) return out_of_range("classes.sequences", c.sequences, "1 to 16");
    if (!in_range(c.design_ebn0_db, -10, 10))
      return out_of_range("classes.design_ebn0_db", c.design_ebn0_db, "-10 to 10 dB");
    if (!sizes.insert(c.payload_bytes).second)
      return out_of_range("classes.payload_bytes", c.payload_bytes, "different sizes in every class");
    if (frame_chips(c) > 1 << 20)
      return out_of_range("frame length in chips", frame_chips(c), "at most 1048576");
  }
  const double half = chip_rate_hz * (1.0 + rolloff) / 2.0;
  const double slack = 1e-6 * chip_rate_hz;
  if (!(carrier_hz - half >= band_low_hz - slack && carrier_hz + half <= band_high_hz + slack))
    return "profile band_low_hz to band_high_hz does not hold the occupied band carrier_hz -+ " +
           std::to_string(half) + " Hz";
  const double nyquist = sample_rate_hz / 2.0, offset = carrier_hz - center_hz;
  if (real ? (offset - half <= 0 || offset + half >= nyquist) : std::abs(offset) + half >= nyquist)
    return "profile sample_rate_hz does not hold the occupied band";
  return {};
}

int Profile::sequence_count() const {
  int n = 0;
  for (const auto& c : classes) n += c.sequences;
  return n;
}

const PayloadClass& Profile::class_of(int sequence) const {
  for (const auto& c : classes) {
    if (sequence < c.sequences) return c;
    sequence -= c.sequences;
  }
  return classes.back();
}

int Profile::first_sequence(int payload_bytes) const {
  int q = 0;
  for (const auto& c : classes) {
    if (c.payload_bytes == payload_bytes) return q;
    q += c.sequences;
  }
  return -1;
}

const std::vector<Profile>& shipped_profiles() {
  static const std::vector<Profile> list = make_shipped();
  return list;
}

Result<Profile> find_profile(const std::string& name) {
  std::string names;
  for (const Profile& p : shipped_profiles()) {
    if (p.name == name) return p;
    names += (names.empty() ? "" : ", ") + p.name;
  }
  return Error{"unknown profile \"" + name + "\", expected one of " + names + " or a .toml file"};
}

Result<Profile> placed_profile(Profile profile, bool complex_samples, double carrier_hz, double center_hz) {
  if (!complex_samples && !profile.real) return Error{"profile " + profile.name + " needs complex samples"};
  if (carrier_hz >= 0) {
    const double shift_hz = carrier_hz - profile.carrier_hz;
    profile.carrier_hz += shift_hz;
    profile.band_low_hz += shift_hz;
    profile.band_high_hz += shift_hz;
  }
  if (complex_samples) {
    if (center_hz >= 0) {
      profile.center_hz = center_hz;
    } else if (profile.real) {
      profile.center_hz = profile.carrier_hz;
    }
    profile.real = false;
  }
  return profile;
}

}  // namespace ngdsp
