#include "gnuradio_check.h"

#include <array>
#include <cstdio>
#include <memory>
#include <sstream>

namespace ngplc_app {
namespace {

// Prints a line a check: name, "ok" or "missing", what was found, separated by tabs. Without quotation marks
// of the shell.
constexpr const char* kScript = R"(
import os, sys
def say(name, good, found):
    print(name, "ok" if good else "missing", " ".join(str(found).split()), sep="\t")
try:
    from gnuradio import gr
    say("GNU Radio", True, gr.version() + ", " + sys.executable)
except ImportError as error:
    say("GNU Radio", False, str(error) + ": install gnuradio")
    sys.exit()
try:
    from gnuradio import ngplc
    made = [make() for name, make in sorted(vars(ngplc).items()) if name.endswith("_f")]
    say("GNU Radio module", True, str(len(made)) + " blocks made, " + os.path.dirname(ngplc.__file__))
except Exception as error:
    say("GNU Radio module", False, str(error) + ": install it, or add PREFIX/lib/python3.x/dist-packages to PYTHONPATH")
try:
    from gnuradio.grc.core.Config import Config
    paths = Config(gr.version(), prefs=gr.prefs()).block_paths
    at = [p for p in paths if os.path.exists(os.path.join(p, "ngplc_modulator.block.yml"))]
    say("blocks in GRC", bool(at), at[0] if at else "not in " + ":".join(paths) + ", add PREFIX/share/gnuradio/grc/blocks to GRC_BLOCKS_PATH")
except Exception as error:
    say("blocks in GRC", False, error)
)";

}  // namespace

std::vector<GnuradioFinding> check_gnuradio() {
  const std::string command = std::string("/usr/bin/python3 -c '") + kScript + "' 2>/dev/null";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  std::array<char, 512> part;
  while (pipe && std::fgets(part.data(), part.size(), pipe.get())) text += part.data();
  std::vector<GnuradioFinding> findings;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find('\t'), second = line.find('\t', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    findings.push_back(
        {line.substr(0, first), line.substr(second + 1), line.substr(first + 1, second - first - 1) == "ok"});
  }
  if (findings.empty()) findings.push_back({"GNU Radio", "missing: /usr/bin/python3 does not run", false});
  return findings;
}

}  // namespace ngplc_app
