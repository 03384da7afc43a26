// A profile: one band as data. Everything both ends must agree on besides the rules of docs/waveform.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ngdsp/base/error.h"

namespace ngdsp {

/// A payload class: how many payload bytes, the polar code that carries them, and how many sequences announce
/// it.
struct PayloadClass {
  int payload_bytes = 16;  ///< 1 ... 255
  int code_bits =
      2048;           ///< polar block length N, a power of two, 64 ... 16384; rate (8 payload + 24)/N <= 1/2
  int sequences = 4;  ///< spreading sequences (each has its own preamble) of this class, 1 ... 16
  double design_ebn0_db = -1;  ///< the polar code is constructed for this, -10 ... 10 dB
};

struct Profile {
  std::string name = "custom";
  bool real = true;             ///< real passband samples, or complex baseband around `center_hz`
  double carrier_hz = 63000.0;  ///< middle of the occupied band
  double center_hz = 0.0;       ///< frequency of sample-domain zero: 0 for real samples
  double chip_rate_hz = 48000.0;
  double sample_rate_hz =
      192000.0;  ///< default rate of recordings; the receiver takes any that fits (see FrontEnd)
  double rolloff = 1.0 / 6.0;  ///< of the root-raised-cosine pulse, 0.05 ... 1
  int preamble_chips = 2048;   ///< unmodulated chips in the middle of the frame, even, 64 ... 4096
  int spreading_factor = 7;    ///< chips per code bit, 1 ... 256
  std::uint32_t sequence_family =
      1;                         ///< 0 ... 2^20-1: two profiles with different numbers never hear each other
  double max_clock_ppm = 100.0;  ///< largest clock offset between both ends that a receiver must follow
  double carrier_crystal_hz =
      63000;  ///< carrier offset = clock offset x this: the RF carrier where one crystal drives both
  int list_size = 128;           ///< largest list of the decoder, a power of two, 1 ... 128
  double band_low_hz = 35000.0;  ///< edges of the band the signal must stay in
  double band_high_hz = 91000.0;
  std::string psd_mask =
      "EN 50065-1 A";  ///< the rule this band is used under (a name; the limits live in the mask tool)
  std::vector<PayloadClass> classes = {{16, 2048, 4, -1}, {32, 4096, 2, -1}, {64, 8192, 2, 0}};

  /// Empty when every field is in its legal range and they fit together, else one line naming the field.
  std::string validate() const;

  int sequence_count() const;
  /// The class announced by sequence q, 0 <= q < sequence_count().
  const PayloadClass& class_of(int sequence) const;
  /// First sequence of the class that carries exactly `payload_bytes`, or -1.
  int first_sequence(int payload_bytes) const;
  /// preamble + N x spreading factor.
  int frame_chips(const PayloadClass& c) const { return preamble_chips + c.code_bits * spreading_factor; }
  /// First chip of the preamble: half of the symbols come before it.
  int preamble_start(const PayloadClass& c) const { return c.code_bits / 2 * spreading_factor; }
  double samples_per_chip() const { return sample_rate_hz / chip_rate_hz; }
  double chip_s() const { return 1.0 / chip_rate_hz; }
};

/// The shipped profiles, in the order of the documentation.
const std::vector<Profile>& shipped_profiles();
/// A shipped profile by name, or an error that lists the names.
Result<Profile> find_profile(const std::string& name);
/// A profile from TOML text (docs/waveform.md, "Profile files"): a `base` names a shipped profile whose
/// fields the others replace. Unknown keys, wrong types and values out of range are errors naming `source`,
/// line and field.
Result<Profile> parse_profile(const std::string& toml, const std::string& source);
/// A shipped name, or the path of a TOML file (recognised by ending in ".toml").
Result<Profile> load_profile(const std::string& name_or_path);

/// The profile as it lies in samples of this kind: complex samples of a mains profile are a slice around
/// `center_hz` (default: the carrier); `carrier_hz` moves the band. Negative values mean the profile's own.
/// An error when real samples are asked of a radio profile.
Result<Profile> placed_profile(Profile profile, bool complex_samples, double carrier_hz, double center_hz);

}  // namespace ngdsp
