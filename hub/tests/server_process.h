// Real servers from Debian, each on loopback in a directory of its own, ended with the object.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "hub_process.h"

namespace ngplc::hub::test {

/// A port of this machine that was free a moment ago.
inline int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

inline bool accepts(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool good = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return good;
}

inline bool is_installed(const std::string& program) { return ::access(program.c_str(), X_OK) == 0; }

/// Gives up root where the server insists on it (PostgreSQL).
inline const passwd* unprivileged() { return ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr; }

class ServerProcess {
 public:
  ServerProcess(std::vector<std::string> command, std::string log, const passwd* user = nullptr)
      : command_(std::move(command)), log_(std::move(log)), user_(user) {
    start();
  }
  ~ServerProcess() { kill(SIGKILL); }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  void start() {
    std::vector<char*> argv;
    for (std::string& word : command_) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ != 0) return;
    const int fd = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
    dup2(fd, 1);
    dup2(fd, 2);
    if (user_ != nullptr && (::setgid(user_->pw_gid) != 0 || ::setuid(user_->pw_uid) != 0)) _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  int kill(int signal) {
    if (pid_ <= 0) return 0;
    ::kill(pid_, signal);
    return wait();
  }
  int wait() {
    int status = 0;
    if (pid_ > 0) waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  std::vector<std::string> command_;
  std::string log_;
  const passwd* user_;
  pid_t pid_ = -1;
};

/// PostgreSQL with an empty cluster, trusting everybody on loopback.
class PostgresServer {
 public:
  static bool is_installed() { return test::is_installed("/usr/lib/postgresql/15/bin/postgres"); }
  PostgresServer() : port_(free_port()) {
    const std::string bin = "/usr/lib/postgresql/15/bin/";
    const passwd* user = unprivileged();
    std::filesystem::permissions(dir_.file("."), std::filesystem::perms(0777));
    ServerProcess init(
        {bin + "initdb", "-D", dir_.file("data"), "-U", "test", "-A", "trust", "--no-sync", "-E", "UTF8"},
        dir_.file("initdb.log"), user);
    init.wait();
    process_ = std::make_unique<ServerProcess>(
        std::vector<std::string>{bin + "postgres", "-D", dir_.file("data"), "-p", std::to_string(port_), "-h",
                                 "127.0.0.1", "-k", dir_.file("."), "-c", "shared_buffers=16MB"},
        dir_.file("log"), user);
  }
  std::string url(const std::string& database = "postgres") const {
    return "host=127.0.0.1 port=" + std::to_string(port_) + " user=test dbname=" + database;
  }
  bool ready() const {
    return eventually([this] { return accepts(port_); }, 30);
  }
  /// The postmaster and what it started.
  void kill(int signal) { process_->kill(signal); }
  void start() { process_->start(); }

 private:
  TempDir dir_;
  int port_;
  std::unique_ptr<ServerProcess> process_;
};

}  // namespace ngplc::hub::test
