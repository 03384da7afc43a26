#include "preamble_detector_impl.h"

#include <gnuradio/io_signature.h>
#include <gnuradio/ngplc/keys.h>

#include <algorithm>
#include <cmath>

#include "ngdsp/tx/frame_encoder.h"
#include "placing.h"

namespace gr {
namespace ngplc {
namespace {

constexpr const char* kBlock = "preamble_detector";
const pmt::pmt_t kPreamble = pmt::mp("preamble");

ngdsp::PreambleDetectorConfig config_of(const ngdsp::Profile& p, double threshold) {
  const ngdsp::FrameEncoder encoder(p);
  ngdsp::PreambleDetectorConfig c;
  for (int q = 0; q < p.sequence_count(); ++q)
    c.sequences.emplace_back(encoder.preamble(q).begin(), encoder.preamble(q).end());
  c.chip_rate_hz = p.chip_rate_hz;
  // As the receiver: below 0.3 cycles a preamble one bin, where an offset at its edge costs 1.3 dB.
  const double range_hz = p.max_clock_ppm * 1e-6 * p.carrier_crystal_hz;
  c.max_carrier_offset_hz = range_hz > 0.3 * p.chip_rate_hz / p.preamble_chips ? range_hz : 0;
  c.threshold = threshold;
  return c;
}

}  // namespace

template <class T>
typename preamble_detector<T>::sptr preamble_detector<T>::make(double threshold, const std::string& profile,
                                                               double sample_rate_hz, double carrier_hz,
                                                               double center_hz) {
  in_range(kBlock, "threshold", threshold, 5, 1e6, "5 to 1e6");
  const auto placed = profile_in_samples<T>(kBlock, profile, sample_rate_hz, carrier_hz, center_hz);
  auto front_end =
      ngdsp::FrontEnd::create(placed, placed.sample_rate_hz, placed.carrier_hz - placed.center_hz);
  if (!front_end) refuse(kBlock, front_end.error());
  return gnuradio::make_block_sptr<preamble_detector_impl<T>>(placed, threshold, std::move(*front_end));
}

template <class T>
preamble_detector_impl<T>::preamble_detector_impl(const ngdsp::Profile& profile, double threshold,
                                                  ngdsp::FrontEnd front_end)
    : gr::sync_block("ngplc_preamble_detector", gr::io_signature::make(1, 1, sizeof(T)),
                     gr::io_signature::make(1, 1, sizeof(T))),
      profile_(profile),
      threshold_(threshold),
      samples_per_chip_(profile.sample_rate_hz / profile.chip_rate_hz),
      front_end_(std::move(front_end)),
      detector_(config_of(profile, threshold)),
      // A start is decided when the chips of its call are there, and those come in blocks of the front end.
      delay_(static_cast<int>(
          std::ceil((detector_.span_chips() + front_end_.block_chips() + front_end_.lookahead_chips() + 1) *
                    samples_per_chip_))) {
  this->declare_sample_delay(static_cast<unsigned>(delay_));
}

template <class T>
double preamble_detector_impl<T>::noise_detections_per_s() const {
  const double sequences = profile_.sequence_count();
  return sequences * detector_.noise_hits(threshold_) * profile_.chip_rate_hz / detector_.hop_chips();
}

// Started again: its input begins anew.
template <class T>
bool preamble_detector_impl<T>::start() {
  front_end_.flush([](ngdsp::Span<const gr_complex>) {});
  chips_.restart();
  line_.assign(static_cast<std::size_t>(delay_), T{});
  tags_.clear();
  next_chip_ = 0;
  begun_ = false;
  return gr::sync_block::start();
}

template <class T>
void preamble_detector_impl<T>::search() {
  hits_.clear();
  for (; next_chip_ + detector_.span_chips() <= chips_.end(); next_chip_ += detector_.hop_chips())
    detector_.search(chips_, next_chip_, hits_);
  chips_.discard_before(next_chip_);
  for (const ngdsp::PreambleHit& hit : hits_) {
    const double sample = hit.chip * samples_per_chip_;
    const double nearest = std::max(0.0, std::round(sample));
    pmt::pmt_t value = pmt::make_dict();
    value = pmt::dict_add(value, keys::sequence, pmt::from_long(hit.sequence));
    value = pmt::dict_add(value, keys::sample_fraction, pmt::from_double(sample - nearest));
    value = pmt::dict_add(value, keys::detection, pmt::from_double(hit.statistic));
    value = pmt::dict_add(value, keys::carrier_offset_hz, pmt::from_double(hit.carrier_offset_hz));
    gr::tag_t tag;
    tag.offset = begin_ + static_cast<std::uint64_t>(nearest) + static_cast<std::uint64_t>(delay_);
    tag.key = kPreamble;
    tag.value = value;
    tag.srcid = this->alias_pmt();
    tags_.push_back(tag);
    ++detections_;
  }
}

template <class T>
int preamble_detector_impl<T>::work(int noutput_items, gr_vector_const_void_star& input,
                                    gr_vector_void_star& output) {
  const auto* in = static_cast<const T*>(input[0]);
  auto* out = static_cast<T*>(output[0]);
  const std::uint64_t first = this->nitems_written(0);
  if (!begun_) begin_ = first;
  begun_ = true;
  const std::vector<gr_complex> x(in, in + noutput_items);
  front_end_.process(ngdsp::Span<const gr_complex>(x),
                     [this](ngdsp::Span<const gr_complex> piece) { chips_.append(piece); });
  search();
  line_.insert(line_.end(), in, in + noutput_items);
  std::copy_n(line_.begin(), noutput_items, out);
  line_.erase(line_.begin(), line_.begin() + noutput_items);
  std::sort(tags_.begin(), tags_.end(), gr::tag_t::offset_compare);
  for (; !tags_.empty() && tags_.front().offset < first + static_cast<std::uint64_t>(noutput_items);
       tags_.pop_front())
    this->add_item_tag(0, tags_.front());
  return noutput_items;
}

template class NGPLC_API preamble_detector<float>;
template class NGPLC_API preamble_detector<gr_complex>;

}  // namespace ngplc
}  // namespace gr
