#include "ingest.h"

#include <spdlog/spdlog.h>

#include <chrono>

namespace ngplc::hub {

std::int64_t unix_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

FrameRow Ingest::examine(ngwire::FrameRecord record, std::int64_t received_ns) const {
  FrameRow row;
  row.received_ns = received_ns;
  row.time_ns = ngwire::frame_time_ns(record);
  if (row.time_ns == 0) row.time_ns = received_ns;
  ngwire::Reading reading;
  row.payload_status = ngwire::decode_reading(record.payload.data(), record.payload.size(), reading);
  if (row.payload_status == ngwire::ReadingError::none) row.reading = std::move(reading);
  row.record = std::move(record);
  return row;
}

bool Ingest::commit(const std::vector<FrameRow>& rows) {
  const auto start = std::chrono::steady_clock::now();
  const CommitOutcome outcome = store_.commit(rows);
  if (!outcome.error.empty()) {
    metrics_.count_commit_failure(outcome.reason);
    metrics_.set_storage_trouble(outcome.error);
    if (!in_trouble_)
      spdlog::error("database refuses, frames stay with the modems until it takes them: {}", outcome.error);
    in_trouble_ = true;
    return false;
  }
  if (in_trouble_) {
    spdlog::info("database takes frames again");
    metrics_.set_storage_trouble("");
    in_trouble_ = false;
  }
  metrics_.commit_seconds.Observe(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  metrics_.commits.Increment();
  metrics_.readings.Increment(static_cast<double>(outcome.readings));
  metrics_.count_record("stored", static_cast<double>(outcome.stored));
  metrics_.count_record("duplicate", static_cast<double>(outcome.duplicates));
  for (const FrameRow& row : rows) metrics_.count_payload(to_string(row.payload_status));
  return true;
}

}  // namespace ngplc::hub
