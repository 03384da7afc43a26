// Runs the real ngplc-hub in a directory of its own, and records to feed it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "ngwire/link/reading_codec.h"
#include "ngwire/wire/frame_record.h"

namespace ngplc::hub::test {

/// A directory that goes with the object.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "ngplc-hub-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// A hub process: started with arguments, its stderr in a file, ended at the latest with the object.
class HubProcess {
 public:
  HubProcess(std::vector<std::string> arguments, std::string log) : log_(std::move(log)) {
    arguments.insert(arguments.begin(), NGPLC_HUB_BINARY);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      const int fd = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      dup2(fd, 1);
      dup2(fd, 2);
      execv(argv[0], argv.data());
      _exit(127);
    }
  }
  ~HubProcess() { kill(SIGKILL); }
  HubProcess(const HubProcess&) = delete;
  HubProcess& operator=(const HubProcess&) = delete;

  /// Sends the signal and waits. Exit code, or -signal.
  int kill(int signal) {
    if (pid_ <= 0) return status_;
    ::kill(pid_, signal);
    return wait();
  }
  int wait() {
    if (pid_ <= 0) return status_;
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return status_;
  }
  pid_t pid() const { return pid_; }
  std::string log() const {
    std::ifstream file(log_);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  /// Waits for a text in the log.
  bool says(const std::string& text, int seconds = 20) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (std::chrono::steady_clock::now() < end) {
      if (log().find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

 private:
  std::string log_;
  pid_t pid_ = -1;
  int status_ = -1;
};

/// A record with a reading of `device` inside.
inline ngwire::FrameRecord make_record(std::uint64_t run, std::uint64_t sequence, std::uint32_t device) {
  ngwire::FrameRecord r;
  r.receiver = "test-receiver";
  r.run = run;
  r.sequence = sequence;
  r.profile = "cenelec-a";
  r.sample_index = 1000 * sequence;
  r.sample_rate_hz = 192000;
  r.sample0_time_ns = 1'763'667'000'000'000'000;
  r.time_source = "system";
  r.metrics.snr_db = -7.5;
  r.metrics.clock_offset_ppm = 12.5;
  ngwire::Reading reading;
  reading.device = device;
  reading.counter = static_cast<std::uint16_t>(sequence);
  reading.values = {{ngwire::find_register("1-0:1.8.0"), 1'000'000 + static_cast<std::int64_t>(sequence)},
                    {ngwire::find_register("1-0:32.7.0"), 2301}};
  EXPECT_EQ(ngwire::encode_reading(reading, 16, r.payload), "");
  return r;
}

/// Waits until `condition` holds.
template <class Condition>
bool eventually(Condition condition, int seconds = 20) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

}  // namespace ngplc::hub::test
