// Where in the cycle of the mains samples are.
#pragma once

#include <gnuradio/gr_complex.h>
#include <gnuradio/ngplc/api.h>
#include <gnuradio/sync_block.h>

#include <cstdint>
#include <memory>
#include <string>

namespace gr {
namespace ngplc {

/*! \brief Tags the zero crossings of the mains: ngdsp::MainsTracker as a block.
 *
 * Output: the input, at once. A mains of 50, 60 or 16.7 Hz +-1 % is found in the last second and then
 * followed; while it is, the first sample after each zero crossing has the tags `mains_phase` (turns at this
 * sample: 0 is the rising crossing, 0.5 the falling one) and `mains_frequency` (Hz, by the clock of the
 * samples). `mains_lock` (bool) says when it was found and when lost. A tag tells what was known up to its
 * sample: at most 0.1 s ahead.
 *
 * A tag `rx_time` after the start is a discontinuity: the mains is looked for anew.
 *
 * What is followed, `reference`:
 * - "samples": the samples are the voltage of the mains (float);
 * - "voltage": a second input is, at the same rate, or switches with it;
 * - "crossings": a second input has pulses at its zero crossings. With one a cycle phase 0 is a pulse; with
 *   two nobody knows which of them rises;
 * - "noise": bursts in the band of the profile. Phase 0 is then some place in the cycle that stays where it
 *   is. The phase is that of the input although the noise is known later.
 */
template <class T>
class NGPLC_API mains_phase : virtual public gr::sync_block {
 public:
  using sptr = std::shared_ptr<mains_phase<T>>;

  /*! \brief Throws std::invalid_argument with one line that names what does not fit.
   * \param reference "samples", "voltage", "crossings" or "noise"
   * \param profile shipped profile or path of a TOML file
   * \param sample_rate_hz of the input, samples/s, 1000 to 1e9; 0: the profile's
   * \param carrier_hz with "noise": carrier in the input, Hz; -1: the profile's
   * \param center_hz with "noise", complex input: frequency of its zero, Hz; -1: the profile's, for mains
   * profiles the carrier
   */
  static sptr make(const std::string& reference = "samples", const std::string& profile = "cenelec-a",
                   double sample_rate_hz = 0, double carrier_hz = -1, double center_hz = -1);

  //! The mains is followed now.
  virtual bool locked() const = 0;
  //! Its frequency by the clock of the samples, Hz; 0 while it is not followed.
  virtual double frequency_hz() const = 0;
  //! Times it was found.
  virtual std::uint64_t locks() const = 0;
};

using mains_phase_f = mains_phase<float>;
using mains_phase_c = mains_phase<gr_complex>;

}  // namespace ngplc
}  // namespace gr
