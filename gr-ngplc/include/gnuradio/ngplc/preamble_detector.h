// Where preambles are in a stream.
#pragma once

#include <gnuradio/gr_complex.h>
#include <gnuradio/ngplc/api.h>
#include <gnuradio/sync_block.h>

#include <cstdint>
#include <memory>
#include <string>

namespace gr {
namespace ngplc {

/*! \brief Tags the first chip of every preamble that the search of the receiver finds.
 *
 * Output: the input, delay_samples() later, with a tag `preamble` at the sample nearest to the first chip of
 * the preamble (which lies in the middle of its frame): a dictionary of `sequence`, `sample_fraction`,
 * `detection` and `carrier_offset_hz`. Tags of the input keep their samples. The statistic is |sum r c*|^2 /
 * sum |r|^2, exponential(1) on noise of any level: a preamble of N chips at E_c/N_0 stands at about N
 * E_c/N_0. Strong frames have side lobes: nothing is cancelled here, and no spectrum evened out.
 */
template <class T>
class NGPLC_API preamble_detector : virtual public gr::sync_block {
 public:
  using sptr = std::shared_ptr<preamble_detector<T>>;

  /*! \brief Throws std::invalid_argument with one line that names what does not fit.
   * \param threshold of the statistic, 5 to 1e6; 25: with cenelec-a one of noise in some ten hours
   * \param profile shipped profile or path of a TOML file
   * \param sample_rate_hz of the input, samples/s; 0: the profile's
   * \param carrier_hz carrier in the input, Hz; -1: the profile's
   * \param center_hz complex input: frequency of its zero, Hz; -1: the profile's, for mains profiles the
   * carrier
   */
  static sptr make(double threshold = 25, const std::string& profile = "cenelec-a", double sample_rate_hz = 0,
                   double carrier_hz = -1, double center_hz = -1);

  //! The output is this much later than the input: the length of the search.
  virtual int delay_samples() const = 0;
  //! Tags so far.
  virtual std::uint64_t detections() const = 0;
  //! Tags a second that white noise alone would have, by theory.
  virtual double noise_detections_per_s() const = 0;
};

using preamble_detector_f = preamble_detector<float>;
using preamble_detector_c = preamble_detector<gr_complex>;

}  // namespace ngplc
}  // namespace gr
