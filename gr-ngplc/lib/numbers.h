// Numbers out of messages that anybody may send: pmt's own conversions throw at what they do not expect,
// which ends the thread of the block.
#pragma once

#include <pmt/pmt.h>

#include <limits>

namespace gr {
namespace ngplc {

/// The value of a real number or integer of any size, NaN for anything else.
inline double number_or_nan(const pmt::pmt_t& value) {
  if (pmt::is_uint64(value)) return static_cast<double>(pmt::to_uint64(value));
  if (pmt::is_real(value) || pmt::is_integer(value)) return pmt::to_double(value);
  return std::numeric_limits<double>::quiet_NaN();
}

/// Seconds and fraction of a time as rx_time and tx_time have it: a tuple of uint64 and double.
inline bool is_time(const pmt::pmt_t& value) {
  return pmt::is_tuple(value) && pmt::length(value) >= 2 && pmt::is_uint64(pmt::tuple_ref(value, 0)) &&
         pmt::is_real(pmt::tuple_ref(value, 1));
}

}  // namespace ngplc
}  // namespace gr
