// TOML text and typed fields of its tables, with errors that name file, line and field.
#pragma once

#include <toml++/toml.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "ngdsp/base/error.h"

namespace ngdsp {

/// The table that TOML text is; `source` names it in errors.
inline Result<toml::table> parse_toml(const std::string& text, const std::string& source) {
  try {
    return toml::table(toml::parse(text, source));
  } catch (const toml::parse_error& e) {
    std::ostringstream out;
    out << source << ":" << e.source().begin.line << ": not TOML: " << e.description();
    return Error{out.str()};
  }
}

/// Reads typed fields of one table and remembers the first complaint. `prefix` goes before the names of keys:
/// "bursts.".
class TableReader {
 public:
  TableReader(const toml::table& table, std::string source, std::string prefix = "")
      : table_(table), source_(std::move(source)), prefix_(std::move(prefix)) {}

  void read(const char* key, double& field) {
    if (const toml::node* n = find(key)) {
      if (n->is_number())
        field = *n->value<double>();
      else
        complain(key, *n, "a number");
    }
  }
  void read(const char* key, bool& field) {
    if (const toml::node* n = find(key)) {
      if (n->is_boolean())
        field = *n->value<bool>();
      else
        complain(key, *n, "true or false");
    }
  }
  void read(const char* key, std::string& field) {
    if (const toml::node* n = find(key)) {
      if (n->is_string())
        field = *n->value<std::string>();
      else
        complain(key, *n, "a string");
    }
  }
  template <typename Int>
  void read_integer(const char* key, Int& field) {
    if (const toml::node* n = find(key)) {
      const auto v = n->is_integer() ? n->value<std::int64_t>() : std::nullopt;
      if (v && *v >= 0 && *v <= std::numeric_limits<std::int32_t>::max())
        field = static_cast<Int>(*v);
      else
        complain(key, *n, "an integer from 0 to 2147483647");
    }
  }
  const toml::node* find(const char* key) {
    known_.emplace_back(key);
    return table_.get(key);
  }
  void complain(const std::string& key, const toml::node& n, const std::string& expected) {
    if (!error_.empty()) return;
    std::ostringstream out;
    out << source_ << ":" << n.source().begin.line << ": " << prefix_ << key << " has type " << n.type()
        << ", expected " << expected;
    error_ = out.str();
  }
  /// Of the right type, but not a value that is known.
  void complain_value(const char* key, const std::string& found, const std::string& expected) {
    if (!error_.empty()) return;
    std::ostringstream out;
    out << source_ << ":" << table_.get(key)->source().begin.line << ": " << prefix_ << key << " is " << found
        << ", expected " << expected;
    error_ = out.str();
  }
  std::string finish() {
    for (const auto& [key, node] : table_) {
      if (!error_.empty()) break;
      if (std::find(known_.begin(), known_.end(), key.str()) == known_.end()) {
        std::ostringstream out;
        out << source_ << ":" << node.source().begin.line << ": unknown key " << prefix_ << key.str();
        error_ = out.str();
      }
    }
    return error_;
  }

 private:
  const toml::table& table_;
  std::string source_, prefix_, error_;
  std::vector<std::string> known_;
};

}  // namespace ngdsp
