// Frames that receivers elsewhere heard.
#pragma once

#include <gnuradio/block.h>
#include <gnuradio/ngplc/api.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace gr {
namespace ngplc {

/*! \brief Watches the mirror of a modem (docs/interfaces.md, "Mirror").
 *
 * Messages out, `frames`: a PDU for every record, as a receiver's, with `receiver` besides; `rx_time` where
 * the record says when its stream began. A watcher that is slow, or comes late, misses records: they are for
 * the eye, the hub gets them all.
 */
class NGPLC_API frame_feed_source : virtual public gr::block {
 public:
  using sptr = std::shared_ptr<frame_feed_source>;

  /*! \brief Throws std::invalid_argument with one line that names what does not fit.
   * \param endpoint the mirror of the modem, tcp://HOST:PORT or ipc://PATH
   * \param receiver_id of this receiver alone; empty: of all
   */
  static sptr make(const std::string& endpoint = "tcp://127.0.0.1:7851", const std::string& receiver_id = "");

  //! records, and bad_records: messages that hold none.
  virtual std::map<std::string, std::uint64_t> counters() const = 0;
};

}  // namespace ngplc
}  // namespace gr
