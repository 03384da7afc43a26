// What hostile clients may cost: a clear answer or a closed connection, a counter, and others are served on.
#include "http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <atomic>

#include "certificate.h"
#include "hub_process.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;

// A connection from 127.0.0.`host`, so that a test has several addresses. -1 when it was not taken.
int connect_from(int host, int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(0x7f000000U + static_cast<unsigned>(host));
  sockaddr_in to = from;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  const timeval patience{5, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0 ||
      ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

void say(int fd, const std::string& text) {
  EXPECT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

// What comes until the other side closes or nothing comes for five seconds.
std::string listen_to(int fd) {
  std::string out;
  char block[4096];
  for (ssize_t got = 0; (got = ::recv(fd, block, sizeof block, 0)) > 0;)
    out.append(block, static_cast<std::size_t>(got));
  return out;
}

class HttpServerTest : public ::testing::Test {
 protected:
  void start(HttpConfig config, HttpLimits limits = {}) {
    config.listen = "127.0.0.1:0";
    server_ = std::make_unique<HttpServer>(
        config, limits,
        [this](const HttpRequest& request) {
          ++handled_;
          HttpResponse answer;
          answer.body = request.method + " " + request.path + " " + request.body;
          return answer;
        },
        [this](const char* reason) {
          const std::lock_guard lock(mutex_);
          ++refused_[reason];
        });
    ASSERT_EQ(server_->start(), "");
  }
  int refused(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    return refused_[reason];
  }
  bool answers() {
    httplib::Client client("127.0.0.1", server_->port());
    client.set_connection_timeout(2);
    client.set_read_timeout(2);
    const auto answer = client.Get("/x");
    return answer && answer->body == "GET /x ";
  }
  TempDir dir_;
  std::mutex mutex_;
  std::map<std::string, int> refused_;
  std::atomic<int> handled_{0};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, BodiesAndHeadersHaveBounds) {
  start({});
  httplib::Client client("127.0.0.1", server_->port());
  const auto good = client.Post("/a%20b?x=1", "hello", "text/plain");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->body, "POST /a b hello");
  EXPECT_EQ(client.Post("/", std::string(64 * 1024, 'x'), "text/plain")->status, 200);
  const int before = handled_;
  const auto large = client.Post("/", std::string(64 * 1024 + 1, 'x'), "text/plain");
  ASSERT_TRUE(large);
  EXPECT_EQ(large->status, 413);
  EXPECT_EQ(large->body, "{\"error\":\"body too large\"}\n");
  // Without a length: as chunks that do not end.
  const int fd = connect_from(1, server_->port());
  say(fd, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 5; ++i) say(fd, "4000\r\n" + std::string(0x4000, 'x') + "\r\n");
  say(fd, "0\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_NE(listen_to(fd).find(" 413 "), std::string::npos);
  ::close(fd);
  EXPECT_EQ(client.Get("/", {{"X", std::string(20'000, 'x')}})->status, 431);
  EXPECT_EQ(client.Get("/a%00b")->status, 400);
  EXPECT_LE(handled_ - before, 1) << "refused before they reach the hub";
  const int junk = connect_from(1, server_->port());
  say(junk, std::string("\x16\x03\x01\x00\xff junk\r\n\r\n", 13));
  listen_to(junk);
  ::close(junk);
  EXPECT_TRUE(answers());
}

TEST_F(HttpServerTest, SlowClientsAreClosedAndOthersServed) {
  HttpLimits limits;
  limits.request_s = 1;
  HttpConfig config;
  config.threads = 2;
  start(config, limits);
  std::vector<int> slow;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 60; ++i) {
    slow.push_back(connect_from(2, server_->port()));
    ASSERT_GE(slow.back(), 0);
    say(slow.back(), i % 3 == 0   ? ""
                     : i % 3 == 1 ? "GET / HTTP/1.1\r\nX: "
                                  : "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
  }
  // One byte now and then does not help.
  while (refused("slow") < 60 && std::chrono::steady_clock::now() - begin < std::chrono::seconds(15)) {
    EXPECT_TRUE(answers());
    for (std::size_t i = 1; i < slow.size(); i += 3) ::send(slow[i], "a", 1, MSG_NOSIGNAL);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(refused("slow"), 60);
  for (const int fd : slow) ::close(fd);
}

TEST_F(HttpServerTest, OneAddressTakesItsShareAndManyFreeTheirsAgain) {
  HttpLimits limits;
  limits.request_s = 1;
  HttpConfig config;
  config.connections = 32;
  config.connections_per_address = 8;
  start(config, limits);
  std::vector<int> held;
  for (int i = 0; i < 50; ++i) held.push_back(connect_from(2, server_->port()));
  EXPECT_TRUE(eventually([&] { return refused("address") == 42; })) << refused("address");
  EXPECT_TRUE(answers());
  for (int host = 3; host < 10; ++host) {
    for (int i = 0; i < 8; ++i) held.push_back(connect_from(host, server_->port()));
  }
  EXPECT_TRUE(eventually([&] { return refused("connections") > 0; }));
  EXPECT_TRUE(eventually([&] { return answers(); })) << "again when those who say nothing were closed";
  for (const int fd : held) ::close(fd);
}

TEST_F(HttpServerTest, PortInUseIsSaid) {
  start({});
  HttpConfig config;
  config.listen = "127.0.0.1:" + std::to_string(server_->port());
  HttpServer second(config, {}, {}, {});
  EXPECT_EQ(second.start(), "http " + config.listen + ": Address already in use");
}

TEST_F(HttpServerTest, SpeaksTls) {
  HttpConfig config;
  config.tls_certificate_file = dir_.file("cert");
  config.tls_key_file = dir_.file("key");
  write_certificate(config.tls_certificate_file, config.tls_key_file);
  start(config);
  httplib::SSLClient client("127.0.0.1", server_->port());
  client.enable_server_certificate_verification(false);
  const auto answer = client.Get("/x");
  ASSERT_TRUE(answer) << httplib::to_string(answer.error());
  EXPECT_EQ(answer->body, "GET /x ");
  EXPECT_FALSE(answers()) << "nothing in clear";
  EXPECT_TRUE(client.Get("/x")) << "and goes on";
}

TEST_F(HttpServerTest, WrongTlsFilesAreSaidAtTheStart) {
  const std::string cert = dir_.file("cert");
  const std::string key = dir_.file("key");
  write_certificate(cert, key);
  write_certificate(dir_.file("other"), dir_.file("otherkey"));
  std::ofstream(dir_.file("junk")) << "junk";
  std::filesystem::copy_file(key, dir_.file("openkey"));
  ::chmod(dir_.file("openkey").c_str(), 0644);
  double days = 0;
  EXPECT_EQ(check_tls_files(cert, key, days), "");
  EXPECT_GT(days, 0);
  EXPECT_EQ(check_tls_files("nowhere", key, days), "http.tls_certificate_file: nowhere: cannot be read");
  EXPECT_NE(check_tls_files(dir_.file("junk"), key, days).find("no certificate in PEM"), std::string::npos);
  EXPECT_NE(check_tls_files(cert, dir_.file("junk"), days).find("no unencrypted private key"),
            std::string::npos);
  EXPECT_NE(check_tls_files(cert, dir_.file("otherkey"), days).find("is not the key of"), std::string::npos);
  EXPECT_NE(check_tls_files(cert, dir_.file("openkey"), days).find("can be read by others"),
            std::string::npos);
  HttpConfig config;
  config.listen = "127.0.0.1:0";
  config.tls_certificate_file = cert;
  config.tls_key_file = dir_.file("otherkey");
  HttpServer server(config, {}, {}, {});
  EXPECT_NE(server.start().find("http.tls_key_file"), std::string::npos);
}

}  // namespace
