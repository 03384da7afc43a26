// The frame record: what a receiver says about one decoded frame. One CBOR map; the schema is in
// docs/interfaces.md. This header stays C++17: GNU Radio blocks include it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ngwire/wire/result.h"

namespace ngwire {

/// Version written into every record. A reader accepts only records of this version, and ignores keys it does
/// not know.
inline constexpr std::uint32_t kFrameRecordVersion = 1;

/// Limits a decoder enforces before it believes anything.
inline constexpr std::size_t kMaxRecordBytes = 64 * 1024;  ///< encoded record
inline constexpr std::size_t kMaxPayloadBytes = 4096;      ///< payload; today's classes are 16, 32 and 64
inline constexpr std::size_t kMaxNameBytes = 64;           ///< receiver, profile, time source

using Bytes = std::vector<std::uint8_t>;

/// up: from a node to the hub. down: from the hub to nodes, heard on the line.
enum class Direction : std::uint8_t { up, down };

/// How well a frame was received. All numbers are finite; what was not measured is 0.
struct FrameMetrics {
  double snr_db = 0;                 ///< per complex sample in the occupied bandwidth
  double ebn0_db = 0;                ///< payload bits only, all transmitted energy counted
  double carrier_offset_hz = 0;      ///< receiver's estimate, sender minus receiver
  double clock_offset_ppm = 0;       ///< sample clock of the sender against the receiver's
  double delay_spread_s = 0;         ///< RMS delay spread of the channel estimate, >= 0
  double residual_db = 0;            ///< energy left after cancellation, relative to the frame's
  std::uint32_t corrected_bits = 0;  ///< hard decisions the decoder changed
  std::uint32_t list_used = 0;       ///< list size at which the code word passed its CRC
};

/// One decoded frame. (receiver, run, sequence) names it: the same triple is the same record.
struct FrameRecord {
  std::string receiver;        ///< name of the receiver, 1..64 of [A-Za-z0-9._:/-]
  std::uint64_t run = 0;       ///< drawn at random at each start of the receiver
  std::uint64_t sequence = 0;  ///< rises within a run, below 2^63
  std::string profile;         ///< waveform profile, same alphabet as receiver
  Direction direction = Direction::up;
  std::uint64_t sample_index =
      0;  ///< input sample of the frame's first chip, counted from the start of the run, below 2^63
  double sample_rate_hz = 0;         ///< of the input, > 0 and at most 1e12
  std::int64_t sample0_time_ns = 0;  ///< capture time of sample 0, Unix nanoseconds; 0 when unknown
  std::string time_source =
      "unknown";  ///< where that time came from: "sigmf", "system", "gps", "dcf77", "unknown", ...
  Bytes payload;  ///< 1..4096 bytes
  FrameMetrics metrics;
};

/// What is wrong with the record, or an empty string. Ranges are those stated at the fields.
std::string validate(const FrameRecord& record);

/// One CBOR map. Fails with the text of validate().
Result<Bytes> encode(const FrameRecord& record);

/// Reads one CBOR map from untrusted bytes. Refuses more than kMaxRecordBytes, indefinite lengths, tags, deep
/// nesting, missing keys, repeated keys, wrong types and numbers out of range, with a reason that names the
/// key. Unknown keys are ignored.
Result<FrameRecord> decode_frame_record(const std::uint8_t* data, std::size_t size);

/// Capture time of the first chip, Unix nanoseconds, or 0 when the time of sample 0 is unknown or the sum
/// leaves 64 bits.
std::int64_t frame_time_ns(const FrameRecord& record);

/// One line of JSON for people and scripts (`ngplc rx --json`): payload in hexadecimal, run as 16 hexadecimal
/// digits because JSON numbers end at 2^53. No line feed.
std::string to_json(const FrameRecord& record);

/// A number for a new run: 64 random bits from the system, never 0.
std::uint64_t random_run_id();

/// Lower-case hexadecimal of bytes, and of a 64-bit number (16 digits).
std::string to_hex(const std::uint8_t* data, std::size_t size);
std::string to_hex(std::uint64_t number);

}  // namespace ngwire
