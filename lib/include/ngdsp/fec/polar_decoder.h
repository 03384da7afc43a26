// CRC-aided successive-cancellation list decoder.
#pragma once

#include <cstdint>
#include <memory>

#include "ngdsp/base/types.h"
#include "ngdsp/fec/polar.h"

namespace ngdsp {

/// What a decode found. `path_metric` is the penalty of the chosen path, the one that passed the CRC or else
/// the best: the sum of |LLR| of the decisions that went against their LLR (min-sum form of
/// Balatsoukas-Stimming, Parizi, Burg 2015, eq. 11b), in units of the LLRs given. It equals the sum of
/// |llr[i]| over the code bits of the found word that contradict the sign of llr[i].
struct PolarDecodeResult {
  bool crc_ok = false;
  int list_used = 0;  ///< list size of the attempt that ended the search
  float path_metric = 0;
};

/// Decodes PolarCode words whose last 24 information bits are the CRC-24 (fec/crc.h) of the bits before them.
/// Tries list 1, then 8, 32 ... up to max_list until a path passes the CRC. Subtrees that are frozen,
/// repetition, rate one or single parity check are decided at once (Sarkis et al. 2016; Hashemi, Condo, Gross
/// 2017), which in min-sum form loses nothing. No allocation after construction.
///
/// LLR convention: positive means bit 0. Only the ratios of the LLRs matter: inside they are int16, scaled by
/// the power of two that brings their mean magnitude (outliers limited, zeros not counted) near 64 steps,
/// limited at about 256 means. NaN counts as an erasure, infinity as the limit.
///
/// A candidate of noise passes the CRC with probability 2^-24; a decode checks at most 1 + 8 + 32 of them
/// with list 32. One object per thread.
class PolarDecoder {
 public:
  /// max_list: power of two, 1 ... 128. (code.info_bits() - 24) must be a positive multiple of 8. Throws
  /// std::invalid_argument otherwise. The code is not needed afterwards.
  PolarDecoder(const PolarCode& code, int max_list);
  /// A decoder for decode_paths() alone: any number of information bits, the check is the caller's.
  static PolarDecoder without_crc(const PolarCode& code, int max_list);
  ~PolarDecoder();
  PolarDecoder(PolarDecoder&&) noexcept;
  PolarDecoder& operator=(PolarDecoder&&) noexcept;

  /// llr: block_bits items. payload: (info_bits - 24)/8 bytes, written only when the CRC holds. Other sizes
  /// give crc_ok = false and list_used = 0.
  PolarDecodeResult decode(Span<const float> llr, Span<std::uint8_t> payload);
  /// One attempt with exactly this list size: power of two (others are rounded down), at most max_list.
  PolarDecodeResult decode_with_list(Span<const float> llr, int list, Span<std::uint8_t> payload);

  /// One attempt with exactly this list size, no CRC asked: the paths at its end, best first. Path i puts its
  /// information bits, most significant first, at the whole bytes from i * ceil(info_bits/8) of `info` and
  /// its penalty at path_metric[i]. Returns how many: as many as there are and as fit both spans; 0 when llr
  /// has not block_bits items.
  int decode_paths(Span<const float> llr, int list, Span<std::uint8_t> info, Span<float> path_metric);

 private:
  struct Impl;
  explicit PolarDecoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ngdsp
