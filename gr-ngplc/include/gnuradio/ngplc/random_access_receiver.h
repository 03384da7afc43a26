// Samples in, frames out.
#pragma once

#include <gnuradio/block.h>
#include <gnuradio/gr_complex.h>
#include <gnuradio/ngplc/api.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace gr {
namespace ngplc {

/*! \brief Receiver for overlapping frames: ngdsp::Receiver as a block, the same frames bit for bit.
 *
 * Input: samples of one profile, float (mains) or complex (radio, or a slice of the mains around a
 * frequency).
 *
 * Messages (keys in docs/interfaces.md, "GNU Radio"):
 * - `frames`: a PDU a decoded frame, u8 payload, in order of decoding;
 * - `status`: a dictionary with all counters every `status_interval_s` of samples (`event` = "status"), at a
 * gap
 *   ("gap"), at a wrong rate ("rate") and at the end of the input ("end");
 * - `candidates`, with `trace`: a dictionary a candidate that did not become a frame, with the stage where it
 *   died and why.
 *
 * For a look inside, made only while somebody is connected; the frames are the same. PDUs with `sample_index`
 * and `sample_fraction` of their first value and `sample_rate_hz` of their values, some 2.5 of the longest
 * frame behind the stream:
 * - `residual`, c32: what is left when all frames are taken out, matched-filtered, carrier at zero, four
 * times the chip rate;
 * - `weights`, f32: what its chips count for, the inverse of the variance of their noise, 1 for the
 * background;
 * - `correlation`, f32: of the residual with every preamble from each chip on, the strongest, over the energy
 *   there: exponential(1) for each sequence on noise. A peak is a frame that was not decoded.
 *
 * Tags: `rx_time` of the first sample gives frames their time. A later one is a discontinuity: as many
 * samples are missing as the times say, the receiver bridges that or starts anew (ngdsp::Receiver::reset_at),
 * goes on counting samples with the missing ones, and sends a status. `rx_rate` is compared with the sample
 * rate.
 *
 * The end of the input flushes the receiver: frames that are complete come out, then the status "end".
 */
template <class T>
class NGPLC_API random_access_receiver : virtual public gr::block {
 public:
  using sptr = std::shared_ptr<random_access_receiver<T>>;

  /*! \brief Throws std::invalid_argument with one line that names what does not fit.
   * \param profile shipped profile or path of a TOML file
   * \param sample_rate_hz of the input, samples/s; 0: the profile's
   * \param carrier_hz carrier in the input, Hz; -1: the profile's
   * \param center_hz complex input: frequency of its zero, Hz; -1: the profile's, for mains profiles the
   * carrier \param max_clock_ppm largest clock offset searched, ppm, at most 500; -1: the profile's \param
   * threads cores the receiver may use, 1 to 64; the frames are the same \param status_interval_s samples
   * between two status messages in seconds, 0.01 or more \param trace whether candidates that die are told
   */
  static sptr make(const std::string& profile = "cenelec-a", double sample_rate_hz = 0,
                   double carrier_hz = -1, double center_hz = -1, double max_clock_ppm = -1, int threads = 1,
                   double status_interval_s = 1, bool trace = false);

  //! All counters by name, those of `ngplc rx --json --status` and `rate_mismatches`.
  virtual std::map<std::string, std::uint64_t> counters() const = 0;
  //! Noise a sample in the occupied band, dB of 1.0, as tracked now.
  virtual double noise_dbfs() const = 0;
};

using random_access_receiver_f = random_access_receiver<float>;
using random_access_receiver_c = random_access_receiver<gr_complex>;

}  // namespace ngplc
}  // namespace gr
