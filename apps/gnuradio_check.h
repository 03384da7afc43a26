// Whether GNU Radio finds the module, as somebody who starts it now would see it.
#pragma once

#include <string>
#include <vector>

namespace ngplc_app {

struct GnuradioFinding {
  std::string name, found;
  bool ok = false;
};

/// Asks a fresh /usr/bin/python3: GNU Radio itself, the module with every block made once, its blocks in GNU
/// Radio Companion.
std::vector<GnuradioFinding> check_gnuradio();

}  // namespace ngplc_app
