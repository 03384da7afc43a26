// Received frames on their way to the hub: frame records through the feed client with its spool.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "ngdsp/base/error.h"
#include "ngdsp/rx/receiver.h"

namespace ngplc_app {

struct HubOptions {
  std::string endpoint;         ///< of the hub, "tcp://host:port" or "ipc://path"
  std::string spool_directory;  ///< empty: memory only
  std::string mirror_endpoint;  ///< empty: no mirror
  std::string receiver_id = "ngplc";
};

/// Where a frame came from: what the record says besides the frame.
struct FrameOrigin {
  std::string profile;
  double sample_rate_hz = 0;
  std::int64_t sample0_time_ns = 0;  ///< 0 when unknown
  std::string time_source = "unknown";
};

class HubLink {
 public:
  static ngdsp::Result<HubLink> open(const HubOptions& options);
  ~HubLink();
  HubLink(HubLink&&) noexcept;
  HubLink& operator=(HubLink&&) noexcept;

  /// A new input: a new run, because sample indices start again.
  void start_run();
  /// Hands the frame over; false when memory and disk are full.
  bool send(const ngdsp::ReceivedFrame& frame, const FrameOrigin& origin);
  /// Waits until the hub has committed everything. The error says how many records are left and where they
  /// are.
  ngdsp::Status finish(double timeout_s);

 private:
  struct Impl;
  explicit HubLink(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngplc_app
