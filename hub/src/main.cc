// ngplc-hub: composes the store, the feed and the HTTP side, and waits for the signal to stop.
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <zmq.hpp>

#include "accounts.h"
#include "backup.h"
#include "collect_command.h"
#include "config.h"
#include "device_command.h"
#include "feed_server.h"
#include "ingest.h"
#include "outlets.h"
#include "rollup.h"
#include "service.h"
#include "store.h"
#include "supervisor.h"
#include "user_command.h"

namespace {

using namespace ngplc::hub;

enum ExitCode { kDone = 0, kFailed = 1, kWrongUsage = 2 };

constexpr char kUsage[] =
    "ngplc-hub: takes frames from modems, stores their readings, gives them out over HTTP.\n"
    "\n"
    "  --config FILE        TOML file; every option there has a default\n"
    "  --feed ENDPOINT      where modems connect, tcp://HOST:PORT or ipc://PATH (tcp://127.0.0.1:7850)\n"
    "  --http HOST:PORT     REST, metrics and status page (127.0.0.1:7851)\n"
    "  --database FILE      SQLite file, created when missing (ngplc-hub.sqlite)\n"
    "  --log-level LEVEL    trace, debug, info, warn, error, off (info)\n"
    "  --keygen FILE        write a new CURVE secret key to FILE, print its public key, and end\n"
    "  --linkkey FILE       write a new key that seals device keys to FILE, and end\n"
    "  --help, --version\n"
    "\n"
    "Or, beside a running hub or without one, with --config and --database as above:\n"
    "\n"
    "%s"
    "%s"
    "  restore FILE                       take a backup back while no hub runs; the old database is kept\n"
    "%s"
    "\n"
    "What is given here wins over the file. SIGTERM or SIGINT ends it after what is in flight;\n"
    "SIGHUP reads the file again: log level, HTTP side, sinks.\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage.\n";

int complain(ExitCode code, const std::string& what) {
  std::fprintf(stderr, "ngplc-hub: %s\n", what.c_str());
  return code;
}

int keygen(const std::string& path) {
  std::array<char, 41> public_key{};
  std::array<char, 41> secret_key{};
  if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0)
    return complain(kFailed, "libzmq was built without CURVE");
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return complain(kFailed, path + ": " + std::strerror(errno));
  secret_key[40] = '\n';
  const bool written =
      ::write(fd, secret_key.data(), secret_key.size()) == static_cast<ssize_t>(secret_key.size());
  if (::close(fd) != 0 || !written) return complain(kFailed, path + ": cannot be written");
  std::printf("%s\n", public_key.data());
  return kDone;
}

std::string run_command(const std::vector<std::string>& words, const HubConfig& config, bool& usage) {
  if (words[0] == "user" || words[0] == "token") return run_user_command(words, config, usage);
  if (words[0] == "restore") {
    usage = words.size() != 2;
    return usage ? "restore: expected FILE" : restore(words[1], config.database.file);
  }
  const std::vector<std::string> arguments(words.begin() + 1, words.end());
  if (arguments.empty() || arguments[0] == "list") return run_device_command(arguments, config, usage);
  auto accounts = Accounts::open(config.database.file);
  if (!accounts) return accounts.error();
  std::string detail;
  for (const std::string& word : arguments) detail += (detail.empty() ? "" : " ") + word;
  const auto line = accounts.value()->begin_change(console_caller(), "device", detail);
  if (!line) return line.error();
  const std::string wrong = run_device_command(arguments, config, usage);
  accounts.value()->end_change(line.value(), wrong);
  return wrong;
}

}  // namespace

int main(int argc, char** argv) {
  enum Option { kConfig = 1, kFeed, kHttp, kDatabase, kLogLevel, kKeygen, kLinkKey, kHelp, kVersion };
  const std::array<option, 10> options = {{{"config", required_argument, nullptr, kConfig},
                                           {"feed", required_argument, nullptr, kFeed},
                                           {"http", required_argument, nullptr, kHttp},
                                           {"database", required_argument, nullptr, kDatabase},
                                           {"log-level", required_argument, nullptr, kLogLevel},
                                           {"keygen", required_argument, nullptr, kKeygen},
                                           {"linkkey", required_argument, nullptr, kLinkKey},
                                           {"help", no_argument, nullptr, kHelp},
                                           {"version", no_argument, nullptr, kVersion},
                                           {nullptr, 0, nullptr, 0}}};
  std::array<std::optional<std::string>, kVersion + 1> given;
  for (int code = 0; (code = getopt_long(argc, argv, "", options.data(), nullptr)) != -1;) {
    if (code == '?') return complain(kWrongUsage, "see --help");
    if (code == kHelp)
      return std::printf(kUsage, kDeviceUsage, kUserUsage, kCollectUsage) < 0 ? kFailed : kDone;
    if (code == kVersion) return std::puts("ngplc-hub " NGPLC_VERSION) < 0 ? kFailed : kDone;
    given[static_cast<std::size_t>(code)] = optarg;
  }
  const std::vector<std::string> words(argv + optind, argv + argc);
  static constexpr std::array<std::string_view, 5> kCommands = {"device", "user", "token", "restore",
                                                                "collect"};
  if (!words.empty() && std::find(kCommands.begin(), kCommands.end(), words[0]) == kCommands.end())
    return complain(kWrongUsage, "unexpected argument '" + words[0] + "', see --help");
  if (given[kKeygen]) return keygen(*given[kKeygen]);
  if (given[kLinkKey]) {
    const std::string wrong = KeyVault::create(*given[kLinkKey]);
    return wrong.empty() ? kDone : complain(kFailed, wrong);
  }

  if (!words.empty() && words[0] == "collect") {
    if (words.size() != 1 || !given[kConfig] || given[kFeed] || given[kHttp] || given[kDatabase] ||
        given[kLogLevel])
      return complain(kWrongUsage, "collect: expected --config FILE and nothing else");
    bool usage = false;
    const std::string wrong = run_collect(*given[kConfig], usage);
    return wrong.empty() ? kDone : complain(usage ? kWrongUsage : kFailed, wrong);
  }

  // What is given here wins over the file, also when the file is read again.
  const auto configured = [&given]() -> ngwire::Result<HubConfig> {
    auto loaded = given[kConfig] ? load_config(*given[kConfig]) : ngwire::Result<HubConfig>(HubConfig{});
    if (!loaded) return loaded;
    if (given[kFeed]) loaded->feed.endpoint = *given[kFeed];
    if (given[kHttp]) loaded->http.listen = *given[kHttp];
    if (given[kDatabase]) loaded->database.file = *given[kDatabase];
    if (given[kLogLevel]) loaded->log.level = *given[kLogLevel];
    if (const std::string wrong = loaded->validate(); !wrong.empty())
      return ngwire::Result<HubConfig>::failure(wrong);
    return loaded;
  };
  const auto first = configured();
  if (!first) return complain(kWrongUsage, first.error());
  const HubConfig& config = first.value();
  // What the hub writes is its own: the database holds sealed keys and hashes of passwords.
  umask(0077);
  if (!words.empty()) {
    bool usage = false;
    const std::string wrong = run_command(words, config, usage);
    return wrong.empty() ? kDone : complain(usage ? kWrongUsage : kFailed, wrong);
  }

  open_log(config.log);
  const ServiceSignals signals;

  // One heap for all threads: those of HTTP and the sinks would else keep the largest answer each ever made.
  mallopt(M_ARENA_MAX, 1);

  // Keys live in this process: it leaves no core dump.
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_DUMPABLE, 0);
  std::optional<KeyVault> vault;
  if (!config.link.key_file.empty() || std::getenv("CREDENTIALS_DIRECTORY") != nullptr) {
    auto opened = KeyVault::open(config.link.key_file);
    if (!opened) return complain(kFailed, opened.error());
    vault.emplace(std::move(opened.value()));
  }

  auto store = Store::open(config.database);
  if (!store) return complain(kFailed, store.error());
  // A question that would look through the whole database must not keep others waiting.
  auto reader = StoreReader::open(config.database.file, std::chrono::seconds(3));
  if (!reader) return complain(kFailed, reader.error());
  Metrics metrics;
  CursorBoard board;
  const PlainPolicy plain = config.link.plain_readings == "yes"  ? PlainPolicy::yes
                            : config.link.plain_readings == "no" ? PlainPolicy::no
                                                                 : PlainPolicy::automatic;
  CodecBook codecs;
  if (!config.codecs.folder.empty()) {
    auto opened = CodecBook::open(config.codecs.folder);
    if (!opened) return complain(kFailed, opened.error());
    codecs = std::move(opened.value());
  }
  DownlinkRules rules;
  rules.time_period_ns = config.link.time_period_s * 1'000'000'000;
  Rollups rollups(*store.value(), config.retention, config.outbox.max_age_h,
                  std::chrono::seconds(config.rollups.period_s));
  Ingest ingest(*store.value(), metrics, vault ? &*vault : nullptr, plain, &board, rules);
  ingest.use_codecs(&codecs);
  ingest.keep_house(&rollups);
  auto accounts = Accounts::open(config.database.file);
  if (!accounts) return complain(kFailed, accounts.error());
  auto registry = Registry::open(config.database.file);
  if (!registry) return complain(kFailed, registry.error());
  auto desk = CommandDesk::open(config.database.file);
  if (!desk) return complain(kFailed, desk.error());
  Outlets outlets({*reader.value(), metrics, *accounts.value(), *registry.value(), *desk.value(),
                   config.database.file, vault ? &*vault : nullptr, nullptr},
                  board);
  if (const std::string wrong = outlets.open(config); !wrong.empty()) return complain(kFailed, wrong);
  FeedServer feed(config.feed, config.name, ingest, metrics);
  if (const std::string wrong = feed.start(); !wrong.empty()) return complain(kFailed, wrong);
  if (!is_loopback(parse_host_port(config.http.listen)->host) && config.http.clear_text)
    spdlog::warn("http {} is reachable from outside in clear text: passwords can be read on the way",
                 config.http.listen);
  spdlog::info("ready: feed {}, http port {}, database {}", feed.bound_endpoint(), outlets.port(),
               config.database.file);
  Supervisor supervisor;
  supervisor.ready();

  for (;;) {
    const int signal = signals.wait(supervisor.period());
    supervisor.alive(feed.turns());
    if (signal == SIGTERM || signal == SIGINT) {
      spdlog::info("stopping on signal {}", signal);
      break;
    }
    if (signal != SIGHUP) continue;
    supervisor.reloading();
    if (const auto changed = configured()) {
      set_log_level(changed->log);
      outlets.reopen(changed.value());
    } else {
      spdlog::error("configuration not taken, the old one stays: {}", changed.error());
    }
    supervisor.ready();
  }
  supervisor.stopping();
  outlets.stop_sinks();
  feed.stop();
  ingest.commit({});  // the last cursors
  outlets.close();
  store.value()->checkpoint();
  spdlog::info("stopped");
  return kDone;
}
