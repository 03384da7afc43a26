// Payloads to symbols.
#pragma once

#include <gnuradio/block.h>
#include <gnuradio/ngplc/api.h>

#include <cstdint>
#include <memory>
#include <string>

namespace gr {
namespace ngplc {

/*! \brief CRC-24, polar code and interleaver of a frame (docs/waveform.md) on messages.
 *
 * Messages in, `pdus`: payloads of u8, one of the profile's classes; `sequence` in their metadata says for
 * which spreading sequence, else it is the first of the class. Messages out, `symbols`: PDUs of float, +1 for
 * bit 0 and -1 for bit 1, in order of transmission, with `sequence` and what the metadata held.
 */
class NGPLC_API polar_encoder : virtual public gr::block {
 public:
  using sptr = std::shared_ptr<polar_encoder>;

  /*! \brief Throws std::invalid_argument with one line that names what does not fit.
   * \param profile shipped profile or path of a TOML file
   */
  static sptr make(const std::string& profile = "cenelec-a");

  //! Messages that were no payload of a class, or named a sequence of another.
  virtual std::uint64_t refused() const = 0;
};

}  // namespace ngplc
}  // namespace gr
