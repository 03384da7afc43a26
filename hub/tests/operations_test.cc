// The hub as its operator runs it: flood, service manager, reload, hubctl, backup and restore.
#include <SQLiteCpp/SQLiteCpp.h>
#include <arpa/inet.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "backup.h"
#include "feed_client.h"
#include "hub_process.h"
#include "notify_socket.h"
#include "server_process.h"
#include "store.h"

namespace {

using namespace ngplc::hub::test;
using nlohmann::json;

class Operations : public ::testing::Test {
 protected:
  // Runs to the end; what it printed.
  std::string run(const std::string& program, std::vector<std::string> words, int code,
                  const std::string& input = "") {
    std::string line = "'" + program + "'";
    for (const std::string& word : words) line += " '" + word + "'";
    line += " > '" + dir_.file("out") + "' 2>&1";
    if (!input.empty()) line = "printf '%s\\n' '" + input + "' | " + line;
    const int status = std::system(line.c_str());
    EXPECT_EQ(WEXITSTATUS(status), code) << line;
    std::ifstream file(dir_.file("out"));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string hub(std::vector<std::string> words, int code = 0, const std::string& input = "") {
    words.insert(words.begin(), {"--database", dir_.file("hub.sqlite")});
    return run(NGPLC_HUB_BINARY, std::move(words), code, input);
  }
  std::string ctl(std::vector<std::string> words, int code = 0) {
    words.insert(words.begin(), {"--url", "http://127.0.0.1:" + std::to_string(port_)});
    return run(NGPLC_HUBCTL_BINARY, std::move(words), code);
  }
  void configure(const std::string& more) {
    std::ofstream(dir_.file("hub.toml")) << more << "\n[feed]\nendpoint = \"ipc://" << dir_.file("feed")
                                         << "\"\n[database]\nfile = \"" << dir_.file("hub.sqlite") << "\"\n";
  }
  // Starts a hub and waits for its port.
  std::unique_ptr<HubProcess> start(const std::string& more = "[http]\nlisten = \"127.0.0.1:0\"\n") {
    configure(more);
    auto process = std::make_unique<HubProcess>(std::vector<std::string>{"--config", dir_.file("hub.toml")},
                                                dir_.file("log" + std::to_string(++logs_)));
    EXPECT_TRUE(process->says("ready")) << process->log();
    find_port(*process, "ready");
    return process;
  }
  void find_port(const HubProcess& process, const std::string& after) {
    const std::string log = process.log();
    const std::size_t at = log.find("http port ", log.rfind(after));
    port_ = at == std::string::npos ? 0 : std::atoi(log.c_str() + at + 10);
  }
  // Sends readings and waits until the hub has them.
  void feed(std::uint64_t run, std::uint64_t count) {
    ngplc::FeedClientConfig config;
    config.endpoint = "ipc://" + dir_.file("feed");
    config.receiver = "test-receiver";
    config.run = run;
    auto client = ngplc::FeedClient::open(config);
    ASSERT_TRUE(client) << client.error();
    for (std::uint64_t i = 0; i < count; ++i) ASSERT_TRUE(client.value()->send(make_record(run, i, 0xabc)));
    EXPECT_EQ(client.value()->close(30'000), 0U);
  }
  json get(const std::string& path) {
    httplib::Client client("127.0.0.1", port_);
    client.set_read_timeout(20);
    const auto answer = client.Get(path);
    return answer ? json::parse(answer->body, nullptr, false) : json();
  }
  TempDir dir_;
  int logs_ = 0;
  int port_ = 0;
};

TEST_F(Operations, TenThousandConnectionsAndReadingsGoOn) {
  const auto hub = start();
  // As many as the system lets this process open.
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  const rlimit before = files;
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 10'500);
  ::setrlimit(RLIMIT_NOFILE, &files);
  const std::size_t most = std::min<std::size_t>(10'000, files.rlim_cur - 400);
  std::vector<int> flood;
  std::thread other([&] { feed(1, 200); });
  for (std::size_t i = 0; i < most; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(0x7f000002U);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from), 0);
    sockaddr_in to = from;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(port_));
    ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0) << i;
    ::send(fd, "GET / HTTP/1.1\r\nX: ", 19, MSG_NOSIGNAL);
    flood.push_back(fd);
  }
  EXPECT_EQ(get("/healthz")["status"], "ok") << "others are answered while all of them are open";
  other.join();
  EXPECT_EQ(get("/api/v1/frames?limit=1000")["frames"].size(), 200U);
  httplib::Client client("127.0.0.1", port_);
  const auto metrics = client.Get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_NE(
      metrics->body.find("ngplc_hub_http_refused_total{reason=\"address\"} " + std::to_string(most - 64)),
      std::string::npos)
      << metrics->body.substr(metrics->body.find("refused_total"), 300);
  RecordProperty("connections", static_cast<int>(most));
  for (const int fd : flood) ::close(fd);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(hub->kill(SIGTERM), 0);
}

TEST_F(Operations, ServiceManagerHearsReadyReloadPingsAndTheEnd) {
  NotifySocket socket(dir_.file("notify"));
  ::setenv("NOTIFY_SOCKET", dir_.file("notify").c_str(), 1);
  ::setenv("WATCHDOG_USEC", "3600000", 1);
  const auto hub = start();
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  EXPECT_TRUE(eventually([&] { return socket.heard().find("READY=1") != std::string::npos; }));
  EXPECT_TRUE(eventually([&] { return socket.pings() >= 2; }));
  // A feed that hangs is not alive: every thread of a stopped process hangs, so no ping may come.
  ::kill(hub->pid(), SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const std::size_t pings = socket.pings();
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  EXPECT_EQ(socket.pings(), pings);
  ::kill(hub->pid(), SIGCONT);
  ::kill(hub->pid(), SIGHUP);
  EXPECT_TRUE(eventually([&] { return socket.heard().find("RELOADING=1") != std::string::npos; }));
  EXPECT_EQ(hub->kill(SIGTERM), 0);
  EXPECT_NE(socket.heard().find("STOPPING=1"), std::string::npos);
}

// A feed that hangs while the rest of the hub lives: the service manager must hear of it, by hearing nothing.
TEST_F(Operations, AFeedThatHangsGetsNoMorePings) {
  NotifySocket socket(dir_.file("notify"));
  ::setenv("NOTIFY_SOCKET", dir_.file("notify").c_str(), 1);
  ::setenv("WATCHDOG_USEC", "3600000", 1);
  const auto hub = start();
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  EXPECT_TRUE(eventually([&] { return socket.pings() >= 1; }));
  std::vector<pid_t> held;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(hub->pid()) + "/task")) {
    const pid_t thread = std::atoi(entry.path().filename().c_str());
    if (thread == hub->pid()) continue;  // the one that pings
    if (::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0)
      GTEST_SKIP() << "threads of another process cannot be held here";
    held.push_back(thread);
    EXPECT_EQ(::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr), 0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // what had turned before is told
  const std::size_t pings = socket.pings();
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  EXPECT_EQ(socket.pings(), pings) << "two periods and nothing";
  for (const pid_t thread : held) {
    int status = 0;
    ::waitpid(thread, &status, __WALL);
    ::ptrace(PTRACE_DETACH, thread, nullptr, nullptr);
  }
  EXPECT_TRUE(eventually([&] { return socket.pings() > pings; })) << "and it goes on";
  EXPECT_EQ(hub->kill(SIGTERM), 0);
}

TEST_F(Operations, SighupReadsTheFileAgain) {
  const auto hub = start();
  feed(1, 3);
  configure("[http]\nlisten = \"127.0.0.1:0\"\nthreads = 99\n");
  ::kill(hub->pid(), SIGHUP);
  EXPECT_TRUE(hub->says("hub.toml:3:11: http.threads: expected 1 to 64"));
  EXPECT_EQ(get("/healthz")["status"], "ok") << "the old configuration stays";
  configure("[http]\nlisten = \"127.0.0.1:0\"\n[zeromq]\nendpoint = \"ipc://" + dir_.file("sub") +
            "\"\n[log]\nlevel = \"debug\"\n");
  ::kill(hub->pid(), SIGHUP);
  EXPECT_TRUE(hub->says("configuration read again"));
  find_port(*hub, "read again");
  EXPECT_EQ(get("/api/v1/sinks")["sinks"][0]["sink"], "zeromq");
  feed(2, 3);
  EXPECT_EQ(get("/api/v1/frames")["frames"].size(), 6U);
  // TLS files that are not there: said, and what ran before runs again.
  configure(
      "[http]\nlisten = \"127.0.0.1:0\"\ntls_certificate_file = \"/nowhere\"\ntls_key_file = \"/nowhere\"\n");
  ::kill(hub->pid(), SIGHUP);
  EXPECT_TRUE(hub->says("http.tls_certificate_file: /nowhere: cannot be read"));
  EXPECT_TRUE(eventually([&] {
    find_port(*hub, "read again");
    return get("/healthz").is_object();
  }));
  EXPECT_EQ(hub->kill(SIGTERM), 0);
}

TEST_F(Operations, HubctlAsksBacksUpAndRestores) {
  auto process = start();
  feed(1, 20);
  EXPECT_NE(ctl({"status"}).find("devices   1"), std::string::npos);
  EXPECT_NE(ctl({"devices"}).find("00000abc"), std::string::npos);
  EXPECT_NE(ctl({"doctor"}).find("hint  somebody has a password"), std::string::npos);
  EXPECT_NE(ctl({"backup", dir_.file("copy")}, 1).find("ngplc-hub user add"), std::string::npos);
  hub({"user", "add", "chief", "admin"}, 0, "correct horse");
  EXPECT_NE(ctl({"status"}, 1).find("log in first"), std::string::npos);
  const std::string token = hub({"token", "add", "chief", "ctl", "admin", "0"});
  std::ofstream(dir_.file("token")) << token;
  std::filesystem::permissions(dir_.file("token"), std::filesystem::perms(0644));
  EXPECT_NE(ctl({"--token-file", dir_.file("token"), "status"}, 1).find("can be read by others"),
            std::string::npos);
  std::filesystem::permissions(dir_.file("token"), std::filesystem::perms(0600));
  const json status = json::parse(ctl({"--token-file", dir_.file("token"), "--json", "status"}));
  EXPECT_EQ(status["role"], "admin");
  EXPECT_NE(ctl({"--token-file", dir_.file("token"), "claim", "nonsense"}, 1).find("hubctl: "),
            std::string::npos);
  EXPECT_NE(ctl({"--token-file", dir_.file("token"), "replay", "mqtt", "0"}, 1).find("no such sink"),
            std::string::npos);
  ctl({"dance"}, 2);
  EXPECT_NE(ctl({"--token-file", dir_.file("token"), "backup", dir_.file("copy")}).find("checked"),
            std::string::npos);
  feed(2, 5);
  const auto back = [&](const std::string& copy, int code) {
    return ctl({"--database", dir_.file("hub.sqlite"), "restore", copy}, code);
  };
  EXPECT_NE(back(dir_.file("copy"), 1).find("in use by a hub"), std::string::npos);
  EXPECT_EQ(process->kill(SIGTERM), 0);
  // Refused, and the database stays: damaged, cut, foreign, missing.
  std::string bytes;
  {
    std::ifstream file(dir_.file("copy"), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  std::string damaged = bytes;
  for (std::size_t i = 8192; i < 8192 + 3000; ++i) damaged[i] = static_cast<char>(damaged[i] ^ 0x5a);
  std::ofstream(dir_.file("damaged"), std::ios::binary) << damaged;
  std::ofstream(dir_.file("cut"), std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  {
    SQLite::Database(dir_.file("foreign"), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
        .exec("CREATE TABLE a(b)");
  }
  for (const char* name : {"damaged", "cut", "foreign", "missing"})
    EXPECT_NE(back(dir_.file(name), 1).find(name), std::string::npos);
  back(dir_.file("copy"), 0);
  EXPECT_TRUE(std::filesystem::exists(dir_.file("hub.sqlite.before-restore")));
  process = start();
  httplib::Client client("127.0.0.1", port_);
  client.set_bearer_token_auth(token.substr(0, token.find('\n')).c_str());
  EXPECT_EQ(json::parse(client.Get("/api/v1/frames?limit=1000")->body)["frames"].size(), 20U);
  EXPECT_EQ(json::parse(client.Get("/api/v1/audit?order=desc&limit=1")->body)["audit"][0]["action"],
            "restore");
  feed(3, 2);
  EXPECT_EQ(json::parse(client.Get("/api/v1/frames?limit=1000")->body)["frames"].size(), 22U);
}

TEST_F(Operations, HubctlTracesWhatComes) {
  const auto process = start();
  const auto trace = [&](std::vector<std::string> words, std::uint64_t run_id) {
    words.insert(words.begin(),
                 {"3", NGPLC_HUBCTL_BINARY, "--url", "http://127.0.0.1:" + std::to_string(port_)});
    std::thread feeding([&] {
      std::this_thread::sleep_for(std::chrono::seconds(1));
      feed(run_id, 2);
    });
    const std::string seen = run("timeout", std::move(words), 124);
    feeding.join();
    return seen;
  };
  EXPECT_NE(trace({"trace"}, 1).find("00000abc  1-0:1.8.0 = 1000001 Wh"), std::string::npos);
  const std::string line = trace({"--json", "trace", "abc"}, 2);
  const json first = json::parse(line.substr(0, line.find('\n')));
  EXPECT_EQ(first["type"], "reading");
  EXPECT_EQ(first["device"], "00000abc");
  EXPECT_EQ(trace({"trace", "abd"}, 3), "");
  ctl({"trace", "meter"}, 2);
}

TEST_F(Operations, PrometheusScrapesIt) {
  if (!is_installed("/usr/bin/prometheus")) GTEST_SKIP() << "package prometheus is not installed";
  const auto process = start();
  feed(1, 20);
  std::ofstream(dir_.file("prometheus.yml"))
      << "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: hub\n    static_configs:\n"
      << "      - targets: ['127.0.0.1:" << port_ << "']\n";
  const int port = free_port();
  ServerProcess server({"/usr/bin/prometheus", "--config.file=" + dir_.file("prometheus.yml"),
                        "--storage.tsdb.path=" + dir_.file("series"),
                        "--web.listen-address=127.0.0.1:" + std::to_string(port)},
                       dir_.file("prometheus.log"));
  httplib::Client client("127.0.0.1", port);
  const auto value = [&](const std::string& query) -> std::string {
    const auto answer = client.Get("/api/v1/query?query=" + query);
    if (!answer || answer->status != 200) return "";  // it is starting
    const json rows = json::parse(answer->body, nullptr, false)["data"]["result"];
    return rows.empty() ? "" : rows[0]["value"][1].get<std::string>();
  };
  EXPECT_TRUE(eventually([&] { return value("ngplc_hub_readings_total") == "40"; }, 40));
  EXPECT_EQ(value("up"), "1");
}

TEST_F(Operations, HubctlQueuesCommands) {
  auto process = start();
  hub({"user", "add", "chief", "admin"}, 0, "correct horse");
  std::ofstream(dir_.file("token")) << hub({"token", "add", "chief", "ctl", "operator", "0"});
  std::filesystem::permissions(dir_.file("token"), std::filesystem::perms(0600));
  const auto ask = [&](std::vector<std::string> words, int code) {
    words.insert(words.begin(), {"--token-file", dir_.file("token")});
    return ctl(std::move(words), code);
  };
  const std::string node = "00000000000000a1";
  EXPECT_NE(ask({"command", node, "60", "send_reading", "1"}, 1).find("not in the registry"),
            std::string::npos);
  SQLite::Database(dir_.file("hub.sqlite"), SQLite::OPEN_READWRITE, 5000)
      .exec(
          "INSERT INTO nodes(eui, address, model, time_zone, verify_by, state, sealed_key) "
          "VALUES(161, 7, 'm', 'UTC', '', 3, x'00')");
  EXPECT_EQ(ask({"command", node, "60", "send_reading", "1"}, 0), "command 1 is queued\n");
  EXPECT_NE(ask({"command", node, "60", "restart"}, 1).find("confirmation"), std::string::npos);
  EXPECT_EQ(json::parse(ask({"--json", "command", node, "60", "restart", "yes"}, 0))["command"], 2);
  EXPECT_NE(ask({"command", node, "60", "fly"}, 1).find("no command"), std::string::npos);
  ask({"command", "a1", "60", "restart"}, 2);
  ask({"command", node, "soon", "restart"}, 2);
  const std::string table = ask({"commands"}, 0);
  EXPECT_NE(table.find("00000007"), std::string::npos) << table;
  EXPECT_LT(table.find("restart"), table.find("send_reading")) << "the newest first";
}

// Exact decimals: what the hub wrote, not what a float makes of it.
TEST_F(Operations, HubctlShowsEnergyData) {
  const auto process = start();
  feed(1, 1);  // 0xabc, which has only two of its registers
  EXPECT_NE(ctl({"energy-data", "abc"}, 1).find("hubctl: "), std::string::npos);
  EXPECT_NE(ctl({"energy-data", "abd"}, 1).find("hubctl: "), std::string::npos);
  ctl({"energy-data", "meter"}, 2);
  ctl({"energy-data", ""}, 2);
  ctl({"energy-data"}, 2);
  SQLite::Database(dir_.file("hub.sqlite"), SQLite::OPEN_READWRITE, 5000)
      .exec(
          "INSERT INTO registers "
          "VALUES(11,'1-0:1.7.0','W',-1),(12,'1-0:32.7.0','V',0),(13,'1-0:31.7.0','A',-2),"
          "(14,'1-0:1.8.0','Wh',1),(15,'1-0:1.8.1','Wh',1),(16,'1-0:1.8.2','Wh',1),(17,'1-0:1.8.3','Wh',1),"
          "(18,'1-0:1.8.4','Wh',1),(19,'1-0:3.8.0','varh',1);"
          "INSERT INTO kept_readings(device, register, mantissa, time_ns, frame_id, base) "
          "SELECT 0xabc, id, 900719925474000000 + id, 2, 1, 0 FROM registers WHERE id > 10");
  const std::string object = ctl({"energy-data", "0ABC"}, 0);
  EXPECT_EQ(object.find(R"({"power":90071992547400.0011,"voltage":230.1,"current":9007199254740000.13,)"), 0U)
      << object;
  EXPECT_EQ(object, ctl({"--json", "energy-data", "abc"}, 0));
  EXPECT_EQ(object.back(), '\n');
}

TEST_F(Operations, HubctlShowsByWhatValuesAreMultiplied) {
  const auto process = start();
  feed(1, 1);
  EXPECT_NE(ctl({"devices"}).find("1-0:1.8.0 1000000 Wh, 1-0:32.7.0 230.1 V\n"), std::string::npos);
  SQLite::Database(dir_.file("hub.sqlite"), SQLite::OPEN_READWRITE, 5000)
      .exec(
          "INSERT INTO nodes(eui, address, model, time_zone, verify_by, state, sealed_key) VALUES(161, "
          "0xabc, "
          "'', '', '', 3, x''), (162, NULL, '', '', '', 0, x'')");
  const json node =
      json::parse(hub({"device", "multipliers", "00000000000000a1", "1-0:1.8.0=40.0", "1-0:2.8.0=2"}));
  EXPECT_EQ(node["multipliers"], json({{"1-0:1.8.0", "40"}, {"1-0:2.8.0", "2"}}));
  EXPECT_NE(ctl({"devices"}).find("1-0:1.8.0 40000000 Wh (times 40), 1-0:32.7.0 230.1 V\n"),
            std::string::npos);
  EXPECT_EQ(json::parse(ctl({"--json", "devices"}))["multipliers"], node["multipliers"]);
  EXPECT_NE(
      hub({"device", "multipliers", "00000000000000a1", "1-0:1.8.0=0"}, 2).find("multipliers: 1-0:1.8.0: "),
      std::string::npos);
  EXPECT_NE(hub({"device", "multipliers", "00000000000000a1", "energy=40"}, 2).find("multipliers: "),
            std::string::npos);
  EXPECT_NE(hub({"device", "multipliers", "00000000000000a3"}, 1).find("device"), std::string::npos);
  hub({"device", "multipliers", "a1"}, 2);
  hub({"device", "multipliers"}, 2);
  EXPECT_NE(hub({"device", "list"}).find(R"("multipliers":{"1-0:1.8.0":"40","1-0:2.8.0":"2"})"),
            std::string::npos)
      << "as they were";
  EXPECT_EQ(json::parse(hub({"device", "multipliers", "00000000000000a1"}))["multipliers"], json::object());
  EXPECT_EQ(ctl({"devices"}).find("times"), std::string::npos);
}

TEST_F(Operations, BackupWhileFramesComeIn) {
  auto process = start();
  feed(1, 10);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (std::uint64_t run = 2; !stop; ++run) feed(run, 50);
  });
  for (int i = 0; i < 5; ++i) {
    const std::string copy = dir_.file("copy" + std::to_string(i));
    EXPECT_EQ(ngplc::hub::back_up(dir_.file("hub.sqlite"), copy), "");
    EXPECT_EQ(ngplc::hub::check_backup(copy), "");
    EXPECT_NE(ngplc::hub::back_up(dir_.file("hub.sqlite"), copy), "") << "never over a file that exists";
  }
  stop = true;
  writer.join();
  EXPECT_EQ(process->kill(SIGTERM), 0);
}

}  // namespace
