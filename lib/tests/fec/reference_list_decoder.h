// The list decoder as the papers write it: float, min-sum, one bit after the other, every path a full copy.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "ngdsp/fec/polar.h"

namespace ngdsp::fec_test {

class ReferenceListDecoder {
 public:
  struct Path {
    float metric = 0;
    std::vector<std::uint8_t> info;
    std::array<std::uint8_t, kPolarParityPeriod> parity{};
    std::vector<std::vector<float>> llr;
    std::vector<std::vector<std::uint8_t>> code;
  };

  ReferenceListDecoder(const PolarCode& code, int list)
      : code_(code), list_(static_cast<std::size_t>(list)) {}

  /// All surviving paths, least metric first.
  const std::vector<Path>& decode(const std::vector<float>& llr) {
    Path start;
    std::size_t levels = 0;
    for (std::size_t size = 1; size <= llr.size(); size *= 2, ++levels) {
      start.llr.emplace_back(size);
      start.code.emplace_back(size);
    }
    start.llr.back() = llr;
    paths_.assign(1, start);
    position_ = 0;
    decode_level(levels - 1);
    std::sort(paths_.begin(), paths_.end(), [](const Path& a, const Path& b) { return a.metric < b.metric; });
    return paths_;
  }

 private:
  void decode_level(std::size_t level) {
    if (level == 0) return decide();
    const std::size_t half = std::size_t{1} << (level - 1);
    for (auto& p : paths_) {
      for (std::size_t i = 0; i < half; ++i) {
        const float a = p.llr[level][i], b = p.llr[level][half + i];
        p.llr[level - 1][i] = std::min(std::fabs(a), std::fabs(b)) * ((a < 0) != (b < 0) ? -1.0F : 1.0F);
      }
    }
    decode_level(level - 1);
    for (auto& p : paths_) {
      for (std::size_t i = 0; i < half; ++i) {
        p.code[level][i] = p.code[level - 1][i];
        const float a = p.llr[level][i], b = p.llr[level][half + i];
        p.llr[level - 1][i] = p.code[level][i] != 0 ? b - a : b + a;
      }
    }
    decode_level(level - 1);
    for (auto& p : paths_) {
      for (std::size_t i = 0; i < half; ++i) {
        p.code[level][half + i] = p.code[level - 1][i];
        p.code[level][i] = static_cast<std::uint8_t>(p.code[level][i] ^ p.code[level - 1][i]);
      }
    }
  }

  static float penalty(float llr, bool bit) { return std::max(0.0F, bit ? llr : -llr); }

  void decide() {
    const std::size_t remainder = position_ % kPolarParityPeriod;
    if (code_.frozen()[position_++] != 0) {
      for (auto& p : paths_) {
        p.metric += penalty(p.llr[0][0], p.parity[remainder] != 0);
        p.code[0][0] = p.parity[remainder];
      }
      return;
    }
    std::vector<std::pair<float, std::size_t>> candidates;
    for (std::size_t i = 0; i < 2 * paths_.size(); ++i) {
      const Path& p = paths_[i / 2];
      candidates.emplace_back(p.metric + penalty(p.llr[0][0], (i & 1) != 0), i);
    }
    std::sort(candidates.begin(), candidates.end());
    candidates.resize(std::min(candidates.size(), list_));
    std::vector<Path> survivors;
    for (const auto& [metric, i] : candidates) {
      survivors.push_back(paths_[i / 2]);
      survivors.back().metric = metric;
      survivors.back().code[0][0] = static_cast<std::uint8_t>(i & 1);
      survivors.back().info.push_back(static_cast<std::uint8_t>(i & 1));
      survivors.back().parity[remainder] ^= static_cast<std::uint8_t>(i & 1);
    }
    paths_ = std::move(survivors);
  }

  const PolarCode& code_;
  std::size_t list_;
  std::size_t position_ = 0;
  std::vector<Path> paths_;
};

}  // namespace ngdsp::fec_test
