// Everything the hub counts, as Prometheus families.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <atomic>
#include <mutex>
#include <string>

namespace ngplc::hub {

/// Thread-safe. Names and meanings are listed in docs/hub.md.
class Metrics {
 public:
  Metrics();

  /// A record reached the store: "stored", "duplicate" or "copy".
  void count_record(const std::string& result, double by = 1);
  /// A feed message was not understood; `reason` from a fixed set.
  void count_bad_message(const std::string& reason);
  /// The payload of a stored record: "ok" or why it is not a reading.
  void count_payload(const std::string& result);
  /// A secured frame: "ok", "copy", "join", or why it was refused.
  void count_link(const std::string& result);
  void count_commit_failure(const std::string& reason);
  /// "accepted", "closed", "handshake_failed".
  void count_connection(const std::string& event);
  void count_http(int status);
  /// A connection: "connections", "address" or "slow".
  void count_http_refused(const std::string& reason);
  /// "ok", "denied", "limited" or "busy".
  void count_login(const std::string& result);
  void count_downlink(const std::string& result);

  void sink_delivered(const std::string& sink, std::int64_t values);
  void sink_failed(const std::string& sink);
  /// `total`: since the database was made.
  void sink_lost(const std::string& sink, std::int64_t total);
  void sink_refused(const std::string& sink, std::int64_t total);
  void sink_backlog(const std::string& sink, std::int64_t values);

  /// Prometheus text format.
  std::string text() const;

  /// Storage health, shown by /healthz. An empty reason is good health.
  void set_storage_trouble(const std::string& reason);
  std::string storage_trouble() const;

  prometheus::Counter& readings;
  prometheus::Counter& commits;
  prometheus::Histogram& commit_seconds;
  prometheus::Gauge& storage_ok;

 private:
  using Counters = prometheus::Family<prometheus::Counter>;
  explicit Metrics(std::shared_ptr<prometheus::Registry> registry);
  std::shared_ptr<prometheus::Registry> registry_;
  Counters& records_;
  Counters& bad_messages_;
  Counters& payloads_;
  Counters& link_;
  Counters& commit_failures_;
  Counters& connections_;
  Counters& http_;
  Counters& http_refused_;
  Counters& logins_;
  Counters& downlinks_;
  Counters& sink_values_;
  Counters& sink_failures_;
  Counters& sink_lost_;
  Counters& sink_refused_;
  prometheus::Family<prometheus::Gauge>& sink_backlog_;
  prometheus::Family<prometheus::Gauge>& sink_up_;
  mutable std::mutex mutex_;
  std::string trouble_;
};

}  // namespace ngplc::hub
