// The connection to NATS JetStream that the hub's sink and `ngplc-hub collect` use.
#pragma once

#include <nats/nats.h>

#include <memory>

#include "config.h"

namespace ngplc::hub {

struct NatsFree {
  void operator()(natsConnection* c) const { natsConnection_Destroy(c); }
  void operator()(natsOptions* o) const { natsOptions_Destroy(o); }
  void operator()(natsSubscription* s) const { natsSubscription_Destroy(s); }
  void operator()(jsCtx* c) const { jsCtx_Destroy(c); }
};
template <class T>
using NatsPointer = std::unique_ptr<T, NatsFree>;

struct JetStream {
  NatsPointer<natsConnection> connection;
  NatsPointer<jsCtx> context;  ///< ends before its connection

  explicit operator bool() const { return context != nullptr; }
  void close();
};

/// Connects once (the library does not connect again by itself), and makes the stream with subjects plc.>
/// when it is missing. `options` of the context. NATS_OK, or `out` is closed. Blocks for 5 s a step at most.
natsStatus open_jet_stream(const NatsConfig& config, jsOptions options, JetStream& out);

}  // namespace ngplc::hub
