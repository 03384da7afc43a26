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

TEST_F(Program, MakesAKey) {
  HubProcess first({"--keygen", dir_.file("key")}, dir_.file("log"));
  EXPECT_EQ(first.wait(), 0);
  EXPECT_EQ(std::filesystem::file_size(dir_.file("key")), 41U);
  HubProcess second({"--keygen", dir_.file("key")}, dir_.file("log"));
  EXPECT_EQ(second.wait(), 1);
}

}  // namespace
