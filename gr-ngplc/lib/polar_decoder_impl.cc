#include "polar_decoder_impl.h"

#include <gnuradio/io_signature.h>

#include "ngdsp/tx/frame_encoder.h"
#include "placing.h"
#include "symbol_pdu.h"

namespace gr {
namespace ngplc {
namespace {

constexpr const char* kBlock = "polar_decoder";
const pmt::pmt_t kPdus = pmt::mp("pdus"), kSymbols = pmt::mp("symbols");

/// Soft symbols of a PDU; empty for what is neither float nor complex.
std::vector<float> soft_symbols(const pmt::pmt_t& vector) {
  if (pmt::is_f32vector(vector)) return pmt::f32vector_elements(vector);
  std::vector<float> symbols;
  if (pmt::is_c32vector(vector)) {
    for (const gr_complex symbol : pmt::c32vector_elements(vector)) symbols.push_back(symbol.real());
  }
  return symbols;
}

}  // namespace

polar_decoder::sptr polar_decoder::make(const std::string& profile, int max_list) {
  const auto loaded = ngdsp::load_profile(profile);
  if (!loaded) refuse(kBlock, loaded.error());
  const bool fits = max_list == 0 || (max_list >= 1 && max_list <= 128 && (max_list & (max_list - 1)) == 0);
  if (!fits)
    refuse(kBlock, "max_list is " + std::to_string(max_list) + ", expected a power of two up to 128");
  return gnuradio::make_block_sptr<polar_decoder_impl>(*loaded, max_list);
}

polar_decoder_impl::polar_decoder_impl(const ngdsp::Profile& profile, int max_list)
    : gr::block("ngplc_polar_decoder", gr::io_signature::make(0, 0, 0), gr::io_signature::make(0, 0, 0)),
      profile_(profile) {
  for (const auto& c : profile.classes)
    codes_.push_back(
        {ngdsp::Interleaver(c.code_bits),
         ngdsp::PolarDecoder(ngdsp::frame_code(c), max_list > 0 ? max_list : profile.list_size)});
  this->message_port_register_in(kSymbols);
  this->set_msg_handler(kSymbols, [this](const pmt::pmt_t& pdu) { accept(pdu); });
  this->message_port_register_out(kPdus);
}

void polar_decoder_impl::accept(const pmt::pmt_t& pdu) { refused_ += !decode(pdu); }

bool polar_decoder_impl::decode(const pmt::pmt_t& pdu) {
  if (!pmt::is_pair(pdu)) return false;
  pmt::pmt_t meta = metadata_of(pdu);
  const int q = sequence_of(meta, profile_);
  if (q < 0) return false;
  const auto& payload_class = profile_.class_of(q);
  const auto symbols = soft_symbols(pmt::cdr(pdu));
  if (symbols.size() != static_cast<std::size_t>(payload_class.code_bits)) return false;

  Code& code = codes_[static_cast<std::size_t>(&payload_class - profile_.classes.data())];
  std::vector<float> llr(symbols.size());
  for (std::size_t m = 0; m < symbols.size(); ++m)
    llr[static_cast<std::size_t>(code.interleaver[static_cast<int>(m)])] = symbols[m];
  std::vector<std::uint8_t> payload(static_cast<std::size_t>(payload_class.payload_bytes));
  const auto found = code.decoder.decode(llr, ngdsp::Span<std::uint8_t>(payload));
  if (!found.crc_ok) {
    ++failed_;
    return true;
  }
  ++decoded_;
  meta = pmt::dict_add(meta, keys::list_used, pmt::from_long(found.list_used));
  this->message_port_pub(kPdus, pmt::cons(meta, pmt::init_u8vector(payload.size(), payload)));
  return true;
}

}  // namespace ngplc
}  // namespace gr
