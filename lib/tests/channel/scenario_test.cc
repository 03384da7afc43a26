#include "ngdsp/channel/scenario.h"

#include <gtest/gtest.h>

#include <cmath>

#include "../io/temp_folder.h"
#include "ngdsp/base/db.h"
#include "ngdsp/channel/scenario_line.h"

namespace ngdsp {
namespace {

using ScenarioFiles = TempFolderTest;

void expect_error(const std::string& toml, std::initializer_list<const char*> parts) {
  const Result<Scenario> s = parse_scenario(toml, "my.toml");
  ASSERT_FALSE(static_cast<bool>(s)) << toml;
  for (const char* part : parts)
    EXPECT_NE(s.error().find(part), std::string::npos) << part << " in \"" << s.error() << '"';
  EXPECT_EQ(s.error().find('\n'), std::string::npos);
}

TEST(ScenarioToml, EmptyTextIsWhiteNoise) {
  const Result<Scenario> s = parse_scenario("", "places/empty.toml");
  ASSERT_TRUE(static_cast<bool>(s)) << s.error();
  EXPECT_EQ(s->name, "empty");
  EXPECT_TRUE(s->background.white());
  EXPECT_FALSE(s->line.changes());
}

TEST(ScenarioToml, EveryFieldIsRead) {
  const Result<Scenario> s = parse_scenario(R"(
description = "all"
mains = {frequency_hz = 60, deviation_hz = 0.1, correlation_s = 9}
background = {slope_db = 3, floor = 0.5, rise = 2, decay_hz = 5000, psd_db = [[1000, 1.5], [2000, -3]]}
cyclic = [{level_db = 5, phase_deg = -6, exponent = 1.9, slope_db = 2}]
bursts = [{share = 0.2, level_db = 11, phase_deg = 45, per_cycle = 6, jitter_s = 1e-4, level_jitter_db = 2, slope_db = 4}]
impulses = [{mean_gap_s = 0.2, shortest_s = 1e-5, longest_s = 2e-5, level_db = 12, level_spread_db = 3, slope_db = 5},
            {class_a = 0.4, gamma = 0.3}]
ringing = [{rate_hz = 7, ring_hz = 50000, decay_s = 3e-5, level_db = 6}]
carriers = [{frequency_hz = 1000, level_db = 7, width_hz = 50, on_share = 0.5, key_s = 0.1},
              {am_depth = 0.5, am_hz = 3000}]
combs = [{fundamental_hz = 9000, first = 2, last = 4, level_db = 8, rolloff_db_per_decade = 9, sweep_hz = 10, jitter_hz = 11, jitter_correlation_s = 0.5}]
recording = {file = "noise", level_db = 13}
[line]
paths = [[0, 0], [-3, 10, 90]]
others = [[-1, 2]]
other_share = 0.4
other_phase_deg = 30
other_gain_db = -2
gain_depth = 0.1
gain_phase_deg = 20
source_ohm = 3
line_ohm = 4
[input]
highpass_hz = 100
lowpass_hz = 200
agc = true
agc_dbfs = -20
agc_attack_s = 0.5
agc_release_s = 0.6
adc_bits = 9
adc_full_scale_db = 33
)",
                                            "places/all.toml");
  ASSERT_TRUE(static_cast<bool>(s)) << s.error();
  EXPECT_EQ(s->description, "all");
  EXPECT_EQ(s->mains.frequency_hz, 60);
  EXPECT_EQ(s->mains.deviation_hz, 0.1);
  EXPECT_EQ(s->mains.correlation_s, 9);
  EXPECT_EQ(s->background.slope_db, 3);
  EXPECT_EQ(s->background.floor, 0.5);
  EXPECT_EQ(s->background.rise, 2);
  EXPECT_EQ(s->background.decay_hz, 5000);
  ASSERT_EQ(s->background.table.size(), 2U);
  EXPECT_EQ(s->background.table[1], std::make_pair(2000.0, -3.0));
  ASSERT_EQ(s->cyclic.size(), 1U);
  EXPECT_EQ(s->cyclic[0].level_db, 5);
  EXPECT_EQ(s->cyclic[0].phase_deg, -6);
  EXPECT_EQ(s->cyclic[0].exponent, 1.9);
  EXPECT_EQ(s->cyclic[0].slope_db, 2);
  ASSERT_EQ(s->bursts.size(), 1U);
  EXPECT_EQ(s->bursts[0].share, 0.2);
  EXPECT_EQ(s->bursts[0].level_db, 11);
  EXPECT_EQ(s->bursts[0].phase_deg, 45);
  EXPECT_EQ(s->bursts[0].per_cycle, 6);
  EXPECT_EQ(s->bursts[0].jitter_s, 1e-4);
  EXPECT_EQ(s->bursts[0].level_jitter_db, 2);
  EXPECT_EQ(s->bursts[0].slope_db, 4);
  ASSERT_EQ(s->impulses.size(), 2U);
  EXPECT_EQ(s->impulses[0].mean_gap_s, 0.2);
  EXPECT_EQ(s->impulses[0].shortest_s, 1e-5);
  EXPECT_EQ(s->impulses[0].longest_s, 2e-5);
  EXPECT_EQ(s->impulses[0].level_db, 12);
  EXPECT_EQ(s->impulses[0].level_spread_db, 3);
  EXPECT_EQ(s->impulses[0].slope_db, 5);
  EXPECT_EQ(s->impulses[1].class_a, 0.4);
  EXPECT_EQ(s->impulses[1].gamma, 0.3);
  ASSERT_EQ(s->ringing.size(), 1U);
  EXPECT_EQ(s->ringing[0].rate_hz, 7);
  EXPECT_EQ(s->ringing[0].ring_hz, 50000);
  EXPECT_EQ(s->ringing[0].decay_s, 3e-5);
  EXPECT_EQ(s->ringing[0].level_db, 6);
  ASSERT_EQ(s->carriers.size(), 2U);
  EXPECT_EQ(s->carriers[0].frequency_hz, 1000);
  EXPECT_EQ(s->carriers[0].level_db, 7);
  EXPECT_EQ(s->carriers[0].width_hz, 50);
  EXPECT_EQ(s->carriers[0].on_share, 0.5);
  EXPECT_EQ(s->carriers[0].key_s, 0.1);
  EXPECT_EQ(s->carriers[1].am_depth, 0.5);
  EXPECT_EQ(s->carriers[1].am_hz, 3000);
  ASSERT_EQ(s->combs.size(), 1U);
  EXPECT_EQ(s->combs[0].fundamental_hz, 9000);
  EXPECT_EQ(s->combs[0].first, 2);
  EXPECT_EQ(s->combs[0].last, 4);
  EXPECT_EQ(s->combs[0].level_db, 8);
  EXPECT_EQ(s->combs[0].rolloff_db_per_decade, 9);
  EXPECT_EQ(s->combs[0].sweep_hz, 10);
  EXPECT_EQ(s->combs[0].jitter_hz, 11);
  EXPECT_EQ(s->combs[0].jitter_correlation_s, 0.5);
  ASSERT_TRUE(s->recording.has_value());
  EXPECT_EQ(s->recording->file, "places/noise");  // beside the file that names it
  EXPECT_EQ(s->recording->level_db, 13);
  ASSERT_EQ(s->line.paths.size(), 2U);
  EXPECT_EQ(s->line.paths[1].gain_db, -3);
  EXPECT_DOUBLE_EQ(s->line.paths[1].delay_s, 10e-6);
  EXPECT_NEAR(s->line.paths[1].phase_rad, 1.5707963, 1e-6);
  ASSERT_EQ(s->line.others.size(), 1U);
  EXPECT_EQ(s->line.other_share, 0.4);
  EXPECT_EQ(s->line.other_phase_deg, 30);
  EXPECT_EQ(s->line.other_gain_db, -2);
  EXPECT_EQ(s->line.gain_depth, 0.1);
  EXPECT_EQ(s->line.gain_phase_deg, 20);
  EXPECT_EQ(s->line.source_ohm, 3);
  EXPECT_EQ(s->line.line_ohm, 4);
  EXPECT_EQ(s->input.highpass_hz, 100);
  EXPECT_EQ(s->input.lowpass_hz, 200);
  EXPECT_TRUE(s->input.agc);
  EXPECT_EQ(s->input.agc_dbfs, -20);
  EXPECT_EQ(s->input.agc_attack_s, 0.5);
  EXPECT_EQ(s->input.agc_release_s, 0.6);
  EXPECT_EQ(s->input.adc_bits, 9);
  EXPECT_EQ(s->input.adc_full_scale_db, 33);
}

TEST(ScenarioToml, WrongTypesNameLineAndField) {
  expect_error("a = = 1", {"my.toml:1:", "not TOML"});
  expect_error("\nmains = 50", {"my.toml:2:", "mains", "a table"});
  expect_error("[bursts]\nshare = 1", {"my.toml:1:", "bursts", "an array of tables"});
  expect_error("bursts = [1]", {"my.toml:1:", "bursts", "an array of tables"});
  expect_error("[[bursts]]\nshare = \"x\"", {"my.toml:2:", "bursts.share", "a number"});
  expect_error("[[bursts]]\nper_cycle = 2.5", {"my.toml:2:", "bursts.per_cycle", "an integer"});
  expect_error("[line]\npaths = 3", {"my.toml:2:", "line.paths", "a list of lists of 2 to 3 numbers"});
  expect_error("[line]\npaths = [[1]]", {"my.toml:2:", "line.paths"});
  expect_error("[line]\npaths = [[1, \"a\"]]", {"my.toml:2:", "line.paths"});
  expect_error("[background]\npsd_db = [[1, 2, 3]]",
               {"my.toml:2:", "background.psd_db", "lists of 2 numbers"});
  expect_error("[input]\nagc = 1", {"my.toml:2:", "input.agc", "true or false"});
}

TEST(ScenarioToml, UnknownKeysAreErrors) {
  expect_error("mainz = 3", {"my.toml:1:", "unknown key mainz"});
  expect_error("[mains]\nhz = 50", {"my.toml:2:", "unknown key mains.hz"});
  expect_error("[[combs]]\n[[combs]]\nhz = 50", {"my.toml:3:", "unknown key combs.hz"});
}

TEST(ScenarioToml, ImpossibleValuesNameTheField) {
  expect_error("[mains]\nfrequency_hz = 5", {"my.toml: mains.frequency_hz is 5, expected 10 to 400 Hz"});
  expect_error("[[bursts]]\nshare = 1.5", {"my.toml: bursts.share is 1.5, expected 0.001 to 0.9"});
  expect_error("[[bursts]]\n[[bursts]]\nlevel_db = nan", {"bursts[2].level_db is nan"});
  expect_error("[[impulses]]\nshortest_s = 1\nlongest_s = 0.5", {"impulses.longest_s"});
  expect_error("[[impulses]]\nlongest_s = 10\nmean_gap_s = 1e-3", {"impulses.longest_s", "100 mean gaps"});
  expect_error("[[impulses]]\nclass_a = 11", {"impulses.class_a is 11"});
  expect_error("[[cyclic]]\nexponent = -1", {"cyclic.exponent is -1"});
  expect_error("[[carriers]]\nwidth_hz = 1", {"carriers.width_hz is 1"});
  expect_error("[[carriers]]\nwidth_hz = 100\nam_depth = 0.1", {"carriers.am_depth"});
  expect_error("[[combs]]\nfirst = 5\nlast = 4", {"combs.last is 4, expected 5 to 104"});
  expect_error("[[combs]]\nlast = 500", {"combs.last is 500"});
  expect_error("[[ringing]]\nrate_hz = inf", {"ringing.rate_hz is inf"});
  expect_error("[background]\npsd_db = [[2, 0], [1, 0]]", {"background.psd_db", "rising"});
  expect_error("[recording]\nlevel_db = 3", {"recording.file"});
  expect_error("[line]\ngain_depth = 1", {"line.gain_depth is 1"});
  expect_error("[input]\nadc_bits = 25", {"input.adc_bits is 25"});
  expect_error("[mains]\nfrequency_hz = 0\n[[bursts]]", {"mains.frequency_hz is 0"});
  std::string many;
  for (int i = 0; i < 33; ++i) many += "[[carriers]]\n";
  expect_error(many, {"carriers", "at most 32"});
}

TEST(ScenarioToml, SegmentsNameTheirNoise) {
  const Result<Scenario> s = load_scenario("changing-hour");
  ASSERT_TRUE(static_cast<bool>(s)) << s.error();
  ASSERT_EQ(s->segments.size(), 6U);
  EXPECT_EQ(s->segments[0].noise.name, "");
  EXPECT_EQ(s->segments[0].level_db, 2.3);
  EXPECT_EQ(s->segments[1].seconds, 60);
  EXPECT_EQ(s->segments[1].noise.name, "bursts-10pct-20db");
  EXPECT_EQ(s->segments[1].noise.bursts.size(), 1U);
  EXPECT_EQ(s->segments[5].noise.name, "flat-evening");
}

TEST(ScenarioToml, SegmentsThatCannotBe) {
  expect_error("segment = 3", {"my.toml:1:", "segment", "an array of tables"});
  expect_error("[[segment]]\nhz = 3", {"my.toml:2:", "unknown key segment.hz"});
  expect_error("[[segment]]\nnoise = 3", {"my.toml:2:", "segment.noise", "a string"});
  expect_error("[[segment]]\nseconds = 0", {"my.toml: segment.seconds is 0, expected 0.01 to 1e+06 s"});
  expect_error("[[segment]]\nlevel_db = nan", {"my.toml: segment.level_db is nan"});
  expect_error("[[segment]]\nnoise = \"nowhere\"", {"segment.noise: unknown scenario", "workshop"});
  expect_error("[[segment]]\nnoise = \"missing.toml\"", {"segment.noise: ", "missing.toml", "opened"});
  expect_error("[[segment]]\nnoise = \"changing-hour\"", {"segment.noise: ", "segment of another"});
  expect_error("[[segment]]\n[[bursts]]", {"segment: expected no other noise"});
  expect_error("[mains]\nfrequency_hz = 0\n[[segment]]\nnoise = \"bursts-10pct-20db\"",
               {"segment.noise: mains.frequency_hz is 0"});
  std::string many;
  for (int i = 0; i < 33; ++i) many += "[[segment]]\n";
  expect_error(many, {"segment", "at most 32"});
}

// A file that names itself is not read for ever; a folder is no file.
TEST_F(ScenarioFiles, SegmentsLieBesideTheirScenario) {
  put("itself.toml", "[[segment]]\nnoise = \"itself.toml\"");
  EXPECT_FALSE(static_cast<bool>(load_scenario(path("itself.toml"))));
  put("beside.toml", "[background]\nslope_db = 3");
  put("hour.toml", "[[segment]]\nnoise = \"beside.toml\"");
  const Result<Scenario> s = load_scenario(path("hour.toml"));
  ASSERT_TRUE(static_cast<bool>(s)) << s.error();
  EXPECT_EQ(s->segments[0].noise.background.slope_db, 3);
  std::filesystem::create_directory(path("folder.toml"));
  EXPECT_FALSE(static_cast<bool>(load_scenario(path("folder.toml"))));
}

// A grid is read beside its scenario, and what is wrong with it is said with both files.
TEST_F(ScenarioFiles, LineComesFromAGrid) {
  const std::string grid = R"([grid]
hub = "busbar"
nodes = [{name = "busbar"}, {name = "joint"}, {name = "house", modem = "L1"}]
branches = [{from = "busbar", to = "joint", cable = "NAYY 4x150", length_m = 50},
            {from = "joint", to = "house", cable = "NAYY 4x50", length_m = 20}]
)";
  put("street.toml", grid);
  put("here.toml", "[line]\ngrid = \"street.toml\"\nnode = \"house\"\ngain_depth = 0.1");
  const Result<Scenario> s = load_scenario(path("here.toml"));
  ASSERT_TRUE(static_cast<bool>(s)) << s.error();
  ASSERT_TRUE(s->line.grid);
  EXPECT_EQ(s->line.grid->nodes.size(), 3U);
  EXPECT_EQ(s->line.node, "house");

  const auto expect_refused = [&](const std::string& line, std::initializer_list<const char*> parts) {
    put("bad.toml", "[line]\n" + line);
    const Result<Scenario> bad = load_scenario(path("bad.toml"));
    ASSERT_FALSE(static_cast<bool>(bad)) << line;
    for (const char* part : parts)
      EXPECT_NE(bad.error().find(part), std::string::npos) << part << " in \"" << bad.error() << '"';
    EXPECT_EQ(bad.error().find('\n'), std::string::npos);
  };
  const std::string street = "grid = \"street.toml\"\n";
  expect_refused("grid = 3", {"bad.toml:2:", "line.grid", "a string"});
  expect_refused("grid = \"\"", {"bad.toml:2:", "line.grid", "FILE.toml"});
  expect_refused("grid = \"/dev/zero\"", {"bad.toml:2:", "line.grid", "FILE.toml"});
  expect_refused("grid = \"missing.toml\"", {"bad.toml: line.grid: ", "missing.toml: cannot be opened"});
  expect_refused("node = \"house\"", {"bad.toml: line.node: ", "line.grid"});
  expect_refused(street + "node = \"nowhere\"", {"bad.toml: line.node \"nowhere\"", "no node"});
  expect_refused(street + "node = \"joint\"", {"bad.toml: line.node \"joint\"", "with a modem"});
  for (const char* key : {"paths = [[0, 0]]", "others = [[0, 0]]", "other_share = 0.3",
                          "other_phase_deg = 90", "other_gain_db = 0", "source_ohm = 0", "line_ohm = 0"})
    expect_refused(street + key, {"bad.toml:3: line.", "beside line.grid"});

  const auto expect_bad_grid = [&](const std::string& what, const std::string& by, const char* part) {
    std::string text = grid;
    const std::size_t at = text.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    put("wrong.toml", text.replace(at, what.size(), by));
    expect_refused("grid = \"wrong.toml\"", {"bad.toml: line.grid: ", "wrong.toml", part});
  };
  expect_bad_grid("hub = \"busbar\"", "", "grid.hub: expected the name of a node");
  expect_bad_grid("length_m = 20", "length_m = 0", "length_m is 0");
  expect_bad_grid("from = \"joint\", to = \"house\"", "from = \"house\", to = \"joint2\"",
                  "\"joint2\" is no node");
  expect_bad_grid("{name = \"joint\"}", "{name = \"joint\"}, {name = \"island\"}",
                  "\"island\" is not connected to the hub");
  expect_bad_grid("[grid]", "[grids]", "no table [grid]");
}

TEST(ScenarioToml, AGridThatSwitchesNeedsTheMains) {
  Result<Scenario> s = load_scenario("grid-street");
  ASSERT_TRUE(static_cast<bool>(s)) << s.error();
  s->cyclic.clear();
  s->bursts.clear();
  EXPECT_EQ(s->validate(), "");
  s->mains.frequency_hz = 0;
  EXPECT_NE(s->validate().find("changing line"), std::string::npos) << s->validate();
}

TEST(ScenarioToml, UnknownNamesListTheShippedOnes) {
  const Result<Scenario> s = load_scenario("nowhere");
  ASSERT_FALSE(static_cast<bool>(s));
  EXPECT_NE(s.error().find("workshop"), std::string::npos) << s.error();
  EXPECT_NE(s.error().find("bursts-10pct-20db"), std::string::npos) << s.error();
  EXPECT_FALSE(static_cast<bool>(load_scenario("/nonexistent/s.toml")));
}

// Every shipped scenario is read and runs on every profile, or says why it does not.
TEST(Scenarios, ShippedOnesRun) {
  int count = 0;
  for (const char* name : {"quiet-house",
                           "flat-evening",
                           "workshop",
                           "ev-street",
                           "long-rural-feeder",
                           "two-transformers",
                           "changing-hour",
                           "grid-street",
                           "bursts-10pct-20db",
                           "bursts-5pct-30db",
                           "bursts-20pct-10db",
                           "bursts-10pct-20db-jittered",
                           "bursts-5pct-30db-jittered",
                           "bursts-20pct-10db-jittered",
                           "impulses-10ms-30db",
                           "bursts-and-tones",
                           "class-a",
                           "one-tone",
                           "three-tones",
                           "keyed-carrier",
                           "broadcast",
                           "lamp-comb",
                           "pwm-comb",
                           "slope-20db",
                           "katayama",
                           "ringing",
                           "switched-line",
                           "eight-bits"}) {
    const Result<Scenario> s = load_scenario(name);
    ASSERT_TRUE(static_cast<bool>(s)) << s.error();
    EXPECT_EQ(s->name, name);
    EXPECT_FALSE(s->description.empty());
    for (const char* profile : {"cenelec-a", "fcc"}) {
      const Profile p = *find_profile(profile);
      const Result<PlacedLine> placed = place_line(s->line, p);
      ASSERT_TRUE(static_cast<bool>(placed)) << placed.error();
      auto line = ScenarioLine<float>::create(*s, *placed, noise_band(p, p.sample_rate_hz), 1, 1);
      ASSERT_TRUE(static_cast<bool>(line)) << line.error();
      std::vector<float> x(3000);
      line->pass(Span<float>(x), {placed->states.size() - 1, x});
      double power = 0;
      for (const float v : x) power += static_cast<double>(v) * static_cast<double>(v);
      EXPECT_GT(power, 0);
      EXPECT_TRUE(std::isfinite(power));
    }
    ++count;
  }
  EXPECT_EQ(count, 28);
}

// What theory says of the shipped bursts and impulses: a receiver that takes the noise for constant loses the
// mean of the variance, one that knows it the harmonic mean. 40 s hold 4000 bursts or impulses: 1.6 % of a
// share that varies as impulses do, five deviations 0.35 dB; the shares of bursts are exact but for their
// edges.
TEST(Scenarios, SingleImpairmentsCostWhatTheoryMakesOfThem) {
  const struct {
    const char* name;
    double constant_db, known_db, tolerance_db;
  } table[] = {{"bursts-10pct-20db", 10.37, 0.45, 0.05},
               {"bursts-5pct-30db", 17.08, 0.22, 0.05},
               {"bursts-20pct-10db", 4.47, 0.86, 0.05},
               {"impulses-10ms-30db", 9.77, 0.037, 0.35}};
  for (const auto& row : table) {
    const Result<Scenario> s = load_scenario(row.name);
    ASSERT_TRUE(static_cast<bool>(s)) << s.error();
    const NoiseBand band;
    auto noise = LineNoise<float>::create(*s, band, 3);
    MainsPhase mains(s->mains, band.sample_rate_hz, 3);
    double sum = 0, inverse = 0, count = 0;
    std::vector<double> turns(192000);
    for (int second = 0; second < 40; ++second) {
      std::vector<float> x(turns.size());
      mains.next(Span<double>(turns));
      noise->add(Span<const double>(turns), Span<float>(x), 1);
      for (const float v : noise->variance()) {
        sum += static_cast<double>(v);
        inverse += 1 / static_cast<double>(v);
        ++count;
      }
    }
    EXPECT_NEAR(to_db(sum / count), row.constant_db, row.tolerance_db) << row.name;
    EXPECT_NEAR(-to_db(inverse / count), row.known_db, 0.02) << row.name;
  }
}

TEST(ScenarioLine, BlocksDoNotMatter) {
  const Profile p;
  for (const char* name : {"flat-evening", "workshop", "switched-line", "changing-hour", "grid-street"}) {
    Result<Scenario> s = load_scenario(name);
    ASSERT_TRUE(static_cast<bool>(s)) << s.error();
    for (NoiseSegment& segment : s->segments) segment.seconds = 0.0312345;
    const Result<PlacedLine> line = place_line(s->line, p);
    auto whole = ScenarioLine<float>::create(*s, *line, noise_band(p, 192000), 0.1, 5);
    auto parts = ScenarioLine<float>::create(*s, *line, noise_band(p, 192000), 0.1, 5);
    std::vector<float> x(50000);
    for (std::size_t k = 0; k < x.size(); ++k) x[k] = std::sin(static_cast<float>(k));
    std::vector<float> y = x;
    const std::vector<float> other(x.size(), 0.5F);
    whole->pass(Span<float>(x), {line->states.size() - 1, other});
    for (std::size_t at = 0; at < y.size(); at += 1000)
      parts->pass(Span<float>(y).subspan(at, 1000), {line->states.size() - 1, other});
    EXPECT_EQ(x, y) << name;
  }
}

// A sweep over the band through two paths leaves with the power it came with.
TEST(ScenarioLine, PathsKeepThePowerInTheBand) {
  Scenario s;
  s.line.paths = {{0, 0, 0}, {-2, 12 / 192000.0, 0}};
  auto line = ScenarioLine<float>::create(s, *place_line(s.line, Profile{}), NoiseBand{}, 1e-12, 1);
  ASSERT_TRUE(static_cast<bool>(line)) << line.error();
  const double power = 1 + std::pow(10, -0.2), weak = std::pow(10, -0.1);
  std::vector<float> x(192000);
  const auto sweep = [](double t) {
    return std::sqrt(2) * std::sin(6.283185307179586 * (39000 * t + 24000 * t * t));
  };
  for (std::size_t k = 0; k < x.size(); ++k) {
    const double t = static_cast<double>(k) / 192000;
    x[k] = static_cast<float>((sweep(t) + weak * sweep(t - 12 / 192000.0)) / std::sqrt(power));
  }
  line->pass(Span<float>(x), {});
  double out = 0;
  for (const float v : x) out += static_cast<double>(v) * static_cast<double>(v) / 192000;
  EXPECT_NEAR(out, 1, 0.01);
}

TEST(ScenarioLine, WhatSamplesCannotHoldIsAnError) {
  Scenario s;
  s.input.lowpass_hz = 96000;
  EXPECT_FALSE(static_cast<bool>(ScenarioLine<float>::create(s, line_through({}), NoiseBand{}, 1, 1)));
  NoiseBand radio;
  radio.real = false;
  s.input.lowpass_hz = 1000;
  EXPECT_FALSE(static_cast<bool>(ScenarioLine<cf32>::create(s, line_through({}), radio, 1, 1)));
}

}  // namespace
}  // namespace ngdsp
