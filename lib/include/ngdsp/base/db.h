// Decibels of power ratios.
#pragma once

#include <cmath>

namespace ngdsp {

inline constexpr double kPi = 3.141592653589793238462643383279502884;

/// 10^(db/10).
inline double from_db(double db) { return std::pow(10.0, db / 10.0); }
/// 10 log10(ratio); ratio > 0.
inline double to_db(double ratio) { return 10.0 * std::log10(ratio); }

}  // namespace ngdsp
