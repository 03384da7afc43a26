#include "mains_phase_impl.h"

#include <gnuradio/io_signature.h>
#include <gnuradio/ngplc/keys.h>
#include <gnuradio/pdu.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "placing.h"

namespace gr {
namespace ngplc {
namespace {

constexpr const char* kBlock = "mains_phase";
constexpr double kStepSeconds = 0.5e-3;
constexpr std::array<const char*, 4> kReferences = {"samples", "voltage", "crossings", "noise"};

MainsReference reference_of(const std::string& name) {
  const auto found = std::find(kReferences.begin(), kReferences.end(), name);
  if (found == kReferences.end())
    refuse(kBlock, "reference is " + name + ", expected samples, voltage, crossings or noise");
  return static_cast<MainsReference>(found - kReferences.begin());
}

bool has_input(MainsReference r) { return r == MainsReference::kVoltage || r == MainsReference::kCrossings; }

gr::io_signature::sptr inputs(MainsReference reference, int size) {
  return has_input(reference) ? gr::io_signature::make2(2, 2, size, sizeof(float))
                              : gr::io_signature::make(1, 1, size);
}

std::size_t step_of(double rate_hz) {
  return static_cast<std::size_t>(std::max(1L, std::lround(kStepSeconds * rate_hz)));
}

double wrapped(double turns) { return turns - std::floor(turns); }

}  // namespace

template <class T>
typename mains_phase<T>::sptr mains_phase<T>::make(const std::string& reference, const std::string& profile,
                                                   double sample_rate_hz, double carrier_hz,
                                                   double center_hz) {
  const MainsReference kind = reference_of(reference);
  if (kind == MainsReference::kSamples && !std::is_same_v<T, float>)
    refuse(kBlock, "reference samples needs float samples");
  double rate_hz = sample_rate_hz, chip_rate_hz = 1;
  std::optional<ngdsp::NoiseFrontEnd> noise;
  if (kind == MainsReference::kNoise || sample_rate_hz == 0) {
    const auto placed = profile_in_samples<T>(kBlock, profile, sample_rate_hz, carrier_hz, center_hz);
    rate_hz = placed.sample_rate_hz;
    chip_rate_hz = placed.chip_rate_hz;
    if (kind == MainsReference::kNoise) {
      auto made = ngdsp::NoiseFrontEnd::create(placed, rate_hz, placed.carrier_hz - placed.center_hz);
      if (!made) refuse(kBlock, made.error());
      noise = std::move(*made);
    }
  }
  in_range(kBlock, "sample_rate_hz", rate_hz, 1000, 1e9, "1000 to 1e9 samples/s");
  return gnuradio::make_block_sptr<mains_phase_impl<T>>(kind, rate_hz, chip_rate_hz, std::move(noise));
}

template <class T>
mains_phase_impl<T>::mains_phase_impl(MainsReference reference, double sample_rate_hz, double chip_rate_hz,
                                      std::optional<ngdsp::NoiseFrontEnd> noise)
    : gr::sync_block("ngplc_mains_phase", inputs(reference, sizeof(T)),
                     gr::io_signature::make(1, 1, sizeof(T))),
      reference_(reference),
      rate_hz_(sample_rate_hz),
      chip_samples_(sample_rate_hz / chip_rate_hz),
      step_samples_(step_of(sample_rate_hz)),
      noise_(std::move(noise)),
      tracker_(static_cast<double>(step_samples_) / sample_rate_hz) {
  this->set_tag_propagation_policy(gr::block::TPP_DONT);  // those of the samples alone are passed on
}

template <class T>
void mains_phase_impl<T>::restart() {
  tracker_.restart();
  if (noise_) noise_->flush([](ngdsp::Span<const float>) {});
  steps_ = 0;
  in_step_ = 0;
  sum_ = 0;
}

// Started again: its input begins anew.
template <class T>
bool mains_phase_impl<T>::start() {
  restart();
  lock_told_ = false;
  return gr::sync_block::start();
}

template <class T>
void mains_phase_impl<T>::tag(std::uint64_t offset, const pmt::pmt_t& key, const pmt::pmt_t& value) {
  this->add_item_tag(0, offset, key, value, this->alias_pmt());
}

// What there is to say of a step is known when it begins, whatever the blocks it comes in.
template <class T>
void mains_phase_impl<T>::begin_step(std::uint64_t offset) {
  const ngdsp::MainsTracker& tracker = noise_ ? noise_->rhythm().mains() : tracker_;
  const bool locked = tracker.locked();
  const double f = locked ? tracker.frequency_hz() : 0;
  locks_ = tracker.locks();
  frequency_hz_ = f;
  locked_ = locked;
  const bool found = locked && !lock_told_;
  if (locked != lock_told_) tag(offset, keys::mains_lock, pmt::from_bool(locked));
  lock_told_ = locked;
  if (!locked) return;
  // The tracker tells the middle of the value that comes next; a voltage is highest a quarter turn after it
  // rises through zero.
  const double first = static_cast<double>(steps_ * step_samples_);
  const double middle = noise_ ? noise_->rhythm().next_chip() * chip_samples_
                               : first + 0.5 * static_cast<double>(step_samples_ - 1);
  const bool voltage = reference_ == MainsReference::kSamples || reference_ == MainsReference::kVoltage;
  const double phase = wrapped(tracker.turns() + (first - middle) * f / rate_hz_ + (voltage ? 0.25 : 0));
  if (found) next_ = phase < 0.5 ? 0.5 : 0;
  // A correction of the phase may have passed over it.
  double turns_to = wrapped(next_ - phase);
  if (turns_to > 0.75) turns_to = 0;
  const double after = std::ceil(turns_to * rate_hz_ / f);
  if (after >= static_cast<double>(step_samples_)) return;
  const std::uint64_t at = offset + static_cast<std::uint64_t>(after);
  tag(at, keys::mains_phase, pmt::from_double(wrapped(phase + after * f / rate_hz_)));
  tag(at, keys::mains_frequency, pmt::from_double(f));
  next_ = 0.5 - next_;
}

template <class T>
void mains_phase_impl<T>::end_step() {
  if (noise_) {
    noise_->process(piece_, [](ngdsp::Span<const float>) {});
    piece_.clear();
  } else {
    const auto mean = static_cast<float>(sum_ / static_cast<double>(step_samples_));
    tracker_.process(ngdsp::Span<const float>(&mean, 1));
  }
  ++steps_;
  in_step_ = 0;
  sum_ = 0;
}

template <class T>
void mains_phase_impl<T>::follow(const T* samples, const float* reference, std::size_t count) {
  in_step_ += count;
  if (noise_) {
    piece_.insert(piece_.end(), samples, samples + count);
  } else {
    for (std::size_t i = 0; i < count; ++i) sum_ += static_cast<double>(reference[i]);
  }
  if (in_step_ == step_samples_) end_step();
}

template <class T>
int mains_phase_impl<T>::work(int noutput_items, gr_vector_const_void_star& input,
                              gr_vector_void_star& output) {
  const auto count = static_cast<std::size_t>(noutput_items);
  const auto* in = static_cast<const T*>(input[0]);
  const auto* reference = static_cast<const float*>(input.back());
  const std::uint64_t first = this->nitems_written(0);
  std::copy_n(in, count, static_cast<T*>(output[0]));

  std::vector<gr::tag_t> tags;
  this->get_tags_in_window(tags, 0, 0, count);
  std::sort(tags.begin(), tags.end(), gr::tag_t::offset_compare);
  auto next = tags.begin();
  for (std::size_t done = 0; done < count;) {
    for (; next != tags.end() && next->offset == first + done; ++next) {
      if (pmt::eqv(next->key, gr::metadata_keys::rx_time()) && steps_ + in_step_ > 0) restart();
      this->add_item_tag(0, *next);
    }
    if (in_step_ == 0) begin_step(first + done);
    std::size_t piece = std::min(count - done, step_samples_ - in_step_);
    if (next != tags.end()) piece = std::min<std::size_t>(piece, next->offset - first - done);
    follow(in + done, reference + done, piece);
    done += piece;
  }
  return noutput_items;
}

template class NGPLC_API mains_phase<float>;
template class NGPLC_API mains_phase<gr_complex>;

}  // namespace ngplc
}  // namespace gr
