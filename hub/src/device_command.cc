#include "device_command.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "api_json.h"
#include "command_desk.h"
#include "ngwire/wire/frame_record.h"
#include "registry.h"

namespace ngplc::hub {
namespace {

using ngwire::Result;
using Arguments = std::vector<std::string>;

void print(const NodeInfo& node) { std::printf("%s\n", dump(to_json(node)).c_str()); }

template <class Number>
bool parse(const std::string& text, Number& number, int base) {
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number, base);
  return !text.empty() && parsed.ec == std::errc() && parsed.ptr == end;
}

std::string import_manifest(Registry& registry, const HubConfig& config, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return path + ": cannot be read";
  const auto entries = parse_manifest(text);
  if (!entries) return path + ": " + entries.error();
  const auto vault = KeyVault::open(config.link.key_file);
  if (!vault) return vault.error();
  const auto added = registry.import(entries.value(), vault.value());
  if (!added) return added.error();
  std::printf("{\"devices\":%zu,\"added\":%zu}\n", entries->size(), added.value());
  return "";
}

template <class Ask>
std::string print_command(Result<std::unique_ptr<CommandDesk>> desk, Ask ask) {
  if (!desk) return desk.error();
  const Result<std::int64_t> id = ask(*desk.value());
  if (!id) return id.error();
  std::printf("{\"command\":%lld}\n", static_cast<long long>(id.value()));
  return "";
}

}  // namespace

const char kDeviceUsage[] =
    "  device list                        every device of the registry, one JSON object a line\n"
    "  device import FILE                 a manifest, CSV or JSON; needs link.key_file\n"
    "  device claim CODE [NAME]           by the code on its label, typed or scanned\n"
    "  device join EUI MINUTES            let it join within that time\n"
    "  device suspend|resume|retire EUI\n"
    "  device tenant|group EUI NAME       an empty tenant takes it out\n"
    "  device multipliers EUI [OBIS=FACTOR]...  in place of those it had, such as 1-0:1.8.0=40\n"
    "  device command EUI EXPIRES_S WORDS set_interval SECONDS PHASE | set_levels W0 W3 W6 W9 | send_reading "
    "SET |\n"
    "                                     switch_load 0|1 yes | restart yes\n"
    "  device exchange EUI OBIS END START the meter behind it was exchanged; indices as integers of the "
    "register\n";

std::string run_device_command(const Arguments& arguments, const HubConfig& config, bool& usage) {
  usage = false;
  const auto wrong = [&usage](const std::string& what) {
    usage = true;
    return "device: " + what + ", see --help";
  };
  if (arguments.empty()) return wrong("expected what to do");
  const std::string& what = arguments[0];
  const std::size_t count = arguments.size() - 1;
  const bool by_eui = what == "join" || what == "suspend" || what == "resume" || what == "retire" ||
                      what == "tenant" || what == "group" || what == "exchange" || what == "command" ||
                      what == "multipliers";
  ngwire::Eui eui = 0;
  if (by_eui && (count < 1 || arguments[1].size() != 16 || !parse(arguments[1], eui, 16)))
    return wrong(what + ": expected an EUI of 16 hexadecimal digits");
  auto registry = Registry::open(config.database.file);
  if (!registry) return registry.error();
  Registry& r = *registry.value();
  if (what == "import" && count == 1) return import_manifest(r, config, arguments[1]);
  if (what == "list" && count == 0) {
    const auto nodes = r.list();
    if (!nodes) return nodes.error();
    for (const NodeInfo& node : nodes.value()) print(node);
    return "";
  }
  if (what == "command" && count >= 3) {
    std::int64_t expires_s = 0;
    if (!parse(arguments[2], expires_s, 10)) return wrong("command: expected seconds until it expires");
    Arguments words(arguments.begin() + 3, arguments.end());
    const bool confirmed = words.back() == "yes";
    if (confirmed) words.pop_back();
    auto order = parse_order(words);
    if (!order) return wrong("command: " + order.error());
    order->eui = eui;
    order->expires_s = expires_s;
    order->confirmed = confirmed;
    return print_command(CommandDesk::open(config.database.file),
                         [&](CommandDesk& desk) { return desk.order(order.value()); });
  }
  auto done = Result<NodeInfo>::failure("");
  if (what == "claim" && (count == 1 || count == 2)) {
    const auto code = parse_claim_code(arguments[1]);
    if (!code) return code.error();
    done = r.claim(code.value(), count == 2 ? arguments[2] : "");
  } else if (what == "join" && count == 2) {
    std::int64_t minutes = 0;
    if (!parse(arguments[2], minutes, 10)) return wrong("join: expected minutes");
    done = r.open_join(eui, minutes);
  } else if (what == "suspend" && count == 1) {
    done = r.set_state(eui, NodeState::suspended);
  } else if (what == "resume" && count == 1) {
    done = r.set_state(eui, NodeState::active);
  } else if (what == "retire" && count == 1) {
    done = r.set_state(eui, NodeState::retired);
  } else if (what == "tenant" && count == 2) {
    done = r.set_tenant(eui, arguments[2]);
  } else if (what == "group" && count == 2) {
    done = r.add_to_group(eui, arguments[2]);
  } else if (what == "multipliers" && count >= 1) {
    const auto multipliers =
        parse_multipliers(fmt::format("{}", fmt::join(arguments.begin() + 2, arguments.end(), " ")));
    if (!multipliers) return wrong(multipliers.error());
    done = r.set_multipliers(eui, multipliers.value());
  } else if (what == "exchange" && count == 4) {
    std::int64_t end = 0;
    std::int64_t start = 0;
    if (!parse(arguments[3], end, 10) || !parse(arguments[4], start, 10))
      return wrong("exchange: expected two integers");
    done = r.exchange(eui, arguments[2], end, start);
  } else {
    return wrong("'" + what + "' with " + std::to_string(count) + " arguments");
  }
  if (!done) return done.error();
  print(done.value());
  // A device that has joined gets the key of its group over the air.
  if (what != "group" || done->state != NodeState::active) return "";
  const auto vault = KeyVault::open(config.link.key_file);
  if (!vault) return vault.error();
  return print_command(CommandDesk::open(config.database.file),
                       [&](CommandDesk& desk) { return desk.give_group(eui, arguments[2], vault.value()); });
}

}  // namespace ngplc::hub
