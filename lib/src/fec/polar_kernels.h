// Inner loops of the polar list decoder over all paths of a list.
//
// Log-likelihood ratios are int16 in -kLlrLimit ... kLlrLimit, so that the sum of two fits int16 before it is
// limited. Code bits inside the decoder are int8 masks: 0 for bit 0, -1 for bit 1. Row p of a buffer belongs
// to path p.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ngdsp::polar {

inline constexpr int kLlrLimit = 16383;
inline constexpr int kMaxList = 128;
inline constexpr int kMaxShortNode = 64;

/// out[i] = f(in[i], in[half+i]) = sign sign min, for each of `paths` rows.
void check_rows(const std::int16_t* in, std::size_t in_stride, std::int16_t* out, std::size_t out_stride,
                int half, int paths);

/// out[p][i] = in[parent[p]][half+i] + (1 - 2 bit[p][i]) in[parent[p]][i].
void variable_rows(const std::int16_t* in, std::size_t in_stride, const std::uint8_t* parent,
                   const std::int8_t* bits, std::size_t bits_stride, std::int16_t* out,
                   std::size_t out_stride, int half, int paths);

/// Code bits that are known beforehand, of frozen positions: path p has row row[p] of the table.
struct KnownBits {
  const std::int8_t* table;
  std::size_t stride;
  const std::uint8_t* row;  ///< one for each path
};

/// Left half all frozen: out[i] = in[half+i] + (1 - 2 k[i]) in[i] with k the known bits of that half, and
/// metric[p] grows by its penalty, sum of max(0, -(1 - 2 k[i]) f(in[i], in[half+i])).
void fold_rows(const std::int16_t* in, std::size_t in_stride, const KnownBits& known, std::int16_t* out,
               std::size_t out_stride, int half, int paths, std::int32_t* metric);

/// metric[p] += sum of max(0, -(1 - 2 k[i]) in[p][i]), k the known bits.
void frozen_rows(const std::int16_t* in, std::size_t in_stride, const KnownBits& known, int size, int paths,
                 std::int32_t* metric);

/// sum[p] = sum of (1 - 2 k[i]) in[p][i]; metric[p] += sum of max(0, -(1 - 2 k[i]) in[p][i]).
void repetition_rows(const std::int16_t* in, std::size_t in_stride, const KnownBits& known, int size,
                     int paths, std::int32_t* sum, std::int32_t* metric);

/// out[p] is the five bits of parity[p] rotated so that bit `phase`, 0 ... 5, becomes bit 0; out may be
/// parity.
void rotate_rows(const std::uint8_t* parity, int phase, std::uint8_t* out, int paths);

/// Takes the information bits of a leaf into the parities: after[p] is before[parent[p]] with bit t mod 5
/// flipped for every bit t of u that is set, where u is the polar transform of bits[p], less those not in
/// `information`.
void parity_rows(const std::uint64_t* bits, std::uint64_t information, const std::uint8_t* parent,
                 const std::uint8_t* before, std::uint8_t* after, int paths);

/// bits[p][i] = left[parent[p]][i] ^ bits[p][half+i].
void combine_rows(const std::int8_t* left, std::size_t left_stride, const std::uint8_t* parent,
                  std::int8_t* bits, std::size_t bits_stride, int half, int paths);

/// Magnitudes of the rows, each sorted in ascending order: keys[j][p] = magnitude * 64 + position, rows of
/// `kMaxList`. hard[p] holds the hard decisions, bit i for position i. size is a power of two up to
/// kMaxShortNode.
void sort_rows(const std::int16_t* in, std::size_t in_stride, int size, int paths, std::int32_t* keys,
               std::uint64_t* hard);

/// One binary decision of every path. Candidate p keeps path p at metric[p], candidate active + p goes the
/// other way at metric[p] + delta[p], delta[p] >= 0; the `list` candidates of least metric survive, ties by
/// the smaller number. A path that survives stays in its row. The other survivors, going the other way, take
/// free rows: row[i] from[i] for i = 0 ... count-1 (count is returned), where from[i] is never one of the
/// rows written. Updates metric and active.
int fork_rows(std::int32_t* metric, const std::int32_t* delta, int* active, int list, std::uint8_t* row,
              std::uint8_t* from);

/// out[p][i] = -1 where bit i of bits[p] is set, 0 elsewhere; size is a power of two from 2 to kMaxShortNode.
void unpack_rows(const std::uint64_t* bits, int size, int paths, std::int8_t* out, std::size_t out_stride);

/// out[i] = in[i] * scale rounded and limited to +-kLlrLimit, NaN gives 0.
void quantise(const float* in, float scale, std::int16_t* out, std::size_t size);

/// Sum of min(|in[i]|, limit) over finite values, and how many of those are not zero.
void limited_magnitudes(const float* in, std::size_t size, float limit, double* sum, std::int64_t* nonzero);

}  // namespace ngdsp::polar
