#include "noise_front_end_impl.h"

#include <gnuradio/io_signature.h>
#include <gnuradio/pdu.h>

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "placing.h"

namespace gr {
namespace ngplc {
namespace {

constexpr const char* kBlock = "noise_front_end";
// Vectors that fit between this block and the next: as many samples go through in one call.
constexpr long kSpectraBuffered = 1024;

}  // namespace

template <class T>
typename noise_front_end<T>::sptr noise_front_end<T>::make(const std::string& profile, double sample_rate_hz,
                                                           double carrier_hz, double center_hz,
                                                           double spectrum_interval_s) {
  in_range(kBlock, "spectrum_interval_s", spectrum_interval_s, 0.01, 3600, "0.01 to 3600 s");
  const auto placed = profile_in_samples<T>(kBlock, profile, sample_rate_hz, carrier_hz, center_hz);
  auto front_end =
      ngdsp::NoiseFrontEnd::create(placed, placed.sample_rate_hz, placed.carrier_hz - placed.center_hz);
  if (!front_end) refuse(kBlock, front_end.error());
  const double steps = spectrum_interval_s * placed.chip_rate_hz / ngdsp::NoiseFrontEnd::kStepChips;
  return gnuradio::make_block_sptr<noise_front_end_impl<T>>(
      std::move(*front_end), placed.samples_per_chip(), static_cast<int>(std::max(1.0, std::round(steps))));
}

template <class T>
noise_front_end_impl<T>::noise_front_end_impl(ngdsp::NoiseFrontEnd front_end, double chip_samples,
                                              int spectrum_steps)
    : gr::block("ngplc_noise_front_end", gr::io_signature::make(1, 1, sizeof(T)),
                gr::io_signature::make3(1, 3, sizeof(T), sizeof(float), kBins * sizeof(float))),
      front_end_(std::move(front_end)),
      chip_samples_(chip_samples),
      spectrum_steps_(spectrum_steps),
      delay_(static_cast<int>(std::ceil(static_cast<double>(front_end_.delay_chips() + 1) * chip_samples))) {
  // By hand: a declared delay would show the tags of the input late, too.
  this->set_tag_propagation_policy(gr::block::TPP_DONT);
  this->set_min_output_buffer(2, kSpectraBuffered);
}

// Started again: its input begins anew.
template <class T>
bool noise_front_end_impl<T>::start() {
  front_end_.flush([](ngdsp::Span<const float>) {});
  line_.assign(static_cast<std::size_t>(delay_), T{});
  weights_.assign(line_.size(), 1.0F);
  spectra_.clear();
  samples_ = weighted_ = chips_ = steps_ = 0;
  return gr::block::start();
}

// Samples whose nearest chip has its weight now.
template <class T>
void noise_front_end_impl<T>::learned(ngdsp::Span<const float> weights) {
  for (; weighted_ < samples_; ++weighted_) {
    const auto chip = static_cast<std::int64_t>(std::llround(static_cast<double>(weighted_) / chip_samples_));
    if (chip >= chips_ + static_cast<std::int64_t>(weights.size())) break;
    weights_.push_back(weights[static_cast<std::size_t>(chip - chips_)]);
  }
  chips_ += static_cast<std::int64_t>(weights.size());
  if (++steps_ % spectrum_steps_ != 0) return;
  noise_class_ = front_end_.report().noise_class();
  if (!wants_spectra_) return;
  std::vector<float> s = front_end_.spectrum().density();
  for (float& x : s) x = static_cast<float>(ngdsp::to_db(static_cast<double>(x)));
  if (!s.empty()) spectra_.push_back(std::move(s));
}

template <class T>
void noise_front_end_impl<T>::begin_anew() {
  front_end_.flush([this](ngdsp::Span<const float> weights) { learned(weights); });
  // The stream may end half a chip behind its last.
  weights_.resize(weights_.size() + static_cast<std::size_t>(samples_ - weighted_), weights_.back());
  samples_ = weighted_ = chips_ = 0;
}

template <class T>
void noise_front_end_impl<T>::take(const T* samples, std::size_t count) {
  samples_ += static_cast<std::int64_t>(count);
  piece_.assign(samples, samples + count);
  front_end_.process(piece_, [this](ngdsp::Span<const float> weights) { learned(weights); });
}

template <class T>
int noise_front_end_impl<T>::general_work(int noutput_items, gr_vector_int& ninput_items,
                                          gr_vector_const_void_star& input, gr_vector_void_star& output) {
  const int count = std::min(noutput_items, ninput_items[0]);
  const auto* in = static_cast<const T*>(input[0]);
  const std::uint64_t first = this->nitems_read(0);
  wants_spectra_ = output.size() > 2;
  line_.insert(line_.end(), in, in + count);

  std::vector<gr::tag_t> tags;
  this->get_tags_in_window(tags, 0, 0, static_cast<std::uint64_t>(count));
  std::sort(tags.begin(), tags.end(), gr::tag_t::offset_compare);
  std::uint64_t done = first;
  for (gr::tag_t& tag : tags) {
    if (pmt::eqv(tag.key, gr::metadata_keys::rx_time())) {
      take(in + (done - first), static_cast<std::size_t>(tag.offset - done));
      done = tag.offset;
      if (samples_ > 0) begin_anew();
    }
    tag.offset += static_cast<std::uint64_t>(delay_);
    this->add_item_tag(0, tag);
  }
  take(in + (done - first), static_cast<std::size_t>(first + static_cast<std::uint64_t>(count) - done));

  std::copy_n(line_.begin(), count, static_cast<T*>(output[0]));
  line_.erase(line_.begin(), line_.begin() + count);
  if (output.size() > 1) std::copy_n(weights_.begin(), count, static_cast<float*>(output[1]));
  weights_.erase(weights_.begin(), weights_.begin() + count);
  this->consume(0, count);
  for (int port = 0; port < std::min<int>(2, static_cast<int>(output.size())); ++port)
    this->produce(port, count);
  if (wants_spectra_) {
    const int spectra = std::min<int>(noutput_items, static_cast<int>(spectra_.size()));
    auto* out = static_cast<float*>(output[2]);
    for (int i = 0; i < spectra; ++i, spectra_.pop_front())
      out = std::copy(spectra_.front().begin(), spectra_.front().end(), out);
    this->produce(2, spectra);
  }
  return gr::block::WORK_CALLED_PRODUCE;
}

template class NGPLC_API noise_front_end<float>;
template class NGPLC_API noise_front_end<gr_complex>;

}  // namespace ngplc
}  // namespace gr
