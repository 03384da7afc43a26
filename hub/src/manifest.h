// The manifest of a delivery: which devices exist and their root keys, as CSV or JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "multipliers.h"
#include "ngwire/link/link_keys.h"
#include "ngwire/wire/result.h"

namespace ngplc::hub {

struct ManifestEntry {
  ngwire::Eui eui = 0;
  ngwire::Key key{};
  std::string gtin;       ///< 14 digits, or empty
  std::string serial;     ///< or empty
  std::string model;      ///< for people
  std::string time_zone;  ///< IANA name, or empty
  std::string verify_by;  ///< next verification, YYYY-MM-DD, or empty
  Multipliers multipliers;
};

/// CSV: a header line with the columns eui, key and any of gtin, serial, model, time_zone, verify_by,
/// multipliers; no quotes. JSON: a list of objects with the same names. At most 16 MiB and 100 000 devices;
/// an unknown column, a repeated EUI or a bad value fails with one line that names the row and the field, and
/// never shows a key.
ngwire::Result<std::vector<ManifestEntry>> parse_manifest(std::string_view text);

}  // namespace ngplc::hub
