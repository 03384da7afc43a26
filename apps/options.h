// Command-line options: parsing, help, and the value types that several subcommands share.
#pragma once

#include <boost/program_options.hpp>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "commands.h"
#include "ngdsp/base/types.h"
#include "ngdsp/waveform/profile.h"

namespace ngplc_app {

namespace po = boost::program_options;

/// Wrong usage: main prints the text with the way to the help and exits with kUsage.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What --help prints above the options.
struct Synopsis {
  std::string command;    ///< "tx"
  std::string arguments;  ///< "OUT [options]"
  std::string purpose;    ///< one or more lines
};

/// Parses `args` against `options` and the named positionals (shown in the synopsis, not in the list). Prints
/// the help on stdout and returns nothing when --help was asked. Throws UsageError or boost's own errors.
std::optional<po::variables_map> parse_options(const Synopsis& synopsis,
                                               const po::options_description& options,
                                               const po::options_description& hidden,
                                               const po::positional_options_description& positional,
                                               const Arguments& args);

/// An option's value that must lie in [low, high]; throws UsageError naming the option.
double in_range(const std::string& option, double value, double low, double high, const std::string& unit);

/// "LO:STEP:HI" or "A,B,C" or one number, at most 1000 values.
std::vector<double> parse_values(const std::string& option, const std::string& text);

/// Bytes of an even number of hexadecimal digits.
std::vector<std::uint8_t> parse_hex(const std::string& option, const std::string& text);
std::string to_hex(ngdsp::Span<const std::uint8_t> bytes);

/// "A@B@C": exactly `count` numbers; `form` says how it should look.
std::vector<double> parse_at_list(const std::string& option, const std::string& text, std::size_t count,
                                  const std::string& form);

/// A profile the user named: an unknown name is wrong usage, a file that does not parse is a failure
/// (nothing, said).
std::optional<ngdsp::Profile> option_profile(const std::string& name_or_path);

}  // namespace ngplc_app
