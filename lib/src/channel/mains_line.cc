#include "ngdsp/channel/mains_line.h"

#include "channel/field_check.h"
#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

void check_paths(FieldCheck& check, const std::vector<LinePath>& paths, const std::string& field) {
  check.require(paths.size() <= 32, field.c_str(), "expected at most 32 paths");
  for (const LinePath& p : paths) {
    check.range((field + ": gain").c_str(), p.gain_db, -60, 60, "dB");
    check.range((field + ": delay").c_str(), p.delay_s * 1e6, 0, 1e4, "us");
    check.range((field + ": phase").c_str(), p.phase_rad * 180 / kPi, -360, 360, "degrees");
  }
}

}  // namespace

std::string LineConfig::validate() const {
  FieldCheck check("line.");
  check_paths(check, paths, "paths");
  check_paths(check, others, "others");
  check.range("other_share", other_share, 0.01, 0.95, "of the time");
  check.range("other_phase_deg", other_phase_deg, -360, 360, "degrees");
  check.range("other_gain_db", other_gain_db, -60, 60, "dB");
  check.range("gain_depth", gain_depth, 0, 0.9);
  check.range("gain_phase_deg", gain_phase_deg, -360, 360, "degrees");
  check.range("source_ohm", source_ohm, 0, 1e4, "ohm");
  if (line_ohm != 0) check.range("line_ohm", line_ohm, 0.01, 1e4, "ohm, or 0 without a divider");
  check.require(node.empty() || grid, "node", "expected line.grid beside it");
  check.require(!grid || (paths.empty() && others.empty() && source_ohm == 0 && line_ohm == 0), "grid",
                "expected no paths and impedances beside it, they are the grid's");
  if (!check.error().empty() || !grid) return check.error();
  if (const std::string e = grid->validate(); !e.empty()) return "line.grid: " + e;
  const int at = grid->find_node(node);
  if (!node.empty() && (at < 0 || grid->nodes[static_cast<std::size_t>(at)].modem_phase < 0))
    return "line.node \"" + node + "\" is no node of grid.nodes with a modem";
  return {};
}

}  // namespace ngdsp
