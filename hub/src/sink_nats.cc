// NATS JetStream: the way out of one machine. The message id makes repeats one message.
#include <nats/nats.h>

#include <atomic>

#include "delivery_text.h"
#include "sink.h"

namespace ngplc::hub {
namespace {

constexpr std::int64_t kWaitMs = 10'000;

struct Free {
  void operator()(natsConnection* c) const { natsConnection_Destroy(c); }
  void operator()(natsOptions* o) const { natsOptions_Destroy(o); }
  void operator()(jsCtx* c) const { jsCtx_Destroy(c); }
};

class NatsSink : public Sink {
 public:
  NatsSink(const NatsConfig& config, const std::string& hub) : config_(config), hub_(topic_level(hub)) {}
  ~NatsSink() override { disconnect(); }

  std::string deliver(const std::vector<Delivery>& deliveries) override {
    natsStatus status = connect();
    failed_ = false;
    for (auto d = deliveries.begin(); status == NATS_OK && d != deliveries.end(); ++d) status = publish(*d);
    if (status == NATS_OK) {
      jsPubOptions options;
      jsPubOptions_Init(&options);
      options.MaxWait = kWaitMs;
      status = js_PublishAsyncComplete(stream_.get(), &options);
    }
    if (status == NATS_OK && !failed_) return "";
    disconnect();
    return config_.url + ": " + (status != NATS_OK ? natsStatus_GetText(status) : "a message was refused");
  }

 private:
  natsStatus connect() {
    if (stream_) return NATS_OK;
    natsOptions* raw_options = nullptr;
    natsStatus status = natsOptions_Create(&raw_options);
    const std::unique_ptr<natsOptions, Free> options(raw_options);
    // The runner decides when to try again; the library must not queue behind its back.
    if (status == NATS_OK) status = natsOptions_SetURL(options.get(), config_.url.c_str());
    if (status == NATS_OK) status = natsOptions_SetAllowReconnect(options.get(), false);
    if (status == NATS_OK) status = natsOptions_SetTimeout(options.get(), 5000);
    if (status == NATS_OK && !config_.credentials_file.empty())
      status =
          natsOptions_SetUserCredentialsFromFiles(options.get(), config_.credentials_file.c_str(), nullptr);
    natsConnection* connection = nullptr;
    if (status == NATS_OK) status = natsConnection_Connect(&connection, options.get());
    if (status != NATS_OK) return status;
    connection_.reset(connection);
    jsOptions js;
    jsOptions_Init(&js);
    js.PublishAsync.ErrHandler = [](jsCtx*, jsPubAckErr*, void* failed) {
      static_cast<std::atomic<bool>*>(failed)->store(true);
    };
    js.PublishAsync.ErrHandlerClosure = &failed_;
    jsCtx* stream = nullptr;
    status = natsConnection_JetStream(&stream, connection, &js);
    stream_.reset(stream);
    if (status == NATS_OK) status = make_stream();
    if (status != NATS_OK) disconnect();
    return status;
  }

  natsStatus make_stream() {
    const char* subjects[] = {"plc.>"};
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = config_.stream.c_str();
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    jsErrCode error{};
    const natsStatus status = js_AddStream(nullptr, stream_.get(), &config, nullptr, &error);
    // Somebody made it with settings of their own: theirs count.
    return error == JSStreamNameExistErr ? NATS_OK : status;
  }

  natsStatus publish(const Delivery& d) {
    const std::string device = device_text(d.device);
    const std::string body = delivery_json(d);
    natsMsg* message = nullptr;
    natsStatus status = natsMsg_Create(&message, ("plc." + hub_ + "." + device + ".reading").c_str(), nullptr,
                                       body.data(), static_cast<int>(body.size()));
    // A reading in the clear has no counter that names it for ever; its frame in this hub does.
    const std::string id =
        d.epoch != 0 ? hub_ + ":" + device + ":" + std::to_string(d.epoch) + ":" + std::to_string(d.counter)
                     : hub_ + ":" + device + ":frame:" + std::to_string(d.frame);
    if (status == NATS_OK) status = natsMsgHeader_Set(message, "Nats-Msg-Id", id.c_str());
    if (status == NATS_OK) status = js_PublishMsgAsync(stream_.get(), &message, nullptr);
    natsMsg_Destroy(message);
    return status;
  }

  void disconnect() {
    if (stream_) {
      natsMsgList pending{};
      if (js_PublishAsyncGetPendingList(&pending, stream_.get()) == NATS_OK) natsMsgList_Destroy(&pending);
    }
    stream_.reset();
    connection_.reset();
  }

  NatsConfig config_;
  std::string hub_;
  std::atomic<bool> failed_{false};
  std::unique_ptr<natsConnection, Free> connection_;
  std::unique_ptr<jsCtx, Free> stream_;
};

}  // namespace

std::unique_ptr<Sink> make_nats_sink(const NatsConfig& config, const std::string& hub) {
  return std::make_unique<NatsSink>(config, hub);
}

}  // namespace ngplc::hub
