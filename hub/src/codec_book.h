// Reading sets of other makers, as data files.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ngwire/link/ccm.h"
#include "ngwire/link/reading_codec.h"
#include "ngwire/wire/result.h"

namespace ngplc::hub {

/// Sets from this number on belong to files; those below to ngwire.
inline constexpr std::uint8_t kFirstFileSet = 64;

/// What a content is known to mean.
struct CodecExample {
  std::vector<std::uint8_t> content;
  std::vector<std::pair<std::string, std::string>> values;  ///< OBIS code, decimal
};

/// One file: a set of registers in a row, as in docs/interfaces.md.
struct Codec {
  std::string name;   ///< of the file's own choice
  std::string model;  ///< nodes.model it is for; empty: any
  std::uint8_t set = 0;
  std::vector<ngwire::RegisterSpec> registers;
  std::vector<CodecExample> examples;
  std::size_t bytes() const;
};

/// All codecs of a folder. Register tables stay where they are as long as the book lives: readings point into
/// them.
class CodecBook {
 public:
  /// Reads every `*.toml` of the folder, in order of name. Fails with one line that names file, line and
  /// field: syntax, unknown key, OBIS code, width, an example that decodes to something else, a set that two
  /// files claim for the same model.
  static ngwire::Result<CodecBook> open(const std::string& folder);
  /// One file's text, for open() and the fuzz target.
  static std::string parse(std::string_view text, const std::string& source, CodecBook& book);

  CodecBook() = default;
  CodecBook(CodecBook&&) = default;
  CodecBook& operator=(CodecBook&&) = default;
  CodecBook(const CodecBook&) = delete;

  /// The content of a sealed reading with a set of kFirstFileSet or more. `set`: no file describes it for
  /// that model. On any error nothing changes.
  ngwire::ReadingError decode(const std::string& model, ngwire::ByteView content,
                              ngwire::Reading& reading) const;

  std::size_t size() const { return codecs_.size(); }
  const std::deque<Codec>& codecs() const { return codecs_; }

 private:
  std::deque<Codec> codecs_;
  std::deque<std::string> texts_;  // that the register tables point into
  std::map<std::pair<std::uint8_t, std::string>, const Codec*> by_set_;
};

}  // namespace ngplc::hub
