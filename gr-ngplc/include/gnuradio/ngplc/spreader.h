// Symbols to chips.
#pragma once

#include <gnuradio/block.h>
#include <gnuradio/ngplc/api.h>

#include <cstdint>
#include <memory>
#include <string>

namespace gr {
namespace ngplc {

/*! \brief Spreads the symbols of a frame over its sequence and puts the preamble in their middle
 * (docs/waveform.md), on messages.
 *
 * Messages in, `symbols`: PDUs of float as Polar Encoder makes them, with `sequence`; as many symbols as a
 * frame of that sequence has. Messages out, `chips`: PDUs of complex, all chips of the frame, c[n] times its
 * symbol; with the metadata.
 */
class NGPLC_API spreader : virtual public gr::block {
 public:
  using sptr = std::shared_ptr<spreader>;

  /*! \brief Throws std::invalid_argument with one line that names what does not fit.
   * \param profile shipped profile or path of a TOML file
   */
  static sptr make(const std::string& profile = "cenelec-a");

  //! Messages without a sequence of the profile, or of another length.
  virtual std::uint64_t refused() const = 0;
};

}  // namespace ngplc
}  // namespace gr
