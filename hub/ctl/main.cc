// hubctl: what an operator asks a hub, over its API.
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <getopt.h>
#include <httplib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "backup.h"
#include "config.h"
#include "ngwire/wire/result.h"

namespace {

using ngwire::Result;
using Json = nlohmann::ordered_json;

enum ExitCode { kDone = 0, kFailed = 1, kWrongUsage = 2 };

constexpr char kUsage[] =
    "hubctl [OPTION...] COMMAND\n"
    "\n"
    "  status                what the hub says of itself\n"
    "  devices               every device that was heard, with its newest values and by what they are "
    "multiplied\n"
    "  energy-data DEVICE    the newest values as the object energy/data of other systems, always JSON\n"
    "  claim CODE [NAME]     a device by the code on its label\n"
    "  command NODE SECONDS WORD...\n"
    "                        asks a device for something before the seconds are over: send_reading 1,\n"
    "                        set_interval 900 17, set_levels 4 2 1 1, switch_load 0 yes, restart yes\n"
    "  commands              what was asked, the newest first, and what became of it\n"
    "  trace [DEVICE]        readings and events as they come, until interrupted\n"
    "  replay SINK AFTER     deliver the readings after this id to the sink again\n"
    "  backup FILE           a checked copy of the database\n"
    "  restore FILE          take a copy back, on the hub's machine while no hub runs; needs --database\n"
    "  doctor                what is well and what is not; exit code 1 when something is not\n"
    "\n"
    "  --url URL             http:// or https://HOST:PORT (http://127.0.0.1:7851)\n"
    "  --token-file FILE     its first word; not readable by others ($NGPLC_TOKEN_FILE, else none)\n"
    "  --ca FILE             who may have signed the hub's certificate (those the system trusts)\n"
    "  --database FILE       for restore\n"
    "  --json                one JSON object a line on standard output\n"
    "  --help, --version\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage.\n";

struct Options {
  std::string url = "http://127.0.0.1:7851";
  std::string token_file;
  std::string ca;
  std::string database;
  bool json = false;
};

int complain(ExitCode code, const std::string& what) {
  std::fprintf(stderr, "hubctl: %s\n", what.c_str());
  return code;
}

void print(const Json& json) {
  std::printf("%s\n", json.dump(-1, ' ', true, Json::error_handler_t::replace).c_str());
}

std::string utc(const Json& ms) {
  return fmt::format("{:%F %T}", fmt::gmtime(ms.get<std::int64_t>() / 1000));
}

class Hub {
 public:
  explicit Hub(const Options& options) : client_(options.url), url_(options.url) {
    client_.set_connection_timeout(5);
    client_.set_read_timeout(60);
    if (!options.ca.empty()) client_.set_ca_cert_path(options.ca.c_str());
  }

  /// Empty, or why the file is not taken.
  std::string use_token(const std::string& file) {
    if (file.empty()) return "";
    struct stat info {};
    std::string token;
    if (std::ifstream in(file); ::stat(file.c_str(), &info) != 0 || !(in >> token))
      return "token file " + file + ": cannot be read";
    if ((info.st_mode & 077U) != 0) return "token file " + file + " can be read by others";
    client_.set_bearer_token_auth(token.c_str());
    return "";
  }

  /// The answer as it is written.
  Result<std::string> fetch(const char* method, const std::string& path, const Json& body = nullptr) {
    using R = Result<std::string>;
    httplib::Request request;
    request.method = method;
    request.path = path;
    if (!body.is_null()) request.body = body.dump();
    const auto answer = client_.send(request);
    if (!answer) return R::failure(url_ + ": " + httplib::to_string(answer.error()));
    if (answer->status < 300) return answer->body;
    const Json json = Json::parse(answer->body, nullptr, false);
    return R::failure(json.is_object() && json.contains("error") ? json["error"].get<std::string>()
                                                                 : fmt::format("status {}", answer->status));
  }

  Result<Json> ask(const char* method, const std::string& path, const Json& body = nullptr) {
    auto text = fetch(method, path, body);
    if (!text) return Result<Json>::failure(text.error());
    Json json = Json::parse(text.value(), nullptr, false);
    if (json.is_discarded()) json = std::move(text.value());
    return json;
  }

  /// All pages of a list.
  Result<Json> list(const std::string& name) {
    Json all = Json::array();
    std::string cursor;
    for (;;) {
      auto page = ask("GET", "/api/v1/" + name + "?limit=1000" + (cursor.empty() ? "" : "&cursor=" + cursor));
      if (!page) return page;
      for (Json& row : page.value()[name]) all.push_back(std::move(row));
      const Json& next = page.value()["next_cursor"];
      if (!next.is_string()) return all;
      cursor = next.get<std::string>();
    }
  }

  httplib::Client& client() { return client_; }

 private:
  httplib::Client client_;
  std::string url_;
};

int status(Hub& hub, const Options& options) {
  const auto health = hub.ask("GET", "/healthz");
  const auto me = hub.ask("GET", "/api/v1/me");
  if (!me) return complain(kFailed, me.error());
  const auto sinks = hub.ask("GET", "/api/v1/sinks");
  const auto devices = hub.list("devices");
  if (!sinks || !devices) return complain(kFailed, sinks ? devices.error() : sinks.error());
  Json out = {{"database", health ? "ok" : health.error()},
              {"user", me.value()["user"]},
              {"role", me.value()["role"]},
              {"devices", devices->size()},
              {"sinks", sinks.value()["sinks"]}};
  if (options.json) {
    print(out);
    return kDone;
  }
  const auto user = me.value()["user"].get<std::string>();
  std::cout << fmt::format("database  {}\ndevices   {}\nyou are   {} ({})\n", health ? "ok" : health.error(),
                           devices->size(), user.empty() ? "nobody" : user,
                           me.value()["role"].get<std::string>());
  for (const Json& s : sinks.value()["sinks"])
    std::cout << fmt::format("sink      {}: {}, {} values wait, {} lost, {} refused\n",
                             s["sink"].get<std::string>(), s["up"] ? "up" : s["trouble"].get<std::string>(),
                             s["backlog"].get<std::int64_t>(), s["lost"].get<std::int64_t>(),
                             s["refused"].get<std::int64_t>());
  return kDone;
}

int devices(Hub& hub, const Options& options) {
  auto all = hub.list("devices");
  const auto nodes = hub.list("nodes");
  if (!all || !nodes) return complain(kFailed, all ? nodes.error() : all.error());
  std::map<std::string, Json> multipliers;  // by device
  for (const Json& node : nodes.value()) {
    if (const Json device = node.value("device", Json()); device.is_string())
      multipliers[device.get<std::string>()] = node.value("multipliers", Json::object());
  }
  if (!options.json)
    std::cout << fmt::format("{:8}  {:19}  {:>8}  {:>6}  {}\n", "device", "last heard (UTC)", "frames",
                             "SNR dB", "readings");
  for (Json& d : all.value()) {
    const auto found = multipliers.find(d["device"].get<std::string>());
    d["multipliers"] = found != multipliers.end() ? found->second : Json::object();
    if (options.json) {
      print(d);
      continue;
    }
    std::string values;
    for (const Json& v : d["last"]) {
      const auto obis = v["obis"].get<std::string>();
      const auto factor = d["multipliers"].value(obis, "");
      values += fmt::format("{}{} {} {}{}", values.empty() ? "" : ", ", obis,
                            v.value("total", v["value"].get<std::string>()), v["unit"].get<std::string>(),
                            factor.empty() ? "" : " (times " + factor + ")");
    }
    std::cout << fmt::format("{:8}  {:19}  {:>8}  {:>6.1f}  {}\n", d["device"].get<std::string>(),
                             utc(d["last_seen_ms"]), d["frames"].get<std::int64_t>(),
                             d["snr_db"].get<double>(), values);
  }
  return kDone;
}

// Not through a JSON library, which would make floats of exact decimals.
int energy_data(Hub& hub, const std::string& device) {
  const auto object = hub.fetch("GET", "/api/v1/devices/" + device + "/energy_data");
  if (!object) return complain(kFailed, object.error());
  return std::puts(object->c_str()) < 0 ? kFailed : kDone;
}

void print_event(const std::string& kind, const Json& data, const Options& options) {
  if (options.json) {
    Json line = {{"type", kind}};
    line.update(data);
    print(line);
  } else if (kind == "reading") {
    std::cout << fmt::format("{}  {}  {} = {} {}\n", utc(data["time_ms"]), data["device"].get<std::string>(),
                             data["obis"].get<std::string>(), data["value"].get<std::string>(),
                             data["unit"].get<std::string>());
  } else {
    std::cout << fmt::format("{}  {}  {}: {}\n", utc(data["time_ms"]),
                             data["device"].is_string() ? data["device"].get<std::string>() : "        ",
                             data["kind"].get<std::string>(), data["detail"].get<std::string>());
  }
  std::cout.flush();
  std::fflush(stdout);
}

int trace(Hub& hub, const Options& options, const std::string& device) {
  std::string text;
  std::string kind;
  int status = 0;
  const auto answer = hub.client().Get(
      "/api/v1/stream" + (device.empty() ? "" : "?device=" + device),
      [&](const httplib::Response& response) {
        status = response.status;
        return true;
      },
      [&](const char* data, std::size_t size) {
        text.append(data, size);
        for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
          const std::string line = text.substr(0, end);
          if (line.rfind("event: ", 0) == 0) kind = line.substr(7);
          if (line.rfind("data: ", 0) != 0) continue;
          if (const Json json = Json::parse(line.substr(6), nullptr, false); json.is_object())
            print_event(kind, json, options);
        }
        return true;
      });
  if (status != 200 && status != 0)
    return complain(kFailed, fmt::format("trace: status {} {}", status, text));
  return complain(kFailed, answer ? "the hub ended the stream" : httplib::to_string(answer.error()));
}

int backup(Hub& hub, const Options& options, const std::string& file) {
  const std::string part = file + ".part";
  if (std::filesystem::exists(file)) return complain(kFailed, file + ": exists");
  int status = 0;
  std::string refusal;
  {
    const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return complain(kFailed, part + ": " + std::strerror(errno));
    bool written = true;
    const auto answer = hub.client().Get(
        "/api/v1/backup",
        [&](const httplib::Response& response) {
          status = response.status;
          return true;
        },
        [&](const char* data, std::size_t size) {
          if (status != 200) {
            refusal.append(data, size);
            return true;
          }
          written = ::write(fd, data, size) == static_cast<ssize_t>(size);
          return written;
        });
    written = ::fsync(fd) == 0 && written;
    ::close(fd);
    if (!answer || status != 200 || !written) {
      ::unlink(part.c_str());
      if (!written) return complain(kFailed, part + ": cannot be written");
      const Json json = Json::parse(refusal, nullptr, false);
      return complain(kFailed, !answer            ? httplib::to_string(answer.error())
                               : json.is_object() ? json.value("error", "refused")
                                                  : fmt::format("status {}", status));
    }
  }
  if (const std::string wrong = ngplc::hub::check_backup(part); !wrong.empty()) {
    ::unlink(part.c_str());
    return complain(kFailed, wrong);
  }
  std::filesystem::rename(part, file);
  const auto size = std::filesystem::file_size(file);
  if (options.json) {
    print(Json{{"file", file}, {"bytes", size}});
  } else {
    std::cout << fmt::format(
        "{}: {} bytes, checked. The keys in it are sealed: keep link.key with it, elsewhere.\n", file, size);
  }
  return kDone;
}

int doctor(Hub& hub, const Options& options) {
  bool well = true;
  const auto say = [&](const std::string& what, const std::string& wrong, bool only_a_hint = false) {
    well = well && (wrong.empty() || only_a_hint);
    const char* verdict = wrong.empty() ? "ok" : only_a_hint ? "hint" : "bad";
    if (options.json) {
      print(Json{{"check", what}, {"verdict", verdict}, {"detail", wrong}});
    } else {
      std::cout << fmt::format("{:4}  {}{}{}\n", verdict, what, wrong.empty() ? "" : ": ", wrong);
    }
  };
  const auto health = hub.ask("GET", "/healthz");
  say("the hub answers and its database takes readings", health.error());
  const auto me = hub.ask("GET", "/api/v1/me");
  say("this token may look", me.error());
  if (!me) return kFailed;
  say("somebody has a password",
      me.value()["user"] == "" ? "nobody, so only this machine may look; ngplc-hub user add NAME admin" : "",
      true);
  const auto devices = hub.list("devices");
  if (!devices) {
    say("devices", devices.error());
  } else {
    const std::int64_t now = std::time(nullptr);
    std::size_t silent = 0;
    for (const Json& d : devices.value())
      silent += now - d["last_seen_ms"].get<std::int64_t>() / 1000 > 86400 ? 1 : 0;
    say("devices were heard", devices->empty() ? "none yet: is a modem connected? ngplc rx --hub" : "", true);
    say("every device was heard within a day",
        silent == 0 ? "" : fmt::format("{} of {} were not", silent, devices->size()), true);
  }
  const auto sinks = hub.ask("GET", "/api/v1/sinks");
  if (!sinks) {
    say("sinks", sinks.error());
  } else {
    for (const Json& s : sinks.value()["sinks"]) {
      const std::string name = "sink " + s["sink"].get<std::string>();
      say(name + " takes readings", s["up"] ? "" : s["trouble"].get<std::string>());
      say(name + " lost nothing",
          s["lost"] == 0 ? "" : fmt::format("{} values", s["lost"].get<std::int64_t>()), true);
      say(name + " refused nothing",
          s["refused"] == 0 ? "" : fmt::format("{} values, see the log", s["refused"].get<std::int64_t>()),
          true);
    }
  }
  return well ? kDone : kFailed;
}

// The last word "yes" confirms.
int command(Hub& hub, const Options& options, const std::vector<std::string>& words) {
  const std::string& node = words[1];
  const std::string& seconds = words[2];
  if (node.size() != 16 || node.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    return complain(kWrongUsage, "command: expected the 16 hexadecimal digits of a node");
  if (seconds.empty() || seconds.size() > 9 || seconds.find_first_not_of("0123456789") != std::string::npos)
    return complain(kWrongUsage, "command: expected seconds until it expires");
  Json body = {{"command", ""}, {"expires_s", std::stoll(seconds)}};
  std::size_t end = words.size();
  if (words.back() == "yes") {
    body["confirm"] = "yes";
    --end;
  }
  body["command"] =
      fmt::format("{}", fmt::join(words.begin() + 3, words.begin() + static_cast<std::ptrdiff_t>(end), " "));
  const auto answer = hub.ask("POST", "/api/v1/nodes/" + node + "/commands", body);
  if (!answer) return complain(kFailed, answer.error());
  if (options.json) {
    print(answer.value());
  } else {
    std::cout << fmt::format("command {} is queued\n", answer.value()["command"].get<std::int64_t>());
  }
  return kDone;
}

int commands(Hub& hub, const Options& options) {
  const auto all = hub.list("commands");
  if (!all) return complain(kFailed, all.error());
  if (!options.json)
    std::cout << fmt::format("{:>8}  {:8}  {:19}  {:12}  {:12}  {:>5}  {}\n", "command", "device",
                             "asked (UTC)", "what", "state", "tries", "answer");
  for (const Json& c : all.value()) {
    if (options.json) {
      print(c);
      continue;
    }
    std::cout << fmt::format(
        "{:>8}  {:8}  {:19}  {:12}  {:12}  {:>5}  {}\n", c["command"].get<std::int64_t>(),
        c["device"].is_string() ? c["device"].get<std::string>() : "", utc(c["created_ms"]),
        c["what"].get<std::string>(), c["state"].get<std::string>(), c["tries"].get<std::int64_t>(),
        c["result"].is_string() ? c["result"].get<std::string>() : "");
  }
  return kDone;
}

int done(const Result<Json>& answer, const Options& options) {
  if (!answer) return complain(kFailed, answer.error());
  if (options.json || !answer->contains("status")) {
    print(answer.value());
  } else {
    std::cout << "done\n";
  }
  return kDone;
}

int run(const std::vector<std::string>& words, const Options& options) {
  const std::string& what = words[0];
  const std::size_t count = words.size() - 1;
  if (what == "restore" && count == 1) {
    if (options.database.empty()) return complain(kWrongUsage, "restore: expected --database FILE");
    const std::string wrong = ngplc::hub::restore(words[1], options.database);
    return wrong.empty() ? kDone : complain(kFailed, wrong);
  }
  Hub hub(options);
  if (!hub.client().is_valid()) return complain(kWrongUsage, "--url: expected http:// or https://HOST:PORT");
  if (const std::string wrong = hub.use_token(options.token_file); !wrong.empty())
    return complain(kFailed, wrong);
  if (what == "status" && count == 0) return status(hub, options);
  if (what == "devices" && count == 0) return devices(hub, options);
  if (what == "doctor" && count == 0) return doctor(hub, options);
  if (what == "backup" && count == 1) return backup(hub, options, words[1]);
  if (what == "claim" && (count == 1 || count == 2))
    return done(hub.ask("POST", "/api/v1/claim", {{"code", words[1]}, {"name", count == 2 ? words[2] : ""}}),
                options);
  if (what == "command" && count >= 3) return command(hub, options, words);
  if (what == "commands" && count == 0) return commands(hub, options);
  const bool hexadecimal =
      count == 1 && words[1].find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  if (what == "energy-data" && count == 1) {
    if (!hexadecimal || words[1].empty())
      return complain(kWrongUsage, "energy-data: expected an address of hexadecimal digits");
    return energy_data(hub, words[1]);
  }
  if (what == "trace" && count <= 1) {
    if (count == 1 && !hexadecimal)
      return complain(kWrongUsage, "trace: expected an address of hexadecimal digits");
    return trace(hub, options, count == 1 ? words[1] : "");
  }
  if (what == "replay" && count == 2) {
    if (words[1].find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") != std::string::npos ||
        words[2].empty() || words[2].size() > 18 ||
        words[2].find_first_not_of("0123456789") != std::string::npos)
      return complain(kWrongUsage, "replay: expected the name of a sink and the id of a reading");
    return done(hub.ask("POST", "/api/v1/sinks/" + words[1] + "/replay", {{"after", std::stoll(words[2])}}),
                options);
  }
  return complain(kWrongUsage, fmt::format("'{}' with {} arguments, see --help", what, count));
}

}  // namespace

int main(int argc, char** argv) {
  enum Option { kUrl = 1, kTokenFile, kCa, kDatabase, kJson, kHelp, kVersion };
  const std::array<option, 8> known = {{{"url", required_argument, nullptr, kUrl},
                                        {"token-file", required_argument, nullptr, kTokenFile},
                                        {"ca", required_argument, nullptr, kCa},
                                        {"database", required_argument, nullptr, kDatabase},
                                        {"json", no_argument, nullptr, kJson},
                                        {"help", no_argument, nullptr, kHelp},
                                        {"version", no_argument, nullptr, kVersion},
                                        {nullptr, 0, nullptr, 0}}};
  Options options;
  if (const char* file = std::getenv("NGPLC_TOKEN_FILE")) options.token_file = file;
  for (int code = 0; (code = getopt_long(argc, argv, "", known.data(), nullptr)) != -1;) {
    switch (code) {
      case kUrl:
        options.url = optarg;
        break;
      case kTokenFile:
        options.token_file = optarg;
        break;
      case kCa:
        options.ca = optarg;
        break;
      case kDatabase:
        options.database = optarg;
        break;
      case kJson:
        options.json = true;
        break;
      case kHelp:
        return std::fputs(kUsage, stdout) < 0 ? kFailed : kDone;
      case kVersion:
        return std::puts("hubctl " NGPLC_VERSION) < 0 ? kFailed : kDone;
      default:
        return complain(kWrongUsage, "see --help");
    }
  }
  const std::vector<std::string> words(argv + optind, argv + argc);
  if (words.empty()) return complain(kWrongUsage, "expected a command, see --help");
  return run(words, options);
}
