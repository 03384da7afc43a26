// What the operator of `ngplc-hub collect` sets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config.h"

namespace ngplc::hub {

struct CollectConfig {
  NatsConfig nats;                        ///< url is needed
  std::string durable = "ngplc-collect";  ///< name of the consumer, which keeps how far the table is
  std::int64_t ack_wait_s = 60;           ///< what was taken and not acknowledged comes again, 1..3600
  PostgresConfig postgres;                ///< url is needed
  std::string listen;                     ///< HOST:PORT of this machine for metrics and health; empty: none
  LogConfig log;

  /// What is wrong with the values, naming the field, or an empty string.
  std::string validate() const;
};

/// As parse_config() and load_config().
ngwire::Result<CollectConfig> parse_collect_config(std::string_view text, std::string_view source);
ngwire::Result<CollectConfig> load_collect_config(const std::string& path);

}  // namespace ngplc::hub
