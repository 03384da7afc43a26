#include "frame_feed_source_impl.h"

#include <gnuradio/io_signature.h>
#include <gnuradio/ngplc/keys.h>
#include <gnuradio/pdu.h>

#include <cmath>

#include "placing.h"

namespace gr {
namespace ngplc {
namespace {

constexpr int kWaitMs = 100;  // how long the end of a flowgraph waits
const pmt::pmt_t kReceiver = pmt::mp("receiver");

pmt::pmt_t time_of(const ngwire::FrameRecord& record) {
  const double since_s = static_cast<double>(record.sample_index) / record.sample_rate_hz;
  const double whole_s = std::floor(since_s);
  const std::int64_t ns = record.sample0_time_ns % 1'000'000'000 +
                          static_cast<std::int64_t>(std::llround((since_s - whole_s) * 1e9));
  const std::int64_t seconds = record.sample0_time_ns / 1'000'000'000 + static_cast<std::int64_t>(whole_s);
  return pmt::make_tuple(pmt::from_uint64(static_cast<std::uint64_t>(seconds + ns / 1'000'000'000)),
                         pmt::from_double(static_cast<double>(ns % 1'000'000'000) * 1e-9));
}

}  // namespace

frame_feed_source::sptr frame_feed_source::make(const std::string& endpoint, const std::string& receiver_id) {
  try {
    return gnuradio::make_block_sptr<frame_feed_source_impl>(endpoint, receiver_id);
  } catch (const zmq::error_t& error) {
    refuse("frame_feed_source", "endpoint \"" + endpoint + "\": " + error.what());
  }
}

frame_feed_source_impl::frame_feed_source_impl(const std::string& endpoint, const std::string& receiver_id)
    : gr::block("ngplc_frame_feed_source", gr::io_signature::make(0, 0, 0), gr::io_signature::make(0, 0, 0)),
      receiver_(receiver_id),
      socket_(context_, zmq::socket_type::sub) {
  socket_.set(zmq::sockopt::rcvtimeo, kWaitMs);
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(ngwire::kMaxRecordBytes));
  socket_.set(zmq::sockopt::subscribe, "frame." + receiver_id);
  socket_.connect(endpoint);
  this->message_port_register_out(keys::frames);
}

frame_feed_source_impl::~frame_feed_source_impl() { frame_feed_source_impl::stop(); }

bool frame_feed_source_impl::start() {
  stop_ = false;
  thread_ = std::thread([this] { listen(); });
  return gr::block::start();
}

bool frame_feed_source_impl::stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  return gr::block::stop();
}

void frame_feed_source_impl::listen() {
  zmq::message_t part;
  while (!stop_) {
    if (!socket_.recv(part)) continue;
    int parts = 1;
    while (part.more() && socket_.recv(part)) ++parts;
    const auto record = ngwire::decode_frame_record(part.data<std::uint8_t>(), part.size());
    if (parts != 2 || !record) {
      ++bad_records_;
    } else if (receiver_.empty() || record->receiver == receiver_) {  // a topic matches what it begins
      ++records_;
      publish(record.value());
    }
  }
}

void frame_feed_source_impl::publish(const ngwire::FrameRecord& record) {
  pmt::pmt_t meta = pmt::make_dict();
  const auto put = [&meta](const pmt::pmt_t& key, const pmt::pmt_t& value) {
    meta = pmt::dict_add(meta, key, value);
  };
  put(kReceiver, pmt::mp(record.receiver));
  put(keys::profile, pmt::mp(record.profile));
  put(keys::sample_index, pmt::from_uint64(record.sample_index));
  put(keys::sample_rate_hz, pmt::from_double(record.sample_rate_hz));
  put(keys::snr_db, pmt::from_double(record.metrics.snr_db));
  put(keys::ebn0_db, pmt::from_double(record.metrics.ebn0_db));
  put(keys::carrier_offset_hz, pmt::from_double(record.metrics.carrier_offset_hz));
  put(keys::clock_offset_ppm, pmt::from_double(record.metrics.clock_offset_ppm));
  put(keys::delay_spread_s, pmt::from_double(record.metrics.delay_spread_s));
  put(keys::residual_db, pmt::from_double(record.metrics.residual_db));
  put(keys::corrected_bits, pmt::from_long(static_cast<long>(record.metrics.corrected_bits)));
  put(keys::list_used, pmt::from_long(static_cast<long>(record.metrics.list_used)));
  if (record.sample0_time_ns > 0) put(gr::metadata_keys::rx_time(), time_of(record));
  this->message_port_pub(keys::frames,
                         pmt::cons(meta, pmt::init_u8vector(record.payload.size(), record.payload)));
}

std::map<std::string, std::uint64_t> frame_feed_source_impl::counters() const {
  return {{"records", records_}, {"bad_records", bad_records_}};
}

}  // namespace ngplc
}  // namespace gr
