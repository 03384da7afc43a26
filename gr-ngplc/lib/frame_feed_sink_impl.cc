#include "frame_feed_sink_impl.h"

#include <gnuradio/io_signature.h>
#include <gnuradio/ngplc/keys.h>
#include <gnuradio/pdu.h>

#include <algorithm>
#include <cmath>

#include "ngwire/wire/frame_record.h"
#include "numbers.h"
#include "placing.h"

namespace gr {
namespace ngplc {
namespace {

constexpr const char* kBlock = "frame_feed_sink";

/// The record of a frame PDU; what is missing or of another kind is refused by the record's own validate().
ngwire::FrameRecord record_of(const pmt::pmt_t& pdu, const std::string& time_source) {
  const auto meta = pmt::car(pdu);
  const auto value = [&meta](const pmt::pmt_t& key) { return pmt::dict_ref(meta, key, pmt::PMT_NIL); };
  const auto number = [&value](const pmt::pmt_t& key) {
    const double x = number_or_nan(value(key));
    return std::isfinite(x) ? x : 0.0;
  };
  ngwire::FrameRecord record;
  if (pmt::is_symbol(value(keys::profile))) record.profile = pmt::symbol_to_string(value(keys::profile));
  if (pmt::is_uint64(value(keys::sample_index)))
    record.sample_index = pmt::to_uint64(value(keys::sample_index));
  record.sample_rate_hz = number(keys::sample_rate_hz);
  record.payload = pmt::u8vector_elements(pmt::cdr(pdu));
  record.metrics.snr_db = number(keys::snr_db);
  record.metrics.ebn0_db = number(keys::ebn0_db);
  record.metrics.carrier_offset_hz = number(keys::carrier_offset_hz);
  record.metrics.clock_offset_ppm = number(keys::clock_offset_ppm);
  record.metrics.delay_spread_s = number(keys::delay_spread_s);
  record.metrics.residual_db = number(keys::residual_db);
  record.metrics.corrected_bits = static_cast<std::uint32_t>(std::max(0.0, number(keys::corrected_bits)));
  record.metrics.list_used = static_cast<std::uint32_t>(std::max(0.0, number(keys::list_used)));
  const auto time = value(gr::metadata_keys::rx_time());
  if (is_time(time) && record.sample_rate_hz > 0) {
    // Seconds of the first chip, back to sample 0; whole seconds apart, so that nothing is rounded away.
    const double since_s =
        (static_cast<double>(record.sample_index) + number(keys::sample_fraction)) / record.sample_rate_hz;
    const double rest_s = pmt::to_double(pmt::tuple_ref(time, 1)) - since_s;
    record.sample0_time_ns = static_cast<std::int64_t>(pmt::to_uint64(pmt::tuple_ref(time, 0))) * 1000000000 +
                             static_cast<std::int64_t>(std::llround(rest_s * 1e9));
    record.time_source = time_source;
  }
  return record;
}

}  // namespace

frame_feed_sink::sptr frame_feed_sink::make(const std::string& endpoint, const std::string& receiver_id,
                                            const std::string& spool_directory,
                                            const std::string& mirror_endpoint,
                                            const std::string& time_source, double drain_s,
                                            const std::string& curve_server_key) {
  ::ngplc::FeedClientConfig config;
  config.endpoint = endpoint;
  config.mirror_endpoint = mirror_endpoint;
  config.receiver = receiver_id;
  config.run = ngwire::random_run_id();
  config.software = "gr-ngplc";
  config.spool.directory = spool_directory;
  config.curve_server_key = curve_server_key;
  return gnuradio::make_block_sptr<frame_feed_sink_impl>(config, time_source, drain_s);
}

frame_feed_sink_impl::frame_feed_sink_impl(const ::ngplc::FeedClientConfig& config,
                                           const std::string& time_source, double drain_s)
    : gr::block("ngplc_frame_feed_sink", gr::io_signature::make(0, 0, 0), gr::io_signature::make(0, 0, 0)),
      receiver_(config.receiver),
      time_source_(time_source),
      drain_ms_(std::llround(1e3 * in_range(kBlock, "drain_s", drain_s, 0, 3600, "0 to 3600 s"))),
      run_(config.run) {
  auto client = ::ngplc::FeedClient::open(config);
  if (!client) refuse(kBlock, client.error());
  client_ = std::move(client.value());
  this->message_port_register_in(keys::frames);
  this->set_msg_handler(keys::frames, [this](const pmt::pmt_t& pdu) { accept(pdu); });
  this->message_port_register_out(keys::status);
}

bool frame_feed_sink_impl::start() {
  if (next_sequence_ > 0) run_ = ngwire::random_run_id();
  next_sequence_ = 0;
  return gr::block::start();
}

bool frame_feed_sink_impl::stop() {
  client_->drain(drain_ms_);
  return gr::block::stop();
}

void frame_feed_sink_impl::drop(std::atomic<std::uint64_t>& counter, const std::string& reason) {
  ++counter;
  const auto dict = pmt::dict_add(pmt::make_dict(), keys::event, pmt::mp("drop"));
  this->message_port_pub(keys::status, pmt::dict_add(dict, keys::reason, pmt::mp(reason)));
}

void frame_feed_sink_impl::accept(const pmt::pmt_t& pdu) {
  if (!pmt::is_pair(pdu) || !pmt::is_dict(pmt::car(pdu)) || !pmt::is_u8vector(pmt::cdr(pdu)))
    return drop(bad_pdus_, "expected a PDU of a receiver, with a vector of u8");
  ngwire::FrameRecord record = record_of(pdu, time_source_);
  record.receiver = receiver_;
  record.run = run_;
  record.sequence = next_sequence_;
  if (const std::string wrong = ngwire::validate(record); !wrong.empty()) return drop(bad_pdus_, wrong);
  ++next_sequence_;
  if (!client_->send(record)) drop(refused_, "memory and disk of the spool are full");
}

std::map<std::string, std::uint64_t> frame_feed_sink_impl::counters() const {
  const auto c = client_->counters();
  return {{"taken", c.spool.pushed},
          {"acknowledged", c.spool.acknowledged},
          {"resends", c.spool.resends},
          {"in_memory", c.spool.in_memory},
          {"on_disk", c.spool.on_disk},
          {"bad_pdus", bad_pdus_},
          {"refused", refused_},
          {"hub_restarts", c.hub_restarts},
          {"hub_seen", c.hub_seen ? 1U : 0U}};
}

}  // namespace ngplc
}  // namespace gr
