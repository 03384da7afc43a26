// What the receiver made of the noise, for people.
#pragma once

#include <array>
#include <vector>

namespace ngdsp {

struct NoiseReport {
  struct Line {
    double turns = 0;    ///< of its strongest bin from the carrier, cycles a chip, -0.5 ... 0.5
    double width = 0;    ///< cycles a chip
    double over_db = 0;  ///< of that bin over the background
  };
  static constexpr std::size_t kLevels = 16;
  static constexpr double kLevelStepDb = 3, kFirstLevelDb = -6;

  bool filtered = false;                      ///< the spectrum is uneven enough to be evened out
  std::vector<Line> lines;                    ///< by frequency
  double background_db = 0;                   ///< highest over lowest of what lies between lines
  bool weighted = false;                      ///< the noise is uneven enough over time for weights
  std::array<double, kLevels> level_share{};  ///< of the time spent at kFirstLevelDb + k kLevelStepDb against
                                              ///< the commonest level

  struct Mains {
    bool locked = false;             ///< the noise follows a mains of 50, 60 or 16.7 Hz
    double frequency_hz = 0;         ///< while locked, by the clock of the samples
    std::vector<double> profile_db;  ///< while locked: level of the noise over the phase, over its mean
  };
  Mains mains;

  /// "white", or what makes it not so: "lines", "coloured", "bursts", joined by "+".
  const char* noise_class() const;
};

}  // namespace ngdsp
