// SigMF metadata: what a recording says about itself (SigMF 1.x, github.com/sigmf/SigMF, sigmf-spec.md).
//
// A recording is a pair NAME.sigmf-meta (JSON) and NAME.sigmf-data (samples). Metadata of our own lives under
// the extension `ngplc`, declared optional in core:extensions, so that any SigMF tool reads our files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/io/sample_format.h"

namespace ngdsp {

/// One field of the `ngplc` extension.
struct SigmfField {
  std::string key;   ///< without its prefix: "profile" for "ngplc:profile"
  std::string json;  ///< the value as JSON text: "\"cenelec-a\"", "12", "[1,2]"
};

/// A run of samples taken without a change of frequency or a gap.
struct SigmfCapture {
  std::uint64_t sample_start = 0;
  std::optional<double> frequency_hz;
  std::optional<std::int64_t> datetime_ns;  ///< of sample `sample_start`, since 1970-01-01 UTC
  /// Of sample `sample_start` in the stream that was recorded, where samples of it are missing in the file.
  std::optional<std::uint64_t> global_index{};
};

/// A remark on a range of samples.
struct SigmfAnnotation {
  std::uint64_t sample_start = 0;
  std::optional<std::uint64_t> sample_count;
  std::string label;
  std::string comment;
  std::vector<SigmfField> ngplc;
  std::string json;  ///< the whole annotation as read, other namespaces included; ignored when writing
};

struct SigmfMeta {
  SampleFormat format = SampleFormat::kRi16;
  double sample_rate_hz = 0;
  std::string sha512;  ///< of the data file, lower-case hexadecimal; empty when not given
  std::string description;
  std::string author;
  std::string recorder;
  std::string hardware;
  std::string license;
  std::string dataset;  ///< name of the data file when it is not NAME.sigmf-data
  std::vector<SigmfField> ngplc;
  std::vector<SigmfCapture> captures;
  std::vector<SigmfAnnotation> annotations;
  std::string global_json;  ///< the whole global object as read; ignored when writing

  /// Frequency of the first capture: what 0 Hz of a complex recording stands for.
  std::optional<double> frequency_hz() const;
  /// Time of sample 0 by the first capture, since 1970-01-01 UTC.
  std::optional<std::int64_t> start_time_ns() const;
  /// JSON text of the global field ngplc:`key`, empty when there is none.
  std::string_view ngplc_json(std::string_view key) const;
};

/// Reads the text of a .sigmf-meta file. `name` is the file's name for error texts, which name the field and
/// what was expected. Any input is safe: at most 64 levels of nesting, every type checked, unknown fields
/// kept in the JSON texts. Errors: not JSON; core:datatype or core:sample_rate missing, of the wrong type or
/// not supported; core:num_channels other than 1; wrong types elsewhere; captures with header bytes; captures
/// not in the order of their samples.
Result<SigmfMeta> parse_sigmf_meta(std::string_view text, std::string_view name);

/// The text of a .sigmf-meta file, core:version 1.0.0. Errors: a rate that is not positive, a field without
/// key, or one whose value is not JSON.
Result<std::string> format_sigmf_meta(const SigmfMeta& meta);

/// The paths of a recording named by its meta file, its data file, or their common stem.
struct SigmfPaths {
  std::string meta;
  std::string data;
};
SigmfPaths sigmf_paths(const std::string& path);

/// The meta files behind `path`: itself when it names a recording, all *.sigmf-meta inside, sorted, when it
/// is a folder. Errors: nothing there, or a folder without a recording.
Result<std::vector<std::string>> list_sigmf(const std::string& path);

}  // namespace ngdsp
