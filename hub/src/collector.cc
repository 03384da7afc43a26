#include "collector.h"

#include <prometheus/text_serializer.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "config_reader.h"
#include "reading_message.h"
#include "service.h"

namespace ngplc::hub {
namespace {

constexpr char kSubject[] = "plc.*.*.reading";
// A transaction each: larger ones cost memory, smaller ones time.
constexpr int kBatchMessages = 1000;
// Others may write to the stream, too, and a message may have a megabyte.
constexpr std::int64_t kBatchBytes = 16 << 20;
// What a killed collect had taken is out until nats.ack_wait_s is over; others go on meanwhile.
constexpr std::int64_t kMostTaken = 20 * kBatchMessages;
// Until a batch is full, at most.
constexpr std::int64_t kFetchNs = 1'000'000'000;
constexpr std::int64_t kFlushMs = 5000;
constexpr std::int64_t kFirstBackoffMs = 250;
constexpr std::int64_t kLongestBackoffMs = 15'000;

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help,
                             const prometheus::Labels& labels = {}) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}
prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

constexpr char kMessages[] = "ngplc_collect_messages_total";
constexpr char kMessagesHelp[] = "Messages taken from the stream, by what became of them";

}  // namespace

CollectMetrics::CollectMetrics()
    : stored(counter(*registry_, kMessages, kMessagesHelp, {{"result", "stored"}})),
      refused(counter(*registry_, kMessages, kMessagesHelp, {{"result", "refused"}})),
      values(counter(*registry_, "ngplc_collect_values_total", "Register values committed")),
      failures(counter(*registry_, "ngplc_collect_failures_total", "Turns that failed")),
      waiting(gauge(*registry_, "ngplc_collect_waiting", "Messages in the stream that nobody took yet")),
      up(gauge(*registry_, "ngplc_collect_up", "1 when the last turn went well")) {}

std::string CollectMetrics::text() const {
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

// One message under way.
struct Collector::Message {
  enum class State : std::uint8_t { taken, stored, refused };
  natsMsg* message = nullptr;
  std::uint64_t sequence = 0;  // in the stream
  std::vector<ReadingRow> rows;
  State state = State::taken;
  std::string reason;
};

Collector::Collector(CollectConfig config, CollectMetrics& metrics)
    : config_(std::move(config)), metrics_(metrics), table_(config_.postgres.url) {}

Collector::~Collector() { stop(); }

void Collector::start() {
  thread_ = std::thread([this] { run(); });
}

void Collector::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::string Collector::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void Collector::run() {
  std::int64_t backoff_ms = 0;
  for (;;) {
    ++turns_;
    const std::string before = trouble();
    const std::string wrong = take_turn();
    backoff_ms = wrong.empty() ? 0 : std::clamp(2 * backoff_ms, kFirstBackoffMs, kLongestBackoffMs);
    metrics_.up.Set(wrong.empty() ? 1 : 0);
    if (!wrong.empty()) metrics_.failures.Increment();
    if (!wrong.empty() && before.empty()) spdlog::warn("{}; messages wait in the stream", wrong);
    if (wrong.empty() && !before.empty()) spdlog::info("readings are stored again");
    std::unique_lock lock(mutex_);
    trouble_ = wrong;
    if (wake_.wait_for(lock, std::chrono::milliseconds(backoff_ms), [this] { return stopping_; })) break;
  }
  subscription_.reset();
  stream_.close();
}

std::string Collector::connect() {
  if (subscription_) return "";
  jsOptions options;
  jsOptions_Init(&options);
  natsStatus status = open_jet_stream(config_.nats, options, stream_);
  jsConsumerConfig consumer;
  jsConsumerConfig_Init(&consumer);
  consumer.Durable = config_.durable.c_str();
  consumer.AckPolicy = js_AckExplicit;
  consumer.AckWait = config_.ack_wait_s * 1'000'000'000;
  consumer.FilterSubject = kSubject;
  consumer.MaxAckPending = kMostTaken;
  jsErrCode error{};
  // Also takes over an ack_wait_s that was changed.
  if (status == NATS_OK)
    status = js_AddConsumer(nullptr, stream_.context.get(), config_.nats.stream.c_str(), &consumer, nullptr,
                            &error);
  jsSubOptions place;
  jsSubOptions_Init(&place);
  place.Stream = config_.nats.stream.c_str();
  natsSubscription* subscription = nullptr;
  if (status == NATS_OK)
    status = js_PullSubscribe(&subscription, stream_.context.get(), kSubject, config_.durable.c_str(),
                              nullptr, &place, &error);
  subscription_.reset(subscription);
  if (status == NATS_OK) return "";
  stream_.close();
  return config_.nats.url + ": " + natsStatus_GetText(status) +
         (error != 0 ? " (JetStream " + std::to_string(error) + ")" : "");
}

std::string Collector::take_turn() {
  if (std::string wrong = connect(); !wrong.empty()) return wrong;
  natsMsgList list{};
  jsFetchRequest request;
  jsFetchRequest_Init(&request);
  request.Batch = kBatchMessages;
  request.MaxBytes = kBatchBytes;
  request.Expires = kFetchNs;
  const natsStatus status = natsSubscription_FetchRequest(&list, subscription_.get(), &request);
  std::vector<Message> messages(static_cast<std::size_t>(list.Count));
  for (std::size_t i = 0; i < messages.size(); ++i) {
    Message& m = messages[i];
    m.message = list.Msgs[i];
    jsMsgMetaData* meta = nullptr;
    if (natsMsg_GetMetaData(&meta, m.message) == NATS_OK) {
      m.sequence = meta->Sequence.Stream;
      metrics_.waiting.Set(static_cast<double>(meta->NumPending));
    }
    jsMsgMetaData_Destroy(meta);
    auto rows = parse_reading_message(
        natsMsg_GetSubject(m.message),
        {natsMsg_GetData(m.message), static_cast<std::size_t>(natsMsg_GetDataLength(m.message))});
    m.state = rows ? Message::State::taken : Message::State::refused;
    m.reason = rows.error();
    if (rows) m.rows = std::move(rows.value());
  }
  std::string wrong;
  if (!messages.empty()) {
    wrong = store(messages);
    tell_refused(messages);
    const std::string unsettled = settle(messages);
    if (wrong.empty()) wrong = unsettled;
  } else if (status == NATS_TIMEOUT) {
    metrics_.waiting.Set(0);
  }
  natsMsgList_Destroy(&list);
  if (wrong.empty() && status != NATS_OK && status != NATS_TIMEOUT)
    wrong = config_.nats.url + ": " + natsStatus_GetText(status);
  if (natsConnection_IsClosed(stream_.connection.get()) || (status != NATS_OK && status != NATS_TIMEOUT)) {
    subscription_.reset();
    stream_.close();
  }
  return wrong;
}

std::string Collector::store(std::vector<Message>& messages) {
  std::vector<ReadingRow> rows;
  std::vector<Message*> owners;  // of each row
  for (Message& m : messages) {
    if (m.state != Message::State::taken) continue;
    rows.insert(rows.end(), m.rows.begin(), m.rows.end());
    owners.resize(rows.size(), &m);
  }
  const TableAnswer answer = table_.write(rows);
  if (!answer.wrong.empty()) return "postgres: " + answer.wrong;
  for (Message* owner : owners) owner->state = Message::State::stored;
  for (const RefusedRow& refused : answer.refused) {
    owners[refused.row]->state = Message::State::refused;
    owners[refused.row]->reason = rows[refused.row].obis + ": " + refused.reason;
  }
  metrics_.values.Increment(static_cast<double>(rows.size() - answer.refused.size()));
  return "";
}

// Tells the stream what became of each. What it does not hear of comes again.
std::string Collector::settle(const std::vector<Message>& messages) {
  natsStatus status = NATS_OK;
  std::size_t stored = 0, refused = 0;
  for (const Message& m : messages) {
    if (status != NATS_OK) break;
    switch (m.state) {
      case Message::State::stored:
        status = natsMsg_Ack(m.message, nullptr);
        ++stored;
        break;
      case Message::State::refused:
        status = natsMsg_Term(m.message, nullptr);
        ++refused;
        break;
      case Message::State::taken:
        status = natsMsg_Nak(m.message, nullptr);
        break;
    }
  }
  if (status == NATS_OK) status = natsConnection_FlushTimeout(stream_.connection.get(), kFlushMs);
  if (status != NATS_OK) return config_.nats.url + ": " + natsStatus_GetText(status);
  metrics_.stored.Increment(static_cast<double>(stored));
  metrics_.refused.Increment(static_cast<double>(refused));
  return "";
}

void Collector::tell_refused(const std::vector<Message>& messages) const {
  std::vector<std::string> lines;
  for (const Message& m : messages) {
    if (m.state == Message::State::refused)
      lines.push_back("message " + std::to_string(m.sequence) + " of stream " + config_.nats.stream +
                      ", subject " + one_line(natsMsg_GetSubject(m.message)) + ": " + one_line(m.reason));
  }
  log_refused("collect", lines);
}

}  // namespace ngplc::hub
