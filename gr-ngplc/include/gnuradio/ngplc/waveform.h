// What flowgraphs want to know of a profile. An unknown one is std::invalid_argument.
#pragma once

#include <gnuradio/gr_complex.h>
#include <gnuradio/ngplc/api.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gr {
namespace ngplc {

/// Taps of the filter matched to the preamble of `sequence`, for samples at `sample_rate_hz` (0: the
/// profile's); real samples go in with an imaginary part of 0. |y|^2 peaks at the end of a preamble.
NGPLC_API std::vector<gr_complex> preamble_taps(const std::string& profile, int sequence,
                                                double sample_rate_hz = 0);

/// All chips of the frame with this payload on `sequence`, unit energy, as the library's encoder makes them.
NGPLC_API std::vector<gr_complex> frame_chips(const std::string& profile, int sequence,
                                              const std::vector<std::uint8_t>& payload);

/// Length of a frame on each sequence, s.
NGPLC_API std::vector<double> frame_lengths_s(const std::string& profile);

}  // namespace ngplc
}  // namespace gr
