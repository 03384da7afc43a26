#include "config.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>

#include "config_reader.h"
#include "topic_template.h"

namespace ngplc::hub {
namespace {

using ngwire::Result;

constexpr std::int64_t kMostDelayMs = 600'000;
constexpr std::int64_t kLongDelayMs = 1000;
constexpr std::int64_t kModemWindow = 1024;  // records a modem has under way

}  // namespace

std::string NatsConfig::validate() const {
  if (!url.empty() && url.rfind("nats://", 0) != 0 && url.rfind("tls://", 0) != 0)
    return "nats.url: expected nats://HOST:PORT or tls://HOST:PORT";
  // The library would verify nobody's certificate over nats://.
  if (!ca_file.empty() && url.rfind("tls://", 0) != 0) return "nats.ca_file: expected with tls://";
  return "";
}

std::string LogConfig::validate() const {
  static constexpr std::array<std::string_view, 6> kLevels = {"trace", "debug", "info",
                                                              "warn",  "error", "off"};
  for (const std::string_view name : kLevels) {
    if (level == name) return "";
  }
  return "log.level: expected trace, debug, info, warn, error or off";
}

std::string HubConfig::validate() const {
  if (name.empty() || name.size() > 64 ||
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/-") !=
          std::string::npos) {
    return "name: expected 1 to 64 of [A-Za-z0-9._:/-]";
  }
  const bool tcp = feed.endpoint.rfind("tcp://", 0) == 0;
  if (!tcp && feed.endpoint.rfind("ipc://", 0) != 0)
    return "feed.endpoint: expected tcp://HOST:PORT or ipc://PATH";
  if (feed.endpoint.size() <= 6 || feed.endpoint.size() > 256)
    return "feed.endpoint: expected tcp://HOST:PORT or ipc://PATH";
  if (feed.batch_records < 1 || feed.batch_records > 10000) return "feed.batch_records: expected 1 to 10000";
  if (feed.batch_delay_ms < 0 || feed.batch_delay_ms > kMostDelayMs)
    return "feed.batch_delay_ms: expected 0 to " + std::to_string(kMostDelayMs);
  // A modem has at most so many under way: a batch that waits for more would wait in vain.
  if (feed.batch_delay_ms > kLongDelayMs && feed.batch_records > kModemWindow)
    return "feed.batch_records: expected at most " + std::to_string(kModemWindow) +
           " with a feed.batch_delay_ms above " + std::to_string(kLongDelayMs);
  if (tcp) {
    const auto address = parse_host_port(feed.endpoint.substr(6));
    if (!address) return "feed.endpoint: " + address.error();
    if (feed.curve_secret_key_file.empty() && !is_loopback(address->host)) {
      return "feed.endpoint: " + feed.endpoint +
             " is reachable from outside and needs feed.curve_secret_key_file";
    }
  }
  if (!feed.curve_secret_key_file.empty() && feed.curve_clients.empty()) {
    return "feed.curve_clients: expected the public keys of the modems let in, or [\"any\"]";
  }
  for (const std::string& key : feed.curve_clients) {
    if (key != "any" && key.size() != 40)
      return "feed.curve_clients: expected keys of 40 characters (Z85), or [\"any\"]";
  }
  const auto listen = parse_host_port(http.listen);
  if (!listen) return "http.listen: " + listen.error();
  if (http.threads < 1 || http.threads > 64) return "http.threads: expected 1 to 64";
  if (http.tls_certificate_file.empty() != http.tls_key_file.empty())
    return "http.tls_key_file: expected together with http.tls_certificate_file";
  if (!is_loopback(listen->host) && http.tls_certificate_file.empty() && !http.clear_text)
    return "http.listen: " + http.listen +
           " is reachable from outside and needs http.tls_certificate_file, or http.clear_text = true";
  if (http.connections < 8 || http.connections > 500) return "http.connections: expected 8 to 500";
  if (http.connections_per_address < 1 || http.connections_per_address > 500)
    return "http.connections_per_address: expected 1 to 500";
  if (http.requests_per_s < 1 || http.requests_per_s > 100000)
    return "http.requests_per_s: expected 1 to 100000";
  if (link.plain_readings != "auto" && link.plain_readings != "yes" && link.plain_readings != "no")
    return "link.plain_readings: expected auto, yes or no";
  if (link.time_period_s < 0 || link.time_period_s > 86400) return "link.time_period_s: expected 0 to 86400";
  for (const auto& [days, field] :
       {std::pair{retention.readings_d, "retention.readings_d"},
        std::pair{retention.hours_d, "retention.hours_d"}, std::pair{retention.days_d, "retention.days_d"}}) {
    if (days < 0 || days > 36500) return std::string(field) + ": expected 0 to 36500";
  }
  if (rollups.period_s < 1 || rollups.period_s > 86400) return "rollups.period_s: expected 1 to 86400";
  if (outbox.max_values < 1000) return "outbox.max_values: expected 1000 or more";
  if (outbox.max_age_h < 1 || outbox.max_age_h > 87600) return "outbox.max_age_h: expected 1 to 87600";
  if (!mqtt.url.empty() && mqtt.url.rfind("tcp://", 0) != 0 && mqtt.url.rfind("ssl://", 0) != 0)
    return "mqtt.url: expected tcp://HOST:PORT or ssl://HOST:PORT";
  if (mqtt.url.rfind("ssl://", 0) == 0 && mqtt.ca_file.empty())
    return "mqtt.ca_file: expected with ssl://, so that the broker is who it says";
  if (mqtt.in_flight < 1 || mqtt.in_flight > 10000) return "mqtt.in_flight: expected 1 to 10000";
  if (!influx.url.empty() && influx.url.rfind("http://", 0) != 0 && influx.url.rfind("https://", 0) != 0)
    return "influx.url: expected http://HOST:PORT or https://HOST:PORT";
  for (const std::string& message : mqtt.messages) {
    if (message != "readings" && message != "energy_data" && message != "energy_file")
      return "mqtt.messages: expected readings, energy_data or energy_file, found '" + message + "'";
  }
  if (mqtt.messages.empty()) return "mqtt.messages: expected one or more";
  if (const auto topic = TopicTemplate::parse(mqtt.topic); !topic) return "mqtt.topic: " + topic.error();
  if (mqtt.energy_file_exponent < -6 || mqtt.energy_file_exponent > 3)
    return "mqtt.energy_file_exponent: expected -6 to 3";
  if (std::string wrong = nats.validate(); !wrong.empty()) return wrong;
  if (!zeromq.endpoint.empty() && zeromq.endpoint.rfind("tcp://", 0) != 0 &&
      zeromq.endpoint.rfind("ipc://", 0) != 0)
    return "zeromq.endpoint: expected tcp://HOST:PORT or ipc://PATH";
  if (database.file.empty()) return "database.file: expected a path";
  if (database.durability != "full" && database.durability != "normal")
    return "database.durability: expected full or normal";
  if (database.max_bytes < 0) return "database.max_bytes: expected 0 or more";
  return log.validate();
}

Result<HubConfig> parse_config(std::string_view text, std::string_view source) {
  HubConfig config;
  const std::vector<ConfigEntry> entries = {
      {"", "name", text_into(config.name)},
      {"feed", "endpoint", text_into(config.feed.endpoint)},
      {"feed", "batch_records", integer_into(config.feed.batch_records)},
      {"feed", "batch_delay_ms", integer_into(config.feed.batch_delay_ms)},
      {"feed", "curve_secret_key_file", text_into(config.feed.curve_secret_key_file)},
      {"feed", "curve_clients", list_into(config.feed.curve_clients)},
      {"http", "listen", text_into(config.http.listen)},
      {"http", "threads", integer_into(config.http.threads)},
      {"http", "tls_certificate_file", text_into(config.http.tls_certificate_file)},
      {"http", "tls_key_file", text_into(config.http.tls_key_file)},
      {"http", "clear_text", flag_into(config.http.clear_text)},
      {"http", "connections", integer_into(config.http.connections)},
      {"http", "connections_per_address", integer_into(config.http.connections_per_address)},
      {"http", "requests_per_s", integer_into(config.http.requests_per_s)},
      {"database", "file", text_into(config.database.file)},
      {"database", "durability", text_into(config.database.durability)},
      {"database", "max_bytes", integer_into(config.database.max_bytes)},
      {"link", "key_file", text_into(config.link.key_file)},
      {"link", "plain_readings", text_into(config.link.plain_readings)},
      {"rollups", "period_s", integer_into(config.rollups.period_s)},
      {"outbox", "max_values", integer_into(config.outbox.max_values)},
      {"outbox", "max_age_h", integer_into(config.outbox.max_age_h)},
      {"retention", "readings_d", integer_into(config.retention.readings_d)},
      {"retention", "hours_d", integer_into(config.retention.hours_d)},
      {"retention", "days_d", integer_into(config.retention.days_d)},
      {"codecs", "folder", text_into(config.codecs.folder)},
      {"link", "time_period_s", integer_into(config.link.time_period_s)},
      {"postgres", "url", text_into(config.postgres.url)},
      {"mqtt", "url", text_into(config.mqtt.url)},
      {"mqtt", "user", text_into(config.mqtt.user)},
      {"mqtt", "password_file", text_into(config.mqtt.password_file)},
      {"mqtt", "ca_file", text_into(config.mqtt.ca_file)},
      {"mqtt", "discovery_prefix", text_into(config.mqtt.discovery_prefix)},
      {"mqtt", "in_flight", integer_into(config.mqtt.in_flight)},
      {"mqtt", "messages", list_into(config.mqtt.messages)},
      {"mqtt", "topic", text_into(config.mqtt.topic)},
      {"mqtt", "energy_file_exponent", integer_into(config.mqtt.energy_file_exponent)},
      {"influx", "url", text_into(config.influx.url)},
      {"influx", "database", text_into(config.influx.database)},
      {"influx", "org", text_into(config.influx.org)},
      {"influx", "bucket", text_into(config.influx.bucket)},
      {"influx", "token_file", text_into(config.influx.token_file)},
      {"nats", "url", text_into(config.nats.url)},
      {"nats", "stream", text_into(config.nats.stream)},
      {"nats", "credentials_file", text_into(config.nats.credentials_file)},
      {"nats", "ca_file", text_into(config.nats.ca_file)},
      {"zeromq", "endpoint", text_into(config.zeromq.endpoint)},
      {"log", "level", text_into(config.log.level)},
  };
  const std::string wrong = read_config(text, source, entries, [&config] { return config.validate(); });
  if (!wrong.empty()) return Result<HubConfig>::failure(wrong);
  return config;
}

Result<HubConfig> load_config(const std::string& path) {
  const auto text = read_config_file(path);
  return text ? parse_config(text.value(), path) : Result<HubConfig>::failure(text.error());
}

Result<HostPort> parse_host_port(const std::string& text) {
  using R = Result<HostPort>;
  const std::string wrong = "expected HOST:PORT, found '" + one_line(text) + "'";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return R::failure(wrong);
  HostPort out;
  out.host = text.substr(0, colon);
  if (out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']') {
    out.host = out.host.substr(1, out.host.size() - 2);
  } else if (out.host.find(':') != std::string::npos) {
    return R::failure(wrong);
  }
  const char* begin = text.data() + colon + 1;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(begin, end, out.port);
  if (parsed.ec != std::errc() || parsed.ptr != end || out.port < 0 || out.port > 65535)
    return R::failure(wrong);
  return out;
}

bool is_loopback(const std::string& host) {
  // A name such as 127.example.org is none: the whole of it must be an address.
  in_addr address{};
  return host == "localhost" || host == "::1" ||
         (inet_pton(AF_INET, host.c_str(), &address) == 1 && ntohl(address.s_addr) >> 24U == 127);
}

}  // namespace ngplc::hub
