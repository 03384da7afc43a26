#include "node_population_impl.h"

#include <gnuradio/io_signature.h>
#include <gnuradio/ngplc/keys.h>

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "placing.h"

namespace gr {
namespace ngplc {
namespace {

constexpr const char* kBlock = "node_population";

}  // namespace

template <class T>
typename node_population<T>::sptr node_population<T>::make(const std::string& profile, int nodes,
                                                           double interval_s, int payload_bytes,
                                                           double ebn0_db, const std::string& levels,
                                                           double clock_ppm, double noise_dbfs,
                                                           double sample_rate_hz, std::uint64_t seed) {
  ngdsp::TrafficConfig config;
  config.profile = profile_in_samples<T>(kBlock, profile, sample_rate_hz, -1, -1);
  config.payload_bytes = payload_bytes;
  config.ebn0_db = ebn0_db;
  const auto parsed = ngdsp::parse_transmit_levels(levels);
  if (!parsed) refuse(kBlock, "levels: " + parsed.error());
  config.levels = *parsed;
  config.clock_ppm = clock_ppm;
  config.seed = seed;
  config.noiseless = true;
  return gnuradio::make_block_sptr<node_population_impl<T>>(config, nodes, interval_s, noise_dbfs);
}

template <class T>
node_population_impl<T>::node_population_impl(const ngdsp::TrafficConfig& config, int nodes,
                                              double interval_s, double noise_dbfs)
    : gr::sync_block("ngplc_node_population", gr::io_signature::make(0, 0, 0),
                     gr::io_signature::make(1, 1, sizeof(T))),
      config_(config),
      scale_(static_cast<float>(
          std::sqrt(ngdsp::from_db(in_range(kBlock, "noise_dbfs", noise_dbfs, -300, 60, "-300 to 60 dB"))))),
      nodes_(nodes),
      interval_s_(interval_s) {
  auto signal = ngdsp::TrafficSignal<T>::create(config);
  if (!signal) refuse(kBlock, signal.error());
  signal_ = std::move(*signal);
  signal_->set_load(load_of(nodes, interval_s));
  this->message_port_register_out(keys::sent);
}

template <class T>
double node_population_impl<T>::load_of(int nodes, double interval_s) const {
  in_range(kBlock, "nodes", nodes, 0, 100000, "0 to 100 000");
  in_range(kBlock, "interval_s", interval_s, 1e-3, 1e9, "0.001 to 1e9 s");
  const double load = nodes * 8.0 * config_.payload_bytes / (interval_s * config_.profile.chip_rate_hz);
  return in_range(kBlock, "load", load, 0, 20,
                  "at most 20 payload bits a chip: fewer nodes or longer intervals");
}

template <class T>
void node_population_impl<T>::set_nodes(int nodes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  signal_->set_load(load_of(nodes, interval_s_));
  nodes_ = nodes;
}

template <class T>
void node_population_impl<T>::set_interval_s(double interval_s) {
  const std::lock_guard<std::mutex> lock(mutex_);
  signal_->set_load(load_of(nodes_, interval_s));
  interval_s_ = interval_s;
}

template <class T>
void node_population_impl<T>::set_ebn0_db(double ebn0_db) {
  const std::lock_guard<std::mutex> lock(mutex_);
  signal_->set_ebn0_db(in_range(kBlock, "ebn0_db", ebn0_db, -60, 120, "-60 to 120 dB"));
}

template <class T>
double node_population_impl<T>::load() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return load_of(nodes_, interval_s_);
}

template <class T>
void node_population_impl<T>::announce(const ngdsp::SentFrame& frame) {
  const auto at = static_cast<std::uint64_t>(std::max(0.0, std::round(frame.start_samples)));
  pmt::pmt_t meta = pmt::make_dict();
  meta = pmt::dict_add(meta, keys::profile, pmt::mp(config_.profile.name));
  meta = pmt::dict_add(meta, keys::sample_index, pmt::from_uint64(at));
  meta = pmt::dict_add(meta, keys::sequence, pmt::from_long(frame.sequence));
  meta = pmt::dict_add(meta, keys::level_db, pmt::from_double(frame.level_db));
  meta = pmt::dict_add(meta, keys::ebn0_db, pmt::from_double(frame.ebn0_db));
  const auto payload = signal_->traffic().payload(frame.index);
  this->message_port_pub(keys::sent, pmt::cons(meta, pmt::init_u8vector(payload.size(), payload)));
}

template <class T>
int node_population_impl<T>::work(int noutput_items, gr_vector_const_void_star&,
                                  gr_vector_void_star& output) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto* out = static_cast<T*>(output[0]);
  begun_.clear();
  const auto piece = signal_->next_piece(static_cast<std::size_t>(noutput_items), begun_);
  for (const ngdsp::SentFrame& frame : begun_) announce(frame);
  std::transform(piece.begin(), piece.end(), out, [this](T x) { return scale_ * x; });
  return noutput_items;
}

template class NGPLC_API node_population<float>;
template class NGPLC_API node_population<gr_complex>;

}  // namespace ngplc
}  // namespace gr
