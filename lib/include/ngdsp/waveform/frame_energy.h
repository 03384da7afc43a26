// Energy per bit, per chip and SNR of a frame.
#pragma once

#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// E_b/N0 (payload bits, all transmitted energy) of a frame whose chips have E_c/N0:
/// E_b = E_c * frame_chips / (8 payload_bytes).
double ebn0_db_from_chip(const Profile& p, const PayloadClass& c, double chip_ec_n0);
double chip_ec_n0_from_ebn0_db(const Profile& p, const PayloadClass& c, double ebn0_db);

/// SNR per complex sample in the occupied bandwidth Rc (1 + rolloff).
double snr_db_from_chip(const Profile& p, double chip_ec_n0);

}  // namespace ngdsp
