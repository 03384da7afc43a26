#include "ngdsp/io/touchstone.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

enum class Pair { kDb, kMagnitude, kParts };

struct Options {
  double unit_hz = 1e9, reference_ohm = 50;
  Pair pair = Pair::kMagnitude;
};

/// A whole word as a finite number.
bool read_number(const std::string& word, double& value) {
  char* end = nullptr;
  value = std::strtod(word.c_str(), &end);
  return !word.empty() && end == word.c_str() + word.size() && std::isfinite(value);
}

/// The words after "#", in any order; the reason when one is not understood.
std::string read_options(const std::vector<std::string>& words, Options& o) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    std::transform(word.begin(), word.end(), word.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (word == "HZ") {
      o.unit_hz = 1;
    } else if (word == "KHZ") {
      o.unit_hz = 1e3;
    } else if (word == "MHZ") {
      o.unit_hz = 1e6;
    } else if (word == "GHZ") {
      o.unit_hz = 1e9;
    } else if (word == "DB") {
      o.pair = Pair::kDb;
    } else if (word == "MA") {
      o.pair = Pair::kMagnitude;
    } else if (word == "RI") {
      o.pair = Pair::kParts;
    } else if (word == "R") {
      if (++i == words.size() || !read_number(words[i], o.reference_ohm) || !(o.reference_ohm > 0))
        return "R needs a resistance above 0 ohm";
    } else if (word != "S") {
      return "option \"" + words[i] + "\", expected a unit, S, DB, MA, RI or R OHM";
    }
  }
  return {};
}

cf64 to_complex(Pair pair, double first, double second) {
  if (pair == Pair::kParts) return {first, second};
  return std::polar(pair == Pair::kDb ? std::pow(10.0, first / 20) : std::abs(first),
                    second * kPi / 180 + (pair == Pair::kMagnitude && first < 0 ? kPi : 0));
}

}  // namespace

Result<TwoPort> parse_s2p(std::string_view text, const std::string& source) {
  constexpr std::size_t kNumbers = 9;
  TwoPort port;
  Options options;
  bool have_options = false;
  int number = 0;
  const auto error = [&](const std::string& what) {
    return Error{source + ":" + std::to_string(number) + ": " + what};
  };
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream in(line.substr(0, line.find('!')));
    const std::vector<std::string> words{std::istream_iterator<std::string>(in), {}};
    if (words.empty()) continue;
    if (words[0][0] == '#') {
      if (have_options) return error("a second option line, expected one");
      have_options = true;
      std::vector<std::string> rest(words.begin() + 1, words.end());
      if (words[0].size() > 1) rest.insert(rest.begin(), words[0].substr(1));
      if (const std::string e = read_options(rest, options); !e.empty()) return error(e);
      port.reference_ohm = options.reference_ohm;
      continue;
    }
    if (!have_options) return error("data before the option line, expected \"# HZ S DB R 50\"");
    if (words.size() != kNumbers)
      return error(std::to_string(words.size()) + " numbers, expected 9: frequency and four pairs");
    double v[kNumbers];
    for (std::size_t i = 0; i < kNumbers; ++i) {
      if (!read_number(words[i], v[i])) return error("\"" + words[i] + "\" is not a number");
    }
    const auto pair = [&](std::size_t i) { return to_complex(options.pair, v[i], v[i + 1]); };
    const TwoPortPoint p{v[0] * options.unit_hz, pair(1), pair(3), pair(5), pair(7)};
    for (const cf64 s : {p.s11, p.s21, p.s12, p.s22}) {
      if (!std::isfinite(s.real()) || !std::isfinite(s.imag()))
        return error("a parameter is out of range, expected finite magnitudes");
    }
    const double lowest = port.points.empty() ? 0 : port.points.back().frequency_hz;
    if (!(p.frequency_hz >= 0) || (!port.points.empty() && !(p.frequency_hz > lowest)) ||
        !std::isfinite(p.frequency_hz))
      return error("frequency " + words[0] + ", expected rising frequencies from 0 on");
    port.points.push_back(p);
  }
  if (port.points.empty()) return Error{source + ": no data, expected lines of nine numbers"};
  return port;
}

Result<TwoPort> load_s2p(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{path + ": cannot be opened, expected a Touchstone file"};
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) return Error{path + ": cannot be read"};
  return parse_s2p(text, path);
}

}  // namespace ngdsp
