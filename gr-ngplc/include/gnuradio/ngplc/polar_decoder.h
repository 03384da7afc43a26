// Symbols to payloads.
#pragma once

#include <gnuradio/block.h>
#include <gnuradio/ngplc/api.h>

#include <cstdint>
#include <memory>
#include <string>

namespace gr {
namespace ngplc {

/*! \brief De-interleaver, list decoder and CRC of a frame (docs/waveform.md) on messages.
 *
 * Messages in, `symbols`: PDUs of float or complex (its real part is taken) in order of transmission, as
 * Polar Encoder and Despreader make them, with `sequence`: soft, positive for bit 0, on any one scale.
 * Messages out, `pdus`: payloads whose CRC holds, with the metadata and `list_used`. Lists 1, 8, 32 ... are
 * tried up to max_list.
 */
class NGPLC_API polar_decoder : virtual public gr::block {
 public:
  using sptr = std::shared_ptr<polar_decoder>;

  /*! \brief Throws std::invalid_argument with one line that names what does not fit.
   * \param profile shipped profile or path of a TOML file
   * \param max_list a power of two, 1 to 128; 0: the profile's
   */
  static sptr make(const std::string& profile = "cenelec-a", int max_list = 0);

  //! Payloads given.
  virtual std::uint64_t decoded() const = 0;
  //! Frames whose CRC held on no path.
  virtual std::uint64_t failed() const = 0;
  //! Messages without a sequence of the profile, or of another length.
  virtual std::uint64_t refused() const = 0;
};

}  // namespace ngplc
}  // namespace gr
