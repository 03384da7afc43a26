// Sinks: where readings go. Each runs in its own thread with its own cursor, back-off and status.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "config.h"
#include "cursor_board.h"
#include "metrics.h"
#include "store.h"

namespace ngplc::hub {

/// What became of deliveries.
struct SinkAnswer {
  std::string wrong;  ///< empty: all of it is safe on the other side but what was refused; else one line
  std::int64_t refused = 0;               ///< values it will never take as they are
  std::vector<std::string> reasons = {};  ///< which and why, one line each or for many
};

/// One destination. Used by the thread of its runner alone.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Connects when it must, and returns when all of it is safe on the other side. When something is wrong
  /// nothing is assumed to have arrived: the same deliveries come again, so the other side has to take
  /// repeats as one. Blocks for seconds at most.
  virtual SinkAnswer deliver(const std::vector<Delivery>& deliveries) = 0;
};

/// What a sink is doing, for people.
struct SinkStatus {
  std::string name;
  std::int64_t cursor = 0;
  std::int64_t lost = 0;
  std::int64_t refused = 0;
  std::string trouble;  ///< of the last delivery, or empty
};

/// Reads the outbox (the readings, in order of commit) from its cursor on and hands it to a sink.
class SinkRunner {
 public:
  /// `name` names cursor and metrics.
  SinkRunner(std::string name, std::unique_ptr<Sink> sink, std::string database, OutboxConfig bounds,
             CursorBoard& board, Metrics& metrics);
  ~SinkRunner();
  SinkRunner(const SinkRunner&) = delete;
  SinkRunner& operator=(const SinkRunner&) = delete;

  /// Empty, or one line: the database cannot be read.
  std::string start();
  /// Ends after what is under way; the last cursor is on the board.
  void stop();
  std::int64_t cursor() const { return cursor_; }
  SinkStatus status() const;
  /// Delivers all readings after readings.id `after` again.
  void replay(std::int64_t after) { replay_after_ = after; }

 private:
  void run();
  /// False when there was nothing to do or it failed: wait.
  bool take_turn();
  void give_up(std::int64_t upto, std::int64_t values, const char* why);
  void wait(std::int64_t ms);

  const std::string name_;
  std::unique_ptr<Sink> sink_;
  const std::string database_;
  const OutboxConfig bounds_;
  CursorBoard& board_;
  Metrics& metrics_;
  std::unique_ptr<StoreReader> reader_;
  std::atomic<std::int64_t> cursor_{0};
  std::atomic<std::int64_t> replay_after_{-1};  ///< -1: nothing asked for
  std::atomic<std::int64_t> lost_{0};
  std::atomic<std::int64_t> refused_{0};
  std::int64_t backoff_ms_ = 0;
  std::string trouble_;  ///< guarded by mutex_
  std::thread thread_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
};

/// The sinks that the configuration names, ready to run.
std::vector<std::unique_ptr<SinkRunner>> make_sinks(const HubConfig& config, CursorBoard& board,
                                                    Metrics& metrics);

std::unique_ptr<Sink> make_postgres_sink(const PostgresConfig& config, const std::string& hub);
std::unique_ptr<Sink> make_mqtt_sink(const MqttConfig& config, const std::string& hub);
std::unique_ptr<Sink> make_influx_sink(const InfluxConfig& config, const std::string& hub);
std::unique_ptr<Sink> make_nats_sink(const NatsConfig& config, const std::string& hub);
std::unique_ptr<Sink> make_zeromq_sink(const ZeromqConfig& config, const std::string& hub);

}  // namespace ngplc::hub
