// The hub's HTTP side: who may do what over REST, and the answers. docs/interfaces.md, hub/api/openapi.json.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "accounts.h"
#include "command_desk.h"
#include "config.h"
#include "http_server.h"
#include "key_vault.h"
#include "metrics.h"
#include "registry.h"
#include "sink.h"
#include "store.h"

namespace ngplc::hub {

/// What the answers are made of; all of it outlives the Api.
struct ApiSources {
  StoreReader& reader;
  Metrics& metrics;
  Accounts& accounts;
  Registry& registry;
  CommandDesk& desk;
  std::string database;             ///< file, for backups
  const KeyVault* vault = nullptr;  ///< without it no devices are imported
  const std::vector<std::unique_ptr<SinkRunner>>* sinks = nullptr;
};

class Api {
 public:
  Api(const HttpConfig& config, const ApiSources& sources, const HttpLimits& limits = {});
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  /// Binds and starts serving. Empty, or one line: the port is in use, a TLS file is not what it should be,
  /// reachable from outside while nobody has a password.
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
