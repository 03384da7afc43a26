// What the error-rate tests and benchmarks of the code share: random frames over the binary-input AWGN
// channel and the normal approximation they are held against.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "ngdsp/base/rng.h"
#include "ngdsp/fec/crc.h"
#include "ngdsp/fec/polar.h"

namespace ngdsp::fec_test {

/// Es/N0 (real BPSK, noise variance N0/2) for Eb/N0 counted per payload bit.
inline double es_n0(double ebn0_db, int payload_bits, int channel_uses) {
  return std::pow(10.0, ebn0_db / 10) * payload_bits / channel_uses;
}

/// log2 of the error probability of the best code by the normal approximation (Polyanskiy, Poor, Verdu 2010,
/// eq. 296): k = n C - sqrt(n V) Q^-1(e) + log2(n)/2. Capacity and dispersion of BI-AWGN by the trapezoidal
/// rule.
inline double normal_approximation_fer(double es_over_n0, int channel_uses, int bits) {
  const double mean = 4 * es_over_n0, deviation = std::sqrt(2 * mean);
  double capacity = 0, square = 0, weight_sum = 0;
  for (double z = -10; z <= 10; z += 0.005) {
    const double weight = std::exp(-z * z / 2);
    const double llr = mean + deviation * z;
    const double softplus = llr > 0 ? std::log1p(std::exp(-llr)) : -llr + std::log1p(std::exp(llr));
    const double information = 1 - softplus / std::numbers::ln2;
    weight_sum += weight;
    capacity += weight * information;
    square += weight * information * information;
  }
  capacity /= weight_sum;
  const double dispersion = square / weight_sum - capacity * capacity;
  const double argument =
      (channel_uses * capacity - bits + 0.5 * std::log2(channel_uses)) / std::sqrt(channel_uses * dispersion);
  return 0.5 * std::erfc(argument / std::numbers::sqrt2);
}

/// Eb/N0 per payload bit at which the normal approximation for payload_bits + crc_bits reaches `fer`.
inline double normal_approximation_ebn0_db(double fer, int channel_uses, int payload_bits, int crc_bits) {
  double low = -1.6, high = 12;
  while (high - low > 1e-4) {
    const double middle = 0.5 * (low + high);
    const double e = normal_approximation_fer(es_n0(middle, payload_bits, channel_uses), channel_uses,
                                              payload_bits + crc_bits);
    (e > fer ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

/// One random frame: payload, its code word with CRC-24, and LLRs after the channel.
struct Frame {
  std::vector<std::uint8_t> payload;
  std::vector<std::uint8_t> code;
  std::vector<float> llr;
};

inline std::vector<std::uint8_t> info_of(const std::vector<std::uint8_t>& payload) {
  std::vector<std::uint8_t> bytes = payload;
  const std::uint32_t crc = crc24(payload);
  for (int shift = 16; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<std::uint8_t>((crc >> shift) & 0xFF));
  std::vector<std::uint8_t> info;
  for (const std::uint8_t byte : bytes) {
    for (int bit = 7; bit >= 0; --bit) info.push_back(static_cast<std::uint8_t>((byte >> bit) & 1));
  }
  return info;
}

inline void random_frame(const PolarCode& code, double es_over_n0, Rng& rng, Frame* frame) {
  frame->payload.resize(static_cast<std::size_t>(code.info_bits() - 24) / 8);
  for (auto& byte : frame->payload) byte = static_cast<std::uint8_t>(rng.below(256));
  frame->code.resize(static_cast<std::size_t>(code.block_bits()));
  const auto info = info_of(frame->payload);
  code.encode(info, frame->code);
  // Unit-energy chips and variance N0/2 give LLR = 4 Es/N0 y.
  const double sigma = std::sqrt(0.5 / es_over_n0);
  frame->llr.resize(frame->code.size());
  for (std::size_t i = 0; i < frame->llr.size(); ++i) {
    const double y = (frame->code[i] != 0 ? -1.0 : 1.0) + sigma * rng.normal();
    frame->llr[i] = static_cast<float>(4 * es_over_n0 * y);
  }
}

}  // namespace ngdsp::fec_test
