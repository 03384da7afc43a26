// The socket of a service manager.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

namespace ngplc::hub::test {

/// What the service manager was told, one message a line.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~NotifySocket() { ::close(fd_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;
  const std::string& heard() {
    char block[512];
    for (ssize_t got = 0; (got = ::recv(fd_, block, sizeof block, 0)) > 0;)
      heard_ += std::string(block, static_cast<std::size_t>(got)) + "\n";
    return heard_;
  }
  std::size_t pings() {
    std::size_t count = 0;
    heard();
    for (std::size_t at = 0; (at = heard_.find("WATCHDOG=1", at)) != std::string::npos; ++at) ++count;
    return count;
  }

 private:
  int fd_;
  std::string heard_;
};

}  // namespace ngplc::hub::test
