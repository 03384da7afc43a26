#include "collect_config.h"

#include "config_reader.h"

namespace ngplc::hub {

using ngwire::Result;

std::string CollectConfig::validate() const {
  if (nats.url.empty()) return "nats.url: expected nats://HOST:PORT or tls://HOST:PORT";
  if (std::string wrong = nats.validate(); !wrong.empty()) return wrong;
  // What NATS takes as a name.
  if (durable.empty() || durable.size() > 64 ||
      durable.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
          std::string::npos)
    return "nats.durable: expected 1 to 64 of [A-Za-z0-9_-]";
  if (ack_wait_s < 1 || ack_wait_s > 3600) return "nats.ack_wait_s: expected 1 to 3600";
  if (postgres.url.empty()) return "postgres.url: expected a connection string of libpq";
  if (!listen.empty()) {
    const auto address = parse_host_port(listen);
    if (!address) return "http.listen: " + address.error();
    if (!is_loopback(address->host)) return "http.listen: expected an address of this machine alone";
  }
  return log.validate();
}

Result<CollectConfig> parse_collect_config(std::string_view text, std::string_view source) {
  CollectConfig config;
  const std::vector<ConfigEntry> entries = {
      {"nats", "url", text_into(config.nats.url)},
      {"nats", "stream", text_into(config.nats.stream)},
      {"nats", "credentials_file", text_into(config.nats.credentials_file)},
      {"nats", "ca_file", text_into(config.nats.ca_file)},
      {"nats", "durable", text_into(config.durable)},
      {"nats", "ack_wait_s", integer_into(config.ack_wait_s)},
      {"postgres", "url", text_into(config.postgres.url)},
      {"http", "listen", text_into(config.listen)},
      {"log", "level", text_into(config.log.level)},
  };
  const std::string wrong = read_config(text, source, entries, [&config] { return config.validate(); });
  if (!wrong.empty()) return Result<CollectConfig>::failure(wrong);
  return config;
}

Result<CollectConfig> load_collect_config(const std::string& path) {
  const auto text = read_config_file(path);
  return text ? parse_collect_config(text.value(), path) : Result<CollectConfig>::failure(text.error());
}

}  // namespace ngplc::hub
