// ZeroMQ PUB: for whoever wants to watch. A watcher that is slow or away misses readings.
#include <zmq.hpp>

#include "delivery_text.h"
#include "sink.h"

namespace ngplc::hub {
namespace {

class ZeromqSink : public Sink {
 public:
  explicit ZeromqSink(const ZeromqConfig& config) : endpoint_(config.endpoint) {}

  SinkAnswer deliver(const std::vector<Delivery>& deliveries) override {
    try {
      if (socket_.handle() == nullptr) {
        zmq::socket_t socket(context_, zmq::socket_type::pub);
        socket.set(zmq::sockopt::linger, 0);
        socket.bind(endpoint_);
        socket_ = std::move(socket);
      }
      for (const Delivery& delivery : deliveries) {
        socket_.send(zmq::buffer("reading." + device_text(delivery.device)), zmq::send_flags::sndmore);
        socket_.send(zmq::buffer(delivery_json(delivery)), zmq::send_flags::none);
      }
    } catch (const zmq::error_t& error) {
      return {endpoint_ + ": " + error.what()};
    }
    return {};
  }

 private:
  std::string endpoint_;
  zmq::context_t context_{1};
  zmq::socket_t socket_;
};

}  // namespace

std::unique_ptr<Sink> make_zeromq_sink(const ZeromqConfig& config, const std::string&) {
  return std::make_unique<ZeromqSink>(config);
}

}  // namespace ngplc::hub
