#include "despreader_impl.h"

#include <gnuradio/io_signature.h>
#include <gnuradio/ngplc/keys.h>

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "numbers.h"
#include "placing.h"

namespace gr {
namespace ngplc {
namespace {

constexpr const char* kBlock = "despreader";
constexpr int kSamplesPerChip = 4;
const pmt::pmt_t kSymbols = pmt::mp("symbols");

std::size_t longest_frame(const ngdsp::Profile& profile) {
  int chips = 0;
  for (const auto& c : profile.classes) chips = std::max(chips, profile.frame_chips(c));
  return static_cast<std::size_t>(chips) * kSamplesPerChip;
}

}  // namespace

template <class T>
typename despreader<T>::sptr despreader<T>::make(const std::string& profile, double sample_rate_hz,
                                                 double carrier_hz, double center_hz) {
  const auto placed = profile_in_samples<T>(kBlock, profile, sample_rate_hz, carrier_hz, center_hz);
  auto front_end =
      ngdsp::FrontEnd::create(placed, placed.sample_rate_hz, placed.carrier_hz - placed.center_hz);
  if (!front_end) refuse(kBlock, front_end.error());
  return gnuradio::make_block_sptr<despreader_impl<T>>(placed, std::move(*front_end));
}

template <class T>
despreader_impl<T>::despreader_impl(const ngdsp::Profile& profile, ngdsp::FrontEnd front_end)
    : gr::sync_block("ngplc_despreader", gr::io_signature::make(1, 1, sizeof(T)),
                     gr::io_signature::make(0, 0, 0)),
      profile_(profile),
      encoder_(profile),
      front_end_(std::move(front_end)),
      kept_(4 * longest_frame(profile)) {
  this->message_port_register_in(keys::frames);
  this->set_msg_handler(keys::frames, [this](const pmt::pmt_t& pdu) { accept(pdu); });
  this->message_port_register_out(kSymbols);
}

template <class T>
void despreader_impl<T>::accept(const pmt::pmt_t& pdu) {
  const bool has_meta = pmt::is_pair(pdu) && pmt::is_dict(pmt::car(pdu));
  const auto number = [&pdu, has_meta](const pmt::pmt_t& key) {
    return number_or_nan(has_meta ? pmt::dict_ref(pmt::car(pdu), key, pmt::PMT_NIL) : pmt::PMT_NIL);
  };
  const double offset = number(keys::stream_offset) + number(keys::sample_fraction);
  const double sequence = number(keys::sequence);
  const double ppm = number(keys::clock_offset_ppm), carrier_hz = number(keys::carrier_offset_hz);
  if (!std::isfinite(offset + ppm + carrier_hz) || !(sequence >= 0 && sequence < profile_.sequence_count())) {
    ++missed_;
    return;
  }
  const double rate_hz = kSamplesPerChip * profile_.chip_rate_hz;
  Place place;
  place.meta = pmt::car(pdu);
  place.sequence = static_cast<int>(sequence);
  place.start = offset * rate_hz / profile_.sample_rate_hz;
  place.step = kSamplesPerChip / (1 + ppm * 1e-6);
  place.turns = carrier_hz / rate_hz;
  waiting_.push_back(place);
}

// Linear between two samples.
template <class T>
gr_complex despreader_impl<T>::at(double sample) const {
  const double local = sample - static_cast<double>(first_), whole = std::floor(local);
  const auto i = static_cast<std::size_t>(whole);
  const auto mu = static_cast<float>(local - whole);
  return (1 - mu) * samples_[i] + mu * samples_[i + 1];
}

// False while its last sample is not there.
template <class T>
bool despreader_impl<T>::despread(const Place& place) {
  const auto& sequence = encoder_.sequence(place.sequence);
  const auto& payload_class = profile_.class_of(place.sequence);
  const double last = place.start + place.step * static_cast<double>(sequence.size());
  if (last + 1 >= static_cast<double>(first_ + samples_.size())) return false;
  if (place.start < static_cast<double>(first_)) {
    ++missed_;
    return true;
  }
  std::vector<gr_complex> products(sequence.size());
  for (std::size_t n = 0; n < sequence.size(); ++n) {
    const double t = place.step * static_cast<double>(n);
    const double turns = place.turns * t;
    const auto turn = static_cast<float>(-2 * ngdsp::kPi * (turns - std::floor(turns)));
    products[n] = at(place.start + t) * std::conj(sequence[n]) * std::polar(1.0F, turn);
  }
  const auto preamble = static_cast<std::size_t>(profile_.preamble_start(payload_class));
  gr_complex gain = 0;
  for (int n = 0; n < profile_.preamble_chips; ++n) gain += products[preamble + static_cast<std::size_t>(n)];
  gain /= static_cast<float>(profile_.preamble_chips);
  const gr_complex scale =
      std::conj(gain) / (std::norm(gain) * static_cast<float>(profile_.spreading_factor));

  std::vector<gr_complex> symbols(static_cast<std::size_t>(payload_class.code_bits));
  std::size_t n = 0;
  for (gr_complex& symbol : symbols) {
    if (n == preamble) n += static_cast<std::size_t>(profile_.preamble_chips);
    for (int i = 0; i < profile_.spreading_factor; ++i) symbol += products[n++];
    symbol *= scale;
  }
  ++frames_;
  this->message_port_pub(kSymbols, pmt::cons(place.meta, pmt::init_c32vector(symbols.size(), symbols)));
  return true;
}

template <class T>
int despreader_impl<T>::work(int noutput_items, gr_vector_const_void_star& input, gr_vector_void_star&) {
  const auto* in = static_cast<const T*>(input[0]);
  const std::vector<gr_complex> x(in, in + noutput_items);
  front_end_.process(ngdsp::Span<const gr_complex>(x), [this](ngdsp::Span<const gr_complex> piece) {
    samples_.insert(samples_.end(), piece.begin(), piece.end());
  });
  if (samples_.size() > kept_) {
    const std::size_t old = samples_.size() - kept_;
    samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(old));
    first_ += old;
  }
  while (!waiting_.empty() && despread(waiting_.front())) waiting_.pop_front();
  return noutput_items;
}

template class NGPLC_API despreader<float>;
template class NGPLC_API despreader<gr_complex>;

}  // namespace ngplc
}  // namespace gr
