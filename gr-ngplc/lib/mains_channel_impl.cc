#include "mains_channel_impl.h"

#include <gnuradio/io_signature.h>

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "placing.h"

namespace gr {
namespace ngplc {
namespace {

constexpr const char* kBlock = "mains_channel";
constexpr double kQuietestToneDb = -40;

// Of the latest path of any state.
double reach_samples(const ngdsp::PlacedLine& line, double chip_samples) {
  double chips = 0;
  for (const auto& state : line.senders[line.median].states)
    chips = std::max(chips, ngdsp::longest_delay_chips(state.taps));
  return chips * chip_samples;
}

ngdsp::PlacedLine placed_line(const ngdsp::Scenario& scenario, const ngdsp::Profile& profile) {
  auto line = ngdsp::place_line(scenario.line, profile);
  if (!line) refuse(kBlock, "scenario: " + line.error());
  return std::move(*line);
}

}  // namespace

template <class T>
typename mains_channel<T>::sptr mains_channel<T>::make(const std::string& scenario,
                                                       const std::string& profile, double noise_dbfs,
                                                       double impulses_per_s, double impulse_level_db,
                                                       double tone_hz, double tone_db, double sample_rate_hz,
                                                       std::uint64_t seed) {
  const auto placed = profile_in_samples<T>(kBlock, profile, sample_rate_hz, -1, -1);
  ngdsp::Scenario place;
  if (!scenario.empty()) {
    auto loaded = ngdsp::load_scenario(scenario);
    if (!loaded) refuse(kBlock, "scenario: " + loaded.error());
    place = std::move(*loaded);
  }
  if (place.recording || std::any_of(place.segments.begin(), place.segments.end(),
                                     [](const auto& s) { return s.noise.recording.has_value(); }))
    refuse(kBlock, "scenario " + scenario + " plays a recording, which this block does not");
  return gnuradio::make_block_sptr<mains_channel_impl<T>>(
      place, placed,
      typename mains_channel_impl<T>::Extra{noise_dbfs, impulses_per_s, impulse_level_db, tone_hz, tone_db},
      seed);
}

template <class T>
mains_channel_impl<T>::mains_channel_impl(const ngdsp::Scenario& scenario, const ngdsp::Profile& profile,
                                          const Extra& extra, std::uint64_t seed)
    : gr::sync_block("ngplc_mains_channel", gr::io_signature::make(1, 1, sizeof(T)),
                     gr::io_signature::make(1, 1, sizeof(T))),
      scenario_(scenario),
      band_(ngdsp::noise_band(profile, profile.sample_rate_hz)),
      paths_(placed_line(scenario, profile)),
      chip_samples_(profile.samples_per_chip()),
      seed_(seed),
      extra_(extra),
      line_(line_with(extra)),
      others_(paths_.states.size() - 1) {
  this->set_history(static_cast<unsigned>(std::ceil(reach_samples(paths_, chip_samples_))) + 2 * kDelay);
  this->declare_sample_delay(static_cast<unsigned>(kDelay));
}

template <class T>
ngdsp::ScenarioLine<T> mains_channel_impl<T>::line_with(const Extra& extra) const {
  in_range(kBlock, "noise_dbfs", extra.noise_dbfs, -300, 60, "-300 to 60 dB");
  in_range(kBlock, "impulses_per_s", extra.impulses_per_s, 0, 1e4, "0 to 10 000");
  ngdsp::Scenario place = scenario_;
  const auto each = [&place](auto add) {  // where the noise changes, to each of its kinds
    if (place.segments.empty()) add(place);
    for (ngdsp::NoiseSegment& s : place.segments) add(s.noise);
  };
  if (extra.impulses_per_s > 0) {
    ngdsp::ImpulseConfig impulses;
    impulses.mean_gap_s = std::min(1 / extra.impulses_per_s, 1e4);
    impulses.level_db = extra.impulse_level_db;
    each([&](ngdsp::Scenario& s) { s.impulses.push_back(impulses); });
  }
  if (extra.tone_db >= kQuietestToneDb) {
    ngdsp::CarrierConfig tone;
    tone.frequency_hz = extra.tone_hz;
    tone.level_db = extra.tone_db;
    each([&](ngdsp::Scenario& s) { s.carriers.push_back(tone); });
  }
  // Every change goes on with other noise, not with the same once more.
  auto line = ngdsp::ScenarioLine<T>::create(place, paths_, band_, ngdsp::from_db(extra.noise_dbfs),
                                             ngdsp::Rng::stream(seed_, changes_).next());
  if (!line) refuse(kBlock, line.error());
  return std::move(*line);
}

template <class T>
void mains_channel_impl<T>::change(double Extra::*what, double value) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (extra_.*what == value) return;
  Extra changed = extra_;
  changed.*what = value;
  ++changes_;
  line_ = line_with(changed);
  extra_ = changed;
}

// `in` has the history in front.
template <class T>
void mains_channel_impl<T>::through(const ngdsp::SenderPaths& paths, const T* in, std::size_t count,
                                    std::vector<T>& out) const {
  const std::size_t before = this->history() - 1;
  out.assign(count, T{});
  ngdsp::add_sampled_paths(ngdsp::Span<const T>(in, before + count), static_cast<double>(before) - kDelay, 0,
                           paths.taps, chip_samples_, scenario_.line.divider_gain() * paths.amplitude,
                           ngdsp::Span<T>(out));
}

template <class T>
int mains_channel_impl<T>::work(int noutput_items, gr_vector_const_void_star& input,
                                gr_vector_void_star& output) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto* in = static_cast<const T*>(input[0]);
  const auto count = static_cast<std::size_t>(noutput_items);
  const auto& states = paths_.senders[paths_.median].states;
  for (std::size_t s = 0; s < states.size(); ++s)
    through(states[s], in, count, s == 0 ? block_ : others_[s - 1]);
  line_->pass(ngdsp::Span<T>(block_), others_);
  std::copy(block_.begin(), block_.end(), static_cast<T*>(output[0]));
  return noutput_items;
}

template class NGPLC_API mains_channel<float>;
template class NGPLC_API mains_channel<gr_complex>;

}  // namespace ngplc
}  // namespace gr
