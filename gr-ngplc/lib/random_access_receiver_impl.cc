#include "random_access_receiver_impl.h"

#include <gnuradio/block_detail.h>
#include <gnuradio/buffer_reader.h>
#include <gnuradio/io_signature.h>
#include <gnuradio/ngplc/keys.h>
#include <gnuradio/pdu.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "numbers.h"
#include "placing.h"

namespace gr {
namespace ngplc {
namespace {

constexpr const char* kBlock = "random_access_receiver";
constexpr double kRateTolerance = 1e-3;  // no clock is that far off: another rate is meant
const pmt::pmt_t kRxRate = pmt::mp("rx_rate");

pmt::pmt_t number(std::uint64_t n) { return pmt::from_uint64(n); }
pmt::pmt_t number(int n) { return pmt::from_long(n); }
pmt::pmt_t number(double x) { return pmt::from_double(x); }

template <typename Number>
void put(pmt::pmt_t& dict, const pmt::pmt_t& key, Number value) {
  dict = pmt::dict_add(dict, key, number(value));
}
void put(pmt::pmt_t& dict, const pmt::pmt_t& key, const std::string& text) {
  dict = pmt::dict_add(dict, key, pmt::mp(text));
}

std::map<std::string, std::uint64_t> by_name(const ngdsp::ReceiverCounters& c,
                                             std::uint64_t rate_mismatches) {
  return {{"samples", c.samples},
          {"nonfinite_samples", c.nonfinite_samples},
          {"clipped_samples", c.clipped_samples},
          {"silent_samples", c.silent_samples},
          {"gaps", c.gaps},
          {"candidates", c.candidates},
          {"vetted", c.vetted},
          {"vetting_rejected", c.vetting_rejected},
          {"decoder_failed", c.decoder_failed},
          {"metric_rejected", c.metric_rejected},
          {"duplicates", c.duplicates},
          {"budget_dropped", c.budget_dropped},
          {"cut_off", c.cut_off},
          {"strained_steps", c.strained_steps},
          {"crowded_steps", c.crowded_steps},
          {"collapses", c.collapses},
          {"collapsed_steps", c.collapsed_steps},
          {"frames", c.frames},
          {"rate_mismatches", rate_mismatches}};
}

}  // namespace

template <class T>
typename random_access_receiver<T>::sptr random_access_receiver<T>::make(
    const std::string& profile, double sample_rate_hz, double carrier_hz, double center_hz,
    double max_clock_ppm, int threads, double status_interval_s, bool trace) {
  return gnuradio::make_block_sptr<random_access_receiver_impl<T>>(
      profile, sample_rate_hz, carrier_hz, center_hz, max_clock_ppm, threads, status_interval_s, trace);
}

template <class T>
random_access_receiver_impl<T>::random_access_receiver_impl(const std::string& profile, double sample_rate_hz,
                                                            double carrier_hz, double center_hz,
                                                            double max_clock_ppm, int threads,
                                                            double status_interval_s, bool trace)
    : gr::block("ngplc_random_access_receiver", gr::io_signature::make(1, 1, sizeof(T)),
                gr::io_signature::make(0, 0, 0)),
      profile_(profile_in_samples<T>(kBlock, profile, sample_rate_hz, carrier_hz, center_hz)),
      rate_hz_(profile_.sample_rate_hz),
      status_samples_(static_cast<std::uint64_t>(std::max(1.0, status_interval_s * rate_hz_))),
      next_status_(status_samples_) {
  if (!(status_interval_s >= 0.01)) refuse(kBlock, "status_interval_s must be at least 0.01 s");
  ngdsp::ReceiverConfig config;
  config.profile = profile_;
  config.max_clock_ppm = max_clock_ppm;
  config.threads = threads;
  ngdsp::Receiver::TraceHandler on_trace;
  if (trace) on_trace = [this](const ngdsp::CandidateTrace& c) { candidate(c); };
  auto receiver = ngdsp::Receiver::create(
      config, [this](const ngdsp::ReceivedFrame& f) { frame(f); }, on_trace);
  if (!receiver) refuse(kBlock, receiver.error());
  receiver_ = std::move(*receiver);
  this->message_port_register_out(keys::frames);
  this->message_port_register_out(keys::status);
  for (const auto& port : {keys::candidates, keys::residual, keys::weights, keys::correlation})
    this->message_port_register_out(port);
}

template <class T>
bool random_access_receiver_impl<T>::start() {
  const auto asked = [this](const pmt::pmt_t& port) {
    return !pmt::is_null(this->message_subscribers(port));
  };
  correlation_.reset();
  if (asked(keys::correlation)) correlation_.emplace(profile_);
  if (correlation_ || asked(keys::residual) || asked(keys::weights))
    receiver_->on_residual([this](const ngdsp::Receiver::Residual& r) { residual(r); });
  else
    receiver_->on_residual({});
  if (position_ > 0) {  // started again: its input begins anew, the counting of samples does not
    receiver_->reset_at(position_);
    time_.reset();
    runs_ = {{position_, 0}};
  }
  return gr::block::start();
}

// A flowgraph that is stopped ends in the middle of its input.
template <class T>
bool random_access_receiver_impl<T>::stop() {
  finish();
  return gr::block::stop();
}

template <class T>
bool random_access_receiver_impl<T>::input_ended(int available) const {
  const auto reader = this->detail()->input(0);
  return reader->done() && reader->items_available() == available;
}

// One sample is kept back until the input has ended: then there is a last call, in which the receiver can be
// flushed while messages still reach their readers (in stop() they do not, see docs/adr/0010).
template <class T>
void random_access_receiver_impl<T>::forecast(int, gr_vector_int& required) {
  required[0] = this->detail()->input(0)->done() ? 1 : 2;
}

template <class T>
int random_access_receiver_impl<T>::general_work(int, gr_vector_int& ninput_items,
                                                 gr_vector_const_void_star& input, gr_vector_void_star&) {
  const bool ended = input_ended(ninput_items[0]);
  const int count = ended ? ninput_items[0] : ninput_items[0] - 1;
  const auto* samples = static_cast<const T*>(input[0]);
  const std::uint64_t first = this->nitems_read(0);

  std::vector<gr::tag_t> tags;
  this->get_tags_in_window(tags, 0, 0, static_cast<std::uint64_t>(count));
  std::stable_sort(tags.begin(), tags.end(), gr::tag_t::offset_compare);
  std::uint64_t done = first;
  for (const gr::tag_t& tag : tags) {
    if (pmt::eqv(tag.key, kRxRate)) check_rate(tag.value);
    if (!pmt::eqv(tag.key, gr::metadata_keys::rx_time())) continue;
    take(samples + (done - first), static_cast<std::size_t>(tag.offset - done));
    done = tag.offset;
    discontinuity(tag.offset, tag.value);
  }
  take(samples + (done - first), static_cast<std::size_t>(first + static_cast<std::uint64_t>(count) - done));
  this->consume(0, count);
  if (ended) finish();
  return 0;
}

template <class T>
void random_access_receiver_impl<T>::take(const T* samples, std::size_t count) {
  while (count > 0) {
    const auto part = static_cast<std::size_t>(
        std::min<std::uint64_t>(count, std::max<std::uint64_t>(1, next_status_ - position_)));
    const auto begin = std::chrono::steady_clock::now();
    receiver_->process(ngdsp::Span<const T>(samples, part));
    busy_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    busy_samples_ += part;
    samples += part;
    count -= part;
    position_ += part;
    flushed_ = false;
    if (position_ >= next_status_) {
      report("status", pmt::make_dict());
      next_status_ = position_ + status_samples_;
    }
  }
}

template <class T>
void random_access_receiver_impl<T>::discontinuity(std::uint64_t offset, const pmt::pmt_t& value) {
  std::optional<Time> now;
  if (is_time(value))
    now = Time{position_, pmt::to_uint64(pmt::tuple_ref(value, 0)), pmt::to_double(pmt::tuple_ref(value, 1))};
  const bool begins = runs_.back().index == position_ && !time_;
  if (begins) {
    time_ = now;
    return;
  }
  std::uint64_t missing = 0;
  if (time_ && now) {
    const double elapsed_s = static_cast<double>(static_cast<std::int64_t>(now->seconds - time_->seconds)) +
                             (now->fraction - time_->fraction);
    const double gap = std::round(elapsed_s * rate_hz_ - static_cast<double>(position_ - time_->index));
    if (gap > 0 && gap < 1e15) missing = static_cast<std::uint64_t>(gap);
  }
  position_ += missing;
  receiver_->reset_at(position_);
  if (now) now->index = position_;
  time_ = now;
  runs_.push_back({position_, offset});
  constexpr std::size_t kMostRuns = 64;  // frames are never that far behind
  if (runs_.size() > kMostRuns) runs_.erase(runs_.begin());
  pmt::pmt_t more = pmt::make_dict();
  put(more, keys::missing_samples, missing);
  put(more, keys::stream_offset, offset);
  report("gap", more);
}

template <class T>
void random_access_receiver_impl<T>::check_rate(const pmt::pmt_t& rate) {
  const double found = number_or_nan(rate);
  if (std::abs(found / rate_hz_ - 1) <= kRateTolerance) return;
  ++rate_mismatches_;
  pmt::pmt_t more = pmt::make_dict();
  put(more, keys::reason,
      "rx_rate is " + std::to_string(found) + " samples/s, expected " + std::to_string(rate_hz_));
  report("rate", more);
}

template <class T>
void random_access_receiver_impl<T>::finish() {
  if (flushed_) return;
  receiver_->flush();
  flushed_ = true;
  report("end", pmt::make_dict());
}

template <class T>
pmt::pmt_t random_access_receiver_impl<T>::time_of(double sample) const {
  double fraction = time_->fraction + (sample - static_cast<double>(time_->index)) / rate_hz_;
  const double whole = std::floor(fraction);
  fraction -= whole;
  return pmt::make_tuple(
      pmt::from_uint64(time_->seconds + static_cast<std::uint64_t>(static_cast<std::int64_t>(whole))),
      pmt::from_double(fraction));
}

template <class T>
void random_access_receiver_impl<T>::frame(const ngdsp::ReceivedFrame& f) {
  pmt::pmt_t meta = pmt::make_dict();
  put(meta, keys::profile, profile_.name);
  put(meta, keys::sequence, f.sequence);
  put(meta, keys::sample_index, f.sample_index);
  put(meta, keys::sample_fraction, f.sample_fraction);
  put(meta, keys::sample_rate_hz, rate_hz_);
  const auto after = std::find_if(runs_.rbegin(), runs_.rend(),
                                  [&f](const Run& run) { return run.index <= f.sample_index; });
  const Run& run = after == runs_.rend() ? runs_.front() : *after;
  put(meta, keys::stream_offset, run.offset + f.sample_index - std::min(f.sample_index, run.index));
  put(meta, keys::snr_db, f.snr_db);
  put(meta, keys::ebn0_db, f.ebn0_db);
  put(meta, keys::carrier_offset_hz, f.carrier_offset_hz);
  put(meta, keys::clock_offset_ppm, f.clock_offset_ppm);
  put(meta, keys::delay_spread_s, f.delay_spread_s);
  put(meta, keys::residual_db, f.residual_db);
  put(meta, keys::cancellation_db, f.cancellation_db);
  put(meta, keys::corrected_bits, f.corrected_bits);
  put(meta, keys::code_bits, f.code_bits);
  put(meta, keys::list_used, f.list_used);
  put(meta, keys::detection, f.detection);
  put(meta, keys::amplitude_dbfs, 20 * std::log10(std::max(f.amplitude, 1e-50)));
  put(meta, keys::phase_rad, f.phase_rad);
  if (time_)
    meta = pmt::dict_add(meta, gr::metadata_keys::rx_time(),
                         time_of(static_cast<double>(f.sample_index) + f.sample_fraction));
  this->message_port_pub(keys::frames, pmt::cons(meta, pmt::init_u8vector(f.payload.size(), f.payload)));
}

template <class T>
void random_access_receiver_impl<T>::candidate(const ngdsp::CandidateTrace& c) {
  pmt::pmt_t dict = pmt::make_dict();
  put(dict, keys::sequence, c.sequence);
  put(dict, keys::sample_index, c.sample_index);
  put(dict, keys::detection, c.detection);
  put(dict, keys::evidence, c.evidence);
  put(dict, keys::carrier_offset_hz, c.carrier_offset_hz);
  put(dict, keys::clock_offset_ppm, c.clock_offset_ppm);
  put(dict, keys::list_used, c.list_used);
  put(dict, keys::frame_metric, c.frame_metric);
  put(dict, keys::stage, std::string(ngdsp::to_string(c.stage)));
  put(dict, keys::reason, c.reason);
  this->message_port_pub(keys::candidates, dict);
}

template <class T>
void random_access_receiver_impl<T>::residual(const ngdsp::Receiver::Residual& r) {
  const double chip_rate_hz = profile_.chip_rate_hz, chip_samples = rate_hz_ / chip_rate_hz;
  const auto publish = [this](const pmt::pmt_t& port, double index, double rate_hz, const pmt::pmt_t& data) {
    const double whole = std::round(index);
    pmt::pmt_t meta = pmt::make_dict();
    put(meta, keys::profile, profile_.name);
    put(meta, keys::sample_index, static_cast<std::uint64_t>(std::max(0.0, whole)));
    put(meta, keys::sample_fraction, index - whole);
    put(meta, keys::sample_rate_hz, rate_hz);
    this->message_port_pub(port, pmt::cons(meta, data));
  };
  publish(keys::residual, r.sample_index, r.samples.size() / r.weights.size() * chip_rate_hz,
          pmt::init_c32vector(r.samples.size(), r.samples));
  publish(keys::weights, r.sample_index, chip_rate_hz, pmt::init_f32vector(r.weights.size(), r.weights));
  if (!correlation_) return;
  if (std::abs(r.sample_index - correlated_to_) > 0.5) correlation_->restart();
  correlated_to_ = r.sample_index + static_cast<double>(r.weights.size()) * chip_samples;
  const double first = r.sample_index - static_cast<double>(correlation_->behind_chips()) * chip_samples;
  const std::vector<float> found = correlation_->process(r.samples);
  if (!found.empty())
    publish(keys::correlation, first, chip_rate_hz, pmt::init_f32vector(found.size(), found));
}

template <class T>
void random_access_receiver_impl<T>::report(const char* event, const pmt::pmt_t& more) {
  {
    const std::lock_guard<std::mutex> lock(seen_mutex_);
    seen_ = receiver_->counters();
    seen_mismatches_ = rate_mismatches_;
    seen_noise_dbfs_ = receiver_->noise_dbfs();
  }
  pmt::pmt_t dict = more;
  put(dict, keys::event, std::string(event));
  put(dict, keys::profile, profile_.name);
  put(dict, keys::sample_index, position_);
  put(dict, keys::sample_rate_hz, rate_hz_);
  put(dict, keys::noise_dbfs, seen_noise_dbfs_);
  dict = pmt::dict_add(dict, keys::collapsed, pmt::from_bool(receiver_->collapsed()));
  put(dict, keys::realtime_factor,
      busy_s_ > 0 ? static_cast<double>(busy_samples_) / rate_hz_ / busy_s_ : 0.0);
  busy_s_ = 0;
  busy_samples_ = 0;
  for (const auto& [name, count] : by_name(seen_, rate_mismatches_)) put(dict, pmt::mp(name), count);
  this->message_port_pub(keys::status, dict);
}

template <class T>
std::map<std::string, std::uint64_t> random_access_receiver_impl<T>::counters() const {
  const std::lock_guard<std::mutex> lock(seen_mutex_);
  return by_name(seen_, seen_mismatches_);
}

template <class T>
double random_access_receiver_impl<T>::noise_dbfs() const {
  const std::lock_guard<std::mutex> lock(seen_mutex_);
  return seen_noise_dbfs_;
}

template class NGPLC_API random_access_receiver<float>;
template class NGPLC_API random_access_receiver<gr_complex>;

}  // namespace ngplc
}  // namespace gr
