// The modem's end of the frame feed: records out to the hub, acknowledgements and downlink frames back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ngwire/wire/feed_message.h"
#include "ngwire/wire/frame_record.h"
#include "ngwire/wire/result.h"
#include "ngwire/wire/spool.h"

namespace ngplc {

struct FeedClientConfig {
  std::string endpoint;         ///< the hub, tcp://HOST:PORT or ipc://PATH; empty: no hub, only the mirror
  std::string mirror_endpoint;  ///< PUB socket to bind for whoever wants to watch; empty: none. Two parts:
                                ///< "frame.<receiver>", record
  std::string receiver;         ///< name of this receiver, as in the records
  std::uint64_t run = 0;        ///< run id of this receiver, as in the records
  std::string software = "ngplc";
  ngwire::SpoolConfig spool;
  std::string curve_server_key;  ///< public key of the hub (Z85, 40 characters); empty: no CURVE
  std::string curve_public_key;  ///< own keys; both empty: a fresh pair, for a hub that lets any key in
  std::string curve_secret_key;
  std::size_t queue_records =
      16384;  ///< records between send() and the feed's thread; more are refused and counted
  /// Called on the feed's thread for each downlink frame; answer later with report(). Must not block.
  std::function<void(const ngwire::DownlinkFrame&)> on_downlink;

  /// What is wrong with the values, or an empty string.
  std::string validate() const;
};

struct FeedClientCounters {
  ngwire::SpoolCounters spool;
  std::uint64_t invalid = 0;       ///< refused by send(): the record breaks its own limits
  std::uint64_t queue_full = 0;    ///< refused by send(): the feed's thread did not keep up
  std::uint64_t acks = 0;          ///< ack messages understood
  std::uint64_t bad_messages = 0;  ///< messages from the hub not understood
  std::uint64_t hub_restarts = 0;  ///< the hub answered with a new instance
  std::uint64_t downlinks = 0;
  bool hub_seen = false;  ///< the hub answered within the last five seconds
};

/// Owns one thread that owns the sockets and the spool. Reconnects for ever. Nothing that was accepted is
/// dropped before the hub has committed it, except what close() reports.
class FeedClient {
 public:
  /// Fails with one line: bad endpoint or key, spool directory unusable, mirror address in use. An
  /// unreachable hub is not a failure: records wait in the spool.
  static ngwire::Result<std::unique_ptr<FeedClient>> open(FeedClientConfig config);
  /// As close(0).
  ~FeedClient();
  FeedClient(const FeedClient&) = delete;
  FeedClient& operator=(const FeedClient&) = delete;

  /// Takes one record; never waits for the network or the disk. False when refused (counted). Any thread.
  bool send(const ngwire::FrameRecord& record);

  /// Tells the hub what became of a downlink frame. Any thread. Best effort: a report is not spooled.
  void report(const ngwire::TransmitReport& report);

  /// Waits until the hub has committed everything sent so far. True when it has.
  bool drain(std::int64_t timeout_ms);

  /// drain(), then stops. What is left goes to the spool directory for the next run; without a directory it
  /// is lost. Returns the number of records lost. Safe to call twice.
  std::uint64_t close(std::int64_t timeout_ms);

  FeedClientCounters counters() const;

 private:
  struct State;
  explicit FeedClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ngplc
