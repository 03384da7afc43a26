// Received frames on their way to the hub.
#pragma once

#include <gnuradio/block.h>
#include <gnuradio/ngplc/api.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace gr {
namespace ngplc {

/*! \brief The modem's end of the acknowledged frame feed (docs/interfaces.md, "Frame feed") as a block.
 *
 * Messages in, `frames`: PDUs of a receiver. Each becomes a frame record that is kept, in memory and then in
 * the spool, until the hub has committed it; a hub that is away is waited for. Messages out, `status`: a
 * dictionary for every frame that could not be taken, with the reason.
 *
 * Every start of the flowgraph is a run of its own. At its end the hub has `drain_s` to commit what is left.
 */
class NGPLC_API frame_feed_sink : virtual public gr::block {
 public:
  using sptr = std::shared_ptr<frame_feed_sink>;

  /*! \brief Throws std::invalid_argument with one line that names what does not fit.
   * \param endpoint the hub, tcp://HOST:PORT or ipc://PATH
   * \param receiver_id name of this receiver in the records, [A-Za-z0-9._:/-], 1 to 64
   * \param spool_directory folder that keeps what the hub has not committed; empty: memory only
   * \param mirror_endpoint PUB socket for whoever wants to watch; empty: none
   * \param time_source where rx_time comes from, as the records say it: "system", "gps", ...
   * \param drain_s given to the hub at the end, s, 0 to 3600
   * \param curve_server_key public key of the hub, 40 characters; empty: no CURVE
   */
  static sptr make(const std::string& endpoint = "tcp://127.0.0.1:7850",
                   const std::string& receiver_id = "gnuradio", const std::string& spool_directory = "",
                   const std::string& mirror_endpoint = "", const std::string& time_source = "system",
                   double drain_s = 5, const std::string& curve_server_key = "");

  //! taken, acknowledged, waiting, and every kind of drop by name; hub_seen is 1 while the hub answers.
  virtual std::map<std::string, std::uint64_t> counters() const = 0;
};

}  // namespace ngplc
}  // namespace gr
