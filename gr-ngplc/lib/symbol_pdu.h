// PDUs of the symbols of a frame, taken apart.
#pragma once

#include <gnuradio/ngplc/keys.h>
#include <pmt/pmt.h>

#include "ngdsp/waveform/profile.h"
#include "numbers.h"

namespace gr {
namespace ngplc {

/// The metadata of a pair, an empty dictionary where it has none.
inline pmt::pmt_t metadata_of(const pmt::pmt_t& pdu) {
  return pmt::is_dict(pmt::car(pdu)) ? pmt::car(pdu) : pmt::make_dict();
}

/// The spreading sequence that metadata names, -1 when it names none of the profile's.
inline int sequence_of(const pmt::pmt_t& meta, const ngdsp::Profile& profile) {
  const double q = number_or_nan(pmt::dict_ref(meta, keys::sequence, pmt::PMT_NIL));
  return q >= 0 && q < profile.sequence_count() ? static_cast<int>(q) : -1;
}

}  // namespace ngplc
}  // namespace gr
