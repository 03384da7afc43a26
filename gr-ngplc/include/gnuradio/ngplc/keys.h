// Every key of PDU metadata and messages, and every tag, in one place; units and types are in
// docs/interfaces.md, "GNU Radio". rx_time, tx_time, tx_sob and tx_eob are those of gr::metadata_keys.
#pragma once

#include <pmt/pmt.h>

namespace gr {
namespace ngplc {
namespace keys {

// of frames
inline const pmt::pmt_t profile = pmt::mp("profile");
inline const pmt::pmt_t sequence = pmt::mp("sequence");
inline const pmt::pmt_t sample_index = pmt::mp("sample_index");
inline const pmt::pmt_t sample_fraction = pmt::mp("sample_fraction");
inline const pmt::pmt_t sample_rate_hz = pmt::mp("sample_rate_hz");
inline const pmt::pmt_t stream_offset = pmt::mp("stream_offset");

// of received frames
inline const pmt::pmt_t snr_db = pmt::mp("snr_db");
inline const pmt::pmt_t ebn0_db = pmt::mp("ebn0_db");
inline const pmt::pmt_t carrier_offset_hz = pmt::mp("carrier_offset_hz");
inline const pmt::pmt_t clock_offset_ppm = pmt::mp("clock_offset_ppm");
inline const pmt::pmt_t delay_spread_s = pmt::mp("delay_spread_s");
inline const pmt::pmt_t residual_db = pmt::mp("residual_db");
inline const pmt::pmt_t cancellation_db = pmt::mp("cancellation_db");
inline const pmt::pmt_t corrected_bits = pmt::mp("corrected_bits");
inline const pmt::pmt_t code_bits = pmt::mp("code_bits");
inline const pmt::pmt_t list_used = pmt::mp("list_used");
inline const pmt::pmt_t detection = pmt::mp("detection");
inline const pmt::pmt_t amplitude_dbfs = pmt::mp("amplitude_dbfs");
inline const pmt::pmt_t phase_rad = pmt::mp("phase_rad");

// of frames to send
inline const pmt::pmt_t level_db = pmt::mp("level_db");

// of status messages and candidates
inline const pmt::pmt_t event = pmt::mp("event");
inline const pmt::pmt_t reason = pmt::mp("reason");
inline const pmt::pmt_t noise_dbfs = pmt::mp("noise_dbfs");
inline const pmt::pmt_t collapsed = pmt::mp("collapsed");
inline const pmt::pmt_t realtime_factor = pmt::mp("realtime_factor");
inline const pmt::pmt_t missing_samples = pmt::mp("missing_samples");
inline const pmt::pmt_t stage = pmt::mp("stage");
inline const pmt::pmt_t evidence = pmt::mp("evidence");
inline const pmt::pmt_t frame_metric = pmt::mp("frame_metric");

// tags of the mains and of its noise
inline const pmt::pmt_t mains_phase = pmt::mp("mains_phase");
inline const pmt::pmt_t mains_frequency = pmt::mp("mains_frequency");
inline const pmt::pmt_t mains_lock = pmt::mp("mains_lock");

// message ports
inline const pmt::pmt_t frames = pmt::mp("frames");
inline const pmt::pmt_t status = pmt::mp("status");
inline const pmt::pmt_t candidates = pmt::mp("candidates");
inline const pmt::pmt_t residual = pmt::mp("residual");
inline const pmt::pmt_t weights = pmt::mp("weights");
inline const pmt::pmt_t correlation = pmt::mp("correlation");
inline const pmt::pmt_t sent = pmt::mp("sent");

}  // namespace keys
}  // namespace ngplc
}  // namespace gr
