// The hub's end of the frame feed: a ROUTER socket, group commit, acknowledgements after the commit.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "config.h"
#include "ingest.h"
#include "metrics.h"
#include "ngwire/wire/feed_message.h"

namespace ngplc::hub {

class CurveGate;

/// One thread: receive what is there, commit it as one batch, acknowledge, again. With a batch delay of
/// minutes the records of that time share a commit; what is urgent (Ingest::is_urgent(), a modem that ends)
/// does not wait. While the database refuses, nothing is read from the socket and the same batch is tried
/// every second; the modems keep what is not acknowledged.
class FeedServer {
 public:
  using ReportHandler = std::function<void(const std::string& receiver, const ngwire::TransmitReport&)>;

  /// `name` goes into the hub's hello.
  FeedServer(FeedConfig config, std::string name, Ingest& ingest, Metrics& metrics);
  ~FeedServer();
  FeedServer(const FeedServer&) = delete;
  FeedServer& operator=(const FeedServer&) = delete;

  /// Binds and starts the thread. Empty, or one line: unusable key file, address in use.
  std::string start();

  /// Takes in what already arrived (at most two seconds), commits, acknowledges, closes. Safe to call twice.
  void stop();

  /// Hands a frame to the modem of that receiver; false when that receiver never spoke since the hub's start.
  /// Any thread.
  bool send_downlink(const std::string& receiver, const ngwire::DownlinkFrame& frame);

  /// Called on the feed's thread for each transmit report. Set before start().
  void on_report(ReportHandler handler) { report_handler_ = std::move(handler); }

  /// The endpoint bound, with the real port when it was chosen by the system.
  const std::string& bound_endpoint() const { return bound_endpoint_; }

  /// Rises at least once a second while the feed's thread lives, also while the database refuses.
  std::uint64_t turns() const { return turns_; }

 private:
  struct Pending {  // a row's sender and name, for the acknowledgement
    std::string peer;
    std::string receiver;
    std::uint64_t run;
    std::uint64_t sequence;
  };

  void run();
  void take_turn();
  void gather();
  void finish();
  void watch_connections();
  /// Reads one message if there is one. False when there is none.
  bool receive_one();
  void handle(const std::string& peer, const zmq::message_t& kind, const zmq::message_t& body);
  void bad(const std::string& reason, const std::string& detail);
  /// False, with the batch kept, when the database refuses until the stop.
  bool commit_batch(bool last_chance);
  void acknowledge();
  void send(const std::string& peer, const char* kind, const ngwire::Bytes& body);
  void send_downlinks();

  FeedConfig config_;
  std::string name_;
  Ingest& ingest_;
  Metrics& metrics_;
  std::uint64_t instance_;
  std::string bound_endpoint_;
  zmq::context_t context_;
  std::unique_ptr<CurveGate> gate_;
  zmq::socket_t socket_;
  zmq::socket_t monitor_;
  int wake_fd_ = -1;
  std::thread thread_;
  std::thread monitor_thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> turns_{0};
  ReportHandler report_handler_;

  std::vector<FrameRow> rows_;                           // what the records in pending_ came to
  std::vector<Pending> pending_;                         // to be acknowledged after the commit
  std::string last_peer_;                                // of the last record
  std::chrono::steady_clock::time_point drain_until_{};  // a modem waits for its acknowledgements
  std::chrono::steady_clock::time_point last_complaint_{};
  std::uint64_t complaints_held_back_ = 0;

  std::mutex mutex_;
  std::map<std::string, std::string> peers_;  // receiver -> routing id
  std::vector<std::pair<std::string, ngwire::Bytes>> downlinks_;
};

/// The counter label of a decoder's complaint: "version", "missing_key", "wrong_type", "range" or
/// "malformed".
const char* fault_class(const std::string& complaint);

}  // namespace ngplc::hub
