#include "sink.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "ingest.h"
#include "service.h"

namespace ngplc::hub {
namespace {

// A transaction or a round of acknowledgements each: larger ones cost memory, smaller ones time.
constexpr std::int64_t kBatchValues = 8000;
constexpr std::int64_t kPollMs = 100;
constexpr std::int64_t kFirstBackoffMs = 250;
constexpr std::int64_t kLongestBackoffMs = 15'000;
constexpr std::int64_t kHourNs = 3'600'000'000'000;

}  // namespace

SinkRunner::SinkRunner(std::string name, std::unique_ptr<Sink> sink, std::string database,
                       OutboxConfig bounds, CursorBoard& board, Metrics& metrics)
    : name_(std::move(name)),
      sink_(std::move(sink)),
      database_(std::move(database)),
      bounds_(bounds),
      board_(board),
      metrics_(metrics) {}

SinkRunner::~SinkRunner() { stop(); }

std::string SinkRunner::start() {
  auto reader = StoreReader::open(database_);
  if (!reader) return reader.error();
  reader_ = std::move(reader.value());
  const auto rows = reader_->sinks();
  if (!rows) return "database " + database_ + ": " + rows.error();
  for (const SinkRow& row : rows.value()) {
    if (row.name != name_) continue;
    cursor_ = row.cursor;
    lost_ = row.lost;
    refused_ = row.refused;
  }
  metrics_.sink_lost(name_, lost_);
  metrics_.sink_refused(name_, refused_);
  thread_ = std::thread([this] { run(); });
  return "";
}

void SinkRunner::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

SinkStatus SinkRunner::status() const {
  const std::lock_guard lock(mutex_);
  return {name_, cursor_, lost_, refused_, trouble_};
}

void SinkRunner::wait(std::int64_t ms) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return stopping_; });
}

void SinkRunner::run() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    if (!take_turn()) wait(std::max(kPollMs, backoff_ms_));
  }
}

void SinkRunner::give_up(std::int64_t upto, std::int64_t values, const char* why) {
  if (values <= 0) return;
  spdlog::error("sink {}: {} values given up, {}", name_, values, why);
  lost_ += values;
  cursor_ = upto;
  metrics_.sink_lost(name_, lost_);
  board_.put({name_, cursor_, lost_, refused_});
}

bool SinkRunner::take_turn() {
  if (const std::int64_t after = replay_after_.exchange(-1); after >= 0 && after < cursor_) {
    spdlog::info("sink {}: again from reading {} on", name_, after + 1);
    cursor_ = after;
  }
  const auto newest = reader_->newest_reading();
  if (!newest) return false;
  const std::int64_t waiting = newest.value() - cursor_;
  metrics_.sink_backlog(name_, waiting);
  if (waiting <= 0) return false;
  if (waiting > bounds_.max_values)
    give_up(newest.value() - bounds_.max_values, waiting - bounds_.max_values,
            "more than outbox.max_values behind");
  auto batch = reader_->deliveries(cursor_, kBatchValues);
  if (!batch || batch->empty()) return false;
  const std::int64_t oldest = unix_now_ns() - bounds_.max_age_h * kHourNs;
  std::int64_t stale = 0;
  auto first = batch->begin();
  for (; first != batch->end() && first->received_ns < oldest; ++first)
    stale += static_cast<std::int64_t>(first->values.size());
  if (stale > 0) {
    give_up((first - 1)->cursor, stale, "older than outbox.max_age_h");
    batch->erase(batch->begin(), first);
    if (batch->empty()) return true;
  }
  const SinkAnswer answer = sink_->deliver(batch.value());
  if (!answer.wrong.empty()) {
    if (status().trouble.empty()) spdlog::warn("sink {}: {}; readings wait for it", name_, answer.wrong);
    const std::lock_guard lock(mutex_);
    trouble_ = answer.wrong;
    metrics_.sink_failed(name_);
    backoff_ms_ = std::clamp(2 * backoff_ms_, kFirstBackoffMs, kLongestBackoffMs);
    return false;
  }
  if (!status().trouble.empty()) {
    spdlog::info("sink {} takes readings again, {} values wait", name_, waiting);
    const std::lock_guard lock(mutex_);
    trouble_.clear();
  }
  backoff_ms_ = 0;
  std::int64_t values = -answer.refused;
  for (const Delivery& delivery : batch.value()) values += static_cast<std::int64_t>(delivery.values.size());
  log_refused("sink " + name_, answer.reasons);
  refused_ += answer.refused;
  metrics_.sink_refused(name_, refused_);
  cursor_ = batch->back().cursor;
  board_.put({name_, cursor_, lost_, refused_});
  metrics_.sink_delivered(name_, values);
  metrics_.sink_backlog(name_, newest.value() - cursor_);
  return true;
}

std::vector<std::unique_ptr<SinkRunner>> make_sinks(const HubConfig& config, CursorBoard& board,
                                                    Metrics& metrics) {
  std::vector<std::unique_ptr<SinkRunner>> runners;
  const auto add = [&](const char* name, const std::string& address, auto make) {
    if (address.empty()) return;
    runners.push_back(
        std::make_unique<SinkRunner>(name, make(), config.database.file, config.outbox, board, metrics));
  };
  add("postgres", config.postgres.url, [&] { return make_postgres_sink(config.postgres, config.name); });
  add("mqtt", config.mqtt.url, [&] { return make_mqtt_sink(config.mqtt, config.name); });
  add("influx", config.influx.url, [&] { return make_influx_sink(config.influx, config.name); });
  add("nats", config.nats.url, [&] { return make_nats_sink(config.nats, config.name); });
  add("zeromq", config.zeromq.endpoint, [&] { return make_zeromq_sink(config.zeromq, config.name); });
  return runners;
}

}  // namespace ngplc::hub
