// The messages of the frame feed: hello, record, ack, downlink, report. No sockets here.
// On the socket a message is two parts: the kind as ASCII text, then one CBOR map. A record's map is the
// frame record itself.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ngwire/wire/frame_record.h"
#include "ngwire/wire/result.h"

namespace ngwire {

inline constexpr std::uint32_t kFeedVersion = 1;
inline constexpr std::size_t kMaxAckRanges = 1024;  ///< ranges in one ack

inline constexpr std::uint32_t kMaxBatchMs = 600'000;  ///< longest wait of a record for its acknowledgement

inline constexpr char kKindHello[] = "hello";
inline constexpr char kKindRecord[] = "record";
inline constexpr char kKindAck[] = "ack";
inline constexpr char kKindDownlink[] = "downlink";
inline constexpr char kKindReport[] = "report";

/// Sent by the modem when it starts and then as a heartbeat; the hub answers with its own. A changed
/// `instance` tells the modem that the hub restarted and that whatever was under way must be sent again.
struct Hello {
  std::string name;            ///< receiver name, or the hub's name in the answer
  std::uint64_t instance = 0;  ///< run id of the receiver, or a random number drawn at the hub's start
  std::string software;        ///< program and version, for the log
  std::uint32_t batch_ms =
      0;               ///< from the hub: a record may wait so long for its acknowledgement; at most 600000
  bool drain = false;  ///< from the modem: it waits for its acknowledgements, to end
};

/// The hub holds these sequences of (receiver, run) on disk. Ranges are inclusive and ascending; every
/// sequence in them was committed.
struct Ack {
  std::string receiver;
  std::uint64_t run = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
};

/// A frame for the modem to put on the line.
struct DownlinkFrame {
  std::uint64_t id = 0;  ///< chosen by the hub, returned in the report, below 2^63
  std::string profile;
  std::int64_t not_before_ns = 0;  ///< Unix nanoseconds; 0: at once
  std::int64_t not_after_ns =
      0;          ///< Unix nanoseconds; later than not_before_ns; after it the frame is not sent any more
  Bytes payload;  ///< 1..4096 bytes
};

enum class TransmitStatus : std::uint8_t { sent, expired, failed };

/// What became of a downlink frame.
struct TransmitReport {
  std::uint64_t id = 0;
  TransmitStatus status = TransmitStatus::failed;
  std::int64_t time_ns = 0;  ///< when its first chip left, or when it was given up
  std::string reason;        ///< printable ASCII, empty when sent, at most 256 bytes
};

Result<Bytes> encode(const Hello& message);
Result<Bytes> encode(const Ack& message);
Result<Bytes> encode(const DownlinkFrame& message);
Result<Bytes> encode(const TransmitReport& message);

/// Bodies from untrusted bytes, with the same strictness as decode_frame_record().
Result<Hello> decode_hello(const std::uint8_t* data, std::size_t size);
Result<Ack> decode_ack(const std::uint8_t* data, std::size_t size);
Result<DownlinkFrame> decode_downlink(const std::uint8_t* data, std::size_t size);
Result<TransmitReport> decode_report(const std::uint8_t* data, std::size_t size);

/// "sent", "expired", "failed".
const char* to_string(TransmitStatus status);

/// Inclusive ascending ranges that cover exactly the given sequences (any order, repeats allowed).
std::vector<std::pair<std::uint64_t, std::uint64_t>> to_ranges(std::vector<std::uint64_t> sequences);

}  // namespace ngwire
