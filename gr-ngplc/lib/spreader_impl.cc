#include "spreader_impl.h"

#include <gnuradio/io_signature.h>

#include "placing.h"
#include "symbol_pdu.h"

namespace gr {
namespace ngplc {
namespace {

const pmt::pmt_t kSymbols = pmt::mp("symbols"), kChips = pmt::mp("chips");

}  // namespace

spreader::sptr spreader::make(const std::string& profile) {
  const auto loaded = ngdsp::load_profile(profile);
  if (!loaded) refuse("spreader", loaded.error());
  return gnuradio::make_block_sptr<spreader_impl>(*loaded);
}

spreader_impl::spreader_impl(const ngdsp::Profile& profile)
    : gr::block("ngplc_spreader", gr::io_signature::make(0, 0, 0), gr::io_signature::make(0, 0, 0)),
      encoder_(profile) {
  this->message_port_register_in(kSymbols);
  this->set_msg_handler(kSymbols, [this](const pmt::pmt_t& pdu) { accept(pdu); });
  this->message_port_register_out(kChips);
}

void spreader_impl::accept(const pmt::pmt_t& pdu) { refused_ += !spread(pdu); }

bool spreader_impl::spread(const pmt::pmt_t& pdu) {
  if (!pmt::is_pair(pdu)) return false;
  const pmt::pmt_t meta = metadata_of(pdu);
  const ngdsp::Profile& profile = encoder_.profile();
  const int q = sequence_of(meta, profile);
  if (q < 0 || !pmt::is_f32vector(pmt::cdr(pdu))) return false;
  const auto symbols = pmt::f32vector_elements(pmt::cdr(pdu));
  const auto& payload_class = profile.class_of(q);
  if (symbols.size() != static_cast<std::size_t>(payload_class.code_bits)) return false;

  std::vector<gr_complex> chips = encoder_.sequence(q);
  const auto preamble = static_cast<std::size_t>(profile.preamble_start(payload_class));
  std::size_t n = 0;
  for (const float symbol : symbols) {
    if (n == preamble) n += static_cast<std::size_t>(profile.preamble_chips);
    for (int i = 0; i < profile.spreading_factor; ++i) chips[n++] *= symbol;
  }
  this->message_port_pub(kChips, pmt::cons(meta, pmt::init_c32vector(chips.size(), chips)));
  return true;
}

}  // namespace ngplc
}  // namespace gr
