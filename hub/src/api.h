// The hub's HTTP side: REST answers, health, metrics, and a status page.
#pragma once

#include <memory>
#include <string>

#include "config.h"
#include "metrics.h"
#include "store.h"

namespace ngplc::hub {

class Api {
 public:
  Api(const HttpConfig& config, StoreReader& reader, Metrics& metrics);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  /// Binds and starts serving. Empty, or one line such as the port being in use.
  std::string start();
  /// Finishes the requests under way.
  void stop();
  /// The port bound.
  int port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ngplc::hub
