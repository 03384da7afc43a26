#include "outlets.h"

#include <spdlog/spdlog.h>

namespace ngplc::hub {

std::string Outlets::open(const HubConfig& config) {
  config_ = config;
  sinks_ = make_sinks(config, board_, sources_.metrics);
  sources_.sinks = &sinks_;
  api_ = std::make_unique<Api>(config.http, sources_);
  if (std::string wrong = api_->start(); !wrong.empty()) return wrong;
  for (const auto& sink : sinks_) {
    if (std::string wrong = sink->start(); !wrong.empty()) return wrong;
  }
  return "";
}

void Outlets::reopen(const HubConfig& config) {
  const HubConfig before = config_;
  if (config.name != before.name || config.feed.endpoint != before.feed.endpoint ||
      config.feed.batch_records != before.feed.batch_records ||
      config.feed.batch_delay_ms != before.feed.batch_delay_ms ||
      config.feed.curve_secret_key_file != before.feed.curve_secret_key_file ||
      config.feed.curve_clients != before.feed.curve_clients ||
      config.database.file != before.database.file ||
      config.database.durability != before.database.durability ||
      config.database.max_bytes != before.database.max_bytes ||
      config.link.key_file != before.link.key_file ||
      config.link.plain_readings != before.link.plain_readings ||
      config.rollups.period_s != before.rollups.period_s)
    spdlog::warn("name, feed, database, link and rollups stay as they are until the next start");
  HubConfig next = config;
  next.name = before.name;
  next.database = before.database;
  close();
  std::string wrong = open(next);
  if (!wrong.empty()) {
    spdlog::error("configuration not taken, the old one stays: {}", wrong);
    close();
    wrong = open(before);
  }
  if (wrong.empty()) {
    spdlog::info("configuration read again, http port {}", port());
  } else {
    spdlog::error("neither the new nor the old configuration works for http and sinks: {}", wrong);
  }
}

void Outlets::stop_sinks() {
  for (const auto& sink : sinks_) sink->stop();
}

void Outlets::close() {
  stop_sinks();
  api_.reset();
  sinks_.clear();
}

}  // namespace ngplc::hub
