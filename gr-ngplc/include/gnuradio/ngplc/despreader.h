// Symbols of frames that were received.
#pragma once

#include <gnuradio/gr_complex.h>
#include <gnuradio/ngplc/api.h>
#include <gnuradio/sync_block.h>

#include <cstdint>
#include <memory>
#include <string>

namespace gr {
namespace ngplc {

/*! \brief Looks into frames: despreads them from the stream that the receiver has, to be seen as a
 * constellation.
 *
 * Input: the samples that the receiver gets. Messages in, `frames`: its PDUs. Messages out, `symbols`: a PDU
 * of complex symbols a frame, one for every code bit, scaled so that +1 and -1 are expected, turned by the
 * phase of the preamble; metadata of the frame. Other frames are still in the stream: they are noise here.
 *
 * The samples of the last four longest frames are kept; a frame older than that is counted as too old.
 */
template <class T>
class NGPLC_API despreader : virtual public gr::sync_block {
 public:
  using sptr = std::shared_ptr<despreader<T>>;

  /*! \brief Throws std::invalid_argument with one line that names what does not fit.
   * \param profile shipped profile or path of a TOML file
   * \param sample_rate_hz of the input, samples/s; 0: the profile's
   * \param carrier_hz carrier in the input, Hz; -1: the profile's
   * \param center_hz complex input: frequency of its zero, Hz; -1: the profile's, for mains profiles the
   * carrier
   */
  static sptr make(const std::string& profile = "cenelec-a", double sample_rate_hz = 0,
                   double carrier_hz = -1, double center_hz = -1);

  //! Frames despread so far.
  virtual std::uint64_t frames() const = 0;
  //! Frames whose samples were gone, or whose metadata did not say where they are.
  virtual std::uint64_t missed() const = 0;
};

using despreader_f = despreader<float>;
using despreader_c = despreader<gr_complex>;

}  // namespace ngplc
}  // namespace gr
