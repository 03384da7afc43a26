#include "zap.h"

#include <array>
#include <zmq_addon.hpp>

namespace ngplc::hub {

CurveGate::CurveGate(zmq::context_t& context, const std::vector<std::string>& clients)
    : socket_(context, zmq::socket_type::rep), clients_(clients.begin(), clients.end()) {
  any_ = clients_.count("any") > 0;
  socket_.set(zmq::sockopt::linger, 0);
  socket_.bind("inproc://zeromq.zap.01");
  thread_ = std::thread([this] { run(); });
}

CurveGate::~CurveGate() {
  if (thread_.joinable()) thread_.join();
}

void CurveGate::run() {
  try {
    for (;;) {
      std::vector<zmq::message_t> request;
      if (!zmq::recv_multipart(socket_, std::back_inserter(request))) continue;
      // version, request id, domain, address, identity, mechanism, then for CURVE one key of 32 bytes
      bool good = request.size() == 7 && request[5].to_string_view() == "CURVE" && request[6].size() == 32;
      if (good) {
        std::array<char, 41> key{};
        good =
            zmq_z85_encode(key.data(), static_cast<const std::uint8_t*>(request[6].data()), 32) != nullptr &&
            allows(key.data());
      }
      std::vector<zmq::message_t> reply;
      reply.emplace_back(std::string("1.0"));
      reply.emplace_back(request.size() > 1 ? request[1].to_string() : std::string());
      reply.emplace_back(std::string(good ? "200" : "400"));
      reply.emplace_back(std::string(good ? "OK" : "key not allowed"));
      reply.emplace_back(std::string());
      reply.emplace_back(std::string());
      zmq::send_multipart(socket_, reply);
    }
  } catch (const zmq::error_t&) {
    // The context is going down.
  }
  socket_.close();
}

}  // namespace ngplc::hub
