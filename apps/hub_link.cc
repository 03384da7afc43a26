#include "hub_link.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <cmath>

#include "feed_client.h"
#include "ngwire/wire/frame_record.h"

namespace ngplc_app {

struct HubLink::Impl {
  std::unique_ptr<ngplc::FeedClient> client;
  std::string receiver, spool_directory;
  std::uint64_t run = 0, next_sequence = 0;
};

HubLink::HubLink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HubLink::~HubLink() = default;
HubLink::HubLink(HubLink&&) noexcept = default;
HubLink& HubLink::operator=(HubLink&&) noexcept = default;

ngdsp::Result<HubLink> HubLink::open(const HubOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->receiver = options.receiver_id;
  impl->spool_directory = options.spool_directory;
  impl->run = ngwire::random_run_id();
  ngplc::FeedClientConfig config;
  config.endpoint = options.endpoint;
  config.mirror_endpoint = options.mirror_endpoint;
  config.receiver = options.receiver_id;
  config.run = impl->run;
  config.software = fmt::format("ngplc {}", NGPLC_VERSION);
  config.spool.directory = options.spool_directory;
  auto client = ngplc::FeedClient::open(std::move(config));
  if (!client) return ngdsp::Error{client.error()};
  impl->client = std::move(client.value());
  return HubLink(std::move(impl));
}

void HubLink::start_run() {
  impl_->run = ngwire::random_run_id();
  impl_->next_sequence = 0;
}

bool HubLink::send(const ngdsp::ReceivedFrame& frame, const FrameOrigin& origin) {
  const auto finite = [](double x) { return std::isfinite(x) ? x : 0.0; };
  ngwire::FrameRecord record;
  record.receiver = impl_->receiver;
  record.run = impl_->run;
  record.sequence = impl_->next_sequence++;
  record.profile = origin.profile;
  record.sample_index = frame.sample_index;
  record.sample_rate_hz = origin.sample_rate_hz;
  record.sample0_time_ns = origin.sample0_time_ns;
  record.time_source = origin.time_source;
  record.payload = frame.payload;
  record.metrics.snr_db = finite(frame.snr_db);
  record.metrics.ebn0_db = finite(frame.ebn0_db);
  record.metrics.carrier_offset_hz = finite(frame.carrier_offset_hz);
  record.metrics.clock_offset_ppm = finite(frame.clock_offset_ppm);
  record.metrics.delay_spread_s = finite(frame.delay_spread_s);
  record.metrics.residual_db = finite(frame.residual_db);
  record.metrics.corrected_bits = static_cast<std::uint32_t>(frame.corrected_bits);
  record.metrics.list_used = static_cast<std::uint32_t>(frame.list_used);
  return impl_->client->send(record);
}

ngdsp::Status HubLink::finish(double timeout_s) {
  const bool committed = impl_->client->drain(static_cast<std::int64_t>(timeout_s * 1000));
  const auto left = impl_->client->counters().spool;
  const std::uint64_t lost = impl_->client->close(0);
  if (committed) return std::nullopt;
  if (lost == 0 && !impl_->spool_directory.empty()) {
    spdlog::warn("--hub: {} records wait in {} for the next run", left.in_memory + left.on_disk,
                 impl_->spool_directory);
    return std::nullopt;
  }
  return ngdsp::Error{
      fmt::format("the hub did not commit everything within {:g} s, {} records lost; --spool keeps them",
                  timeout_s, lost)};
}

}  // namespace ngplc_app
