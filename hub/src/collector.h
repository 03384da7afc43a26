// From JetStream into PostgreSQL: takes the messages of many hubs, and acknowledges them once they are
// committed.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "collect_config.h"
#include "jet_stream.h"
#include "reading_table.h"

namespace ngplc::hub {

/// What is counted, as Prometheus families. Thread-safe. Names and meanings are listed in docs/hub.md.
class CollectMetrics {
 public:
  CollectMetrics();
  /// Prometheus text format.
  std::string text() const;

 private:
  // Before the families that live in it.
  std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();

 public:
  prometheus::Counter& stored;    ///< messages committed and acknowledged, repeats included
  prometheus::Counter& refused;   ///< messages that no table can hold as a whole
  prometheus::Counter& values;    ///< register values committed, repeats included
  prometheus::Counter& failures;  ///< turns that failed
  prometheus::Gauge& waiting;     ///< messages in the stream that nobody took yet
  prometheus::Gauge& up;          ///< 1 when the last turn went well
};

/// Runs in a thread of its own. A message is acknowledged after the transaction that holds it, so that it
/// comes again when anything dies before, and falls on the primary key then. A message that cannot be read,
/// or of which PostgreSQL refuses a value, is counted, logged with its number in the stream, where it stays,
/// and terminated: it does not come again. Its other values are stored.
class Collector {
 public:
  Collector(CollectConfig config, CollectMetrics& metrics);
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  void start();
  /// Ends after the batch under way.
  void stop();
  /// Rises while it works, also while the other sides are away.
  std::uint64_t turns() const { return turns_; }
  /// What keeps it from storing, or empty.
  std::string trouble() const;

 private:
  struct Message;
  void run();
  // Empty, or why it has to wait.
  std::string take_turn();
  std::string connect();
  std::string store(std::vector<Message>& messages);
  std::string settle(const std::vector<Message>& messages);
  void tell_refused(const std::vector<Message>& messages) const;

  const CollectConfig config_;
  CollectMetrics& metrics_;
  JetStream stream_;
  NatsPointer<natsSubscription> subscription_;  // ends before its connection
  ReadingTable table_;
  std::atomic<std::uint64_t> turns_{0};
  std::string trouble_;  // guarded by mutex_
  std::thread thread_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
};

}  // namespace ngplc::hub
