// ngplc: the modem on the command line.
#include <fmt/core.h>
#include <spdlog/cfg/env.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <exception>

#include "commands.h"
#include "options.h"

namespace {

using namespace ngplc_app;

struct Command {
  const char* name;
  int (*run)(const Arguments&);
  const char* purpose;
};

constexpr Command kCommands[] = {
    {"tx", run_tx, "make a recording of frames, or send them"},
    {"channel", run_channel, "pass a recording through a line: noise, delay, clock, paths, impulses"},
    {"rx", run_rx, "decode what a device hears, recordings or raw samples; feed the hub"},
    {"record", run_record, "record what a device hears"},
    {"sweep", run_sweep, "measure packet error rates; false alarms on noise"},
    {"access", run_access, "measure random access: overlapping frames of many nodes"},
    {"ura", run_ura, "unsourced random access: many senders at once, messages lost"},
    {"reach", run_reach, "compute a grid of cables and loads: which nodes the hub hears"},
    {"mask", run_mask, "what a transmit signal puts on the mains, against the limits"},
    {"survey", run_survey, "what a recording holds: spectrum, lines, impulses, mains, needed levels"},
    {"doctor", run_doctor, "check this installation"},
};

void print_help() {
  fmt::print("Usage: ngplc COMMAND [options]\n\nThe nG-PLC modem, version {}.\n\nCommands:\n", NGPLC_VERSION);
  for (const Command& c : kCommands) fmt::print("  {:<9} {}\n", c.name, c.purpose);
  fmt::print(
      "\n'ngplc COMMAND --help' lists options with units and defaults. Results go to stdout, messages to\n"
      "stderr, from SPDLOG_LEVEL on (info). Exit codes: 0 done, 1 failed, 2 wrong usage.\n");
}

std::string command_names() {
  std::string names;
  for (const Command& command : kCommands) names += (names.empty() ? "" : ", ") + std::string(command.name);
  return names;
}

}  // namespace

int main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("ngplc"));
  spdlog::set_pattern("%n: %^%l%$: %v");
  spdlog::cfg::load_env_levels();  // SPDLOG_LEVEL=error: no remarks
  std::signal(SIGPIPE, SIG_IGN);
  const Arguments words(argv + 1, argv + argc);
  if (words.empty()) {
    spdlog::error("no command given, expected one of {} (ngplc --help)", command_names());
    return kUsage;
  }
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    print_help();
    return kDone;
  }
  if (words[0] == "--version") {
    fmt::print("ngplc {}\n", NGPLC_VERSION);
    return kDone;
  }
  for (const Command& command : kCommands) {
    if (words[0] != command.name) continue;
    try {
      return command.run(Arguments(words.begin() + 1, words.end()));
    } catch (const po::error& wrong) {
      spdlog::error("{} (ngplc {} --help)", wrong.what(), command.name);
      return kUsage;
    } catch (const UsageError& wrong) {
      spdlog::error("{} (ngplc {} --help)", wrong.what(), command.name);
      return kUsage;
    } catch (const std::exception& failure) {
      spdlog::error("{}: {}", command.name, failure.what());
      return kFailed;
    }
  }
  spdlog::error("unknown command \"{}\", expected one of {} (ngplc --help)", words[0], command_names());
  return kUsage;
}
