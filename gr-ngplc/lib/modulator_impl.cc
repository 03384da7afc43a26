#include "modulator_impl.h"

#include <gnuradio/io_signature.h>
#include <gnuradio/ngplc/keys.h>
#include <gnuradio/pdu.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "ngdsp/base/db.h"
#include "numbers.h"
#include "placing.h"

namespace gr {
namespace ngplc {
namespace {

constexpr const char* kBlock = "modulator";
constexpr std::size_t kMostWaiting = 1024;

ngdsp::TransmitLevels levels_of(const std::string& text) {
  auto levels = ngdsp::parse_transmit_levels(text);
  if (!levels) refuse(kBlock, "levels: " + levels.error());
  return *levels;
}

}  // namespace

template <class T>
typename modulator<T>::sptr modulator<T>::make(const std::string& profile, double sample_rate_hz,
                                               double carrier_hz, double center_hz, double amplitude,
                                               const std::string& levels, double gap_s, bool bursts,
                                               std::uint64_t seed) {
  return gnuradio::make_block_sptr<modulator_impl<T>>(profile, sample_rate_hz, carrier_hz, center_hz,
                                                      amplitude, levels, gap_s, bursts, seed);
}

template <class T>
modulator_impl<T>::modulator_impl(const std::string& profile, double sample_rate_hz, double carrier_hz,
                                  double center_hz, double amplitude, const std::string& levels, double gap_s,
                                  bool bursts, std::uint64_t seed)
    : gr::sync_block("ngplc_modulator", gr::io_signature::make(0, 0, 0),
                     gr::io_signature::make(1, 1, sizeof(T))),
      profile_(profile_in_samples<T>(kBlock, profile, sample_rate_hz, carrier_hz, center_hz)),
      levels_(levels_of(levels)),
      encoder_(profile_),
      modulator_(profile_),
      gap_samples_(static_cast<std::uint64_t>(in_range(kBlock, "gap_s", gap_s, 0, 3600, "0 to 3600 s") *
                                              profile_.sample_rate_hz)),
      bursts_(bursts),
      rng_(seed),
      counters_({{"frames", 0},
                 {"late", 0},
                 {"not_u8", 0},
                 {"bad_length", 0},
                 {"bad_metadata", 0},
                 {"queue_full", 0}}) {
  set_amplitude(amplitude);
  this->message_port_register_in(gr::msgport_names::pdus());
  this->set_msg_handler(gr::msgport_names::pdus(), [this](const pmt::pmt_t& pdu) { accept(pdu); });
  this->message_port_register_out(keys::sent);
  this->message_port_register_out(keys::status);
}

template <class T>
void modulator_impl<T>::set_amplitude(double amplitude) {
  amplitude_ = in_range(kBlock, "amplitude", amplitude, 1e-12, 1e12, "an rms above 0");
}

template <class T>
void modulator_impl<T>::count(const char* name) {
  const std::lock_guard<std::mutex> lock(counters_mutex_);
  ++counters_[name];
}

template <class T>
std::map<std::string, std::uint64_t> modulator_impl<T>::counters() const {
  const std::lock_guard<std::mutex> lock(counters_mutex_);
  return counters_;
}

template <class T>
void modulator_impl<T>::drop(const char* counter, const std::string& reason) {
  count(counter);
  pmt::pmt_t dict = pmt::dict_add(pmt::make_dict(), keys::event, pmt::mp("drop"));
  this->message_port_pub(keys::status, pmt::dict_add(dict, keys::reason, pmt::mp(counter + (": " + reason))));
}

// What the metadata ask for, the rest drawn; false with what is wrong.
template <class T>
bool modulator_impl<T>::understand(const pmt::pmt_t& pdu, Order& order, std::string& wrong) {
  const int bytes = static_cast<int>(order.payload.size());
  const int first = profile_.first_sequence(bytes), count = profile_.class_of(first).sequences;
  order.meta = pmt::car(pdu);
  const auto asked = [&order](const pmt::pmt_t& key) { return pmt::dict_ref(order.meta, key, pmt::PMT_NIL); };
  order.sequence = first + static_cast<int>(rng_.below(static_cast<std::uint32_t>(count)));
  order.level_db = levels_.draw_db(rng_);
  if (const auto sequence = asked(keys::sequence); !pmt::is_null(sequence)) {
    const double q = number_or_nan(sequence);
    if (!(q >= first && q < first + count && q == std::floor(q))) {
      wrong = "sequence, expected " + std::to_string(first) + " to " + std::to_string(first + count - 1) +
              " for " + std::to_string(bytes) + " bytes";
      return false;
    }
    order.sequence = static_cast<int>(q);
  }
  if (const auto level = asked(keys::level_db); !pmt::is_null(level)) {
    if (!(std::abs(number_or_nan(level)) <= 100)) {
      wrong = "level_db, expected -100 to 100 dB";
      return false;
    }
    order.level_db = number_or_nan(level);
  }
  if (const auto time = asked(gr::metadata_keys::tx_time()); !pmt::is_null(time)) {
    if (!is_time(time) || !(number_or_nan(pmt::tuple_ref(time, 1)) >= 0)) {
      wrong = "tx_time, expected a tuple of seconds (uint64) and fraction (double)";
      return false;
    }
    order.first_chip = static_cast<std::uint64_t>(
        std::llround((static_cast<double>(pmt::to_uint64(pmt::tuple_ref(time, 0))) +
                      pmt::to_double(pmt::tuple_ref(time, 1))) *
                     profile_.sample_rate_hz));
  }
  return true;
}

template <class T>
void modulator_impl<T>::accept(const pmt::pmt_t& pdu) {
  if (!pmt::is_pair(pdu) || !(pmt::is_dict(pmt::car(pdu)) || pmt::is_null(pmt::car(pdu))) ||
      !pmt::is_u8vector(pmt::cdr(pdu)))
    return drop("not_u8", "expected a PDU with a vector of u8");
  Order order;
  order.payload = pmt::u8vector_elements(pmt::cdr(pdu));
  int fits = 0;  // the smallest class that holds it
  for (const auto& c : profile_.classes) {
    if (c.payload_bytes >= static_cast<int>(order.payload.size()) && (fits == 0 || c.payload_bytes < fits))
      fits = c.payload_bytes;
  }
  if (order.payload.empty() || fits == 0)
    return drop("bad_length",
                std::to_string(order.payload.size()) + " bytes fit no payload class of " + profile_.name);
  order.payload.resize(static_cast<std::size_t>(fits));
  std::string wrong;
  if (!understand(pdu, order, wrong)) return drop("bad_metadata", wrong);
  if (waiting_.size() >= kMostWaiting)
    return drop("queue_full", std::to_string(kMostWaiting) + " frames wait already");
  waiting_.push_back(std::move(order));
}

// Renders the frame so that its first sample is number `first_sample` of the output.
template <class T>
void modulator_impl<T>::begin(const Order& order, std::uint64_t first_sample) {
  const auto chips = encoder_.encode(order.payload, order.sequence);
  const int lead = modulator_.lead_samples();
  frame_.assign(static_cast<std::size_t>(lead + modulator_.tail_samples(chips.size())), T{});
  ngdsp::Arrival arrival;
  arrival.start_samples = lead;
  arrival.amplitude = amplitude_ * std::pow(10.0, order.level_db / 20);
  modulator_.add(chips, arrival, ngdsp::Span<T>(frame_));
  sent_ = 0;
  free_from_ = first_sample + frame_.size() + gap_samples_;
  count("frames");
  if (!bursts_ && order.first_chip && first_sample + static_cast<std::uint64_t>(lead) > *order.first_chip)
    count("late");

  pmt::pmt_t meta = pmt::is_null(order.meta) ? pmt::make_dict() : order.meta;
  meta = pmt::dict_add(meta, keys::profile, pmt::mp(profile_.name));
  meta = pmt::dict_add(meta, keys::sequence, pmt::from_long(order.sequence));
  meta = pmt::dict_add(meta, keys::level_db, pmt::from_double(order.level_db));
  meta = pmt::dict_add(meta, keys::sample_index,
                       pmt::from_uint64(first_sample + static_cast<std::uint64_t>(lead)));
  this->message_port_pub(keys::sent,
                         pmt::cons(meta, pmt::init_u8vector(order.payload.size(), order.payload)));
  if (!bursts_) return;
  this->add_item_tag(0, first_sample, gr::metadata_keys::tx_sob(), pmt::PMT_T);
  this->add_item_tag(0, first_sample + frame_.size() - 1, gr::metadata_keys::tx_eob(), pmt::PMT_T);
  const auto time = pmt::dict_ref(meta, gr::metadata_keys::tx_time(), pmt::PMT_NIL);
  if (pmt::is_null(time)) return;
  // The burst begins with the pulse of the first chip, the frame with its centre.
  std::uint64_t seconds = pmt::to_uint64(pmt::tuple_ref(time, 0));
  double fraction = pmt::to_double(pmt::tuple_ref(time, 1)) - lead / profile_.sample_rate_hz;
  if (fraction < 0 && seconds > 0) {
    fraction += 1;
    --seconds;
  }
  this->add_item_tag(0, first_sample, gr::metadata_keys::tx_time(),
                     pmt::make_tuple(pmt::from_uint64(seconds), pmt::from_double(std::max(fraction, 0.0))));
}

template <class T>
int modulator_impl<T>::send_frame(T* out, int room) {
  const auto part = std::min(static_cast<std::size_t>(room), frame_.size() - sent_);
  std::copy_n(frame_.begin() + static_cast<std::ptrdiff_t>(sent_), part, out);
  sent_ += part;
  return static_cast<int>(part);
}

template <class T>
int modulator_impl<T>::work(int noutput_items, gr_vector_const_void_star&, gr_vector_void_star& output) {
  auto* out = static_cast<T*>(output[0]);
  const std::uint64_t first = this->nitems_written(0);
  const auto lead = static_cast<std::uint64_t>(modulator_.lead_samples());
  int done = 0;
  while (done < noutput_items) {
    if (sent_ < frame_.size()) {
      done += send_frame(out + done, noutput_items - done);
      continue;
    }
    const std::uint64_t at = first + static_cast<std::uint64_t>(done);
    if (bursts_) {
      if (waiting_.empty()) break;
      begin(waiting_.front(), at);
      waiting_.pop_front();
      continue;
    }
    // Silence until the next frame may begin.
    std::uint64_t quiet = static_cast<std::uint64_t>(noutput_items - done);
    if (!waiting_.empty()) {
      const Order& next = waiting_.front();
      std::uint64_t from = std::max(at, free_from_);
      if (next.first_chip) from = std::max(from, *next.first_chip - std::min(*next.first_chip, lead));
      if (from == at) {
        begin(next, at);
        waiting_.pop_front();
        continue;
      }
      quiet = std::min(quiet, from - at);
    }
    std::fill_n(out + done, quiet, T{});
    done += static_cast<int>(quiet);
  }
  // Nothing to send in bursts: the scheduler would ask again at once, for ever.
  if (done == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return done;
}

template class NGPLC_API modulator<float>;
template class NGPLC_API modulator<gr_complex>;

}  // namespace ngplc
}  // namespace gr
