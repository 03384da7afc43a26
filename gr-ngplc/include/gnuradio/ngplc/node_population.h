// Simulated nodes with traffic.
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

/*! \brief The frames of many nodes that send at random times: ngdsp::TrafficSignal as a source.
 *
 * Output: the sum of all frames, without noise, scaled for a line with noise of `noise_dbfs` (mains_channel
 * with the same value). The payloads are random; each frame has its own sequence, phase, clock and level.
 *
 * Messages out, `sent`: a PDU a frame as it begins, metadata `sample_index`, `sequence`, `level_db`,
 * `ebn0_db`.
 */
template <class T>
class NGPLC_API node_population : virtual public gr::sync_block {
 public:
  using sptr = std::shared_ptr<node_population<T>>;

  /*! \brief Throws std::invalid_argument with one line that names what does not fit.
   * \param profile shipped profile or path of a TOML file
   * \param nodes how many, 0 to 100 000
   * \param interval_s mean time between the frames of one node, s, above 0
   * \param payload_bytes a payload class of the profile of at least 9 bytes
   * \param ebn0_db mean energy of a payload bit over all levels against N0, dB, -60 to 120
   * \param levels transmit levels drawn a frame, "DB" or "DB:PERCENT" separated by commas
   * \param clock_ppm clock offsets, uniform in +- this, ppm, 0 to 200; the carrier follows
   * \param noise_dbfs what E_b/N0 counts from: N0 times the chip rate, dB of 1.0
   * \param sample_rate_hz of the output, samples/s; 0: the profile's
   * \param seed of everything drawn
   */
  static sptr make(const std::string& profile = "cenelec-a", int nodes = 20, double interval_s = 10,
                   int payload_bytes = 16, double ebn0_db = 10, const std::string& levels = "0",
                   double clock_ppm = 50, double noise_dbfs = -40, double sample_rate_hz = 0,
                   std::uint64_t seed = 1);

  //! How many nodes send from now on.
  virtual void set_nodes(int nodes) = 0;
  //! Mean time between the frames of one node from now on, s.
  virtual void set_interval_s(double interval_s) = 0;
  //! Of frames that begin from now on, dB.
  virtual void set_ebn0_db(double ebn0_db) = 0;
  //! Payload bits a chip that all nodes offer.
  virtual double load() const = 0;
};

using node_population_f = node_population<float>;
using node_population_c = node_population<gr_complex>;

}  // namespace ngplc
}  // namespace gr
