// A line with its noise.
#pragma once

#include <gnuradio/gr_complex.h>
#include <gnuradio/ngplc/api.h>
#include <gnuradio/sync_block.h>

#include <cstdint>
#include <memory>
#include <string>

namespace gr {
namespace ngplc {

/*! \brief A place on the mains: ngdsp::ScenarioLine as a block, with impulses and a tone that can be moved.
 *
 * Samples in and out. Paths, noise and receiver input of the scenario; noise as strong as `noise_dbfs` says.
 * The output is later than the input by `delay_samples()`.
 */
template <class T>
class NGPLC_API mains_channel : virtual public gr::sync_block {
 public:
  using sptr = std::shared_ptr<mains_channel<T>>;

  /*! \brief Throws std::invalid_argument with one line that names what does not fit.
   * \param scenario shipped scenario or path of a TOML file; empty: white noise on a plain line. One that
   * plays a recording is refused \param profile whose band counts, shipped profile or path of a TOML file
   * \param noise_dbfs of the background: N0 times the chip rate, dB of 1.0, -300 to 60
   * \param impulses_per_s besides those of the scenario, 1/s, 0 to 10 000; 0: none
   * \param impulse_level_db noise during an impulse over the background, dB, 0 to 80; 0.1 ms each
   * \param tone_hz frequency of an interferer in the samples, Hz
   * \param tone_db its power over N0 times the chip rate, dB, -40 to 100; below: none
   * \param sample_rate_hz samples/s; 0: the profile's
   * \param seed of everything drawn
   */
  static sptr make(const std::string& scenario = "", const std::string& profile = "cenelec-a",
                   double noise_dbfs = -40, double impulses_per_s = 0, double impulse_level_db = 30,
                   double tone_hz = 60000, double tone_db = -100, double sample_rate_hz = 0,
                   std::uint64_t seed = 1);

  virtual void set_noise_dbfs(double noise_dbfs) = 0;
  virtual void set_impulses_per_s(double impulses_per_s) = 0;
  virtual void set_impulse_level_db(double impulse_level_db) = 0;
  virtual void set_tone_hz(double tone_hz) = 0;
  virtual void set_tone_db(double tone_db) = 0;
  //! The output is this much later than the input.
  virtual int delay_samples() const = 0;
};

using mains_channel_f = mains_channel<float>;
using mains_channel_c = mains_channel<gr_complex>;

}  // namespace ngplc
}  // namespace gr
