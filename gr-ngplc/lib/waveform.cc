#include <gnuradio/ngplc/waveform.h>

#include <algorithm>
#include <complex>

#include "ngdsp/tx/frame_encoder.h"
#include "ngdsp/tx/modulator.h"
#include "placing.h"

namespace gr {
namespace ngplc {

std::vector<gr_complex> preamble_taps(const std::string& profile, int sequence, double sample_rate_hz) {
  constexpr const char* kName = "preamble_taps";
  auto loaded = ngdsp::load_profile(profile);
  if (!loaded) refuse(kName, loaded.error());
  // The analytic signal of a mains profile: complex samples around 0 Hz.
  const double center_hz = loaded->real ? 0 : loaded->center_hz;
  const auto placed = profile_in_samples<gr_complex>(kName, profile, sample_rate_hz, -1, center_hz);
  if (sequence < 0 || sequence >= placed.sequence_count())
    refuse(kName, "sequence is " + std::to_string(sequence) + ", expected 0 to " +
                      std::to_string(placed.sequence_count() - 1));
  const ngdsp::FrameEncoder encoder(placed);
  const ngdsp::Modulator modulator(placed);
  const auto chips = encoder.preamble(sequence);
  const int lead = modulator.lead_samples();
  std::vector<gr_complex> taps(static_cast<std::size_t>(lead + modulator.tail_samples(chips.size())));
  ngdsp::Arrival arrival;
  arrival.start_samples = lead;
  modulator.add(chips, arrival, ngdsp::Span<gr_complex>(taps));
  std::reverse(taps.begin(), taps.end());
  for (gr_complex& tap : taps) tap = std::conj(tap) / static_cast<float>(taps.size());
  return taps;
}

std::vector<gr_complex> frame_chips(const std::string& profile, int sequence,
                                    const std::vector<std::uint8_t>& payload) {
  constexpr const char* kName = "frame_chips";
  const auto loaded = ngdsp::load_profile(profile);
  if (!loaded) refuse(kName, loaded.error());
  if (sequence < 0 || sequence >= loaded->sequence_count())
    refuse(kName, "sequence is " + std::to_string(sequence) + ", expected 0 to " +
                      std::to_string(loaded->sequence_count() - 1));
  const int expected = loaded->class_of(sequence).payload_bytes;
  if (static_cast<int>(payload.size()) != expected)
    refuse(kName,
           "payload has " + std::to_string(payload.size()) + " bytes, expected " + std::to_string(expected));
  return ngdsp::FrameEncoder(*loaded).encode(payload, sequence);
}

std::vector<double> frame_lengths_s(const std::string& profile) {
  const auto loaded = ngdsp::load_profile(profile);
  if (!loaded) refuse("frame_lengths_s", loaded.error());
  std::vector<double> lengths;
  for (int q = 0; q < loaded->sequence_count(); ++q)
    lengths.push_back(loaded->frame_chips(loaded->class_of(q)) * loaded->chip_s());
  return lengths;
}

}  // namespace ngplc
}  // namespace gr
