#include "polar_encoder_impl.h"

#include <gnuradio/io_signature.h>

#include "placing.h"
#include "symbol_pdu.h"

namespace gr {
namespace ngplc {
namespace {

const pmt::pmt_t kPdus = pmt::mp("pdus"), kSymbols = pmt::mp("symbols");

}  // namespace

polar_encoder::sptr polar_encoder::make(const std::string& profile) {
  const auto loaded = ngdsp::load_profile(profile);
  if (!loaded) refuse("polar_encoder", loaded.error());
  return gnuradio::make_block_sptr<polar_encoder_impl>(*loaded);
}

polar_encoder_impl::polar_encoder_impl(const ngdsp::Profile& profile)
    : gr::block("ngplc_polar_encoder", gr::io_signature::make(0, 0, 0), gr::io_signature::make(0, 0, 0)),
      encoder_(profile) {
  this->message_port_register_in(kPdus);
  this->set_msg_handler(kPdus, [this](const pmt::pmt_t& pdu) { accept(pdu); });
  this->message_port_register_out(kSymbols);
}

void polar_encoder_impl::accept(const pmt::pmt_t& pdu) { refused_ += !encode(pdu); }

bool polar_encoder_impl::encode(const pmt::pmt_t& pdu) {
  if (!pmt::is_pair(pdu)) return false;
  pmt::pmt_t meta = metadata_of(pdu);
  if (!pmt::is_u8vector(pmt::cdr(pdu))) return false;
  const auto payload = pmt::u8vector_elements(pmt::cdr(pdu));
  const ngdsp::Profile& profile = encoder_.profile();
  const bool named = pmt::dict_has_key(meta, keys::sequence);
  const int q = named ? sequence_of(meta, profile) : profile.first_sequence(static_cast<int>(payload.size()));
  if (q < 0 || profile.class_of(q).payload_bytes != static_cast<int>(payload.size())) return false;
  std::vector<float> symbols;
  encoder_.encode_symbols(payload, q, symbols);
  meta = pmt::dict_add(meta, keys::sequence, pmt::from_long(q));
  this->message_port_pub(kSymbols, pmt::cons(meta, pmt::init_f32vector(symbols.size(), symbols)));
  return true;
}

}  // namespace ngplc
}  // namespace gr
