#include "ngdsp/waveform/frame_energy.h"

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {
double chips_per_bit(const Profile& p, const PayloadClass& c) {
  return static_cast<double>(p.frame_chips(c)) / (8.0 * c.payload_bytes);
}
}  // namespace

double ebn0_db_from_chip(const Profile& p, const PayloadClass& c, double chip_ec_n0) {
  return to_db(chip_ec_n0 * chips_per_bit(p, c));
}
double chip_ec_n0_from_ebn0_db(const Profile& p, const PayloadClass& c, double ebn0_db) {
  return from_db(ebn0_db) / chips_per_bit(p, c);
}
double snr_db_from_chip(const Profile& p, double chip_ec_n0) { return to_db(chip_ec_n0 / (1.0 + p.rolloff)); }

}  // namespace ngdsp
