#include "ngwire/wire/frame_record.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "map_reader.h"

namespace ngwire {
namespace {

using detail::Field;
using nlohmann::json;

constexpr double kMaxRate_hz = 1e12;
constexpr double kMaxSpread_s = 3600;
constexpr double kLargest = 1e15;  // of any other metric: far beyond physics, well inside a double

const char* direction_name(Direction direction) { return direction == Direction::up ? "up" : "down"; }

bool in_range(double number, double low, double high) {
  return std::isfinite(number) && number >= low && number <= high;
}

}  // namespace

std::string validate(const FrameRecord& r) {
  if (!detail::is_name(r.receiver)) return "key 'receiver' is not a name of 1 to 64 of [A-Za-z0-9._:/-]";
  if (!detail::is_name(r.profile)) return "key 'profile' is not a name of 1 to 64 of [A-Za-z0-9._:/-]";
  if (!detail::is_name(r.time_source))
    return "key 'time_source' is not a name of 1 to 64 of [A-Za-z0-9._:/-]";
  if (r.sequence > detail::kMaxSigned) return "key 'sequence' is out of range";
  if (r.sample_index > detail::kMaxSigned) return "key 'sample_index' is out of range";
  if (!in_range(r.sample_rate_hz, 1e-3, kMaxRate_hz)) return "key 'sample_rate_hz' is out of range";
  if (r.payload.empty() || r.payload.size() > kMaxPayloadBytes)
    return "key 'payload' is not 1 to 4096 bytes long";
  const FrameMetrics& m = r.metrics;
  const std::array<std::pair<const char*, double>, 5> metrics = {{{"snr_db", m.snr_db},
                                                                  {"ebn0_db", m.ebn0_db},
                                                                  {"carrier_offset_hz", m.carrier_offset_hz},
                                                                  {"clock_offset_ppm", m.clock_offset_ppm},
                                                                  {"residual_db", m.residual_db}}};
  for (const auto& [key, number] : metrics) {
    if (!in_range(number, -kLargest, kLargest)) return std::string("key '") + key + "' is out of range";
  }
  if (!in_range(m.delay_spread_s, 0, kMaxSpread_s)) return "key 'delay_spread_s' is out of range";
  return "";
}

Result<Bytes> encode(const FrameRecord& r) {
  if (std::string wrong = validate(r); !wrong.empty()) return Result<Bytes>::failure(std::move(wrong));
  const json map = {{"version", kFrameRecordVersion},
                    {"receiver", r.receiver},
                    {"run", r.run},
                    {"sequence", r.sequence},
                    {"profile", r.profile},
                    {"direction", direction_name(r.direction)},
                    {"sample_index", r.sample_index},
                    {"sample_rate_hz", r.sample_rate_hz},
                    {"sample0_time_ns", r.sample0_time_ns},
                    {"time_source", r.time_source},
                    {"payload", json::binary(r.payload)},
                    {"snr_db", r.metrics.snr_db},
                    {"ebn0_db", r.metrics.ebn0_db},
                    {"carrier_offset_hz", r.metrics.carrier_offset_hz},
                    {"clock_offset_ppm", r.metrics.clock_offset_ppm},
                    {"delay_spread_s", r.metrics.delay_spread_s},
                    {"residual_db", r.metrics.residual_db},
                    {"corrected_bits", r.metrics.corrected_bits},
                    {"list_used", r.metrics.list_used}};
  return json::to_cbor(map);
}

Result<FrameRecord> decode_frame_record(const std::uint8_t* data, std::size_t size) {
  FrameRecord r;
  std::uint32_t version = 0;
  std::string direction;
  FrameMetrics& m = r.metrics;
  using K = Field::Kind;
  const std::array<Field, 19> fields = {{
      {"version", K::u32, &version},
      {"receiver", K::name, &r.receiver},
      {"run", K::u64, &r.run},
      {"sequence", K::u64, &r.sequence, true, 0, 0, detail::kMaxSigned},
      {"profile", K::name, &r.profile},
      {"direction", K::name, &direction},
      {"sample_index", K::u64, &r.sample_index, true, 0, 0, detail::kMaxSigned},
      {"sample_rate_hz", K::real, &r.sample_rate_hz, true, 1e-3, kMaxRate_hz},
      {"sample0_time_ns", K::i64, &r.sample0_time_ns},
      {"time_source", K::name, &r.time_source},
      {"payload", K::bytes, &r.payload},
      {"snr_db", K::real, &m.snr_db, true, -kLargest, kLargest},
      {"ebn0_db", K::real, &m.ebn0_db, true, -kLargest, kLargest},
      {"carrier_offset_hz", K::real, &m.carrier_offset_hz, true, -kLargest, kLargest},
      {"clock_offset_ppm", K::real, &m.clock_offset_ppm, true, -kLargest, kLargest},
      {"delay_spread_s", K::real, &m.delay_spread_s, true, 0, kMaxSpread_s},
      {"residual_db", K::real, &m.residual_db, true, -kLargest, kLargest},
      {"corrected_bits", K::u32, &m.corrected_bits},
      {"list_used", K::u32, &m.list_used},
  }};
  using R = Result<FrameRecord>;
  if (std::string wrong = detail::read_map(data, size, fields.data(), fields.size()); !wrong.empty()) {
    return R::failure("frame record " + wrong);
  }
  if (version != kFrameRecordVersion) {
    return R::failure("frame record has version " + std::to_string(version) + ", expected " +
                      std::to_string(kFrameRecordVersion));
  }
  if (direction != "up" && direction != "down")
    return R::failure("frame record key 'direction' is neither up nor down");
  r.direction = direction == "up" ? Direction::up : Direction::down;
  return r;
}

std::int64_t frame_time_ns(const FrameRecord& r) {
  if (r.sample0_time_ns == 0 || !(r.sample_rate_hz > 0)) return 0;
  // long double: 64 bits of mantissa or more on the platforms served, so that Unix nanoseconds stay exact.
  const long double offset_ns =
      static_cast<long double>(r.sample_index) * 1e9L / static_cast<long double>(r.sample_rate_hz);
  const long double time_ns = static_cast<long double>(r.sample0_time_ns) + offset_ns;
  if (!(time_ns > -9.2e18L && time_ns < 9.2e18L)) return 0;
  return static_cast<std::int64_t>(std::llround(time_ns));
}

std::string to_json(const FrameRecord& r) {
  nlohmann::ordered_json line;
  line["receiver"] = r.receiver;
  line["run"] = to_hex(r.run);
  line["sequence"] = r.sequence;
  line["profile"] = r.profile;
  line["direction"] = direction_name(r.direction);
  line["sample_index"] = r.sample_index;
  line["sample_rate_hz"] = r.sample_rate_hz;
  line["sample0_time_ns"] = r.sample0_time_ns;
  line["time_source"] = r.time_source;
  line["payload"] = to_hex(r.payload.data(), r.payload.size());
  line["snr_db"] = r.metrics.snr_db;
  line["ebn0_db"] = r.metrics.ebn0_db;
  line["carrier_offset_hz"] = r.metrics.carrier_offset_hz;
  line["clock_offset_ppm"] = r.metrics.clock_offset_ppm;
  line["delay_spread_s"] = r.metrics.delay_spread_s;
  line["residual_db"] = r.metrics.residual_db;
  line["corrected_bits"] = r.metrics.corrected_bits;
  line["list_used"] = r.metrics.list_used;
  return line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

std::uint64_t random_run_id() {
  std::random_device device;
  std::uint64_t run = 0;
  while (run == 0) run = (std::uint64_t{device()} << 32U) | device();
  return run;
}

std::string to_hex(const std::uint8_t* data, std::size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(2 * size, '0');
  for (std::size_t i = 0; i < size; ++i) {
    text[2 * i] = kDigits[data[i] >> 4U];
    text[2 * i + 1] = kDigits[data[i] & 15U];
  }
  return text;
}

std::string to_hex(std::uint64_t number) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(number >> (56U - 8U * i));
  return to_hex(bytes.data(), bytes.size());
}

}  // namespace ngwire
