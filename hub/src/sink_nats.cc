// NATS JetStream: the way out of one machine. The message id makes repeats one message.
#include <atomic>

#include "delivery_text.h"
#include "jet_stream.h"
#include "sink.h"

namespace ngplc::hub {
namespace {

constexpr std::int64_t kWaitMs = 10'000;

class NatsSink : public Sink {
 public:
  NatsSink(const NatsConfig& config, const std::string& hub) : config_(config), hub_(topic_level(hub)) {}
  ~NatsSink() override { disconnect(); }

  SinkAnswer deliver(const std::vector<Delivery>& deliveries) override {
    natsStatus status = connect();
    failed_ = false;
    for (auto d = deliveries.begin(); status == NATS_OK && d != deliveries.end(); ++d) status = publish(*d);
    if (status == NATS_OK) {
      jsPubOptions options;
      jsPubOptions_Init(&options);
      options.MaxWait = kWaitMs;
      status = js_PublishAsyncComplete(stream_.context.get(), &options);
    }
    if (status == NATS_OK && !failed_) return {};
    disconnect();
    return {config_.url + ": " + (status != NATS_OK ? natsStatus_GetText(status) : "a message was refused")};
  }

 private:
  natsStatus connect() {
    if (stream_) return NATS_OK;
    jsOptions options;
    jsOptions_Init(&options);
    options.PublishAsync.ErrHandler = [](jsCtx*, jsPubAckErr*, void* failed) {
      static_cast<std::atomic<bool>*>(failed)->store(true);
    };
    options.PublishAsync.ErrHandlerClosure = &failed_;
    return open_jet_stream(config_, options, stream_);
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
    if (status == NATS_OK) status = js_PublishMsgAsync(stream_.context.get(), &message, nullptr);
    natsMsg_Destroy(message);
    return status;
  }

  void disconnect() {
    if (stream_) {
      natsMsgList pending{};
      if (js_PublishAsyncGetPendingList(&pending, stream_.context.get()) == NATS_OK)
        natsMsgList_Destroy(&pending);
    }
    stream_.close();
  }

  NatsConfig config_;
  std::string hub_;
  std::atomic<bool> failed_{false};
  JetStream stream_;
};

}  // namespace

std::unique_ptr<Sink> make_nats_sink(const NatsConfig& config, const std::string& hub) {
  return std::make_unique<NatsSink>(config, hub);
}

}  // namespace ngplc::hub
