#include "ingest.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "ngwire/link/command.h"
#include "ngwire/link/link_time.h"
#include "ngwire/link/relay.h"

namespace ngplc::hub {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDayNs = 86'400 * kSecondNs;
// An accept is of use while the device listens for it.
constexpr std::int64_t kReplyWindowNs = 10 * kSecondNs;
// Cursors alone are not worth a transaction more often: flash wears.
constexpr std::int64_t kCursorPeriodNs = 10 * kSecondNs;

// Modem and hub may disagree by this much about the time; receivers give frames out seconds late, never
// early.
constexpr std::int64_t kAheadNs = 60 * kSecondNs;
// 2025-01-01: no hub of this kind was there before.
constexpr std::int64_t kPlausibleNs = 1'735'689'600 * kSecondNs;
// Steered clocks slew; beyond this somebody has set it.
constexpr std::int64_t kStepNs = 60 * kSecondNs;
// What was told once is remembered for so many.
constexpr std::size_t kToldMost = 10'000;
constexpr std::string_view kClockObis = "0-0:1.0.0";

bool is_secured(const ngwire::Bytes& payload) {
  return ngwire::frame_type_nibble(payload.data(), payload.size()) ==
         static_cast<std::uint8_t>(ngwire::FrameType::secured);
}

}  // namespace

std::int64_t unix_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool Ingest::registry_is_stale() {
  stale_ = store_.changed_outside() || stale_;
  return stale_;
}

void Ingest::reload() {
  stale_ = false;
  const auto nodes = store_.nodes();
  if (!nodes) {
    spdlog::error("registry cannot be read, devices stay as they were: {}", nodes.error());
    return;
  }
  if (const std::size_t closed = gate_.load(nodes.value()); closed > 0)
    spdlog::error("{} of {} devices cannot be opened with this key file; their frames are refused", closed,
                  nodes->size());
  auto commands = store_.commands(unix_now_ns() - kDayNs);
  auto groups = store_.groups();
  if (!commands || !groups) {
    spdlog::error("commands cannot be read, they stay as they were: {}",
                  commands ? groups.error() : commands.error());
    return;
  }
  models_.clear();
  for (const NodeRow& node : nodes.value()) {
    if (!node.model.empty()) models_[node.id] = node.model;
  }
  downlink_.load(std::move(commands.value()), std::move(groups.value()), nodes.value());
}

void Ingest::complain(const char* result, const ngwire::FrameRecord& record) {
  metrics_.count_link(result);
  const std::int64_t now = unix_now_ns();
  if (now - last_complaint_ns_ < kSecondNs && now >= last_complaint_ns_) return;
  last_complaint_ns_ = now;
  spdlog::warn("frame refused ({}), heard by {}; at most one such line a second, all are counted", result,
               record.receiver);
}

void Ingest::examine(ngwire::FrameRecord record, std::int64_t received_ns, std::vector<FrameRow>& rows) {
  if (rows.empty() && may_reload() && registry_is_stale()) reload();
  watch_clock(received_ns);
  const std::int64_t captured = capture_time(record, received_ns);
  examine_one(std::move(record), received_ns, captured, 0, rows);
}

std::int64_t Ingest::capture_time(const ngwire::FrameRecord& record, std::int64_t received_ns) {
  const std::int64_t captured = ngwire::frame_time_ns(record);
  if (captured == 0) return received_ns;
  // A board without a battery starts in the past: then the modem knows better.
  if (captured <= received_ns + kAheadNs || received_ns < kPlausibleNs) return captured;
  // Nothing is heard before it is captured: one of the two clocks is wrong, and a reading from the future
  // would stay the newest until then.
  if (told_ahead_.size() > kToldMost) told_ahead_.clear();
  if (told_ahead_.insert({record.receiver, record.run}).second)
    events_.push_back({received_ns,
                       {},
                       {},
                       "time_ahead",
                       record.receiver + ": captured " +
                           std::to_string((captured - received_ns) / kSecondNs) +
                           " s after it arrived; the time of arrival counts"});
  return received_ns;
}

void Ingest::watch_clock(std::int64_t now_ns) {
  const auto steady = std::chrono::steady_clock::now();
  const std::int64_t passed =
      std::chrono::duration_cast<std::chrono::nanoseconds>(steady - clock_steady_).count();
  const std::int64_t step = now_ns - clock_ns_ - passed;
  if (clock_ns_ != 0 && std::abs(step) > kStepNs) {
    events_.push_back({now_ns,
                       {},
                       {},
                       "clock_step",
                       "clock of the hub stepped by " +
                           std::to_string(std::llround(static_cast<double>(step) / kSecondNs)) + " s"});
    spdlog::warn("{}", events_.back().detail);
  }
  clock_ns_ = now_ns;
  clock_steady_ = steady;
}

ngwire::ReadingError Ingest::decode(ngwire::ByteView content, const LinkMark& from, std::int64_t now_ns,
                                    ngwire::Reading& reading) {
  const auto model = models_.find(from.node);
  const ngwire::ReadingError error =
      codecs_ == nullptr || content.size == 0 || content.data[0] < kFirstFileSet
          ? ngwire::decode_reading_content(content.data, content.size, reading)
          : codecs_->decode(model == models_.end() ? "" : model->second, content, reading);
  if (error == ngwire::ReadingError::none || content.size == 0) return error;
  if (told_codec_.size() > kToldMost) told_codec_.clear();
  if (told_codec_.insert({from.node, content.data[0], static_cast<int>(error)}).second)
    events_.push_back({now_ns, from.address, from.node, "codec",
                       "set " + std::to_string(content.data[0]) + " does not match (" + to_string(error) +
                           "); the frame is kept"});
  return error;
}

void Ingest::examine_one(ngwire::FrameRecord record, std::int64_t received_ns, std::int64_t time_ns,
                         std::uint8_t part, std::vector<FrameRow>& rows) {
  FrameRow row;
  row.part = part;
  row.received_ns = received_ns;
  row.time_ns = time_ns;
  if (record.direction == ngwire::Direction::up && is_secured(record.payload)) {
    const ngwire::ByteView payload{record.payload.data(), record.payload.size()};
    Verdict verdict = gate_.examine(payload, received_ns);
    if (!verdict.answer.empty()) {
      metrics_.count_link(verdict.result);
      replies_.push_back(
          {record.receiver,
           {++reply_id_, record.profile, 0, received_ns + kReplyWindowNs, std::move(verdict.answer)}});
      return;
    }
    if (!verdict.taken()) return complain(verdict.result, record);
    metrics_.count_link(verdict.result);
    row.link = verdict.mark;
    downlink_.heard(verdict.mark.node, record.receiver, record.profile, received_ns);
    const ngwire::ByteView content{verdict.content.data(), verdict.content.size()};
    std::vector<ngwire::SubFrame> carried;
    if (verdict.kind == ngwire::LinkKind::relay) {
      auto frames = ngwire::decode_sub_frames(content);
      row.payload_status = frames ? PayloadStatus::relay : PayloadStatus::content;
      if (frames) carried = std::move(*frames);
    } else if (verdict.kind == ngwire::LinkKind::answer) {
      const auto answer = ngwire::decode_answer(content);
      row.payload_status = answer ? PayloadStatus::answer : PayloadStatus::content;
      if (answer && !verdict.mark.copy) downlink_.answered(verdict.mark, *answer, received_ns);
    } else {
      ngwire::Reading reading;
      row.payload_status = status_of(decode(content, verdict.mark, received_ns, reading));
      if (row.payload_status == PayloadStatus::ok) {
        reading.device = verdict.mark.address;
        reading.counter = static_cast<std::uint16_t>(verdict.mark.counter);
        if (!verdict.mark.copy && !verdict.mark.late)
          look_at_clock(reading, verdict.mark, time_ns, received_ns);
        row.reading = std::move(reading);
      }
    }
    // A copy of a relay frame carries copies.
    ngwire::FrameRecord carrier = record;
    row.record = std::move(record);
    rows.push_back(std::move(row));
    for (std::size_t i = 0; i < carried.size(); ++i) {
      ngwire::FrameRecord inner = carrier;
      inner.payload = std::move(carried[i].payload);
      inner.metrics.snr_db = carried[i].snr_db;
      examine_one(std::move(inner), received_ns, time_ns - carried[i].age_s * kSecondNs,
                  static_cast<std::uint8_t>(part + 1 + i), rows);
    }
    return;
  }
  const bool allowed = plain_ == PlainPolicy::yes || (plain_ == PlainPolicy::automatic && gate_.empty()) ||
                       record.direction == ngwire::Direction::down;
  ngwire::Reading reading;
  row.payload_status =
      status_of(ngwire::decode_reading(record.payload.data(), record.payload.size(), reading));
  if (!allowed || (row.payload_status == PayloadStatus::ok && gate_.knows(reading.device)))
    return complain("in_the_clear", record);
  if (row.payload_status == PayloadStatus::ok && record.direction == ngwire::Direction::up)
    row.reading = std::move(reading);
  row.record = std::move(record);
  rows.push_back(std::move(row));
}

void Ingest::look_at_clock(const ngwire::Reading& reading, const LinkMark& from, std::int64_t time_ns,
                           std::int64_t now_ns) {
  for (const ngwire::RegisterValue& value : reading.values) {
    if (value.spec->obis == kClockObis)
      downlink_.clock_seen(from, value.mantissa + ngwire::kLinkEpochUnixS, time_ns, now_ns);
  }
}

void Ingest::report(const ngwire::TransmitReport& report) { downlink_.reported(report, unix_now_ns()); }

bool Ingest::commit(const std::vector<FrameRow>& rows) {
  // While the database refuses, nothing new is begun.
  if (!in_trouble_) downlink_.work(unix_now_ns());
  Changes changes = gate_.changes();
  downlink_.changes(changes);
  changes.events.insert(changes.events.end(), events_.begin(), events_.end());
  if (board_ != nullptr) {
    // What a failed transaction did not write, the sink says again with its next delivery.
    changes.sinks = board_->take();
  }
  const auto release_replies = [this] {
    std::move(replies_.begin(), replies_.end(), std::back_inserter(ready_));
    replies_.clear();
    auto frames = downlink_.take_frames();
    std::move(frames.begin(), frames.end(), std::back_inserter(ready_));
  };
  if (rows.empty() && changes.empty()) {
    release_replies();
    return true;
  }
  const auto start = std::chrono::steady_clock::now();
  const CommitOutcome outcome = store_.commit(rows, changes);
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
  gate_.committed();
  downlink_.committed();
  events_.clear();
  cursors_written_ns_ = unix_now_ns();
  release_replies();
  metrics_.commit_seconds.Observe(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  metrics_.commits.Increment();
  metrics_.readings.Increment(static_cast<double>(outcome.readings));
  metrics_.count_record("stored", static_cast<double>(outcome.stored));
  metrics_.count_record("duplicate", static_cast<double>(outcome.duplicates));
  metrics_.count_record("copy", static_cast<double>(outcome.copies));
  for (const FrameRow& row : rows) metrics_.count_payload(to_string(row.payload_status));
  if (rollups_ != nullptr) rollups_->turn(cursors_written_ns_);
  return true;
}

void Ingest::idle() {
  if (may_reload() && registry_is_stale()) reload();
  const std::int64_t now = unix_now_ns();
  watch_clock(now);
  if (rollups_ != nullptr && !in_trouble_) rollups_->turn(now);
  if (!in_trouble_) downlink_.work(now);
  if (!may_reload()) {
    commit({});
    return;
  }
  if (now - cursors_written_ns_ < kCursorPeriodNs && now >= cursors_written_ns_) return;
  cursors_written_ns_ = now;
  commit({});
}

bool Ingest::is_urgent() {
  const std::int64_t now = unix_now_ns();
  watch_clock(now);
  if (!in_trouble_) downlink_.work(now);
  return !replies_.empty() || downlink_.has_changes() || registry_is_stale();
}

std::vector<Reply> Ingest::take_replies() { return std::exchange(ready_, {}); }

}  // namespace ngplc::hub
