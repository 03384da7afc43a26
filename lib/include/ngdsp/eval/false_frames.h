// How well a frame that noise made up correlates with that noise.
#pragma once

#include <cstdint>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// One path that the decoder was left with on noise. It stands for all `paths` paths of its list: it was
/// drawn from them at random.
struct NoisePath {
  std::uint32_t decode = 0;  ///< candidate it belongs to, counted within its payload class
  int paths = 0;
  std::uint32_t crc = 0;  ///< what crc24 leaves of payload and CRC: 0 where it holds
  double excess = 0;      ///< frame metric - K ln 2, K = payload and CRC bits: the receiver's threshold is
                          ///< K ln 2 and a margin
};

struct NoisePathClass {
  int payload_bytes = 0;
  std::uint64_t decodes = 0;  ///< candidates that the receiver handed to the decoder
  double paths = 0;           ///< paths of all their lists: each passes the CRC with probability 2^-24
  std::vector<NoisePath> drawn;
};

struct NoisePaths {
  double seconds = 0;
  std::vector<NoisePathClass> classes;
};

/// The receiver with its defaults on white noise; for every candidate that reaches its decoder the same
/// hypotheses are decoded again with the same lists. Of every list one path, whatever its CRC, is encoded and
/// measured as the receiver would had the CRC held.
///
/// On white noise that is exact: what the receiver knows before it decodes are preamble and squares of
/// symbols, and given those all signs of the symbols are equally likely. Adding any code word to the signs
/// adds it to every path of a list and leaves the metrics alone, so a path passes the CRC with probability
/// 2^-24 whatever its metric. The false frames a second are therefore
///   2^-24 sum over paths [metric >= threshold] / seconds.
/// Errors: invalid profile; a profile whose search needs several carrier bins; seconds out of range.
Result<NoisePaths> measure_noise_paths(const Profile& profile, double seconds, std::uint64_t seed,
                                       int threads = 0);

/// That sum for one class, a year, at a threshold of K ln 2 + margin. The candidates are independent, the
/// paths of one are not: the deviation is the root of the sum of squares over candidates.
struct YearlyRate {
  double mean = 0, deviation = 0;
  std::uint64_t candidates = 0;  ///< that had a drawn path above the threshold
};
YearlyRate false_frames_a_year(const NoisePathClass& c, double seconds, double margin);

}  // namespace ngdsp
