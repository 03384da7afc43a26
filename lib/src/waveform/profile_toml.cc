// Profiles from TOML files.
#include <toml++/toml.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "ngdsp/waveform/profile.h"
#include "waveform/table_reader.h"

namespace ngdsp {
namespace {

std::string read_classes(const toml::node& node, const std::string& source, Profile& p) {
  const toml::array* list = node.as_array();
  std::ostringstream where;
  where << source << ":" << node.source().begin.line << ": ";
  if (!list) return where.str() + "classes has the wrong type, expected an array of tables";
  p.classes.clear();
  for (const toml::node& item : *list) {
    const toml::table* table = item.as_table();
    if (!table) return where.str() + "classes holds something that is not a table";
    PayloadClass c;
    TableReader r(*table, source);
    r.read_integer("payload_bytes", c.payload_bytes);
    r.read_integer("code_bits", c.code_bits);
    r.read_integer("sequences", c.sequences);
    r.read("design_ebn0_db", c.design_ebn0_db);
    if (std::string e = r.finish(); !e.empty()) return e;
    p.classes.push_back(c);
  }
  return {};
}

}  // namespace

Result<Profile> parse_profile(const std::string& text, const std::string& source) {
  const Result<toml::table> table = parse_toml(text, source);
  if (!table) return Error{table.error()};
  Profile p;
  TableReader r(*table, source);
  std::string base;
  r.read("base", base);
  if (!base.empty()) {
    Result<Profile> found = find_profile(base);
    if (!found) return Error{source + ": base: " + found.error()};
    p = *found;
  }
  r.read("name", p.name);
  r.read("real", p.real);
  r.read("carrier_hz", p.carrier_hz);
  r.read("center_hz", p.center_hz);
  r.read("chip_rate_hz", p.chip_rate_hz);
  r.read("sample_rate_hz", p.sample_rate_hz);
  r.read("rolloff", p.rolloff);
  r.read_integer("preamble_chips", p.preamble_chips);
  r.read_integer("spreading_factor", p.spreading_factor);
  r.read_integer("sequence_family", p.sequence_family);
  r.read("max_clock_ppm", p.max_clock_ppm);
  r.read("carrier_crystal_hz", p.carrier_crystal_hz);
  r.read_integer("list_size", p.list_size);
  r.read("band_low_hz", p.band_low_hz);
  r.read("band_high_hz", p.band_high_hz);
  r.read("psd_mask", p.psd_mask);
  const toml::node* classes = r.find("classes");
  std::string e = r.finish();
  if (e.empty() && classes) e = read_classes(*classes, source, p);
  if (!e.empty()) return Error{e};
  if (e = p.validate(); !e.empty()) return Error{source + ": " + e};
  return p;
}

Result<Profile> load_profile(const std::string& name_or_path) {
  if (name_or_path.size() < 5 || name_or_path.substr(name_or_path.size() - 5) != ".toml")
    return find_profile(name_or_path);
  std::ifstream in(name_or_path, std::ios::binary);
  if (!in) return Error{name_or_path + ": cannot be opened, expected a profile in TOML"};
  return parse_profile({std::istreambuf_iterator<char>(in), {}}, name_or_path);
}

}  // namespace ngdsp
