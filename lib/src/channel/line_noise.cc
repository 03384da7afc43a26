#include "ngdsp/channel/line_noise.h"

#include <algorithm>
#include <cmath>

namespace ngdsp {
namespace {

ColourConfig slope(double slope_db) {
  ColourConfig colour;
  colour.slope_db = slope_db;
  return colour;
}

bool same(const ColourConfig& a, const ColourConfig& b) {
  return a.slope_db == b.slope_db && a.floor == b.floor && a.rise == b.rise && a.decay_hz == b.decay_hz &&
         a.table == b.table;
}

float to_sample(cf32 wave, float) { return std::sqrt(2.0F) * wave.real(); }
cf32 to_sample(cf32 wave, cf32) { return wave; }

}  // namespace

template <typename Sample>
Result<LineNoise<Sample>> LineNoise<Sample>::create(const Scenario& scenario, const NoiseBand& band,
                                                    std::uint64_t seed) {
  if (std::string e = scenario.validate(); !e.empty()) return Error{e};
  LineNoise noise(scenario, band);
  if (scenario.recording) {
    Result<PlayedRecording> played = prepare_recording(*scenario.recording, band);
    if (!played) return Error{played.error()};
    noise.recording_ = *played;
  }
  noise.restart(seed);
  return noise;
}

template <typename Sample>
LineNoise<Sample>::LineNoise(const Scenario& scenario, const NoiseBand& band)
    : scenario_(scenario), band_(band), background_(scenario.background, band) {
  group_of(scenario.background).background = true;
  for (const CyclicConfig& c : scenario.cyclic) group_of(slope(c.slope_db));
  for (const BurstConfig& c : scenario.bursts) group_of(slope(c.slope_db));
  for (const ImpulseConfig& c : scenario.impulses) group_of(slope(c.slope_db));
}

template <typename Sample>
typename LineNoise<Sample>::Group& LineNoise<Sample>::group_of(const ColourConfig& colour) {
  for (Group& g : groups_)
    if (same(g.colour, colour)) return g;
  Group group;
  group.colour = colour;
  if (!colour.white()) group.taps = colour_taps(Colour(colour, band_), band_);
  groups_.push_back(std::move(group));
  return groups_.back();
}

template <typename Sample>
void LineNoise<Sample>::restart(std::uint64_t seed) {
  Rng seeds(seed);
  for (Group& g : groups_) {
    g.sources.clear();
    g.rng = Rng(seeds.next());
    if (g.taps.empty()) continue;
    g.filter.emplace(g.taps);
    if (!g.background) continue;
    std::vector<Sample> before(g.taps.size());  // the background has no beginning
    for (Sample& x : before) x = white(g, 1);
    g.filter->process(before);
  }
  const double fs = band_.sample_rate_hz;
  for (const CyclicConfig& c : scenario_.cyclic)
    group_of(slope(c.slope_db)).sources.push_back(std::make_unique<CyclicNoise>(c));
  for (const BurstConfig& c : scenario_.bursts)
    group_of(slope(c.slope_db))
        .sources.push_back(std::make_unique<MainsBursts>(c, scenario_.mains.frequency_hz, seeds.next()));
  for (const ImpulseConfig& c : scenario_.impulses)
    group_of(slope(c.slope_db)).sources.push_back(std::make_unique<RandomImpulses>(c, fs, seeds.next()));
  waves_.clear();
  for (const RingingConfig& c : scenario_.ringing)
    waves_.push_back(std::make_unique<Ringing>(c, band_, seeds.next()));
  for (const CarrierConfig& c : scenario_.carriers)
    waves_.push_back(std::make_unique<Carrier>(c, band_, seeds.next()));
  for (const CombConfig& c : scenario_.combs)
    waves_.push_back(std::make_unique<ConverterComb>(c, band_, seeds.next()));
  if (recording_) waves_.push_back(std::make_unique<RecordedNoise>(*recording_, band_, seeds.next()));
}

template <typename Sample>
Sample LineNoise<Sample>::white(Group& group, float variance) {
  if (variance == 0) return {};
  const double sigma = std::sqrt(static_cast<double>(variance) * band_.white_variance());
  if constexpr (std::is_same_v<Sample, float>) {
    return static_cast<float>(sigma * group.rng.normal());
  } else {
    const double part = sigma * std::sqrt(0.5), re = group.rng.normal(), im = group.rng.normal();
    return {static_cast<float>(part * re), static_cast<float>(part * im)};
  }
}

template <typename Sample>
void LineNoise<Sample>::add(Span<const double> turns, Span<Sample> x, double power) {
  const auto gain = static_cast<float>(std::sqrt(power));
  variance_.assign(x.size(), 0);
  for (Group& g : groups_) {
    part_.assign(x.size(), g.background ? 1.0F : 0.0F);
    for (const auto& source : g.sources) source->add(turns, Span<float>(part_));
    samples_.resize(x.size());
    for (std::size_t k = 0; k < x.size(); ++k) {
      samples_[k] = white(g, part_[k]);
      variance_[k] += part_[k];
    }
    if (g.filter) g.filter->process(samples_);
    for (std::size_t k = 0; k < x.size(); ++k) x[k] += gain * samples_[k];
  }
  wave_.assign(x.size(), cf32{});
  for (const auto& source : waves_) source->add(turns, Span<cf32>(wave_));
  if (waves_.empty()) return;
  for (std::size_t k = 0; k < x.size(); ++k) x[k] += gain * to_sample(wave_[k], Sample{});
}

template class LineNoise<float>;
template class LineNoise<cf32>;

}  // namespace ngdsp
