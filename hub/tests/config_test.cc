#include "config.h"

#include <gtest/gtest.h>

namespace {

using namespace ngplc::hub;

TEST(Config, EmptyTextGivesTheDefaults) {
  const auto config = parse_config("", "hub.toml");
  ASSERT_TRUE(config.ok()) << config.error();
  EXPECT_EQ(config->feed.endpoint, "tcp://127.0.0.1:7850");
  EXPECT_EQ(config->database.durability, "full");
}

TEST(Config, ReadsEveryField) {
  const auto config = parse_config(R"(
name = "cellar"
[feed]
endpoint = "ipc:///run/feed"
batch_records = 64
batch_delay_ms = 0
curve_secret_key_file = "key"
curve_clients = ["any"]
[http]
listen = "[::]:443"
threads = 2
tls_certificate_file = "cert"
tls_key_file = "key"
clear_text = false
connections = 100
connections_per_address = 10
requests_per_s = 5
[database]
file = "x.sqlite"
durability = "normal"
max_bytes = 1000000
[log]
level = "debug"
)",
                                   "hub.toml");
  ASSERT_TRUE(config.ok()) << config.error();
  EXPECT_EQ(config->feed.batch_records, 64);
  EXPECT_EQ(config->http.listen, "[::]:443");
  EXPECT_EQ(config->http.connections_per_address, 10);
}

TEST(Config, OneLineNamesFileLineAndField) {
  const std::pair<const char*, const char*> wrong[] = {
      {"[feed]\nbatch_records = \"many\"",
       "hub.toml:2:17: feed.batch_records: expected an integer, found a string"},
      {"[feed]\nbatch_records = 0", "hub.toml:2:17: feed.batch_records: expected 1 to 10000"},
      {"[feed]\nbatch_records = 2000\nbatch_delay_ms = 60000",
       "hub.toml:2:17: feed.batch_records: expected at most 1024 with a feed.batch_delay_ms above 1000"},
      {"[rollups]\nperiod_s = 0", "hub.toml:2:12: rollups.period_s: expected 1 to 86400"},
      {"[feed]\nbatchrecords = 1", "hub.toml:2:16: feed.batchrecords: unknown key"},
      {"fed = 1", "hub.toml:1:7: fed: unknown key"},
      {"feed = 1", "hub.toml:1:8: feed: expected a table, found an integer"},
      {"[feed]\nendpoint = \"udp://x\"",
       "hub.toml:2:12: feed.endpoint: expected tcp://HOST:PORT or ipc://PATH"},
      {"[feed]\nendpoint = \"tcp://*:7850\"",
       "hub.toml:2:12: feed.endpoint: tcp://*:7850 is reachable from outside and needs "
       "feed.curve_secret_key_file"},
      {"[feed]\ncurve_clients = [1]",
       "hub.toml:2:17: feed.curve_clients: expected a list of strings, found an integer in it"},
      {"[http]\nlisten = \"nowhere\"", "hub.toml:2:10: http.listen: expected HOST:PORT, found 'nowhere'"},
      {"[http]\nclear_text = 1", "hub.toml:2:14: http.clear_text: expected true or false, found an integer"},
      {"[http]\nconnections = 7", "hub.toml:2:15: http.connections: expected 8 to 500"},
      {"[http]\ntls_key_file = \"key\"",
       "hub.toml:2:16: http.tls_key_file: expected together with http.tls_certificate_file"},
      {"[http]\nlisten = \"0.0.0.0:80\"",
       "hub.toml:2:10: http.listen: 0.0.0.0:80 is reachable from outside and needs "
       "http.tls_certificate_file, "
       "or http.clear_text = true"},
      {"[mqtt]\nmessages = []", "hub.toml:2:12: mqtt.messages: expected one or more"},
      {"[mqtt]\nmessages = [\"readings\", \"energy\"]",
       "hub.toml:2:12: mqtt.messages: expected readings, energy_data or energy_file, found 'energy'"},
      {"[mqtt]\nenergy_file_exponent = 4", "hub.toml:2:24: mqtt.energy_file_exponent: expected -6 to 3"},
      {"[mqtt]\ntopic = \"plc/{hub}/{kind}\"",
       "hub.toml:2:9: mqtt.topic: expected {device} and {kind} in it"},
      {"[mqtt]\ntopic = \"{device}/{kind}\\u0000\"", "hub.toml:2:9: mqtt.topic: expected printable ASCII"},
      {"[mqtt]\ntopic = [\"{device}/{kind}\"]", "hub.toml:2:9: mqtt.topic: expected a string, found a list"},
      {"[nats]\nca_file = \"x\"", "hub.toml:2:11: nats.ca_file: expected with tls://"},
      {"[log]\nlevel = \"loud\"", "hub.toml:2:9: log.level: expected trace, debug, info, warn, error or off"},
  };
  for (const auto& [text, message] : wrong) {
    const auto config = parse_config(text, "hub.toml");
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_EQ(config.error(), message);
  }
  for (const char* text : {"[feed", "a = ", "x = 1\nx = 2", "\xff\xfe", "a = \"\n\""}) {
    const auto config = parse_config(text, "hub.toml");
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_EQ(config.error().rfind("hub.toml:", 0), 0U) << config.error();
    EXPECT_EQ(config.error().find('\n'), std::string::npos);
  }
  EXPECT_FALSE(load_config("/nowhere/hub.toml").ok());
}

TEST(Config, HostAndPort) {
  EXPECT_EQ(parse_host_port("localhost:1")->host, "localhost");
  EXPECT_EQ(parse_host_port("[::1]:65535")->host, "::1");
  for (const char* text : {"", ":", "a", "a:", ":1", "a:65536", "a:-1", "a:1x", "::1:5"})
    EXPECT_FALSE(parse_host_port(text).ok()) << text;
  for (const char* host : {"localhost", "127.0.0.1", "127.8.0.1", "::1"})
    EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host : {"", "127.example.org", "127.0.0.1.example.org", "10.0.0.1", "::", "*"})
    EXPECT_FALSE(is_loopback(host)) << host;
}

}  // namespace
