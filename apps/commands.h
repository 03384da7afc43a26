// The subcommands of ngplc. Each takes the words after its name and returns the exit code; wrong usage is
// thrown.
#pragma once

#include <string>
#include <vector>

namespace ngplc_app {

enum ExitCode : int { kDone = 0, kFailed = 1, kUsage = 2 };

using Arguments = std::vector<std::string>;

int run_tx(const Arguments& args);
int run_channel(const Arguments& args);
int run_rx(const Arguments& args);
int run_record(const Arguments& args);
int run_sweep(const Arguments& args);
int run_access(const Arguments& args);
int run_ura(const Arguments& args);
int run_reach(const Arguments& args);
int run_mask(const Arguments& args);
int run_survey(const Arguments& args);
int run_doctor(const Arguments& args);

}  // namespace ngplc_app
