// What the operator may set, with a default for everything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ngwire/wire/result.h"

namespace ngplc::hub {

struct FeedConfig {
  std::string endpoint = "tcp://127.0.0.1:7850";  ///< ZeroMQ endpoint to bind: tcp://HOST:PORT or ipc://PATH
  std::int64_t batch_records = 512;               ///< most records in one transaction, 1..10000
  std::int64_t batch_delay_ms = 5;                ///< how long a first record waits for company, 0..600000
  std::string
      curve_secret_key_file;  ///< file with the hub's secret key (Z85, 40 characters); empty: no CURVE
  std::vector<std::string> curve_clients;  ///< public keys (Z85) of the modems let in, or one entry "any"
};

struct HttpConfig {
  std::string listen = "127.0.0.1:7851";      ///< HOST:PORT, port 0 picks a free one
  std::int64_t threads = 4;                   ///< worker threads, 1..64
  std::string tls_certificate_file;           ///< PEM, with its chain; empty: no TLS
  std::string tls_key_file;                   ///< PEM, not encrypted, not readable by others
  bool clear_text = false;                    ///< outside without TLS, as behind a proxy that adds it
  std::int64_t connections = 256;             ///< at a time, 8..500
  std::int64_t connections_per_address = 64;  ///< 1..500
  std::int64_t requests_per_s = 50;           ///< of each address, four times as many at once; 1..100000
};

struct DatabaseConfig {
  std::string file = "ngplc-hub.sqlite";
  std::string durability =
      "full";  ///< "full": a commit survives a power cut; "normal": it survives a crash of the hub only
  std::int64_t max_bytes = 0;  ///< upper bound of the file, 0: none; rounded up to pages of 4096
};

struct LinkConfig {
  std::string key_file;  ///< seals the keys of devices; empty: systemd credential "ngplc-hub.key", if any
  std::string plain_readings = "auto";  ///< readings in the clear: "auto" while no device is registered,
                                        ///< "yes", "no"
  std::int64_t time_period_s = 3600;    ///< groups are told the time so often, 0: never; 0..86400
};

/// How far behind a sink may fall before it loses the oldest readings, visibly.
struct OutboxConfig {
  std::int64_t max_values = 20'000'000;  ///< register values, 1000 or more
  std::int64_t max_age_h = 24 * 90;      ///< hours since they came, 1..87600
};

/// Readings by hour, day and month.
struct RollupConfig {
  std::int64_t period_s = 60;  ///< readings are folded in so often, 1..86400
};

/// How long things are kept, in days; 0: for ever. Roll-ups by month are.
struct RetentionConfig {
  std::int64_t readings_d = 0;  ///< readings and their frames
  std::int64_t hours_d = 0;     ///< roll-ups by hour
  std::int64_t days_d = 0;      ///< roll-ups by day
};

struct CodecConfig {
  std::string folder;  ///< of codec files; empty: none
};

struct PostgresConfig {
  std::string url;  ///< connection string of libpq; empty: no such sink
};

struct MqttConfig {
  std::string url;            ///< tcp://HOST:PORT or ssl://HOST:PORT; empty: no such sink
  std::string user;           ///< empty: none
  std::string password_file;  ///< its first word
  std::string ca_file;        ///< with ssl://, who may have signed the broker's certificate
  std::string discovery_prefix = "homeassistant";  ///< empty: no discovery
  /// Messages sent and not yet acknowledged, 1..10000; never more than the broker says it takes.
  std::int64_t in_flight = 500;
  /// What is sent, one or more: "readings" (with states and discovery), "energy_data", "energy_file".
  std::vector<std::string> messages = {"readings"};
  std::string topic = "plc/{hub}/{device}/{kind}";  ///< of readings and states, see TopicTemplate
  /// Decimal exponent of the energies in an EnergyFile, of Wh and VAh, -6..3.
  std::int64_t energy_file_exponent = -3;
};

struct InfluxConfig {
  std::string url;                 ///< http://HOST:PORT; empty: no such sink
  std::string database = "ngplc";  ///< version 1.x
  std::string org;                 ///< version 2.x
  std::string bucket;              ///< version 2.x; empty: version 1.x
  std::string token_file;          ///< version 2.x, its first word
};

struct NatsConfig {
  std::string url;               ///< nats://HOST:PORT; empty: no such sink
  std::string stream = "PLC";    ///< made when it is missing, with subjects plc.>
  std::string credentials_file;  ///< empty: none
  std::string ca_file;           ///< with tls://, who may have signed the server's certificate; empty: whom
                                 ///< the system trusts
  std::string validate() const;
};

struct ZeromqConfig {
  std::string endpoint;  ///< to bind, tcp:// or ipc://; empty: no such sink
};

struct LogConfig {
  std::string level = "info";  ///< trace, debug, info, warn, error, off
  std::string validate() const;
};

struct HubConfig {
  std::string name = "ngplc-hub";  ///< how the hub calls itself to modems and sinks
  FeedConfig feed;
  HttpConfig http;
  DatabaseConfig database;
  LinkConfig link;
  OutboxConfig outbox;
  RollupConfig rollups;
  RetentionConfig retention;
  CodecConfig codecs;
  PostgresConfig postgres;
  MqttConfig mqtt;
  InfluxConfig influx;
  NatsConfig nats;
  ZeromqConfig zeromq;
  LogConfig log;

  /// What is wrong with the values, naming the field, or an empty string.
  std::string validate() const;
};

/// Reads TOML text over the defaults. Unknown keys, wrong types and values out of range fail with
/// `source:line:column: field: what`.
ngwire::Result<HubConfig> parse_config(std::string_view text, std::string_view source);

/// parse_config() of a file of at most 1 MB.
ngwire::Result<HubConfig> load_config(const std::string& path);

struct HostPort {
  std::string host;
  int port = 0;
};
/// "127.0.0.1:80", "[::1]:80", "localhost:80"; port 0..65535.
ngwire::Result<HostPort> parse_host_port(const std::string& text);
/// Only this machine can reach it.
bool is_loopback(const std::string& host);

}  // namespace ngplc::hub
