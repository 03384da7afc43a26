// The program as an operator meets it: exit codes and one clear line.
#include <netinet/in.h>
#include <sys/socket.h>

#include "hub_process.h"

namespace {

using namespace ngplc::hub::test;

class Program : public ::testing::Test {
 protected:
  std::vector<std::string> arguments() const {
    return {"--feed",     "ipc://" + dir_.file("feed"), "--http", "127.0.0.1:0",
            "--database", dir_.file("hub.sqlite")};
  }
  // Runs to the end; the log's only line.
  std::string refused(std::vector<std::string> extra, int code) {
    auto all = arguments();
    all.insert(all.end(), extra.begin(), extra.end());
    const std::string log = dir_.file("log" + std::to_string(++runs_));
    HubProcess hub(all, log);
    EXPECT_EQ(hub.wait(), code) << hub.log();
    const std::string text = hub.log();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    return text;
  }
  TempDir dir_;
  int runs_ = 0;
};

TEST_F(Program, StartsAndStopsOnSigterm) {
  for (const int signal : {SIGTERM, SIGINT}) {
    HubProcess hub(arguments(), dir_.file("log"));
    ASSERT_TRUE(hub.says("ready"));
    std::ifstream file("/proc/" + std::to_string(hub.pid()) + "/limits");
    const std::string limits{std::istreambuf_iterator<char>(file), {}};
    EXPECT_NE(limits.find("Max core file size        0                    0 "), std::string::npos)
        << "keys would be in it: " << limits;
    EXPECT_EQ(hub.kill(signal), 0) << hub.log();
    std::filesystem::remove(dir_.file("log"));
  }
}

TEST_F(Program, WrongUsageIsExitCode2) {
  EXPECT_NE(refused({"extra"}, 2).find("unexpected argument"), std::string::npos);
  EXPECT_NE(refused({"--log-level", "loud"}, 2).find("log.level"), std::string::npos);
  EXPECT_NE(refused({"--feed", "tcp://0.0.0.0:7850"}, 2).find("curve_secret_key_file"), std::string::npos);
  EXPECT_NE(refused({"--config", dir_.file("missing.toml")}, 2).find("cannot be read"), std::string::npos);
  std::ofstream(dir_.file("bad.toml")) << "[http]\nthreads = \"two\"\n";
  EXPECT_NE(refused({"--config", dir_.file("bad.toml")}, 2)
                .find("bad.toml:2:11: http.threads: expected an integer"),
            std::string::npos);
}

TEST_F(Program, PortInUseIsExitCode1) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  const std::string taken = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  EXPECT_NE(refused({"--http", taken}, 1).find("Address already in use"), std::string::npos);
  EXPECT_NE(refused({"--feed", "tcp://" + taken}, 1).find("Address already in use"), std::string::npos);
  ::close(fd);
}

TEST_F(Program, UnusableDatabaseIsExitCode1) {
  EXPECT_NE(refused({"--database", dir_.file("no/folder")}, 1).find("No such file"), std::string::npos);
  std::ofstream(dir_.file("junk")) << std::string(4096, 'x');
  EXPECT_NE(refused({"--database", dir_.file("junk")}, 1).find("not a database"), std::string::npos);
  HubProcess hub(arguments(), dir_.file("log"));
  ASSERT_TRUE(hub.says("ready"));
  EXPECT_NE(refused({}, 1).find("in use by another hub"), std::string::npos);
}

TEST_F(Program, RegistryOnTheCommandLine) {
  const auto run = [&](std::vector<std::string> words, int code) {
    auto all =
        std::vector<std::string>{"--config", dir_.file("hub.toml"), "--database", dir_.file("hub.sqlite")};
    all.insert(all.end(), words.begin(), words.end());
    HubProcess program(all, dir_.file("out" + std::to_string(++runs_)));
    EXPECT_EQ(program.wait(), code) << program.log();
    return program.log();
  };
  std::ofstream(dir_.file("hub.toml"))
      << "[link]\nkey_file = \"" << dir_.file("linkkey") << "\"\n[feed]\nendpoint = \"ipc://"
      << dir_.file("feed") << "\"\n[http]\nlisten = \"127.0.0.1:0\"\n";
  std::ofstream(dir_.file("devices.csv"))
      << "eui,key,gtin,serial\n00000000000000a1,00112233445566778899aabbccddeeff,04650067291901,17500142\n";
  EXPECT_NE(run({"device", "list"}, 1).find("unable to open"), std::string::npos) << "no database yet";
  EXPECT_NE(run({"--linkkey", dir_.file("linkkey")}, 0).size(), 1U);
  HubProcess hub({"--config", dir_.file("hub.toml"), "--database", dir_.file("hub.sqlite")},
                 dir_.file("log"));
  ASSERT_TRUE(hub.says("ready")) << hub.log();
  EXPECT_EQ(run({"device", "import", dir_.file("devices.csv")}, 0), "{\"devices\":1,\"added\":1}\n");
  EXPECT_NE(
      run({"device", "claim", "(01)04650067291901(21)17500142", "cellar"}, 0).find("\"state\":\"claimed\""),
      std::string::npos);
  EXPECT_NE(run({"device", "join", "00000000000000a1", "10"}, 0).find("\"state\":\"joining\""),
            std::string::npos);
  EXPECT_NE(run({"device", "suspend", "00000000000000a1"}, 1).find("cannot go from joining"),
            std::string::npos);
  EXPECT_NE(run({"device", "list"}, 0).find("\"name\":\"cellar\""), std::string::npos);
  EXPECT_NE(run({"device", "join", "a1", "10"}, 2).find("16 hexadecimal"), std::string::npos);
  EXPECT_NE(run({"device", "dance"}, 2).find("'dance'"), std::string::npos);
  EXPECT_EQ(hub.kill(SIGTERM), 0);
  for (int i = 1; i <= runs_; ++i) {
    std::ifstream file(dir_.file("out" + std::to_string(i)));
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(text.find("0011223344"), std::string::npos);
  }
  EXPECT_EQ(hub.log().find("0011223344"), std::string::npos);
}

TEST_F(Program, MakesAKey) {
  HubProcess first({"--keygen", dir_.file("key")}, dir_.file("log"));
  EXPECT_EQ(first.wait(), 0);
  EXPECT_EQ(std::filesystem::file_size(dir_.file("key")), 41U);
  HubProcess second({"--keygen", dir_.file("key")}, dir_.file("log"));
  EXPECT_EQ(second.wait(), 1);
}

}  // namespace
