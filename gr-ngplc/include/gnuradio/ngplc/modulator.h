// Payloads in, samples out.
#pragma once

#include <gnuradio/gr_complex.h>
#include <gnuradio/ngplc/api.h>
#include <gnuradio/sync_block.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace gr {
namespace ngplc {

/*! \brief Transmitter: ngdsp::FrameEncoder and ngdsp::Modulator as a source of samples.
 *
 * Messages in, `pdus`: a PDU a frame, u8, at most the largest payload class; filled with zeros to the next
 * one. Metadata, all optional: `sequence` (else drawn from the class), `level_db` (else drawn from `levels`),
 * `tx_time` (seconds . fraction) of the first chip. Frames go one after the other in order of arrival. A PDU
 * that is no u8 vector, empty, too long, or asks for what is not there is counted and reported on `status`.
 *
 * Messages out, `sent`: each frame as it begins, payload as sent, metadata of the PDU and `sample_index`,
 * `sequence`, `level_db`. `status`: drops with their reason.
 *
 * Output, continuous: samples without end, zeros between frames; time 0 is sample 0. In bursts: frames alone,
 * first and last sample tagged tx_sob and tx_eob, the first with tx_time where the PDU has one: for front
 * ends that know bursts.
 */
template <class T>
class NGPLC_API modulator : virtual public gr::sync_block {
 public:
  using sptr = std::shared_ptr<modulator<T>>;

  /*! \brief Throws std::invalid_argument with one line that names what does not fit.
   * \param profile shipped profile or path of a TOML file
   * \param sample_rate_hz of the output, samples/s; 0: the profile's
   * \param carrier_hz carrier in the output, Hz; -1: the profile's
   * \param center_hz complex output: frequency of its zero, Hz; -1: the profile's, for mains profiles the
   * carrier \param amplitude rms of a frame at level 0 dB, above 0, full scale 1 \param levels transmit
   * levels drawn a frame, "DB" or "DB:PERCENT" separated by commas \param gap_s silence between two frames,
   * s, 0 to 3600 \param bursts frames alone, with burst tags, instead of samples without end \param seed of
   * everything drawn
   */
  static sptr make(const std::string& profile = "cenelec-a", double sample_rate_hz = 0,
                   double carrier_hz = -1, double center_hz = -1, double amplitude = 0.1,
                   const std::string& levels = "0", double gap_s = 0.01, bool bursts = false,
                   std::uint64_t seed = 1);

  //! rms of frames that begin from now on.
  virtual void set_amplitude(double amplitude) = 0;
  //! frames, late, and every kind of drop by name.
  virtual std::map<std::string, std::uint64_t> counters() const = 0;
};

using modulator_f = modulator<float>;
using modulator_c = modulator<gr_complex>;

}  // namespace ngplc
}  // namespace gr
