// The EnergyFile of CaMeX-IA energy trackers (DASH7 file 52): three phases in 67 bytes, little endian.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "ngwire/link/ccm.h"
#include "ngwire/wire/result.h"
#include "store.h"

namespace ngplc::hub {

inline constexpr std::size_t kEnergyFileBytes = 67;

/// In the order of the bytes; phases A, B, C. Energies in 10^-3 of the meter's unit, which is VAh and Wh as
/// far as is known.
struct EnergyFile {
  std::array<std::int64_t, 3> apparent_energy{};  ///< at 0, 8, 16; 0 or more
  std::array<std::int64_t, 3> real_energy{};      ///< at 24, 32, 40; export is negative
  std::array<std::int32_t, 3> current_ma{};       ///< at 48, 52, 56
  std::array<std::int16_t, 3> voltage_v{};        ///< at 60, 62, 64; 0 or more
  bool measurement_valid = false;                 ///< at 66: the meter answered everything

  bool operator==(const EnergyFile&) const = default;
};

std::array<std::uint8_t, kEnergyFileBytes> encode_energy_file(const EnergyFile& file);

/// Untrusted bytes. Fails with one line: not 67 bytes, or an apparent energy or a voltage that is negative in
/// a valid measurement. Any byte but 0 in the last place means valid.
ngwire::Result<EnergyFile> decode_energy_file(ngwire::ByteView bytes);

/// From the values of one frame: 1-0:29.8.0, 49.8.0, 69.8.0 (VAh), 21.8.0, 41.8.0, 61.8.0 (Wh), 31.7.0,
/// 51.7.0, 71.7.0 (A), 32.7.0, 52.7.0, 72.7.0 (V). Nothing unless all of them are there; fails with one line
/// when one does not fit its field. `energy_exponent`: decimal exponent of the energies in the file, -3 for
/// mVAh and mWh. Rounded to the nearest, halves away from zero.
ngwire::Result<std::optional<EnergyFile>> make_energy_file(const std::vector<StoredReading>& values,
                                                           int energy_exponent);

}  // namespace ngplc::hub
