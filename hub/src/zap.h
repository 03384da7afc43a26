// Who may connect: the ZeroMQ authentication protocol (RFC 27) for CURVE, inside one context.
#pragma once

#include <set>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

namespace ngplc::hub {

/// Answers the handshakes of CURVE sockets of `context` from a list of public keys. Must live from before the
/// first bind of such a socket until after its close; the thread ends when the context shuts down.
class CurveGate {
 public:
  /// `clients`: Z85 public keys; "any" lets every key in. Throws zmq::error_t when the context already has a
  /// gate.
  CurveGate(zmq::context_t& context, const std::vector<std::string>& clients);
  ~CurveGate();
  CurveGate(const CurveGate&) = delete;
  CurveGate& operator=(const CurveGate&) = delete;

  bool allows(const std::string& z85_key) const { return any_ || clients_.count(z85_key) > 0; }

 private:
  void run();
  zmq::socket_t socket_;
  std::set<std::string> clients_;
  bool any_ = false;
  std::thread thread_;
};

}  // namespace ngplc::hub
