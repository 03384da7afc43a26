#include "fec/polar_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "fec/polar_transform.h"
#include "ngdsp/base/multiversion.h"
#include "ngdsp/fec/polar.h"

// Rows of 1 to 32 items have their length as a template argument: the compiler then unrolls a row into whole
// vectors, where a loop of unknown length would spend its time on the remainder.
#define NGDSP_INLINE [[gnu::always_inline]] inline

namespace ngdsp::polar {
namespace {

using Llr = std::int16_t;
using Bit = std::int8_t;

NGDSP_INLINE Llr limit(Llr value) { return std::max<Llr>(std::min<Llr>(value, kLlrLimit), -kLlrLimit); }

// Equal to sign(a) sign(b) min(|a|, |b|), without taking signs.
NGDSP_INLINE Llr check(Llr a, Llr b) {
  return std::max<Llr>(std::min<Llr>(a, b), static_cast<Llr>(-std::max<Llr>(a, b)));
}

NGDSP_INLINE Llr sum(Llr a, Llr b) { return limit(static_cast<Llr>(a + b)); }

NGDSP_INLINE Llr signed_by(Llr value, Bit bit) {
  const Llr mask = bit;
  return static_cast<Llr>((value ^ mask) - mask);
}

NGDSP_INLINE Llr variable(Llr a, Llr b, Bit bit) { return sum(signed_by(a, bit), b); }

// Calls body with the row length, as a constant where it is short.
template <int N>
struct Length {
  constexpr operator int() const { return N; }
};
template <typename Body>
NGDSP_INLINE void with_length(int length, Body body) {
  switch (length) {
    case 1:
      return body(Length<1>{});
    case 2:
      return body(Length<2>{});
    case 4:
      return body(Length<4>{});
    case 8:
      return body(Length<8>{});
    case 16:
      return body(Length<16>{});
    case 32:
      return body(Length<32>{});
    default:
      return body(length & ~31);  // a multiple of 32: no remainder loop
  }
}

}  // namespace

NGDSP_MULTIVERSION
void check_rows(const Llr* in, std::size_t in_stride, Llr* out, std::size_t out_stride, int half, int paths) {
  with_length(
      half, [=](auto length) __attribute__((always_inline)) {
        for (int p = 0; p < paths; ++p) {
          const Llr* __restrict a = in + static_cast<std::size_t>(p) * in_stride;
          Llr* __restrict o = out + static_cast<std::size_t>(p) * out_stride;
          for (int i = 0; i < length; ++i) o[i] = check(a[i], a[length + i]);
        }
      });
}

NGDSP_MULTIVERSION
void variable_rows(const Llr* in, std::size_t in_stride, const std::uint8_t* parent, const Bit* bits,
                   std::size_t bits_stride, Llr* out, std::size_t out_stride, int half, int paths) {
  with_length(
      half, [=](auto length) __attribute__((always_inline)) {
        for (int p = 0; p < paths; ++p) {
          const Llr* __restrict a = in + parent[p] * in_stride;
          const Bit* __restrict u = bits + static_cast<std::size_t>(p) * bits_stride;
          Llr* __restrict o = out + static_cast<std::size_t>(p) * out_stride;
          for (int i = 0; i < length; ++i) o[i] = variable(a[i], a[length + i], u[i]);
        }
      });
}

NGDSP_MULTIVERSION
void fold_rows(const Llr* in, std::size_t in_stride, const KnownBits& known, Llr* out, std::size_t out_stride,
               int half, int paths, std::int32_t* metric) {
  with_length(
      half, [ =, &known ](auto length) __attribute__((always_inline)) {
        for (int p = 0; p < paths; ++p) {
          const Llr* __restrict a = in + static_cast<std::size_t>(p) * in_stride;
          const Bit* __restrict k = known.table + known.row[p] * known.stride;
          Llr* __restrict o = out + static_cast<std::size_t>(p) * out_stride;
          std::int32_t penalty = 0;
          for (int i = 0; i < length; ++i) {
            const Llr first = signed_by(a[i], k[i]);
            penalty += std::max<Llr>(0, static_cast<Llr>(-check(first, a[length + i])));
            o[i] = sum(first, a[length + i]);
          }
          metric[p] += penalty;
        }
      });
}

NGDSP_MULTIVERSION
void frozen_rows(const Llr* in, std::size_t in_stride, const KnownBits& known, int size, int paths,
                 std::int32_t* metric) {
  with_length(
      size, [ =, &known ](auto length) __attribute__((always_inline)) {
        for (int p = 0; p < paths; ++p) {
          const Llr* __restrict a = in + static_cast<std::size_t>(p) * in_stride;
          const Bit* __restrict k = known.table + known.row[p] * known.stride;
          std::int32_t penalty = 0;
          for (int i = 0; i < length; ++i) {
            penalty += std::max<Llr>(0, static_cast<Llr>(-signed_by(a[i], k[i])));
          }
          metric[p] += penalty;
        }
      });
}

NGDSP_MULTIVERSION
void repetition_rows(const Llr* in, std::size_t in_stride, const KnownBits& known, int size, int paths,
                     std::int32_t* total, std::int32_t* metric) {
  with_length(
      size, [ =, &known ](auto length) __attribute__((always_inline)) {
        for (int p = 0; p < paths; ++p) {
          const Llr* __restrict a = in + static_cast<std::size_t>(p) * in_stride;
          const Bit* __restrict k = known.table + known.row[p] * known.stride;
          std::int32_t penalty = 0, s = 0;
          for (int i = 0; i < length; ++i) {
            const Llr value = signed_by(a[i], k[i]);
            s += value;
            penalty += std::max<Llr>(0, static_cast<Llr>(-value));
          }
          total[p] = s;
          metric[p] += penalty;
        }
      });
}

NGDSP_MULTIVERSION
void rotate_rows(const std::uint8_t* parity, int phase, std::uint8_t* out, int paths) {
  constexpr unsigned kMask = (1U << kPolarParityPeriod) - 1;
  for (int p = 0; p < paths; ++p) {
    const auto twice = static_cast<std::uint16_t>(parity[p] | parity[p] << kPolarParityPeriod);
    out[p] = static_cast<std::uint8_t>((twice >> phase) & kMask);
  }
}

NGDSP_MULTIVERSION
void parity_rows(const std::uint64_t* __restrict bits, std::uint64_t information,
                 const std::uint8_t* __restrict parent, const std::uint8_t* __restrict before,
                 std::uint8_t* __restrict after, int paths) {
  static_assert(kPolarParityPeriod == 5, "the word is folded by multiples of 5 down to 5 bits");
  for (int p = 0; p < paths; ++p) {
    std::uint64_t u = polar_transform_word(bits[p]) & information;
    u ^= u >> 40;
    u ^= (u & 0xFFFFFFFFFFU) >> 20;
    u ^= (u & 0xFFFFFU) >> 10;
    u ^= (u & 0x3FFU) >> 5;
    after[p] = static_cast<std::uint8_t>(before[parent[p]] ^ (u & 31U));
  }
}

NGDSP_MULTIVERSION
void combine_rows(const Bit* left, std::size_t left_stride, const std::uint8_t* parent, Bit* bits,
                  std::size_t bits_stride, int half, int paths) {
  with_length(
      half, [=](auto length) __attribute__((always_inline)) {
        for (int p = 0; p < paths; ++p) {
          const Bit* __restrict l = left + parent[p] * left_stride;
          Bit* __restrict b = bits + static_cast<std::size_t>(p) * bits_stride;
          for (int i = 0; i < length; ++i) b[i] = static_cast<Bit>(l[i] ^ b[length + i]);
        }
      });
}

NGDSP_MULTIVERSION
void sort_rows(const Llr* in, std::size_t in_stride, int size, int paths, std::int32_t* keys,
               std::uint64_t* hard) {
  for (int p = 0; p < paths; ++p) {
    const Llr* __restrict a = in + static_cast<std::size_t>(p) * in_stride;
    std::uint64_t decisions = 0;
    for (int i = 0; i < size; ++i) {
      const std::int32_t value = a[i];
      decisions |= static_cast<std::uint64_t>(value < 0) << i;
      keys[i * kMaxList + p] = (value < 0 ? -value : value) * 64 + i;
    }
    hard[p] = decisions;
  }
  // Batcher's odd-even merge sort: the same exchanges for every path, so one exchange is one loop over paths.
  for (int block = 1; block < size; block *= 2) {
    for (int step = block; step >= 1; step /= 2) {
      for (int j = step % block; j + step < size; j += 2 * step) {
        for (int i = 0; i < step; ++i) {
          if ((i + j) / (block * 2) != (i + j + step) / (block * 2)) continue;
          std::int32_t* __restrict low = keys + (i + j) * kMaxList;
          std::int32_t* __restrict high = keys + (i + j + step) * kMaxList;
          for (int p = 0; p < paths; ++p) {
            const std::int32_t a = low[p], b = high[p];
            low[p] = std::min(a, b);
            high[p] = std::max(a, b);
          }
        }
      }
    }
  }
}

NGDSP_MULTIVERSION
int fork_rows(std::int32_t* __restrict metric, const std::int32_t* __restrict delta, int* active, int list,
              std::uint8_t* __restrict row, std::uint8_t* __restrict from) {
  const int paths = *active;
  if (2 * paths <= list) {
    for (int p = 0; p < paths; ++p) {
      metric[paths + p] = metric[p] + delta[p];
      row[p] = static_cast<std::uint8_t>(paths + p);
      from[p] = static_cast<std::uint8_t>(p);
    }
    *active = 2 * paths;
    return paths;
  }
  constexpr std::int32_t kNever = std::numeric_limits<std::int32_t>::max();
  std::int32_t worst_kept = 0, best = kNever, best_against = kNever;
  for (int p = 0; p < paths; ++p) {
    worst_kept = std::max(worst_kept, metric[p]);
    best = std::min(best, metric[p]);
    best_against = std::min(best_against, metric[p] + delta[p]);
  }
  if (best_against >= worst_kept) return 0;

  // Unique keys: metric above the best, then the candidate's number.
  constexpr std::int32_t kTop = (1 << 23) - 1;
  std::int32_t key[2 * kMaxList];
  for (int p = 0; p < paths; ++p) {
    const std::int32_t above = metric[p] - best;
    key[p] = std::min(above, kTop) * 256 + p;
    key[paths + p] = std::min(above + delta[p], kTop) * 256 + paths + p;
  }
  const int count = 2 * paths;
  std::int32_t last = 0;  // the largest key that survives
  if (count <= 64) {
    // A key survives when fewer than `list` keys are smaller. Counting for all is quadratic, yet without
    // branches.
    const int padded = (count + 15) & ~15;
    for (int i = count; i < padded; ++i) key[i] = kNever;
    for (int start = 0; start < padded; start += 16) {
      std::int32_t smaller[16] = {}, own[16];
      for (int i = 0; i < 16; ++i) own[i] = key[start + i];
      for (int j = 0; j < count; ++j) {
        const std::int32_t other = key[j];
        for (int i = 0; i < 16; ++i) smaller[i] += other < own[i];
      }
      for (int i = 0; i < 16; ++i) last = std::max(last, smaller[i] < list ? own[i] : 0);
    }
  } else {
    std::int32_t order[2 * kMaxList];
    std::copy_n(key, count, order);
    std::nth_element(order, order + list - 1, order + count);
    last = order[list - 1];
  }
  // As many candidates against the decision survive as with it die: each takes the row of a dead one, in
  // order.
  int survivors = 0, dead = 0;
  for (int start = 0; start < paths; start += 32) {
    const int block = std::min(32, paths - start);
    std::uint32_t alive_against = 0, dead_with = 0;
    for (int i = 0; i < block; ++i) {
      alive_against |= key[paths + start + i] <= last ? std::uint32_t{1} << i : 0U;
      dead_with |= key[start + i] > last ? std::uint32_t{1} << i : 0U;
    }
    for (; alive_against != 0; alive_against &= alive_against - 1) {
      from[survivors++] = static_cast<std::uint8_t>(start + std::countr_zero(alive_against));
    }
    for (; dead_with != 0; dead_with &= dead_with - 1) {
      row[dead++] = static_cast<std::uint8_t>(start + std::countr_zero(dead_with));
    }
  }
  // A parent is itself a survivor (delta >= 0), so its row is not overwritten.
  for (int i = 0; i < survivors; ++i) metric[row[i]] = metric[from[i]] + delta[from[i]];
  return survivors;
}

NGDSP_MULTIVERSION
void unpack_rows(const std::uint64_t* bits, int size, int paths, Bit* out, std::size_t out_stride) {
  for (int p = 0; p < paths; ++p) {
    Bit* __restrict o = out + static_cast<std::size_t>(p) * out_stride;
    if (size < 8) {
      for (int i = 0; i < size; ++i) o[i] = static_cast<Bit>(-static_cast<int>((bits[p] >> i) & 1U));
      continue;
    }
    for (int start = 0; start < size; start += 8) {
      const auto byte = static_cast<std::uint8_t>(bits[p] >> start);
      for (int i = 0; i < 8; ++i) o[start + i] = static_cast<Bit>(-((byte >> i) & 1));
    }
  }
}

NGDSP_MULTIVERSION
void quantise(const float* __restrict in, float scale, Llr* __restrict out, std::size_t size) {
  constexpr float kTop = kLlrLimit;
  for (std::size_t i = 0; i < size; ++i) {
    float v = in[i] * scale;
    v = v == v ? v : 0.0F;
    v = std::max(std::min(v, kTop), -kTop);
    v += v < 0 ? -0.5F : 0.5F;
    out[i] = static_cast<Llr>(static_cast<std::int32_t>(v));
  }
}

NGDSP_MULTIVERSION
void limited_magnitudes(const float* in, std::size_t size, float limit, double* sum, std::int64_t* nonzero) {
  double total = 0;
  std::int64_t count = 0;
  const auto limit_bits = std::bit_cast<std::uint32_t>(limit);
  // Blocks keep the float sums short enough to be exact to a few parts in 10^6.
  for (std::size_t start = 0; start < size; start += 512) {
    const std::size_t end = std::min(size, start + 512);
    float block = 0;
    std::int32_t block_count = 0;
    // On the bits of the magnitude, which order like the values: with float comparisons the compiler
    // branches.
    for (std::size_t i = start; i < end; ++i) {
      const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(in[i]) & 0x7FFFFFFFU;
      const std::uint32_t usable = magnitude < 0x7F800000U ? magnitude : 0U;  // NaN and infinity do not count
      block += std::bit_cast<float>(std::min(usable, limit_bits));
      block_count += usable != 0;
    }
    total += static_cast<double>(block);
    count += block_count;
  }
  *sum = total;
  *nonzero = count;
}

}  // namespace ngdsp::polar
