#include "api_json.h"

#include "delivery_text.h"

namespace ngplc::hub {
namespace {

Json value_json(const StoredReading& r) {
  Json out;
  out["obis"] = r.obis;
  out["value"] = ngwire::decimal_string(r.mantissa, r.exponent);
  out["unit"] = r.unit;
  if (r.base != 0) out["total"] = ngwire::decimal_string(r.base + r.mantissa, r.exponent);
  return out;
}

}  // namespace

std::int64_t to_ms(std::int64_t ns) { return ns / 1'000'000; }

std::string dump(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

Json to_json(const StoredEvent& e) {
  Json out;
  out["id"] = e.id;
  out["time_ms"] = to_ms(e.row.time_ns);
  out["device"] = e.row.device ? Json(device_text(*e.row.device)) : Json(nullptr);
  out["node"] = e.row.node ? Json(*e.row.node) : Json(nullptr);
  out["kind"] = e.row.kind;
  out["detail"] = e.row.detail;
  return out;
}

Json to_json(const StoredReading& r) {
  Json out;
  out["id"] = r.id;
  out["frame"] = r.frame_id;
  out["device"] = device_text(r.device);
  out["counter"] = r.counter;
  out["time_ms"] = to_ms(r.time_ns);
  out.update(value_json(r));
  return out;
}

Json to_json(const StoredFrame& f) {
  const ngwire::FrameRecord& r = f.row.record;
  Json out;
  out["id"] = f.id;
  out["receiver"] = r.receiver;
  out["run"] = ngwire::to_hex(r.run);
  out["sequence"] = r.sequence;
  out["device"] = f.device ? Json(device_text(*f.device)) : Json(nullptr);
  out["payload_status"] = to_string(f.row.payload_status);
  out["part"] = f.row.part;
  if (f.row.link) {
    out["epoch"] = f.row.link->epoch;
    out["counter"] = f.row.link->counter;
    out["late"] = f.row.link->late;
    out["copies"] = f.copies;
  }
  out["profile"] = r.profile;
  out["direction"] = r.direction == ngwire::Direction::up ? "up" : "down";
  out["time_ms"] = to_ms(f.row.time_ns);
  out["received_ms"] = to_ms(f.row.received_ns);
  out["time_source"] = r.time_source;
  out["sample_index"] = r.sample_index;
  out["sample_rate_hz"] = r.sample_rate_hz;
  out["payload"] = ngwire::to_hex(r.payload.data(), r.payload.size());
  out["snr_db"] = r.metrics.snr_db;
  out["ebn0_db"] = r.metrics.ebn0_db;
  out["carrier_offset_hz"] = r.metrics.carrier_offset_hz;
  out["clock_offset_ppm"] = r.metrics.clock_offset_ppm;
  out["delay_spread_s"] = r.metrics.delay_spread_s;
  out["residual_db"] = r.metrics.residual_db;
  out["corrected_bits"] = r.metrics.corrected_bits;
  out["list_used"] = r.metrics.list_used;
  return out;
}

Json to_json(const StoredDevice& d) {
  Json out;
  out["device"] = device_text(d.device);
  out["first_seen_ms"] = to_ms(d.first_seen_ns);
  out["last_seen_ms"] = to_ms(d.last_seen_ns);
  out["frames"] = d.frames;
  out["counter"] = d.counter;
  out["receiver"] = d.receiver;
  out["profile"] = d.profile;
  out["snr_db"] = d.snr_db;
  out["ebn0_db"] = d.ebn0_db;
  out["clock_offset_ppm"] = d.clock_offset_ppm;
  out["last"] = Json::array();
  for (const StoredReading& r : d.last) {
    Json value = value_json(r);
    value["time_ms"] = to_ms(r.time_ns);
    out["last"].push_back(std::move(value));
  }
  return out;
}

Json to_json(const NodeInfo& n) {
  Json out;
  out["eui"] = ngwire::to_hex(n.eui);
  out["device"] = n.address ? Json(device_text(*n.address)) : Json(nullptr);
  out["state"] = to_string(n.state);
  out["name"] = n.name;
  out["model"] = n.model;
  out["gtin"] = n.gtin;
  out["serial"] = n.serial;
  out["time_zone"] = n.time_zone;
  out["verify_by"] = n.verify_by;
  out["tenant"] = n.tenant;
  out["groups"] = n.groups;
  out["multipliers"] = Json::object();
  for (const auto& [obis, multiplier] : n.multipliers) out["multipliers"][obis] = to_text(multiplier);
  out["missing"] = n.missing;
  return out;
}

Json to_json(const UserInfo& u) {
  return {{"name", u.name}, {"role", to_string(u.role)}, {"created_ms", to_ms(u.created_ns)}};
}

Json to_json(const TokenInfo& t) {
  return {{"id", t.id},
          {"user", t.user},
          {"name", t.name},
          {"role", to_string(t.role)},
          {"created_ms", to_ms(t.created_ns)},
          {"expires_ms", t.expires_ns == 0 ? Json(nullptr) : Json(to_ms(t.expires_ns))}};
}

Json to_json(const AuditRow& a) {
  return {{"id", a.id},         {"time_ms", to_ms(a.time_ns)}, {"user", a.user},      {"address", a.address},
          {"action", a.action}, {"detail", a.detail},          {"outcome", a.outcome}};
}

}  // namespace ngplc::hub
