#include "config_reader.h"

#include <fstream>
#include <utility>

namespace ngplc::hub {
namespace {

using ngwire::Result;

constexpr std::size_t kMaxConfigBytes = 1 << 20;

const char* type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a point";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

std::string place(std::string_view source, const toml::source_region& region) {
  return std::string(source) + ":" + std::to_string(region.begin.line) + ":" +
         std::to_string(region.begin.column) + ": ";
}

}  // namespace

std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  if (text.size() > 300) text.resize(300);
  return text;
}

ConfigSetter text_into(std::string& target) {
  return [&target](const toml::node& node) -> std::string {
    if (!node.is_string()) return std::string("expected a string, found ") + type_name(node);
    target = node.as_string()->get();
    return "";
  };
}

ConfigSetter integer_into(std::int64_t& target) {
  return [&target](const toml::node& node) -> std::string {
    if (!node.is_integer()) return std::string("expected an integer, found ") + type_name(node);
    target = node.as_integer()->get();
    return "";
  };
}

ConfigSetter flag_into(bool& target) {
  return [&target](const toml::node& node) -> std::string {
    if (!node.is_boolean()) return std::string("expected true or false, found ") + type_name(node);
    target = node.as_boolean()->get();
    return "";
  };
}

ConfigSetter list_into(std::vector<std::string>& target) {
  return [&target](const toml::node& node) -> std::string {
    if (!node.is_array()) return std::string("expected a list of strings, found ") + type_name(node);
    target.clear();
    for (const toml::node& item : *node.as_array()) {
      if (!item.is_string())
        return std::string("expected a list of strings, found ") + type_name(item) + " in it";
      target.push_back(item.as_string()->get());
    }
    return "";
  };
}

std::string read_config(std::string_view text, std::string_view source,
                        const std::vector<ConfigEntry>& entries,
                        const std::function<std::string()>& validate) {
  if (text.size() > kMaxConfigBytes) return std::string(source) + ": longer than 1 MB";
  toml::table root;
  try {
    root = toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    return one_line(place(source, error.source()) + std::string(error.description()));
  }
  const auto is_section = [&](std::string_view key) {
    for (const ConfigEntry& e : entries) {
      if (!e.section.empty() && key == e.section) return true;
    }
    return false;
  };
  // Later checks of a value point at where it was written.
  std::vector<std::pair<std::string, toml::source_region>> places;
  const auto apply = [&](std::string_view section, std::string_view key,
                         const toml::node& node) -> std::string {
    const std::string field =
        section.empty() ? std::string(key) : std::string(section) + "." + std::string(key);
    for (const ConfigEntry& e : entries) {
      if (section != e.section || key != e.key) continue;
      places.emplace_back(field, node.source());
      const std::string wrong = e.set(node);
      return wrong.empty() ? "" : place(source, node.source()) + field + ": " + wrong;
    }
    return place(source, node.source()) + field + ": unknown key";
  };
  for (auto&& [key, node] : root) {
    std::string wrong;
    if (is_section(key.str())) {
      if (!node.is_table()) {
        wrong = place(source, node.source()) + std::string(key.str()) + ": expected a table, found " +
                type_name(node);
      } else {
        for (auto&& [inner_key, inner] : *node.as_table()) {
          wrong = apply(key.str(), inner_key.str(), inner);
          if (!wrong.empty()) break;
        }
      }
    } else {
      wrong = apply("", key.str(), node);
    }
    if (!wrong.empty()) return one_line(std::move(wrong));
  }
  if (const std::string wrong = validate(); !wrong.empty()) {
    const std::string field = wrong.substr(0, wrong.find(':'));
    for (const auto& [name, region] : places) {
      if (name == field) return one_line(place(source, region) + wrong);
    }
    return one_line(std::string(source) + ": " + wrong);
  }
  return "";
}

Result<std::string> read_config_file(const std::string& path) {
  using R = Result<std::string>;
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxConfigBytes + 1, '\0');
  if (!file || !file.read(text.data(), static_cast<std::streamsize>(text.size())).eof())
    return R::failure(path + (file ? ": longer than 1 MB" : ": cannot be read"));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace ngplc::hub
