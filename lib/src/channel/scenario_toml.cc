// Scenarios from TOML files.
#include <toml++/toml.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>

#include "ngdsp/base/db.h"
#include "ngdsp/channel/scenario.h"
#include "waveform/table_reader.h"

namespace ngdsp {
namespace {

namespace fs = std::filesystem;

// A list of lists of numbers, each of `least` to `most`: [[1, 2], [3, 4, 5]].
std::vector<std::vector<double>> read_rows(TableReader& r, const char* key, std::size_t least,
                                           std::size_t most) {
  std::vector<std::vector<double>> rows;
  const toml::node* node = r.find(key);
  if (!node) return rows;
  const std::string expected = "a list of lists of " + std::to_string(least) +
                               (most > least ? " to " + std::to_string(most) : "") + " numbers";
  const auto wrong = [&](const toml::node& n) {
    r.complain(key, n, expected);
    return std::vector<std::vector<double>>{};
  };
  const toml::array* list = node->as_array();
  if (!list) return wrong(*node);
  for (const toml::node& item : *list) {
    const toml::array* row = item.as_array();
    if (!row || row->size() < least || row->size() > most) return wrong(item);
    rows.emplace_back();
    for (const toml::node& n : *row) {
      if (!n.is_number()) return wrong(n);
      rows.back().push_back(*n.value<double>());
    }
  }
  return rows;
}

std::vector<LinePath> read_paths(TableReader& r, const char* key) {
  std::vector<LinePath> paths;
  for (const auto& row : read_rows(r, key, 2, 3))
    paths.push_back({row[0], row[1] * 1e-6, row.size() > 2 ? row[2] * kPi / 180 : 0});
  return paths;
}

void read_table(TableReader& r, MainsConfig& c) {
  r.read("frequency_hz", c.frequency_hz);
  r.read("deviation_hz", c.deviation_hz);
  r.read("correlation_s", c.correlation_s);
}
void read_table(TableReader& r, ColourConfig& c) {
  r.read("slope_db", c.slope_db);
  r.read("floor", c.floor);
  r.read("rise", c.rise);
  r.read("decay_hz", c.decay_hz);
  for (const auto& row : read_rows(r, "psd_db", 2, 2)) c.table.emplace_back(row[0], row[1]);
}
void read_table(TableReader& r, CyclicConfig& c) {
  r.read("level_db", c.level_db);
  r.read("phase_deg", c.phase_deg);
  r.read("exponent", c.exponent);
  r.read("slope_db", c.slope_db);
}
void read_table(TableReader& r, BurstConfig& c) {
  r.read("share", c.share);
  r.read("level_db", c.level_db);
  r.read("phase_deg", c.phase_deg);
  r.read_integer("per_cycle", c.per_cycle);
  r.read("jitter_s", c.jitter_s);
  r.read("level_jitter_db", c.level_jitter_db);
  r.read("slope_db", c.slope_db);
}
void read_table(TableReader& r, ImpulseConfig& c) {
  r.read("mean_gap_s", c.mean_gap_s);
  r.read("shortest_s", c.shortest_s);
  r.read("longest_s", c.longest_s);
  r.read("level_db", c.level_db);
  r.read("level_spread_db", c.level_spread_db);
  r.read("class_a", c.class_a);
  r.read("gamma", c.gamma);
  r.read("slope_db", c.slope_db);
}
void read_table(TableReader& r, RingingConfig& c) {
  r.read("rate_hz", c.rate_hz);
  r.read("ring_hz", c.ring_hz);
  r.read("decay_s", c.decay_s);
  r.read("level_db", c.level_db);
}
void read_table(TableReader& r, CarrierConfig& c) {
  r.read("frequency_hz", c.frequency_hz);
  r.read("level_db", c.level_db);
  r.read("width_hz", c.width_hz);
  r.read("on_share", c.on_share);
  r.read("key_s", c.key_s);
  r.read("am_depth", c.am_depth);
  r.read("am_hz", c.am_hz);
}
void read_table(TableReader& r, CombConfig& c) {
  r.read("fundamental_hz", c.fundamental_hz);
  r.read_integer("first", c.first);
  r.read_integer("last", c.last);
  r.read("level_db", c.level_db);
  r.read("rolloff_db_per_decade", c.rolloff_db_per_decade);
  r.read("sweep_hz", c.sweep_hz);
  r.read("jitter_hz", c.jitter_hz);
  r.read("jitter_correlation_s", c.jitter_correlation_s);
}
void read_table(TableReader& r, RecordingConfig& c) {
  r.read("file", c.file);
  r.read("level_db", c.level_db);
}

// What a line says; `grid` names the file of its grid.
struct LineTable {
  LineConfig line;
  std::string grid;
};
void read_table(TableReader& r, LineTable& t) {
  LineConfig& c = t.line;
  if (r.find("grid")) {
    r.read("grid", t.grid);
    if (fs::path(t.grid).extension() != ".toml") r.complain_value("grid", "\"" + t.grid + "\"", "FILE.toml");
    for (const char* key :
         {"paths", "others", "other_share", "other_phase_deg", "other_gain_db", "source_ohm", "line_ohm"})
      if (r.find(key)) r.complain_value(key, "given", "none beside line.grid, which takes its place");
  }
  r.read("node", c.node);
  c.paths = read_paths(r, "paths");
  c.others = read_paths(r, "others");
  r.read("other_share", c.other_share);
  r.read("other_phase_deg", c.other_phase_deg);
  r.read("other_gain_db", c.other_gain_db);
  r.read("gain_depth", c.gain_depth);
  r.read("gain_phase_deg", c.gain_phase_deg);
  r.read("source_ohm", c.source_ohm);
  r.read("line_ohm", c.line_ohm);
}
void read_table(TableReader& r, InputConfig& c) {
  r.read("highpass_hz", c.highpass_hz);
  r.read("lowpass_hz", c.lowpass_hz);
  r.read("agc", c.agc);
  r.read("agc_dbfs", c.agc_dbfs);
  r.read("agc_attack_s", c.agc_attack_s);
  r.read("agc_release_s", c.agc_release_s);
  r.read_integer("adc_bits", c.adc_bits);
  r.read("adc_full_scale_db", c.adc_full_scale_db);
}

// What a segment says; `noise` names its scenario.
struct SegmentTable {
  NoiseSegment segment;
  std::string noise;
};
void read_table(TableReader& r, SegmentTable& c) {
  r.read("noise", c.noise);
  r.read("seconds", c.segment.seconds);
  r.read("level_db", c.segment.level_db);
}

// Tables of a scenario; the first error ends everything.
class ScenarioReader {
 public:
  ScenarioReader(const toml::table& root, std::string source)
      : root_(root, source), source_(std::move(source)) {}

  template <typename Config>
  bool table(const char* key, Config& config) {
    const toml::node* node = root_.find(key);
    if (!node || !error_.empty()) return false;
    if (!node->is_table()) {
      root_.complain(key, *node, "a table");
      return false;
    }
    read(*node->as_table(), key, config);
    return true;
  }
  template <typename Config>
  void tables(const char* key, std::vector<Config>& list) {
    const toml::node* node = root_.find(key);
    if (!node || !error_.empty()) return;
    const toml::array* items = node->as_array();
    if (!items) return root_.complain(key, *node, "an array of tables");
    for (const toml::node& item : *items) {
      if (!item.is_table()) return root_.complain(key, item, "an array of tables");
      list.emplace_back();
      read(*item.as_table(), key, list.back());
    }
  }
  TableReader& root() { return root_; }
  std::string finish() {
    const std::string e = root_.finish();
    return error_.empty() ? e : error_;
  }

 private:
  template <typename Config>
  void read(const toml::table& table, const char* key, Config& config) {
    TableReader r(table, source_, std::string(key) + ".");
    read_table(r, config);
    if (const std::string e = r.finish(); error_.empty()) error_ = e;
  }

  TableReader root_;
  std::string source_, error_;
};

// Where shipped scenarios are: what was installed, or the sources this was built from.
std::vector<fs::path> scenario_folders() {
  std::vector<fs::path> folders;
  std::istringstream list(NGPLC_SCENARIO_PATH);
  for (std::string folder; std::getline(list, folder, ':');) {
    folders.emplace_back(folder);
    folders.push_back(fs::path(folder) / "noise");
  }
  return folders;
}

Result<Scenario> load(const std::string& name_or_path, bool may_change);

// Whether the noise may change: that of a segment may not.
Result<Scenario> parse(const std::string& text, const std::string& source, bool may_change) {
  const Result<toml::table> root = parse_toml(text, source);
  if (!root) return Error{root.error()};
  const fs::path folder = fs::path(source).parent_path();
  Scenario s;
  s.name = fs::path(source).stem().string();
  std::vector<SegmentTable> segments;
  ScenarioReader r(*root, source);
  r.root().read("description", s.description);
  r.table("mains", s.mains);
  r.table("background", s.background);
  r.tables("cyclic", s.cyclic);
  r.tables("bursts", s.bursts);
  r.tables("impulses", s.impulses);
  r.tables("ringing", s.ringing);
  r.tables("carriers", s.carriers);
  r.tables("combs", s.combs);
  if (RecordingConfig recording; r.table("recording", recording)) {
    const fs::path file = recording.file;
    if (file.is_relative() && !recording.file.empty()) recording.file = (folder / file).string();
    s.recording = recording;
  }
  LineTable line;
  r.table("line", line);
  s.line = line.line;
  r.table("input", s.input);
  r.tables("segment", segments);
  if (const std::string e = r.finish(); !e.empty()) return Error{e};
  if (!segments.empty() && !may_change)
    return Error{source + ": segment: this scenario is a segment of another one"};
  if (!line.grid.empty()) {
    const fs::path file = line.grid;
    Result<Grid> grid = load_grid((file.is_relative() ? folder / file : file).string());
    if (!grid) return Error{source + ": line.grid: " + grid.error()};
    s.line.grid = std::make_shared<const Grid>(std::move(*grid));
  }
  for (const SegmentTable& t : segments) s.segments.push_back(t.segment);
  if (const std::string e = s.validate(); !e.empty()) return Error{source + ": " + e};
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].noise.empty()) continue;
    const fs::path file = segments[i].noise;
    const bool beside = file.extension() == ".toml" && file.is_relative();
    const Result<Scenario> noise = load(beside ? (folder / file).string() : file.string(), false);
    if (!noise) return Error{source + ": segment.noise: " + noise.error()};
    s.segments[i].noise = *noise;
  }
  if (const std::string e = s.validate(); !e.empty()) return Error{source + ": " + e};
  return s;
}

Result<Scenario> load(const std::string& name_or_path, bool may_change) {
  fs::path path = name_or_path;
  std::error_code none;
  if (path.extension() != ".toml") {
    path.clear();
    std::string names;
    for (const fs::path& folder : scenario_folders()) {
      if (const fs::path file = folder / (name_or_path + ".toml"); fs::exists(file, none)) {
        path = file;
        break;
      }
      for (const auto& entry : fs::directory_iterator(folder, none))
        if (entry.path().extension() == ".toml") names += " " + entry.path().stem().string();
    }
    if (path.empty())
      return Error{"unknown scenario \"" + name_or_path + "\", expected FILE.toml or one of:" +
                   (names.empty() ? " (none found in " NGPLC_SCENARIO_PATH ")" : names)};
  }
  std::ifstream in(path, std::ios::binary);
  if (!in || fs::is_directory(path, none))
    return Error{path.string() + ": cannot be opened, expected a scenario in TOML"};
  return parse({std::istreambuf_iterator<char>(in), {}}, path.string(), may_change);
}

}  // namespace

Result<Scenario> parse_scenario(const std::string& text, const std::string& source) {
  return parse(text, source, true);
}

Result<Scenario> load_scenario(const std::string& name_or_path) { return load(name_or_path, true); }

}  // namespace ngdsp
