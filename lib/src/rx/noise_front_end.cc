#include "ngdsp/rx/noise_front_end.h"

#include <algorithm>
#include <vector>

namespace ngdsp {
namespace {

// Behind the newest: what spectra and filters reach back for.
constexpr std::int64_t kKeptChips = 4 * NoiseFrontEnd::kStepChips;

}  // namespace

Result<NoiseFrontEnd> NoiseFrontEnd::create(const Profile& profile, double sample_rate_hz,
                                            double carrier_hz) {
  auto front_end = FrontEnd::create(profile, sample_rate_hz, carrier_hz);
  if (!front_end) return Error{front_end.error()};
  return NoiseFrontEnd(profile, std::move(*front_end));
}

NoiseFrontEnd::NoiseFrontEnd(const Profile& profile, FrontEnd front_end)
    : front_end_(std::move(front_end)),
      chips_(profile.spreading_factor),
      spectrum_(profile.rolloff),
      rhythm_(profile.chip_rate_hz) {}

std::int64_t NoiseFrontEnd::delay_chips() const {
  return kStepChips + NoiseWeights::kBesideChips + ChipBuffer::kFilterReach + front_end_.block_chips() +
         front_end_.lookahead_chips() + 1;
}

NoiseReport NoiseFrontEnd::report() const {
  NoiseReport r;
  spectrum_.report(r);
  weights_.report(r);
  rhythm_.report(r);
  return r;
}

void NoiseFrontEnd::process(Span<const cf32> samples, const Sink& sink) {
  front_end_.process(samples, [&](Span<const cf32> block) {
    chips_.append(block);
    // A filter that whitens needs what follows.
    const auto ahead = [this] { return spectrum_.filter() ? ChipBuffer::kFilterReach : 0; };
    while (done_ + kStepChips + ahead() <= chips_.end()) {
      step(done_ + kStepChips);
      tell(done_ - NoiseWeights::kBesideChips, sink);
    }
  });
}

void NoiseFrontEnd::step(std::int64_t end) {
  weights_.learn(chips_, end);
  rhythm_.learn(chips_, end);
  if (spectrum_.learn(chips_, end, end)) {
    chips_.set_filter(spectrum_.filter());
    weights_.learn_again(chips_, chips_.begin(), end);
  }
  done_ = end;
}

void NoiseFrontEnd::tell(std::int64_t end, const Sink& sink) {
  std::vector<float> weights;
  LanePosition p(told_, chips_.lanes());
  for (; told_ < end; ++told_, ++p) weights.push_back(*chips_.weight(p));
  sink(weights);
  chips_.discard_before(std::min(told_, done_ - kKeptChips));
  weights_.learn_again(chips_);  // forgets what is gone
}

void NoiseFrontEnd::flush(const Sink& sink) {
  front_end_.flush([this](Span<const cf32> block) { chips_.append(block); });
  step(chips_.end());
  tell(chips_.end(), sink);
  chips_.restart();
  spectrum_.restart();
  weights_.restart();
  rhythm_.restart();
  done_ = told_ = 0;
}

}  // namespace ngdsp
