#include "ngwire/wire/feed_message.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "map_reader.h"

namespace ngwire {
namespace {

using detail::Field;
using nlohmann::json;
using K = Field::Kind;

template <std::size_t N>
std::string read(const char* what, const std::uint8_t* data, std::size_t size,
                 const std::array<Field, N>& fields, const std::uint32_t& version) {
  if (std::string wrong = detail::read_map(data, size, fields.data(), N); !wrong.empty())
    return what + (" " + wrong);
  if (version != kFeedVersion) return what + (" has version " + std::to_string(version)) + ", expected 1";
  return "";
}

std::string validate(const DownlinkFrame& m) {
  if (m.id > detail::kMaxSigned) return "downlink key 'id' is out of range";
  if (!detail::is_name(m.profile)) return "downlink key 'profile' is not a name";
  if (m.payload.empty() || m.payload.size() > kMaxPayloadBytes)
    return "downlink key 'payload' is not 1 to 4096 bytes long";
  if (m.not_after_ns <= m.not_before_ns)
    return "downlink key 'not_after_ns' is not later than 'not_before_ns'";
  return "";
}

}  // namespace

const char* to_string(TransmitStatus status) {
  switch (status) {
    case TransmitStatus::sent:
      return "sent";
    case TransmitStatus::expired:
      return "expired";
    case TransmitStatus::failed:
      break;
  }
  return "failed";
}

Result<Bytes> encode(const Hello& m) {
  if (!detail::is_name(m.name)) return Result<Bytes>::failure("hello key 'name' is not a name");
  if (!detail::is_text(m.software))
    return Result<Bytes>::failure("hello key 'software' is not printable ASCII");
  if (m.batch_ms > kMaxBatchMs) return Result<Bytes>::failure("hello key 'batch_ms' is out of range");
  json body{{"version", kFeedVersion}, {"name", m.name}, {"instance", m.instance}, {"software", m.software}};
  if (m.batch_ms > 0) body["batch_ms"] = m.batch_ms;
  if (m.drain) body["drain"] = 1;
  return json::to_cbor(body);
}

Result<Bytes> encode(const Ack& m) {
  if (!detail::is_name(m.receiver)) return Result<Bytes>::failure("ack key 'receiver' is not a name");
  if (m.ranges.size() > kMaxAckRanges) return Result<Bytes>::failure("ack key 'ranges' has too many ranges");
  json ranges = json::array();
  for (const auto& [first, last] : m.ranges) ranges.push_back(json::array({first, last}));
  return json::to_cbor(json{
      {"version", kFeedVersion}, {"receiver", m.receiver}, {"run", m.run}, {"ranges", std::move(ranges)}});
}

Result<Bytes> encode(const DownlinkFrame& m) {
  if (std::string wrong = validate(m); !wrong.empty()) return Result<Bytes>::failure(std::move(wrong));
  return json::to_cbor(json{{"version", kFeedVersion},
                            {"id", m.id},
                            {"profile", m.profile},
                            {"not_before_ns", m.not_before_ns},
                            {"not_after_ns", m.not_after_ns},
                            {"payload", json::binary(m.payload)}});
}

Result<Bytes> encode(const TransmitReport& m) {
  if (m.id > detail::kMaxSigned) return Result<Bytes>::failure("report key 'id' is out of range");
  if (!detail::is_text(m.reason)) return Result<Bytes>::failure("report key 'reason' is not printable ASCII");
  return json::to_cbor(json{{"version", kFeedVersion},
                            {"id", m.id},
                            {"status", to_string(m.status)},
                            {"time_ns", m.time_ns},
                            {"reason", m.reason}});
}

Result<Hello> decode_hello(const std::uint8_t* data, std::size_t size) {
  Hello m;
  std::uint32_t version = 0;
  std::uint32_t drain = 0;
  const std::array<Field, 6> fields = {{{"version", K::u32, &version},
                                        {"name", K::name, &m.name},
                                        {"instance", K::u64, &m.instance},
                                        {"software", K::text, &m.software},
                                        {"batch_ms", K::u32, &m.batch_ms, false},
                                        {"drain", K::u32, &drain, false}}};
  if (std::string wrong = read("hello", data, size, fields, version); !wrong.empty())
    return Result<Hello>::failure(wrong);
  if (m.batch_ms > kMaxBatchMs) return Result<Hello>::failure("hello key 'batch_ms' is out of range");
  if (drain > 1) return Result<Hello>::failure("hello key 'drain' is out of range");
  m.drain = drain == 1;
  return m;
}

Result<Ack> decode_ack(const std::uint8_t* data, std::size_t size) {
  Ack m;
  std::uint32_t version = 0;
  const std::array<Field, 4> fields = {{{"version", K::u32, &version},
                                        {"receiver", K::name, &m.receiver},
                                        {"run", K::u64, &m.run},
                                        {"ranges", K::pairs, &m.ranges, true, 0, 0, detail::kMaxSigned}}};
  if (std::string wrong = read("ack", data, size, fields, version); !wrong.empty())
    return Result<Ack>::failure(wrong);
  return m;
}

Result<DownlinkFrame> decode_downlink(const std::uint8_t* data, std::size_t size) {
  DownlinkFrame m;
  std::uint32_t version = 0;
  const std::array<Field, 6> fields = {{{"version", K::u32, &version},
                                        {"id", K::u64, &m.id, true, 0, 0, detail::kMaxSigned},
                                        {"profile", K::name, &m.profile},
                                        {"not_before_ns", K::i64, &m.not_before_ns},
                                        {"not_after_ns", K::i64, &m.not_after_ns},
                                        {"payload", K::bytes, &m.payload}}};
  using R = Result<DownlinkFrame>;
  if (std::string wrong = read("downlink", data, size, fields, version); !wrong.empty())
    return R::failure(wrong);
  if (std::string wrong = validate(m); !wrong.empty()) return R::failure(wrong);
  return m;
}

Result<TransmitReport> decode_report(const std::uint8_t* data, std::size_t size) {
  TransmitReport m;
  std::uint32_t version = 0;
  std::string status;
  const std::array<Field, 5> fields = {{{"version", K::u32, &version},
                                        {"id", K::u64, &m.id, true, 0, 0, detail::kMaxSigned},
                                        {"status", K::name, &status},
                                        {"time_ns", K::i64, &m.time_ns},
                                        {"reason", K::text, &m.reason}}};
  using R = Result<TransmitReport>;
  if (std::string wrong = read("report", data, size, fields, version); !wrong.empty())
    return R::failure(wrong);
  for (const TransmitStatus known : {TransmitStatus::sent, TransmitStatus::expired, TransmitStatus::failed}) {
    if (status == to_string(known)) {
      m.status = known;
      return m;
    }
  }
  return R::failure("report key 'status' is none of sent, expired, failed");
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> to_ranges(std::vector<std::uint64_t> sequences) {
  std::sort(sequences.begin(), sequences.end());
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const std::uint64_t sequence : sequences) {
    if (!ranges.empty() && sequence <= ranges.back().second + 1) {
      ranges.back().second = sequence;
    } else {
      ranges.emplace_back(sequence, sequence);
    }
  }
  return ranges;
}

}  // namespace ngwire
