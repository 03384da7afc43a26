// CRC-aided successive-cancellation list decoder.
#pragma once

#include <cstdint>
#include <memory>

#include "ngdsp/base/types.h"
#include "ngdsp/fec/polar.h"

namespace ngdsp {

/// What a decode found. `path_metric` is the penalty of the chosen path: sum of |LLR| of the decisions that
/// went against their LLR (min-sum form of Balatsoukas-Stimming, Parizi, Burg 2015, eq. 11b).
struct PolarDecodeResult {
  bool crc_ok = false;
  int list_used = 0;  ///< list size of the attempt that ended the search
  float path_metric = 0;
};

/// Decodes PolarCode words whose last 24 information bits are the CRC-24 (fec/crc.h) of the bits before them.
/// Tries list 1, then 8, 32 ... up to max_list until a path passes the CRC. Fast simplified nodes (rate 0,
/// rate 1, repetition, single parity check where they are exact enough). No allocation after construction.
/// LLR convention: positive means bit 0. One object per thread.
class PolarDecoder {
 public:
  /// max_list: power of two, 1 ... 128. (code.info_bits() - 24) must be a positive multiple of 8.
  PolarDecoder(const PolarCode& code, int max_list);
  ~PolarDecoder();
  PolarDecoder(PolarDecoder&&) noexcept;
  PolarDecoder& operator=(PolarDecoder&&) noexcept;

  /// llr: block_bits items, finite. payload: (info_bits - 24)/8 bytes, written only when the CRC holds.
  PolarDecodeResult decode(Span<const float> llr, Span<std::uint8_t> payload);
  /// One attempt with exactly this list size (<= max_list).
  PolarDecodeResult decode_with_list(Span<const float> llr, int list, Span<std::uint8_t> payload);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngdsp
