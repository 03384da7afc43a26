// Topics of MQTT messages as the operator writes them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ngwire/wire/result.h"

namespace ngplc::hub {

/// What a topic may name. Any text: topic_level() of each stands in the topic, "_" for an empty one.
struct TopicValues {
  std::string hub;
  std::string device;
  std::string kind;  ///< "reading" or "state"
  std::string obis;
  std::string unit;
};

/// Text with the placeholders {hub}, {device}, {kind}, {register}, {unit}.
class TopicTemplate {
 public:
  /// At most 256 bytes of printable ASCII: {device} and {kind} are in it, {unit} only with {register}; no
  /// empty level, no + or #, no $ at the start. Fails with one line that says what was expected.
  static ngwire::Result<TopicTemplate> parse(std::string_view text);

  /// {register} is in it: each value of a frame has a topic of its own.
  bool by_register() const { return names(&TopicValues::obis); }
  /// A valid topic of as many levels as the template, shorter than 65536 bytes while no value exceeds 1000.
  std::string fill(const TopicValues& values) const;

 private:
  using Field = std::string TopicValues::*;
  struct Piece {
    std::string text;
    Field value = nullptr;  ///< of a placeholder, which has no text
  };
  bool names(Field value) const;

  std::vector<Piece> pieces_;
};

}  // namespace ngplc::hub
