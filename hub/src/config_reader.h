// TOML text into the fields of a configuration, with errors that name file, line and field.
#pragma once

#include <toml++/toml.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ngwire/wire/result.h"

namespace ngplc::hub {

/// Assigns one value, or says what it should have been.
using ConfigSetter = std::function<std::string(const toml::node&)>;
ConfigSetter text_into(std::string& target);
ConfigSetter integer_into(std::int64_t& target);
ConfigSetter flag_into(bool& target);
ConfigSetter list_into(std::vector<std::string>& target);

struct ConfigEntry {
  std::string_view section;  ///< empty: the top level
  std::string_view key;
  ConfigSetter set;
};

/// Sets what the text names; then `validate` says what is wrong with the whole, `field: what`, or nothing.
/// Empty, or one line `source:line:column: field: what`: syntax, unknown key, wrong type, longer than 1 MB.
std::string read_config(std::string_view text, std::string_view source,
                        const std::vector<ConfigEntry>& entries,
                        const std::function<std::string()>& validate);

/// A file of at most 1 MB.
ngwire::Result<std::string> read_config_file(const std::string& path);

/// Without control characters, at most 300 characters: for messages about what others wrote.
std::string one_line(std::string text);

}  // namespace ngplc::hub
