// What is learned of the noise, beside the samples.
#pragma once

#include <gnuradio/block.h>
#include <gnuradio/gr_complex.h>
#include <gnuradio/ngplc/api.h>

#include <memory>
#include <string>

namespace gr {
namespace ngplc {

/*! \brief Spectrum S(f) and weights w(t) of the noise as the receiver learns them: ngdsp::NoiseFrontEnd.
 *
 * Outputs:
 * 0. the input, delay_samples() later, unaltered, tags at their samples;
 * 1. float, optional: w of the same samples, the inverse of the variance of the noise in their chip, 1 for
 *    the background;
 * 2. vectors of spectrum_bins() floats, optional: S in dB over its median, bin k at the carrier + (k/bins -
 *    1/2) chip rate; one every `spectrum_interval_s` from when something is known.
 *
 * No frame is taken out: strong ones that begin and end look like bursts here, which the receiver knows
 * better. A tag `rx_time` after the start is a discontinuity: everything is learned anew.
 */
template <class T>
class NGPLC_API noise_front_end : virtual public gr::block {
 public:
  using sptr = std::shared_ptr<noise_front_end<T>>;

  /*! \brief Throws std::invalid_argument with one line that names what does not fit.
   * \param profile shipped profile or path of a TOML file
   * \param sample_rate_hz of the input, samples/s; 0: the profile's
   * \param carrier_hz carrier in the input, Hz; -1: the profile's
   * \param center_hz complex input: frequency of its zero, Hz; -1: the profile's, for mains profiles the
   * carrier
   * \param spectrum_interval_s between two spectra, s, 0.01 to 3600
   */
  static sptr make(const std::string& profile = "cenelec-a", double sample_rate_hz = 0,
                   double carrier_hz = -1, double center_hz = -1, double spectrum_interval_s = 0.1);

  //! The output is this much later than the input: what weights are learned from.
  virtual int delay_samples() const = 0;
  //! Of a vector on output 2, 1024.
  virtual int spectrum_bins() const = 0;
  //! "white", or those of "lines", "coloured", "bursts" that hold, joined by "+".
  virtual std::string noise_class() const = 0;
};

using noise_front_end_f = noise_front_end<float>;
using noise_front_end_c = noise_front_end<gr_complex>;

}  // namespace ngplc
}  // namespace gr
