#include "ngdsp/eval/transmit_signal.h"

#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/tx/frame_encoder.h"
#include "ngdsp/tx/modulator.h"

namespace ngdsp {

Result<std::vector<float>> continuous_frames(const Profile& profile, double sample_rate_hz, double seconds,
                                             std::uint64_t seed) {
  if (!profile.real)
    return Error{"profile " + profile.name + " is a radio profile, expected one of the mains"};
  Profile p = profile;
  p.sample_rate_hz = sample_rate_hz;
  if (const std::string wrong = p.validate(); !wrong.empty()) return Error{wrong};
  const FrameEncoder encoder(p);
  const Modulator modulator(p);
  std::vector<float> samples(static_cast<std::size_t>(seconds * sample_rate_hz));
  Rng rng(seed);
  double start = 0;
  for (std::size_t frame = 0; start < static_cast<double>(samples.size()); ++frame) {
    const PayloadClass& c = p.classes[frame % p.classes.size()];
    const int q = p.first_sequence(c.payload_bytes) +
                  static_cast<int>(rng.below(static_cast<std::uint32_t>(c.sequences)));
    std::vector<std::uint8_t> payload(static_cast<std::size_t>(c.payload_bytes));
    for (auto& byte : payload) byte = static_cast<std::uint8_t>(rng.below(256));
    Arrival arrival;
    arrival.start_samples = start;
    arrival.phase_rad = rng.uniform(0, 2 * kPi);
    modulator.add(encoder.encode(payload, q), arrival, Span<float>(samples));
    start += p.frame_chips(c) * p.samples_per_chip();
  }
  return samples;
}

}  // namespace ngdsp
